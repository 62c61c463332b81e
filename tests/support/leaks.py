"""What must not get out: tokens anywhere, and people's words and ids in logs, errors and reprs.

Every test that uses the `app` fixture is checked at its end, against what its own database holds.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, Response
from sqlalchemy import select, text

from flask_messenger.crypto import KeyRing
from flask_messenger.errors import SecretError
from flask_messenger.models import Account, Attachment, Base, Identity, Message
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope

SHORTEST = 6
"""Shorter values, such as `hello`, say nothing when they are found."""

SAMPLE = 200
"""Of thousands of alike values, some say it for all."""

TOKEN_MARKS = ("DONOTLOG", "do-not-log")
"""Parts of every token and secret the tests use; see tests.support.app."""


class Ears(logging.Handler):
    """Keeps every line that is logged, with its exception, as a log file would."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # Not the driver's own chatter: an operator does not run with SQL echoed.
        if not record.name.startswith(("sqlalchemy.engine", "asyncio", "faker", "hypothesis")):
            self.lines.append(self.format(record))


@contextmanager
def watch_leaks(app: Flask) -> Iterator[None]:
    """Fail at the end if anything got out that must not."""
    ears, answers = Ears(), []
    logging.getLogger().addHandler(ears)

    @app.after_request
    def keep(response: Response) -> Response:
        if not response.is_streamed and not response.direct_passthrough:
            answers.append((response.status_code, response.get_data(as_text=True)))
        return response

    try:
        yield
    finally:
        logging.getLogger().removeHandler(ears)
    with app.app_context(), system_scope("leaks"):
        _check(app, "\n".join(ears.lines), answers)


def _check(app: Flask, logged: str, answers: list[tuple[int, str]]) -> None:
    session = state_of(app).db.session
    session.rollback()
    rows = [row for model in _models() for row in session.scalars(select(model))]
    shown = (
        "\n".join(repr(row) for row in rows) + repr(state_of(app)) + repr(state_of(app).settings)
    )
    dumped = _dump(app)
    answered = "\n".join(body for _, body in answers)
    refused = "\n".join(body for status, body in answers if status >= 400)
    # Marks are parts of tokens: those are looked for within words, too.
    for token in {*TOKEN_MARKS, *_tokens(app, rows)}:
        for place in (logged, answered, shown, dumped):
            assert token not in place
    for private in _private_values(rows):
        _absent(private, {"the log": logged, "an error": refused, "a repr": shown})


def _absent(value: str, places: dict[str, str]) -> None:
    for name, content in places.items():
        found = re.search(rf"(?<!\w){re.escape(value)}(?!\w)", content)
        assert not found, f"{value!r} is in {name}"


def _models() -> list[Any]:
    return [mapper.class_ for mapper in Base.registry.mappers]


def _tokens(app: Flask, rows: list[Any]) -> Iterator[str]:
    keys = state_of(app).get(KeyRing)
    for row in rows:
        if isinstance(row, Account):
            try:
                token = row.open_token(keys)
            except SecretError:
                continue
            if token:
                yield token


def _private_values(rows: list[Any]) -> set[str]:
    values: set[str | None] = set()
    for row in rows:
        if isinstance(row, Message):
            values |= {row.text, row.sent_by_name}
        elif isinstance(row, Identity):
            values |= {row.name, row.external_id}
        elif isinstance(row, Attachment):
            values |= {row.url, row.title}
    private = {value for value in values if value and len(value) >= SHORTEST}
    return set(sorted(private)[:SAMPLE])


def _dump(app: Flask) -> str:
    """Return everything the database holds of ours, as text."""
    parts: list[str] = []
    with state_of(app).db.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            rows = connection.execute(text(f"SELECT * FROM {table.name}"))  # noqa: S608 - our own
            parts += [str(tuple(row)) for row in rows]
    return "\n".join(parts)
