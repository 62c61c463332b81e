"""The drain: from the journal to the tables, a batch in one transaction.

Kill it anywhere: the transaction rolls back and the entries are pending again. There are no
leases and there is nothing to clean up.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import redis
from flask import Flask
from sqlalchemy import exists, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from flask_messenger.crypto import KeyRing
from flask_messenger.ingest.batch import NO_TERMS, ClaimedEntry, Outcome, Terms, latest
from flask_messenger.ingest.blame import BAD_ENTRY, kind_of
from flask_messenger.ingest.careful import apply_entries, drain_carefully, is_due
from flask_messenger.ingest.claim import begin_writing, claim, may_find_more
from flask_messenger.ingest.entries import read_entries
from flask_messenger.ingest.second import SecondThread
from flask_messenger.ingest.settle import Settled, settle_waiting_receipts
from flask_messenger.models import Account, WebhookEntry
from flask_messenger.models.base import utc_now
from flask_messenger.models.journal import PENDING
from flask_messenger.models.upsert import dialect_of, is_transient, match_many, raise_many
from flask_messenger.outbox.wake import publish_wake
from flask_messenger.realtime import Change, publish
from flask_messenger.state import MessengerState, state_of

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

    def attached(self, workspace_ids: Iterable[str]) -> None:
        """Hear in which workspaces there are files to fetch."""
        ...

    def changed(self, message_ids: Iterable[uuid.UUID]) -> None:
        """Hear of messages that were edited, taken back, hidden or reacted to."""
        ...


def _never() -> bool:
    return False


TRANSIENT_TRIES: Final = 5

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

    `news` hears after each commit what to tell the host, from two threads where a backlog waits.
    Several drains may run at once, on several hosts.

    Raises:
        DBAPIError: the database keeps us from going on, and no entry is to blame: they wait.
    """
    ends_at = time.monotonic() + BUDGET_SECONDS
    with SecondThread(app, lambda: _drain_batches(app, news, is_over)) as second:

        def is_over() -> bool:
            return second.is_left or stopping() or time.monotonic() > ends_at

        begin = second.begin if _may_share(app) else _never
        drained = _drain_batches(app, news, is_over, meet_backlog=begin)
        drained.add(second.finish())
    _after_drain(app, state_of(app).db.session, drained.account_ids, drained.heard, news)
    return drained.has_more


def _may_share(app: Flask) -> bool:
    held = state_of(app)
    return held.settings.drain_threads > 1 and dialect_of(held.db.session) == "postgresql"


@dataclass(slots=True)
class _Drained:
    """What came of a thread's batches."""

    account_ids: set[uuid.UUID] = field(default_factory=set)
    heard: dict[uuid.UUID, datetime] = field(default_factory=dict)
    has_more: bool = False

    def add(self, other: "_Drained | None") -> None:
        if other is not None:
            self.account_ids |= other.account_ids
            self.heard = latest(self.heard, other.heard)
            self.has_more |= other.has_more


def _drain_batches(
    app: Flask,
    news: News,
    is_over: Callable[[], bool],
    meet_backlog: Callable[[], Any] = _never,
) -> _Drained:
    """Drain batch after batch until nothing waits or `is_over`."""
    held = state_of(app)
    session: Session = held.db.session
    failures = 0
    drained = _Drained()
    while not drained.has_more:
        outcome = _try_batch(held, session)
        if outcome is None:
            break
        drained.add(_Drained(outcome.account_ids, outcome.heard))
        _tell(held, outcome, news)
        if outcome.trouble is not None:
            failures += 1
            if failures >= TRANSIENT_TRIES or not _is_passing(outcome.trouble):
                logger.error("drain_stopped error=%s", kind_of(outcome.trouble))
                raise outcome.trouble
            continue
        failures = 0
        if not may_find_more(session):
            break
        meet_backlog()
        drained.has_more = is_over()
    return drained


