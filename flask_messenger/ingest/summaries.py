"""What a conversation says about its messages, worked out anew from them.

Working it out from the rows, instead of adding up events, is what makes any order and any
repetition end in the same summary. One case is common and plain: the thread is locked, and rows
that nobody had yet were put at its end. Then the new summary follows from the old one and the new
rows, and the rows of years are left alone. Whatever is not that case is worked out.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    String,
    Update,
    and_,
    bindparam,
    cast,
    func,
    literal,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from flask_messenger.events import STANDBY
from flask_messenger.models import Conversation, Message
from flask_messenger.models import messages as words
from flask_messenger.models.base import utc_now
from flask_messenger.models.conversations import OPEN
from flask_messenger.models.upsert import dialect_of, later_of, match_many, update_many

NO_TROUBLE: Final[dict[str, Any]] = {
    "error_slug": None,
    "error_code": None,
    "error_subcode": None,
    "sending_since": None,
    "next_attempt_at": None,
}
"""What a message that was sent after all no longer has."""

LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)

HEAD: Final = (
    "last_message_at",
    "last_inbound_at",
    "seen_until",
    "unread_count",
    "status",
    "thread_owner_app_id",
)
"""The columns of `Head`."""

_conversations: Final = Conversation.__table__
_messages: Final = Message.__table__


@dataclass(frozen=True, slots=True)
class Head:
    """What a conversation says of its messages, and whose it is, read while it is locked."""

    last_message_at: datetime | None
    last_inbound_at: datetime | None
    seen_until: datetime | None
    unread_count: int
    status: str
    thread_owner_app_id: str | None


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that was just put into a conversation."""

    id: uuid.UUID
    sent_at: datetime
    is_inbound: bool


