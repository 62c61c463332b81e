"""What became of many attempts, written down together: a few statements, whatever their number.

Meta's yes exists only in this process until it is committed. A conversation that somebody else
holds is passed over and written down with the next lot: one busy thread keeps no other waiting.
What does not go the usual way (an echo that came first as somebody else's message) is left to
`records`, one by one.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Integer,
    Select,
    String,
    Uuid,
    any_,
    bindparam,
    case,
    column,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from flask_messenger.models import Account, Conversation, Message
from flask_messenger.models.base import UtcDateTime
from flask_messenger.models.messages import DELIVERED, READ, SENDING, SENT
from flask_messenger.models.upsert import dialect_of
from flask_messenger.outbox import records
from flask_messenger.outbox.claim import IS_QUEUED
from flask_messenger.outbox.holds import HELD, note_taken
from flask_messenger.outbox.records import OUT, SETTLED
from flask_messenger.outbox.verdicts import Verdict

_messages: Final = Message.__table__
_other = _messages.alias("other")  # once: see `claim`
_conversations: Final = Conversation.__table__
_accounts: Final = Account.__table__


@dataclass(slots=True)
class Written:
    """What was written down.

    Attributes:
        sent: of each message that Meta has now, its state, and whether this made it so.
        ended: messages whose attempt this ended; others had been settled meanwhile.
        odd: verdicts that have to be written down by themselves, after the commit.
        later: verdicts whose conversation somebody else holds.
        next: conversations that have another message queued.
        moved: where private replies went: to the direct conversations of whom they answer.
    """

    sent: dict[uuid.UUID, tuple[str, bool]] = field(default_factory=dict)
    ended: set[uuid.UUID] = field(default_factory=set)
    odd: list[Verdict] = field(default_factory=list)
    later: list[Verdict] = field(default_factory=list)
    next: set[uuid.UUID] = field(default_factory=set)
    moved: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)


def write_together(session: Session, verdicts: Sequence[Verdict], *, now: datetime) -> Written:
    """Write down what these attempts came to. Never commits.

    Raises:
        IntegrityError: an echo was stored at this very moment; roll back and go one by one.
    """
    written = Written()
    decided = [each for each in verdicts if each.status != SENDING]
    if not decided:
        return written
    if dialect_of(session) != "postgresql":
        written.odd.extend(decided)
        return written
    sent = [each for each in decided if each.status == SENT]
    # A private reply moves to another conversation; what was held frees its thread, and some hand
    # it over: they are written down by themselves.
    written.odd += [each for each in sent if _is_more(each)]
    _write_sent(session, [each for each in sent if not _is_more(each)], written, now=now)
    _write_ended(session, [each for each in decided if each.status != SENT], written, now=now)
    return written


def write_alone(session: Session, verdict: Verdict, *, now: datetime) -> Written:
    """Write down one attempt, whatever came between. Commits, and waits where it has to."""
    written = Written()
    if verdict.status == SENT:
        recorded = records.record_sent(
            session,
            verdict.dispatch,
            external_id=verdict.external_id,
            tag=verdict.tag,
            recipient_external_id=verdict.recipient_external_id,
            now=now,
        )
        written.sent[verdict.dispatch.message_id] = (recorded.status, recorded.is_news)
        if recorded.moved_to is not None:
            written.moved[verdict.dispatch.message_id] = recorded.moved_to
    elif records.end_attempt(session, verdict, now=now):
        written.ended.add(verdict.dispatch.message_id)
    return written


def note_accounts(session: Session, account_ids: Collection[uuid.UUID], *, now: datetime) -> None:
    """Note that these accounts sent something. Never commits, and waits for nobody.

    An account's row is written to by others in their own order; one that is held now is noted the
    next time.
    """
    if not account_ids:
        return
    free = (
        select(_accounts.c.id)
        .where(
            _accounts.c.id.in_(sorted(account_ids)),
            or_(_accounts.c.last_sent_at.is_(None), _accounts.c.last_sent_at < now),
        )
        .order_by(_accounts.c.id)
        .with_for_update(skip_locked=True, key_share=True)
    )
    session.execute(update(_accounts).where(_accounts.c.id.in_(free)).values(last_sent_at=now))


def _is_more(verdict: Verdict) -> bool:
    """Say whether Meta's yes says more than that the message went out."""
    dispatch = verdict.dispatch
    is_answer = dispatch.private_reply_to is not None
    return is_answer or dispatch.was_held or dispatch.extras.thread_control is not None


