"""The drain: from the journal to the tables, a batch in one transaction.

Kill it anywhere: the transaction rolls back and the entries are pending again. There are no
leases and there is nothing to clean up.
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import redis
from flask import Flask
from sqlalchemy import exists, literal, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from flask_messenger.errors import MessengerError
from flask_messenger.ingest.apply import apply_batch
from flask_messenger.ingest.batch import ClaimedEntry, Outcome, ReadEntry
from flask_messenger.ingest.entries import finish_entries, read_entries
from flask_messenger.ingest.receipts import settle_waiting_receipts
from flask_messenger.models import Account, WebhookEntry
from flask_messenger.models.base import utc_now
from flask_messenger.models.journal import FAILED, PENDING
from flask_messenger.models.upsert import dialect_of, greatest, is_transient
from flask_messenger.realtime import Change, publish
from flask_messenger.state import state_of

logger = logging.getLogger(__name__)

Announce = Callable[[Iterable[uuid.UUID]], None]
TRANSIENT_TRIES: Final = 5
MAX_EVENTS: Final = 5000
"""An entry may hold thousands of events; statements have a limit of parameters."""


def has_pending(session: Session) -> bool:
    """Say whether any entry waits."""
    statement = select(exists().where(WebhookEntry.state == PENDING))
    found = bool(session.scalar(statement))
    session.rollback()
    return found


def drain_all(app: Flask, *, on_stored: Announce) -> int:
    """Apply all that waits, batch by batch; return how many entries that were.

    `on_stored` gets the ids of new messages after each commit. Several drains may run at once, on
    several hosts.
    """
    held = state_of(app)
    session: Session = held.db.session
    total = 0
    failures = 0
    touched: set[uuid.UUID] = set()
    heard: dict[uuid.UUID, datetime] = {}
    while True:
        try:
            outcome = drain_batch(session, limit=held.settings.drain_batch_size)
        except DBAPIError as error:
            session.rollback()
            failures += 1
            if failures >= TRANSIENT_TRIES or not is_transient(error):
                raise
            continue
        if outcome is None:
            break
        total += outcome.entries
        touched.update(_account_ids(outcome))
        heard = _latest(heard, outcome.heard)
        publish(held.get(redis.Redis), changes_of(outcome))
        on_stored([message.id for message in (*outcome.messages, *outcome.settled)])
    _after_drain(app, session, touched, heard)
    return total


def _account_ids(outcome: Outcome) -> Iterable[uuid.UUID]:
    return (account.id for account in outcome.conversations.values())


def _latest(
    first: dict[uuid.UUID, datetime], second: dict[uuid.UUID, datetime]
) -> dict[uuid.UUID, datetime]:
    return first | {key: max(at, first.get(key, at)) for key, at in second.items()}


def _after_drain(
    app: Flask,
    session: Session,
    account_ids: set[uuid.UUID],
    heard: dict[uuid.UUID, datetime],
) -> None:
    """Settle receipts that crossed their message in another drain, then note who was heard."""
    if not account_ids:
        return
    settled = settle_waiting_receipts(session, account_ids=account_ids)
    session.commit()
    _note_heard(session, heard)
    publish(state_of(app).get(redis.Redis), settled)


def _note_heard(session: Session, heard: dict[uuid.UUID, datetime]) -> None:
    """Say on the accounts when somebody last wrote to them.

    In a transaction of its own: every drain writes to these few rows, and none should hold them
    while it works on a batch.
    """
    table = Account.__table__
    for account_id, at in sorted(heard.items()):
        moment = literal(at, type_=table.c.last_inbound_at.type)
        session.execute(
            update(table)
            .where(table.c.id == account_id)
            .values(last_inbound_at=greatest(session, table.c.last_inbound_at, moment))
        )
        session.commit()


def drain_batch(session: Session, *, limit: int) -> Outcome | None:
    """Claim up to `limit` entries, apply them and commit; None where nothing waits.

    One bad entry never blocks a batch: on an error the batch is split in halves until the bad one
    stands alone and is marked `failed`.
    """
    _begin_writing(session)
    claimed = _claim(session, limit=limit)
    if not claimed:
        session.rollback()
        return None
    outcome = Outcome()
    _apply_or_split(session, read_entries(session, claimed), outcome)
    session.commit()
    outcome.entries = len(claimed)
    return outcome


def _begin_writing(session: Session) -> None:
    """On SQLite take the one write lock first.

    A transaction that starts by reading may be refused when it wants to write.
    """
    if dialect_of(session) == "sqlite":
        session.execute(text("UPDATE messenger_webhook_entries SET attempts = attempts WHERE 0"))


def _claim(session: Session, *, limit: int) -> list[ClaimedEntry]:
    columns = (WebhookEntry.id, WebhookEntry.object, WebhookEntry.raw)
    statement = (
        select(*columns)
        .where(WebhookEntry.state == PENDING)
        .order_by(WebhookEntry.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [ClaimedEntry(row.id, row.object, row.raw) for row in session.execute(statement)]


def _apply_or_split(session: Session, entries: Sequence[ReadEntry], outcome: Outcome) -> None:
    if len(entries) > 1 and sum(len(entry.events) for entry in entries) > MAX_EVENTS:
        _split(session, entries, outcome)
        return
    try:
        with session.begin_nested():
            part = apply_batch(session, entries)
            finish_entries(session, entries, now=utc_now())
    except (MessengerError, DBAPIError, ArithmeticError, LookupError, TypeError, ValueError) as bad:
        if isinstance(bad, DBAPIError) and is_transient(bad):
            raise
        if len(entries) == 1:
            _fail(session, entries[0], bad)
            return
        _split(session, entries, outcome)
        return
    outcome.messages += part.messages
    outcome.settled += part.settled
    outcome.heard = _latest(outcome.heard, part.heard)
    outcome.conversations = {**outcome.conversations, **part.conversations}


def _split(session: Session, entries: Sequence[ReadEntry], outcome: Outcome) -> None:
    middle = len(entries) // 2
    _apply_or_split(session, entries[:middle], outcome)
    _apply_or_split(session, entries[middle:], outcome)


def _fail(session: Session, entry: ReadEntry, error: Exception) -> None:
    """Set one entry aside. Its error is the kind only: a message could quote what it choked on."""
    kind = type(getattr(error, "orig", None) or error).__name__
    logger.error("entry_failed entry_id=%s error=%s", entry.id, kind)
    entry.state, entry.error = FAILED, kind
    finish_entries(session, [entry], now=utc_now())


def changes_of(outcome: Outcome) -> list[Change]:
    """Return what open pages should hear of a batch: a change per conversation it touched."""
    new: dict[Any, str] = {each.conversation_id: str(each.id) for each in outcome.messages}
    return [
        Change(
            workspace_id=account.workspace_id,
            type="message" if conversation_id in new else "status",
            ids={
                "conversation_id": str(conversation_id),
                "message_id": new.get(conversation_id),
                "account_id": str(account.id),
                "location_id": account.location_id,
            },
        )
        for conversation_id, account in outcome.conversations.items()
    ]
