"""Writing the journal, and reading one entry of it back."""

import json
from collections.abc import Mapping
from typing import Any, Final

import orjson
from sqlalchemy import Engine, insert

from flask_messenger.errors import PayloadError
from flask_messenger.ingest.receive import Delivery
from flask_messenger.models import WebhookEntry
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.journal import PENDING

ROWS_A_STATEMENT: Final = 2_000
"""Seven parameters a row; PostgreSQL takes 65,535 in a statement, SQLite 32,766."""

_PG_INSERT: Final = (
    "INSERT INTO messenger_webhook_entries"
    " (id, app_name, object, raw, state, attempts, received_at)"
    " VALUES (%s, %s, %s, %s, 'pending', 0, now())"
)


def journal_delivery(engine: Engine, delivery: Delivery, *, app_name: str) -> int:
    """Store every entry of `delivery` and commit; return how many there were.

    This is the one write Meta waits for, so it goes past the ORM: one statement on a connection
    in autocommit, one round trip.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: nothing was stored; Meta has to retry.
    """
    if not delivery.entries:
        return 0
    if engine.dialect.name == "postgresql" and len(delivery.entries) == 1:
        row = (new_id(), app_name, delivery.object, delivery.entries[0])
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(_PG_INSERT, row)
    else:
        rows = _rows(delivery, app_name)
        with engine.begin() as connection:  # all of a delivery, or nothing
            for start in range(0, len(rows), ROWS_A_STATEMENT):
                part = rows[start : start + ROWS_A_STATEMENT]
                connection.execute(insert(WebhookEntry.__table__).values(part))
    return len(delivery.entries)


def _rows(delivery: Delivery, app_name: str) -> list[dict[str, Any]]:
    received_at = utc_now()
    return [
        {
            "id": new_id(),
            "app_name": app_name,
            "object": delivery.object,
            "raw": raw,
            "state": PENDING,
            "attempts": 0,
            "received_at": received_at,
        }
        for raw in delivery.entries
    ]


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