def _try_batch(held: MessengerState, session: Session) -> Outcome | None:
    try:
        return drain_batch(session, limit=held.settings.drain_batch_size, terms=terms_of(held))
    except DBAPIError as error:
        session.rollback()
        return Outcome(trouble=error)


def terms_of(held: MessengerState) -> Terms:
    """Return what a drain has to know of an application."""
    settings = held.settings
    return Terms(
        speaks_for=settings.speaks_for,
        app_ids={
            name: frozenset(each for each in (app.app_id, app.instagram_app_id) if each)
            for name, app in settings.apps.items()
        },
        bot_pause=timedelta(hours=settings.bot_pause_hours),
        keys=held.get(KeyRing),
    )


def _is_passing(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and is_transient(error)


def _tell(held: MessengerState, outcome: Outcome, news: News) -> None:
    publish(held.get(redis.Redis), changes_of(outcome))
    news.stored(
        {each.id: each.account.workspace_id for each in (*outcome.messages, *outcome.settled)}
    )
    news.lifted(outcome.lifted)
    news.changed(outcome.changed)
    if outcome.attached_in:
        news.attached(outcome.attached_in)
    for lane in outcome.released:
        publish_wake(held.get(redis.Redis), lane)


def _after_drain(
    app: Flask,
    session: Session,
    account_ids: set[uuid.UUID],
    heard: dict[uuid.UUID, datetime],
    news: News,
) -> None:
    """Settle receipts that crossed their message in another drain, then note who was heard."""
    for tries_left in range(TRANSIENT_TRIES if account_ids else 0, 0, -1):
        try:
            begin_writing(session)
            settled = settle_waiting_receipts(session, account_ids=account_ids)
            if settled.changes:
                session.commit()
                _tell_settled(app, settled, news)
            _note_heard(session, heard)
            session.commit()
        except DBAPIError as error:
            session.rollback()
            if tries_left == 1 or not is_transient(error):
                raise
        else:
            return


def _tell_settled(app: Flask, settled: Settled, news: News) -> None:
    publish(state_of(app).get(redis.Redis), settled.changes)
    news.lifted(settled.lifted)
    news.changed(settled.changed)


def _note_heard(session: Session, heard: dict[uuid.UUID, datetime]) -> None:
    """Say on the accounts when somebody last wrote to them.

    At the end of a transaction: every drain writes to these few rows, in one order, and none
    should hold them while it works on a batch.
    """
    table = Account.__table__
    match_many(session, _LOCK_ACCOUNTS, (table.c.id,), heard)
    rows = [{"id": account_id, "last_inbound_at": at} for account_id, at in heard.items()]
    raise_many(session, table, rows)


def drain_batch(session: Session, *, limit: int, terms: Terms = NO_TERMS) -> Outcome | None:
    """Claim up to `limit` entries, apply them and commit; None where nothing is to be done.

    One bad entry never blocks a batch: where it fails, it is done once more in parts. An entry
    that could not be applied alone is tried again alone, when the others are done.
    """
    begin_writing(session)
    now = utc_now()
    claimed = [each for each in claim(session, limit=limit) if is_due(each, now=now)]
    if not claimed:
        session.rollback()
        return None
    fresh = [each for each in claimed if not each.attempts]
    outcome = _drain_fresh(session, fresh, terms)
    for each in claimed:
        if each.attempts and outcome.trouble is None:
            outcome.add(drain_carefully(session, [each.id], terms=terms))
    return outcome


def _drain_fresh(session: Session, claimed: Sequence[ClaimedEntry], terms: Terms) -> Outcome:
    if not claimed:
        session.rollback()
        return Outcome()
    try:
        return apply_entries(session, read_entries(claimed, speaks_for=terms.speaks_for), terms)
    except BAD_ENTRY as bad:
        session.rollback()
        if _is_passing(bad):
            raise
        ids = [each.id for each in claimed]
    return drain_carefully(session, ids, terms=terms)


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
