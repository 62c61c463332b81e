"""Storing what Meta has and we do not: through the ingest, so that rows end as webhooks make them.

A webhook tells more than the Conversations API (milliseconds, which app wrote), so what is here
already stays as it is, and what a webhook may still bring is left to it for an hour.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from flask_messenger.events import MessageEvent
from flask_messenger.graph.conversations import Participant
from flask_messenger.ingest.apply import apply_batch
from flask_messenger.ingest.batch import Outcome, ReadEntry, Terms
from flask_messenger.ingest.erased import hold_off_erasures
from flask_messenger.ingest.summaries import refresh_summaries
from flask_messenger.models import Account, Conversation, Identity, Message
from flask_messenger.models import messages as words
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.conversations import OPEN
from flask_messenger.models.upsert import match_many

WEBHOOK_MAY_COME: Final = timedelta(hours=1)
"""How long a message that was sent while we were connected is left to its webhook."""
DOUBT: Final = timedelta(minutes=10)
"""How far apart a message of ours that got no answer, and what Meta has of it, may be."""
TERMS: Final = Terms(bot_pause=timedelta(0), is_told_to_us=False)
"""Meta does not say which app wrote: who answered pauses no bot. Nor does it say whose the thread
was: what is read ends no other app's hold on it."""

_messages: Final = Message.__table__
_KNOWN: Final = select(_messages.c.external_id)
_KEY: Final = (_messages.c.account_id, _messages.c.external_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What came of one conversation: what Meta has, what was missing here, what is here now."""

    checked: int = 0
    missing: int = 0
    repaired: int = 0
    outcome: Outcome | None = None


def store_history(
    session: Session,
    account: Account,
    person: Participant,
    events: Sequence[MessageEvent],
    *,
    since: datetime | None,
    is_read: bool,
) -> Compared:
    """Store those of `events` that are missing here. Never commits.

    Args:
        session: in a transaction that holds no lock of the ingest.
        account: whose messages they are.
        person: whom it talks with.
        events: of one conversation.
        since: those before are passed over.
        is_read: whether what is stored was read elsewhere; else the inbox's own rule decides.
    """
    now = utc_now()
    due = [each for each in events if _is_due(account, each, since=since, now=now)]
    missing = _without_known(session, account, due)
    found = _beside_ours(session, account, person, missing)
    if not found:
        return Compared(checked=len(due), missing=len(missing))
    hold_off_erasures(session)
    before = _lock_thread(session, account, person)
    entry = ReadEntry(
        id=new_id(),
        channel=account.channel,
        external_id=account.external_id,
        events=tuple(found),
        app_names=frozenset({account.app_name}),
        owner=account.workspace_id,
    )
    outcome = apply_batch(session, [entry], TERMS)
    new_ids = [each.id for each in outcome.messages]
    _keep_quiet(session, new_ids, [each.id for each in outcome.settled], now=now)
    _restore(session, before)
    _name(session, account, person)
    if is_read:
        _mark_read(session, outcome, new_ids)
    repaired = len(new_ids) + len(outcome.settled)
    return Compared(checked=len(due), missing=len(missing), repaired=repaired, outcome=outcome)


def _is_due(
    account: Account, event: MessageEvent, *, since: datetime | None, now: datetime
) -> bool:
    if since is not None and event.sent_at < since:
        return False
    is_before_us = account.connected_at is None or event.sent_at < account.connected_at
    return is_before_us or event.sent_at < now - WEBHOOK_MAY_COME


def _without_known(
    session: Session, account: Account, events: Sequence[MessageEvent]
) -> list[MessageEvent]:
    keys = {(account.id, each.external_id) for each in events}
    known = {row.external_id for row in match_many(session, _KNOWN, _KEY, keys)}
    return [each for each in events if each.external_id not in known]


def _beside_ours(
    session: Session, account: Account, person: Participant, events: Sequence[MessageEvent]
) -> list[MessageEvent]:
    """Say which messages are those of ours that never got an answer; leave out what may be one.

    An echo says by its metadata whose it is. Here only the words and the time do.
    """
    ours = _find_unanswered(session, account, person) if any(e.is_echo for e in events) else {}
    kept: list[MessageEvent] = []
    for event in sorted(events, key=lambda each: (each.sent_at, each.external_id)):
        near = [
            (abs(sent_at - event.sent_at), text, own_id)
            for own_id, (text, sent_at) in ours.items()
            if event.is_echo and abs(sent_at - event.sent_at) <= DOUBT
        ]
        same = [(gap, own_id) for gap, text, own_id in near if text and text == event.text]
        if same:
            own_id = min(same)[1]
            del ours[own_id]
            kept.append(replace(event, echo_of=str(own_id)))
        elif not near:
            kept.append(event)
    return kept


def _find_unanswered(
    session: Session, account: Account, person: Participant
) -> dict[uuid.UUID, tuple[str | None, datetime]]:
    statement = (
        select(Message.id, Message.text, func.coalesce(Message.sending_since, Message.sent_at))
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Identity, Identity.id == Conversation.identity_id)
        .where(
            Identity.account_id == account.id,
            Identity.external_id == person.id,
            Message.direction == words.OUTBOUND,
            Message.external_id.is_(None),
            Message.status.in_((words.SENDING, words.UNKNOWN)),
        )
    )
    return {row[0]: (row[1], row[2]) for row in session.execute(statement)}


def _lock_thread(session: Session, account: Account, person: Participant) -> Conversation | None:
    statement = (
        select(Conversation)
        .join(Identity, Identity.id == Conversation.identity_id)
        .where(
            Identity.account_id == account.id,
            Identity.external_id == person.id,
            Conversation.subject == "",
        )
        .with_for_update(of=Conversation)
        .execution_options(populate_existing=True)
    )
    thread = session.scalars(statement).one_or_none()
    if thread is not None:
        session.expunge(thread)
    return thread


def _keep_quiet(
    session: Session,
    new_ids: Collection[uuid.UUID],
    settled: Collection[uuid.UUID],
    *,
    now: datetime,
) -> None:
    """Have nobody told of the past as if it were news."""
    session.execute(
        update(Message)
        .where(Message.id.in_([*new_ids, *settled]))
        .values(announced_at=now)
        .execution_options(synchronize_session=False)
    )


def _restore(session: Session, before: Conversation | None) -> None:
    """Leave a thread closed or asleep that was: nobody wrote just now."""
    if before is None or before.status == OPEN:
        return
    session.execute(
        update(Conversation)
        .where(Conversation.id == before.id)
        .values(status=before.status, snoozed_until=before.snoozed_until)
        .execution_options(synchronize_session=False)
    )


def _name(session: Session, account: Account, person: Participant) -> None:
    if person.name is None and person.username is None:
        return
    session.execute(
        update(Identity)
        .where(Identity.account_id == account.id, Identity.external_id == person.id)
        .values(
            name=func.coalesce(Identity.name, person.name or person.username),
            username=func.coalesce(Identity.username, person.username),
        )
        .execution_options(synchronize_session=False)
    )


def _mark_read(session: Session, outcome: Outcome, new_ids: Collection[uuid.UUID]) -> None:
    """Have the new messages count as read, up to what was here and is unread."""
    inbound = (Message.direction == words.INBOUND, Message.deleted_at.is_(None))
    for conversation_id in outcome.conversations:
        of_thread = (Message.conversation_id == conversation_id, *inbound)
        newest = session.scalar(
            select(func.max(Message.sent_at)).where(*of_thread, Message.id.in_(new_ids))
        )
        seen = session.scalar(
            select(Conversation.seen_until).where(Conversation.id == conversation_id)
        )
        others = [*of_thread, Message.id.not_in(new_ids)]
        if seen is not None:
            others.append(Message.sent_at > seen)
        unread = session.scalar(select(func.min(Message.sent_at)).where(*others))
        if newest is None:
            continue
        until = newest if unread is None else min(newest, unread - timedelta(microseconds=1))
        if seen is None or until > seen:
            session.execute(
                update(Conversation)
                .where(Conversation.id == conversation_id)
                .values(seen_until=until)
                .execution_options(synchronize_session=False)
            )
    refresh_summaries(session, set(outcome.conversations))
