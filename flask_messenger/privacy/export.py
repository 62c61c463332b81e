"""Everything that is kept of one person, as one JSON document."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from flask_messenger.ingest.bodies import find_events
from flask_messenger.models import (
    Account,
    Attachment,
    Conversation,
    Identity,
    Message,
    Reaction,
    Receipt,
)
from flask_messenger.models.upsert import chunks
from flask_messenger.privacy.bodies import Place, look_through

VERSION: Final = 1
OURS: Final = frozenset({"workspace_id", "idempotency_key", "announced_at"})
"""How we do our work, and nothing of the person."""


def build_export(
    session: Session, account: Account, identity: Identity, *, now: datetime
) -> tuple[str, dict[str, int]]:
    """Return the document (JSON), and how many of what is in it."""
    conversations = _rows(session, Conversation.__table__, "identity_id", [identity.id])
    messages = _rows(session, Message.__table__, "conversation_id", _ids(conversations))
    attachments = _rows(session, Attachment.__table__, "message_id", _ids(messages))
    reactions = _rows(session, Reaction.__table__, "message_id", _ids(messages))
    receipts = _receipts(session, account, identity)
    events = list(_events(session, account, identity.external_id))
    document = {
        "version": VERSION,
        "exported_at": now,
        "account": {
            "id": account.id,
            "channel": account.channel,
            "external_id": account.external_id,
            "name": account.name,
        },
        "person": _plain(_rows(session, Identity.__table__, "id", [identity.id])[0]),
        "conversations": [_plain(row) for row in conversations],
        "messages": [
            {
                **_plain(message),
                "attachments": _of_message(attachments, message),
                "reactions": _of_message(reactions, message),
            }
            for message in sorted(messages, key=lambda row: (row["sent_at"], row["id"]))
        ],
        "media": [row["url"] for row in attachments if row["url"]],
        "waiting": [_plain(row) for row in receipts],
        "webhook_events": events,
    }
    counts = {
        "messages": len(messages),
        "attachments": len(attachments),
        "reactions": len(reactions),
        "webhook_events": len(events),
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode(), counts


def _rows(
    session: Session, table: Table, column: str, ids: Sequence[uuid.UUID]
) -> list[dict[str, Any]]:
    return [
        dict(row)
        for part in chunks(ids)
        for row in session.execute(select(table).where(table.c[column].in_(part))).mappings()
    ]


def _ids(rows: Iterable[dict[str, Any]]) -> list[uuid.UUID]:
    return [row["id"] for row in rows]


def _receipts(session: Session, account: Account, identity: Identity) -> list[dict[str, Any]]:
    table = Receipt.__table__
    statement = select(table).where(
        table.c.account_id == account.id, table.c.identity_external_id == identity.external_id
    )
    return [dict(row) for row in session.execute(statement).mappings()]


def _of_message(rows: Iterable[dict[str, Any]], message: dict[str, Any]) -> list[dict[str, Any]]:
    return [_plain(row) for row in rows if row["message_id"] == message["id"]]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in OURS}


def _events(session: Session, account: Account, external_id: str) -> Iterable[Any]:
    place = Place()
    while not place.is_end:
        found, place = look_through(session, account, external_id, place)
        for _, raw in found:
            yield from find_events(raw, external_id.__eq__)
