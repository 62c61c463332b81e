"""Writing the journal, and reading one entry of it back."""

import contextlib
import json
import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, Engine, LargeBinary, bindparam, event, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from flask_messenger.errors import JournalUnavailableError, PayloadError
from flask_messenger.ingest.circuit import Circuit, CircuitOpenError
from flask_messenger.ingest.receive import Delivery, JournalRows
from flask_messenger.models import WebhookEntry
from flask_messenger.models.base import new_id_bytes, utc_now
from flask_messenger.models.journal import PENDING

if TYPE_CHECKING:
    from flask_messenger.ingest.express import ExpressWriter

logger = logging.getLogger(__name__)

EXPRESS_DRIVER: Final = "psycopg"

_TURN: Final = func.messenger_journal_key(bindparam("read_for_turn", type_=LargeBinary()))


class Journal:
    """The journal of one application, as far as writing to it goes.

    On PostgreSQL a delivery, of one entry or of thousands, is one INSERT in one round trip; see
    `ingest.express`. A database that failed is left alone for a moment, so that what comes
    meanwhile goes to the spool at once.
    """

    def __init__(self, engine: Engine, *, connections: int, timeout_seconds: float) -> None:
        self._engine = engine
        self._timeout_seconds = timeout_seconds
        self._circuit = Circuit()
        self._express = self._make_express(connections)

    def _make_express(self, connections: int) -> "ExpressWriter | None":
        if self._engine.dialect.driver != EXPRESS_DRIVER:
            return None
        # Late: without PostgreSQL there need not be its driver.
        from flask_messenger.ingest.express import ExpressWriter  # noqa: PLC0415

        express = ExpressWriter(
            self._engine, size=connections, timeout_seconds=self._timeout_seconds
        )
        event.listen(self._engine, "engine_disposed", lambda _engine: express.close())
        return express

    @property
    def may_spool(self) -> bool:
        """Say whether what it cannot take may wait elsewhere: SQLite is a file next to us."""
        return self._engine.dialect.name != "sqlite"

    def write(self, rows: JournalRows) -> None:
        """Store `rows`, all or none, and commit. Rows that are there already stay as they are.

        Raises:
            JournalUnavailableError: perhaps nothing was stored.
        """
        if self._express is None:
            self._write_plainly(rows)
            return
        was_failing = self._circuit.is_open
        try:
            self._circuit.call(self._express.write, rows)
        except CircuitOpenError:
            raise JournalUnavailableError("circuit_open") from None
        except JournalUnavailableError as error:
            logger.error("journal_failed state=%s", error.state)  # noqa: TRY400 - no text of it
            raise
        if was_failing:
            logger.warning("journal_back")

    def _write_plainly(self, rows: JournalRows) -> None:
        try:
            with (
                self._engine.connect() as connection,
                _limited_waiting(connection, self._timeout_seconds),
            ):
                insert_rows(connection, [rows])
                connection.commit()
        except SQLAlchemyError as error:
            kind = type(getattr(error, "orig", None) or error).__name__
            logger.error("journal_failed state=%s", kind)  # noqa: TRY400 - no text of it
            raise JournalUnavailableError(kind) from None


def make_rows(delivery: Delivery, *, app_name: str) -> JournalRows:
    """Give every entry of `delivery` its id, in their order, and the delivery its time."""
    return JournalRows(
        ids=tuple([new_id_bytes() for _ in delivery.entries]),
        app_name=app_name,
        object=delivery.object,
        received_at=utc_now(),
        raws=delivery.entries,
    )


def insert_rows(connection: Connection, deliveries: Iterable[JournalRows]) -> None:
    """Insert what is not there yet; the caller commits."""
    values = [each for rows in deliveries for each in _values_of(rows)]
    if not values:
        return
    if connection.dialect.name == "postgresql":
        statement: Any = postgresql.insert(WebhookEntry.__table__).values(turn=_TURN)
        values = [{**each, "read_for_turn": each["raw"]} for each in values]
    else:
        statement = sqlite.insert(WebhookEntry.__table__)
    connection.execute(statement.on_conflict_do_nothing(), values)


def _values_of(rows: JournalRows) -> Sequence[dict[str, Any]]:
    return [
        {
            "id": uuid.UUID(bytes=entry_id),
            "app_name": rows.app_name,
            "object": rows.object,
            "raw": raw,
            "state": PENDING,
            "attempts": 0,
            "received_at": rows.received_at,
        }
        for entry_id, raw in zip(rows.ids, rows.raws, strict=True)
    ]


@contextlib.contextmanager
def _limited_waiting(connection: Connection, seconds: float) -> Iterator[None]:
    """Let SQLite wait for its one write lock no longer than Meta waits for us.

    The connection is the host's: its next user gets the host's own limit back.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {min(usual, int(seconds * 1000))}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {usual}")


def read_entry(raw: bytes) -> Mapping[str, Any]:
    """Return the JSON object of one journalled entry.

    Bytes that are not UTF-8 and halves of surrogate pairs are read as U+FFFD rather than refused:
    what can be kept is kept.

    Raises:
        PayloadError: it is no object, or nested deeper than a parser goes.
    """
    try:
        entry = orjson.loads(raw)
    except orjson.JSONDecodeError:
        try:
            entry = json.loads(raw.decode("utf-8", "replace"))
        except (ValueError, RecursionError) as error:
            raise PayloadError("The entry is not readable JSON.") from error
    if not isinstance(entry, dict):
        raise PayloadError("The entry is not a JSON object.")
    return entry
