"""Messages: read them, and decide about those that did not go out."""

import uuid
from typing import Final, cast

from flask_messenger import jobs
from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.messages import Message, Messages, MessagesQuery
from flask_messenger.inbox import messages as reading
from flask_messenger.inbox.announce import announce_decision
from flask_messenger.models import Message as MessageModel
from flask_messenger.models.base import utc_now
from flask_messenger.outbox.reconcile import (
    cancel_message,
    discard_message,
    mark_as_sent,
    retry_message,
)
from flask_messenger.state import state
from flask_messenger.tenancy import current_tenant, require_permission

AS_IT_IS_NOW: Final = (Message, "The message as it is now.")


@bp.get("/conversations/<uuid:conversation_id>/messages")
@operation(
    "listMessages",
    tag="messages",
    answers={200: (Messages, "Messages, oldest first.")},
    problems=(404,),
)
def list_messages(conversation_id: uuid.UUID, query: MessagesQuery) -> Messages:
    """List messages of a conversation.

    The newest ones, or those before or after a cursor.
    """
    page = reading.list_messages(
        state().db.session,
        tenant=current_tenant(),
        conversation_id=conversation_id,
        before=query.before,
        after=query.after,
        limit=query.limit,
    )
    return Messages.of(page)


@bp.get("/messages/<uuid:message_id>")
@operation("getMessage", tag="messages", answers={200: (Message, "The message.")}, problems=(404,))
def get_message(message_id: uuid.UUID) -> Message:
    """Return one message."""
    row = reading.get_message(state().db.session, tenant=current_tenant(), message_id=message_id)
    return Message.of(row)


@bp.post("/messages/<uuid:message_id>/retry")
@operation(
    "retryMessage", tag="messages", answers={200: AS_IT_IS_NOW}, problems=(402, 403, 404, 409)
)
def retry(message_id: uuid.UUID) -> Message:
    """Send a message again that did not go out.

    It is `failed`, or `unknown`: of that the person may get two. Needs `reply`.
    """
    tenant = require_permission("reply")
    message = retry_message(
        state().db.session, state(), tenant=tenant, message_id=message_id, now=utc_now()
    )
    conversation_id = cast("uuid.UUID", message.conversation_id)
    answer = _decided(message)
    jobs.wake_lane(conversation_id)
    return answer


@bp.post("/messages/<uuid:message_id>/discard")
@operation("discardMessage", tag="messages", answers={200: AS_IT_IS_NOW}, problems=(403, 404, 409))
def discard(message_id: uuid.UUID) -> Message:
    """Put a message away that did not go out.

    It is `failed` or `unknown`. Needs `reply`.
    """
    tenant = require_permission("reply")
    return _decided(
        discard_message(state().db.session, tenant=tenant, message_id=message_id, now=utc_now())
    )


@bp.post("/messages/<uuid:message_id>/cancel")
@operation("cancelMessage", tag="messages", answers={200: AS_IT_IS_NOW}, problems=(403, 404, 409))
def cancel(message_id: uuid.UUID) -> Message:
    """Take a message back that has not gone out yet.

    It is `queued`; of cancelling and sending exactly one wins. Needs `reply`.
    """
    tenant = require_permission("reply")
    return _decided(
        cancel_message(state().db.session, tenant=tenant, message_id=message_id, now=utc_now())
    )


@bp.post("/messages/<uuid:message_id>/mark-sent")
@operation("markMessageSent", tag="messages", answers={200: AS_IT_IS_NOW}, problems=(403, 404, 409))
def mark_sent(message_id: uuid.UUID) -> Message:
    """Say that a message did arrive.

    It is `unknown`. Needs `reply`.
    """
    tenant = require_permission("reply")
    message = mark_as_sent(state().db.session, tenant=tenant, message_id=message_id, now=utc_now())
    return _decided(message, is_sent_news=True)


def _decided(message: MessageModel, *, is_sent_news: bool = False) -> Message:
    """Commit what somebody decided, tell the host and open pages, and show the message."""
    session = state().db.session
    message_id = message.id
    session.commit()
    announce_decision(message, is_sent_news=is_sent_news)
    row = reading.get_message(session, tenant=current_tenant(), message_id=message_id)
    return Message.of(row)
