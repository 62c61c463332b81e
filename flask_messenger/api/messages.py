"""Messages: read them, and decide about those that did not go out."""

import uuid

from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.messages import Message, Messages, MessagesQuery
from flask_messenger.inbox import queries
from flask_messenger.state import state
from flask_messenger.tenancy import current_tenant


@bp.get("/conversations/<uuid:conversation_id>/messages")
@operation(
    "listMessages",
    tag="messages",
    answers={200: (Messages, "Messages, oldest first.")},
    problems=(404,),
)
def list_messages(conversation_id: uuid.UUID, query: MessagesQuery) -> Messages:
    """List the newest messages of a conversation, or those before or after a cursor."""
    page = queries.list_messages(
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
    row = queries.get_message(state().db.session, tenant=current_tenant(), message_id=message_id)
    return Message.of(row)
