"""What a conversation says about its messages, worked out anew from them.

Working it out from the rows, instead of adding up events, is what makes any order and any
repetition end in the same summary.
"""

import uuid
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Update,
    and_,
    bindparam,
    func,
    literal,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from flask_messenger.models import Conversation, Message
from flask_messenger.models import messages as words
from flask_messenger.models.base import utc_now
from flask_messenger.models.conversations import OPEN
from flask_messenger.models.upsert import dialect_of, later_of, match_many

NO_TROUBLE: Final[dict[str, Any]] = {
    "error_slug": None,
    "error_code": None,
    "error_subcode": None,
    "sending_since": None,
    "next_attempt_at": None,
}
"""What a message that was sent after all no longer has."""

LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)

_conversations: Final = Conversation.__table__
_messages: Final = Message.__table__


def refresh_statuses(session: Session, conversation_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Lift outbound messages to what their thread's watermarks say; return the lifted."""
    ids, key = set(conversation_ids), (_messages.c.conversation_id,)
    return {
        row[0]
        for status in (words.READ, words.DELIVERED)
        for row in match_many(session, _LIFT[status], key, ids, now=utc_now())
    }


def refresh_summaries(
    session: Session,
    conversation_ids: Collection[uuid.UUID],
    *,
    reopened: Collection[uuid.UUID] = (),
) -> None:
    """Work out last message, last inbound time and unread count; reopen where somebody wrote."""
    now, key = utc_now(), (_conversations.c.id,)
    refresh = _REFRESH[dialect_of(session)]
    match_many(session, refresh, key, set(conversation_ids), now=now)
    match_many(session, _REOPEN, key, set(reopened), now=now)


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


def _is_shown() -> ColumnElement[bool]:
    """Match what belongs to a thread: not what was put away, and not what is for later."""
    is_put_off = and_(_messages.c.status == words.QUEUED, _messages.c.send_at.is_not(None))
    return and_(_messages.c.status.not_in((words.DISCARDED, words.CANCELLED)), not_(is_put_off))


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
