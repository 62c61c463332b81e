"""The drain: from the journal to the tables, a batch in one transaction.

Kill it anywhere: the transaction rolls back and the entries are pending again. There are no
leases and there is nothing to clean up.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import redis
from flask import Flask
from sqlalchemy import exists, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from flask_messenger.errors import MessengerError
from flask_messenger.ingest.apply import apply_batch
from flask_messenger.ingest.batch import Outcome, ReadEntry
from flask_messenger.ingest.claim import claim, may_find_more
from flask_messenger.ingest.entries import NOBODY_ELSE, finish_entries, read_entries
from flask_messenger.ingest.receipts import settle_waiting_receipts
from flask_messenger.models import Account, WebhookEntry
from flask_messenger.models.base import utc_now
from flask_messenger.models.journal import FAILED, PENDING
from flask_messenger.models.upsert import dialect_of, is_transient, match_many, raise_many
from flask_messenger.realtime import Change, publish
from flask_messenger.state import state_of

logger = logging.getLogger(__name__)

BUDGET_SECONDS: Final = 30.0
"""Under steady traffic a drain would never end, and what follows a drain never come."""


class News(Protocol):
    """Who hears what was committed, to tell the host."""

    def stored(self, message_ids: Mapping[uuid.UUID, str]) -> None:
        """Hear of new messages, and of messages of ours that an echo settled.

        Each with its workspace.
        """
        ...

    def lifted(self, message_ids: Iterable[uuid.UUID]) -> None:
        """Hear of messages of our side that were delivered or read."""
        ...


def _never() -> bool:
    return False


BAD_ENTRY: Final = (
    MessengerError,
    DBAPIError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
)
"""What an entry may raise that nobody thought of; it is set aside and costs no other."""

TRANSIENT_TRIES: Final = 5
MAX_EVENTS: Final = 10_000
"""An entry may hold thousands of events; more of them than this are applied in parts."""


_LOCK_ACCOUNTS: Final = (
    select(Account.__table__.c.id).order_by(Account.__table__.c.id).with_for_update(key_share=True)
)


def has_pending(session: Session) -> bool:
    """Say whether any entry waits."""
    statement = select(exists().where(WebhookEntry.state == PENDING))
    found = bool(session.scalar(statement))
    session.rollback()
    return found


def drain_all(app: Flask, *, news: News, stopping: Callable[[], bool] = _never) -> bool:
    """Apply what waits, batch by batch, for `BUDGET_SECONDS` at most; say whether more waits.

    `news` hears after each commit what to tell the host. Several drains may run at once, on
    several hosts.
    """
    held = state_of(app)
    session: Session = held.db.session
    failures = 0
    account_ids: set[uuid.UUID] = set()
    heard: dict[uuid.UUID, datetime] = {}
    limit = held.settings.drain_batch_size
    ends_at = time.monotonic() + BUDGET_SECONDS
    is_over = False
    while not is_over:
        try:
            outcome = drain_batch(session, limit=limit, speaks_for=held.settings.speaks_for)
        except DBAPIError as error:
            session.rollback()
            failures += 1
            if failures >= TRANSIENT_TRIES or not is_transient(error):
                raise
            continue
        if outcome is None:
            break
        failures = 0
        account_ids |= outcome.account_ids
        heard = _latest(heard, outcome.heard)
        publish(held.get(redis.Redis), changes_of(outcome))
        news.stored(
            {each.id: each.account.workspace_id for each in (*outcome.messages, *outcome.settled)}
        )
        news.lifted(outcome.lifted)
        if not may_find_more(session):
            break
        is_over = stopping() or time.monotonic() > ends_at
    _after_drain(app, session, account_ids, heard)
    return is_over


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
    for tries_left in range(TRANSIENT_TRIES if account_ids else 0, 0, -1):
        try:
            _begin_writing(session)
            settled = settle_waiting_receipts(session, account_ids=account_ids)
            if settled:
                session.commit()
                publish(state_of(app).get(redis.Redis), settled)
            _note_heard(session, heard)
            session.commit()
        except DBAPIError as error:
            session.rollback()
            if tries_left == 1 or not is_transient(error):
                raise
        else:
            return


def _note_heard(session: Session, heard: dict[uuid.UUID, datetime]) -> None:
    """Say on the accounts when somebody last wrote to them.

    At the end of a transaction: every drain writes to these few rows, in one order, and none
    should hold them while it works on a batch.
    """
    table = Account.__table__
    match_many(session, _LOCK_ACCOUNTS, (table.c.id,), heard)
    rows = [{"id": account_id, "last_inbound_at": at} for account_id, at in heard.items()]
    raise_many(session, table, rows)


def drain_batch(
    session: Session, *, limit: int, speaks_for: Mapping[str, frozenset[str]] = NOBODY_ELSE
) -> Outcome | None:
    """Claim up to `limit` entries, apply them and commit; None where nothing waits.

    `speaks_for` says for the accounts of which other apps an app may sign.

    One bad entry never blocks a batch: where it fails, it is done once more with a savepoint, and
    split in halves until the bad entry stands alone and is marked `failed`.
    """
    entries = _claim(session, limit, speaks_for)
    if not entries:
        return None
    try:
        if _is_large(entries):
            return _drain_in_parts(session, entries)
        outcome = apply_batch(session, entries)
        finish_entries(session, entries, now=utc_now())
        session.commit()
    except BAD_ENTRY as bad:
        session.rollback()
        if isinstance(bad, DBAPIError) and is_transient(bad):
            raise
        # Another drain may have taken them since; what is claimed now is looked at with care.
        entries = _claim(session, limit, speaks_for)
        return _drain_in_parts(session, entries) if entries else Outcome()
    outcome.entries = len(entries)
    return outcome


def _claim(
    session: Session, limit: int, speaks_for: Mapping[str, frozenset[str]]
) -> list[ReadEntry]:
    _begin_writing(session)
    claimed = claim(session, limit=limit)
    if not claimed:
        session.rollback()
    return read_entries(claimed, speaks_for=speaks_for)


def _is_large(entries: Sequence[ReadEntry]) -> bool:
    return len(entries) > 1 and sum(len(entry.events) for entry in entries) > MAX_EVENTS


def _drain_in_parts(session: Session, entries: Sequence[ReadEntry]) -> Outcome:
    outcome = Outcome()
    _apply_or_split(session, entries, outcome)
    session.commit()
    outcome.entries = len(entries)
    return outcome


def _begin_writing(session: Session) -> None:
    """On SQLite take the one write lock first.

    A transaction that starts by reading may be refused when it wants to write.
    """
    if dialect_of(session) == "sqlite":
        session.execute(text("UPDATE messenger_webhook_entries SET attempts = attempts WHERE 0"))


def _apply_or_split(session: Session, entries: Sequence[ReadEntry], outcome: Outcome) -> None:
    if _is_large(entries):
        _split(session, entries, outcome)
        return
    try:
        with session.begin_nested():
            part = apply_batch(session, entries)
            finish_entries(session, entries, now=utc_now())
    except BAD_ENTRY as bad:
        if isinstance(bad, DBAPIError) and is_transient(bad):
            raise
        if len(entries) == 1:
            _fail(session, entries[0], bad)
            return
        _split(session, entries, outcome)
        return
    outcome.messages += part.messages
    outcome.settled += part.settled
    outcome.lifted |= part.lifted
    outcome.account_ids |= part.account_ids
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