def _conversation_of(verdict: Verdict) -> uuid.UUID:
    return verdict.dispatch.lane.conversation_id


def _has_next(conversations: Any) -> Any:
    """Say whether a lane has something queued; what is told by this statement is no matter."""
    return (
        exists()
        .where(_other.c.conversation_id == conversations.c.id, _other.c.status == IS_QUEUED)
        .label("has_next")
    )


def _lock(session: Session, verdicts: Sequence[Verdict], written: Written) -> set[uuid.UUID]:
    """Lock those of these conversations that are free; return them."""
    ids = sorted({_conversation_of(each) for each in verdicts})
    rows = list(session.execute(_LOCK, {"ids": ids}))
    written.next.update(row.id for row in rows if row.has_next)
    return {row.id for row in rows}


_LOCK: Final = (
    select(_conversations.c.id, _has_next(_conversations))
    .where(_conversations.c.id == any_(bindparam("ids", type_=ARRAY(Uuid()))))
    .order_by(_conversations.c.id)
    .with_for_update(skip_locked=True, key_share=True)
)


def _write_sent(
    session: Session, verdicts: Sequence[Verdict], written: Written, *, now: datetime
) -> None:
    if not verdicts:
        return
    rows = list(session.execute(_MARK_SENT, _sent_parameters(verdicts, now=now)))
    written.sent.update({row.id: (row.status, True) for row in rows if row.id is not None})
    written.next.update(row.conversation_id for row in rows if row.has_next)
    held = {row.conversation_id for row in rows}
    written.later += [each for each in verdicts if _conversation_of(each) not in held]
    rest = [
        each
        for each in verdicts
        if _conversation_of(each) in held and each.dispatch.message_id not in written.sent
    ]
    if rest:
        known = session.execute(_COMPLETE, _sent_parameters(rest, now=now))
        written.sent.update({row.id: (row.status, False) for row in known})
        written.odd += [each for each in rest if each.dispatch.message_id not in written.sent]


def _sent_parameters(verdicts: Sequence[Verdict], *, now: datetime) -> dict[str, Any]:
    return {
        "ids": [each.dispatch.message_id for each in verdicts],
        "conversation_ids": [_conversation_of(each) for each in verdicts],
        "external_ids": [each.external_id for each in verdicts],
        "tags": [each.tag for each in verdicts],
        "now": now,
    }


def _given(**columns: tuple[str, Any]) -> Any:
    """Return rows made of lists: each column's parameter and its type."""
    lists = [bindparam(name, type_=ARRAY(type_)) for name, type_ in columns.values()]
    names = [column(name, type_) for name, (_, type_) in columns.items()]
    return func.unnest(*lists).table_valued(*names).render_derived(name="given")


def _is_another() -> Any:
    other = _other
    return exists().where(
        other.c.account_id == _messages.c.account_id,
        other.c.external_id == _sent_given.c.external_id,
        other.c.id != _messages.c.id,
    )


_NOW: Final = bindparam("now", type_=UtcDateTime())
_sent_given: Final = _given(
    id=("ids", Uuid()),
    conversation_id=("conversation_ids", Uuid()),
    external_id=("external_ids", String()),
    tag=("tags", String()),
)


