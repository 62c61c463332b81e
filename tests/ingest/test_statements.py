"""A drain's statements do not grow with its batch."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from flask_messenger.ingest.journal import insert_rows, make_rows
from flask_messenger.ingest.receive import Delivery
from flask_messenger.models import Message, Receipt
from flask_messenger.state import state_of
from tests.support import meta
from tests.support.app import Factory
from tests.support.ingest import drain, journal_states, rows

PAGES = ("551", "552", "553")


def entry_of_all_kinds(number: int) -> bytes:
    """Return an entry of one person: a message, an answer, and receipts early and late."""
    page, person = PAGES[number % len(PAGES)], f"9{number:06}"
    said = {"at": meta.T0 + number, "mid": f"m_said_{number}"}
    picture = {"type": "image", "payload": {"url": "https://cdn.example.com/a.jpg"}}
    gone = {"at": meta.T0 + number, "mid": f"m_gone_{number}", "attachments": [picture]}
    events = [
        meta.message(page, person, f"text {number}", **said),
        meta.message(page, person, None, **gone),
        meta.message(page, person, None, mid=gone["mid"], is_deleted=True),
        meta.receipt(page, person, "message_edit", mid=said["mid"], text="new", num_edit=1),
        meta.receipt(page, person, "reaction", mid=said["mid"], action="react", emoji="❤"),
        meta.echo(page, person, "an answer", at=meta.T0 + number),
        meta.receipt(page, person, "read", watermark=meta.T0 + number),
        meta.receipt(page, person, "delivery", mids=[f"m_early_{number}"]),
    ]
    events += [
        {
            **meta.receipt(page, person, "optin", type="notification_messages", topic="news"),
            "timestamp": meta.T0 + number,
        },
        {
            **meta.receipt(page, person, "pass_thread_control", new_owner_app_id="77"),
            "timestamp": meta.T0 + number,
        },
        {
            **meta.receipt(page, person, "referral", ref="spring"),
            "timestamp": meta.T0 + number,
        },
    ]
    entry = meta.entry(page, *events)
    hidden = comment(number, person)
    hidden["value"]["verb"] = "hide"
    entry["changes"] = [comment(number, person), comment(number, page), hidden]
    return json.dumps(entry).encode()


def comment(number: int, writer: str) -> dict[str, Any]:
    """Return a comment, or the answer to it: whoever writes."""
    is_answer = writer in PAGES
    value = {
        "item": "comment",
        "verb": "add",
        "comment_id": f"c{number}{'a' * is_answer}",
        "post_id": "p1",
        "parent_id": f"c{number}" if is_answer else "p1",
        "from": {"id": writer if is_answer else f"c{writer}", "name": "Maya"},
        "message": "How much?",
    }
    return {"field": "feed", "value": value}


@contextmanager
def counting(app: Flask) -> Iterator[list[str]]:
    """Collect the statements that reach the database."""
    engine = state_of(app).db.engine
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def journal(app: Flask, *raw: bytes) -> None:
    with state_of(app).db.engine.begin() as connection:
        insert_rows(connection, [make_rows(Delivery("page", raw), app_name="default")])


def statements_of(app: Flask, count: int, first: int) -> list[str]:
    journal(app, *(entry_of_all_kinds(first + number) for number in range(count)))
    with counting(app) as seen:
        drain(app)
    return seen


@pytest.mark.databases("postgresql")
def test_a_batch_takes_the_same_statements_whatever_its_size(new_app: Any) -> None:
    # Ten thousand entries at once, and fewer events than that: none is drained in two batches.
    app = new_app(MESSENGER_DRAIN_BATCH_SIZE=10_000)
    with app.app_context():
        for page in PAGES:
            Factory(app).account(external_id=page)
        statements_of(app, 3, 0)

        seen = {count: statements_of(app, count, 10 * count) for count in (1, 100, 700)}

        assert seen[1] == seen[100] == seen[700]
        assert set(journal_states(app)) == {"done"}
        assert len(rows(app, Message)) == 8 * (3 + 1 + 100 + 700)
        assert len(rows(app, Receipt)) == 3 + 1 + 100 + 700


@pytest.mark.databases("postgresql")
def test_one_message_of_somebody_known_takes_few_statements(app: Flask, factory: Factory) -> None:
    factory.account(external_id=PAGES[0])
    texts = [meta.message(PAGES[0], "9001", f"text {number}") for number in range(2)]
    for each in texts:
        journal(app, json.dumps(meta.entry(PAGES[0], each)).encode())
        with counting(app) as seen:
            drain(app)

    assert len(rows(app, Message)) == 2
    assert len(seen) <= 18, "\n".join(seen)
