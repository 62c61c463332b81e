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
    and_,
    case,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from flask_messenger.models import Conversation, Message
from flask_messenger.models import messages as words
from flask_messenger.models.base import utc_now
from flask_messenger.models.conversations import OPEN
from flask_messenger.models.upsert import chunks, greatest

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
    lifted: set[uuid.UUID] = set()
    for status, watermark, below in (
        (words.READ, _conversations.c.read_until, (words.SENT, words.DELIVERED)),
        (words.DELIVERED, _conversations.c.delivered_until, (words.SENT,)),
    ):
        until = (
            select(watermark)
            .where(_conversations.c.id == _messages.c.conversation_id)
            .scalar_subquery()
        )
        for part in chunks(conversation_ids):
            statement = (
                update(_messages)
                .where(
                    _messages.c.conversation_id.in_(part),
                    _messages.c.direction == words.OUTBOUND,
                    or_(_messages.c.status.in_(below), is_undelivered()),
                    _messages.c.sent_at <= until,
                )
                .values(status=status, updated_at=utc_now(), **NO_TROUBLE)
                .returning(_messages.c.id)
            )
            lifted.update(session.scalars(statement))
    return lifted


def refresh_summaries(
    session: Session,
    conversation_ids: Collection[uuid.UUID],
    *,
    reopened: Collection[uuid.UUID] = (),
) -> None:
    """Work out last message, last inbound time and unread count; reopen where somebody wrote."""
    now = utc_now()
    for part in chunks(conversation_ids):
        session.execute(
            update(_conversations)
            .where(_conversations.c.id.in_(part))
            .values(**_summary(session), updated_at=now, **_reopening(set(part) & set(reopened)))
        )


def _summary(session: Session) -> dict[str, Any]:
    """Return each figure, worked out from the rows of the conversation that is updated.

    A message that was taken back opened the window all the same, and is not left to be read.
    """
    newest_inbound = _of_messages(
        func.max(_messages.c.sent_at), _messages.c.direction == words.INBOUND
    )
    return {
        "last_message_at": _of_messages(func.max(_messages.c.sent_at)),
        "last_message_id": _last_message_id(),
        "last_inbound_at": greatest(session, newest_inbound, _conversations.c.acted_until),
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


def _long_ago() -> ColumnElement[Any]:
    return literal(LONG_AGO, type_=_conversations.c.seen_until.type)


def _of_messages(value: Any, *conditions: ColumnElement[bool]) -> ScalarSelect[Any]:
    """Return a figure over the messages of the conversation that is being updated."""
    return (
        select(value)
        .where(
            _messages.c.conversation_id == _conversations.c.id,
            _messages.c.status != words.DISCARDED,
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
            _messages.c.status != words.DISCARDED,
        )
        .order_by(_messages.c.sent_at.desc(), func.coalesce(_messages.c.external_id, "~").desc())
        .limit(1)
        .correlate(_conversations)
        .scalar_subquery()
    )


def _reopening(reopened: Collection[uuid.UUID]) -> dict[str, Any]:
    if not reopened:
        return {}
    concerned = _conversations.c.id.in_(sorted(reopened))
    return {
        "status": case((concerned, OPEN), else_=_conversations.c.status),
        "snoozed_until": case((concerned, null()), else_=_conversations.c.snoozed_until),
    }