def _mark_sent() -> Select[Any]:
    """Return one statement that locks threads, marks messages and notes them as their last.

    How far a message has come is asked of its thread's watermarks: a receipt may have been first.
    """
    held = (
        select(_conversations.c.id, _conversations.c.delivered_until, _conversations.c.read_until)
        .where(_conversations.c.id == any_(bindparam("conversation_ids", type_=ARRAY(Uuid()))))
        .order_by(_conversations.c.id)
        .with_for_update(skip_locked=True, key_share=True)
        .cte("held")
    )
    marked = (
        update(_messages)
        .where(
            _messages.c.id == _sent_given.c.id,
            held.c.id == _sent_given.c.conversation_id,
            _messages.c.status.not_in(OUT),
            ~_is_another(),
        )
        .values(
            {
                **SETTLED,
                "status": case(
                    (held.c.read_until >= _NOW, READ),
                    (held.c.delivered_until >= _NOW, DELIVERED),
                    else_=SENT,
                ),
                "external_id": _sent_given.c.external_id,
                "tag": _sent_given.c.tag,
                "sent_at": _NOW,
                "updated_at": _NOW,
            }
        )
        .returning(_messages.c.id, _messages.c.conversation_id, _messages.c.status)
        .cte("marked")
    )
    is_last = or_(
        _conversations.c.last_message_at.is_(None), _conversations.c.last_message_at <= _NOW
    )
    noted = (
        update(_conversations)
        .where(_conversations.c.id == marked.c.conversation_id, is_last)
        .values(last_message_at=_NOW, last_message_id=marked.c.id, updated_at=_NOW)
        .cte("noted")
    )
    return (
        select(held.c.id.label("conversation_id"), marked.c.id, marked.c.status, _has_next(held))
        .select_from(held)
        .outerjoin(marked, marked.c.conversation_id == held.c.id)
        .add_cte(noted)
    )


_MARK_SENT: Final = _mark_sent()

# An echo came first, or a person said that it was sent: state and time stay as they are.
_COMPLETE: Final = (
    update(_messages)
    .where(
        _messages.c.id == _sent_given.c.id,
        _messages.c.status.in_(OUT),
        ~_is_another(),
    )
    .values(
        {
            **SETTLED,
            "external_id": func.coalesce(_messages.c.external_id, _sent_given.c.external_id),
            "tag": _sent_given.c.tag,
            "updated_at": _NOW,
        }
    )
    .returning(_messages.c.id, _messages.c.status)
)


def _write_ended(
    session: Session, verdicts: Sequence[Verdict], written: Written, *, now: datetime
) -> None:
    if not verdicts:
        return
    held = _lock(session, verdicts, written)
    written.later += [each for each in verdicts if _conversation_of(each) not in held]
    verdicts = [each for each in verdicts if _conversation_of(each) in held]
    parameters = {
        "ids": [each.dispatch.message_id for each in verdicts],
        "begun": [each.dispatch.sending_since for each in verdicts],
        "statuses": [each.status for each in verdicts],
        "next": [each.next_attempt_at(now) for each in verdicts],
        "attempts": [each.attempts for each in verdicts],
        "slugs": [each.slug for each in verdicts],
        "codes": [each.code for each in verdicts],
        "subcodes": [each.subcode for each in verdicts],
        "now": now,
    }
    written.ended.update(session.scalars(_END, parameters))
    taken = [each.dispatch for each in verdicts if each.slug == HELD and each.code is not None]
    if taken:
        note_taken(session, taken, now=now)


_ended_given: Final = _given(
    id=("ids", Uuid()),
    begun=("begun", UtcDateTime()),
    status=("statuses", String()),
    next_attempt_at=("next", UtcDateTime()),
    attempts=("attempts", Integer()),
    error_slug=("slugs", String()),
    error_code=("codes", Integer()),
    error_subcode=("subcodes", Integer()),
)
_END: Final = (
    update(_messages)
    .where(
        _messages.c.id == _ended_given.c.id,
        _messages.c.status == SENDING,
        _messages.c.sending_since == _ended_given.c.begun,
    )
    .values(
        status=_ended_given.c.status,
        next_attempt_at=_ended_given.c.next_attempt_at,
        attempts=_ended_given.c.attempts,
        error_slug=_ended_given.c.error_slug,
        error_code=_ended_given.c.error_code,
        error_subcode=_ended_given.c.error_subcode,
        sending_since=None,
        updated_at=_NOW,
    )
    .returning(_messages.c.id)
)