def refresh_statuses(session: Session, conversation_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Lift outbound messages to what their thread's watermarks say; return the lifted."""
    ids, key = set(conversation_ids), (_messages.c.conversation_id,)
    return {
        row[0]
        for status in (words.READ, words.DELIVERED)
        for row in match_many(session, _LIFT[status], key, ids, now=utc_now())
    }


def refresh_summaries(session: Session, conversation_ids: Collection[uuid.UUID]) -> None:
    """Work out last message, last inbound time and unread count from the rows."""
    refresh = _REFRESH[dialect_of(session)]
    match_many(session, refresh, (_conversations.c.id,), set(conversation_ids), now=utc_now())


def reopen(session: Session, conversation_ids: Collection[uuid.UUID]) -> None:
    """Open the conversations in which somebody wrote."""
    match_many(session, _REOPEN, (_conversations.c.id,), set(conversation_ids), now=utc_now())


def grow_summaries(
    session: Session,
    heads: Mapping[uuid.UUID, Head],
    added: Mapping[uuid.UUID, Sequence[NewMessage]],
) -> set[uuid.UUID]:
    """Bring summaries up to date from new messages alone; return the threads left undone.

    Of those the new messages do not all follow what was there, and their rows have to be asked.
    `heads` are of threads locked by this transaction, in which nothing else changed since.
    """
    now = utc_now()
    rows: list[dict[str, Any]] = []
    undone: set[uuid.UUID] = set()
    for conversation_id, messages in added.items():
        grown = _grow(heads.get(conversation_id), messages)
        if grown is None:
            undone.add(conversation_id)
        else:
            rows.append({"id": conversation_id, **grown, "updated_at": now})
    update_many(session, _conversations, rows)
    return undone


def _grow(head: Head | None, messages: Sequence[NewMessage]) -> dict[str, Any] | None:
    """Return the summary after `messages`; None where it cannot be told from these."""
    times = sorted(each.sent_at for each in messages)
    newest = times[-1]
    if head is None or (head.last_message_at is not None and times[0] <= head.last_message_at):
        return None
    if len(times) > 1 and times[-2] == newest:
        return None  # which of the two is the last, Meta's ids decide, in the database's order
    inbound = [each.sent_at for each in messages if each.is_inbound]
    seen_until = head.seen_until or LONG_AGO
    return {
        "last_message_at": newest,
        "last_message_id": next(each.id for each in messages if each.sent_at == newest),
        "last_inbound_at": max([head.last_inbound_at or LONG_AGO, *inbound])
        if inbound
        else head.last_inbound_at,
        "unread_count": head.unread_count + sum(at > seen_until for at in inbound),
    }


def _summary(dialect: str) -> dict[str, Any]:
    """Return each figure, worked out from the rows of the conversation that is updated.

    A message that was taken back opened the window all the same, and is not left to be read.
    """
    newest_inbound = _of_messages(
        func.max(_messages.c.sent_at), _messages.c.direction == words.INBOUND
    )
    return {
        "last_message_at": _of_messages(func.max(_messages.c.sent_at)),
        "last_message_id": _last_message_id(),
        "last_inbound_at": later_of(dialect, newest_inbound, _conversations.c.acted_until),
        "unread_count": _of_messages(
            func.count(),
            _messages.c.direction == words.INBOUND,
            _messages.c.deleted_at.is_(None),
            _messages.c.sent_at > func.coalesce(_conversations.c.seen_until, _long_ago()),
        ),
    }


def is_undelivered() -> ColumnElement[bool]:
    """Match messages that failed by Meta's word; what shows that they arrived is stronger."""
    return and_(_messages.c.status == words.FAILED, _messages.c.error_slug == words.UNDELIVERED)


def is_on_standby() -> ColumnElement[bool]:
    """Match messages that were heard while another app had the thread."""
    mark = cast(_messages.c.content[STANDBY].as_string(), String)
    return func.coalesce(mark, "").in_(("true", "1"))  # as PostgreSQL says it, and SQLite


def _is_shown() -> ColumnElement[bool]:
    """Match what was said: not what was put away, what is for later, or what nobody said."""
    is_put_off = and_(_messages.c.status == words.QUEUED, _messages.c.send_at.is_not(None))
    return and_(
        _messages.c.status.not_in((words.DISCARDED, words.CANCELLED)),
        _messages.c.direction != words.NOTICE,
        not_(is_put_off),
    )


def _long_ago() -> ColumnElement[Any]:
    return literal(LONG_AGO, type_=_conversations.c.seen_until.type)


def _of_messages(value: Any, *conditions: ColumnElement[bool]) -> ScalarSelect[Any]:
    """Return a figure over the messages of the conversation that is being updated."""
    return (
        select(value)
        .where(
            _messages.c.conversation_id == _conversations.c.id,
            _is_shown(),
            *conditions,
        )
        .correlate(_conversations)
        .scalar_subquery()
    )


def _last_message_id() -> ScalarSelect[Any]:
    """Return the newest message.

    Two of one millisecond are told apart by Meta's id, which does not depend on the order in
    which they came.
    """
    return (
        select(_messages.c.id)
        .where(
            _messages.c.conversation_id == _conversations.c.id,
            _is_shown(),
        )
        .order_by(_messages.c.sent_at.desc(), func.coalesce(_messages.c.external_id, "~").desc())
        .limit(1)
        .correlate(_conversations)
        .scalar_subquery()
    )


def _lift(status: str, watermark: ColumnElement[Any], below: tuple[str, ...]) -> Update:
    until = (
        select(watermark)
        .where(_conversations.c.id == _messages.c.conversation_id)
        .scalar_subquery()
    )
    return (
        update(_messages)
        .where(
            _messages.c.direction == words.OUTBOUND,
            or_(_messages.c.status.in_(below), is_undelivered()),
            _messages.c.sent_at <= until,
        )
        .values(status=status, updated_at=bindparam("now"), **NO_TROUBLE)
        .returning(_messages.c.id)
    )


_LIFT: Final = {
    words.READ: _lift(words.READ, _conversations.c.read_until, (words.SENT, words.DELIVERED)),
    words.DELIVERED: _lift(words.DELIVERED, _conversations.c.delivered_until, (words.SENT,)),
}
_REFRESH: Final = {
    dialect: update(_conversations)
    .values(**_summary(dialect), updated_at=bindparam("now"))
    .returning(_conversations.c.id)
    for dialect in ("postgresql", "sqlite")
}
_REOPEN: Final = (
    update(_conversations)
    .where(_conversations.c.status != OPEN)
    .values(status=OPEN, snoozed_until=None, updated_at=bindparam("now"))
    .returning(_conversations.c.id)
)
