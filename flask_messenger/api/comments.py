"""Public comments: hide, show again, delete. Answers to them go through /send."""

import uuid
from typing import Final

import redis

from flask_messenger import realtime
from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.comments import CommentVisibility, ReactionToSend
from flask_messenger.api.schemas.messages import Message
from flask_messenger.inbox import comments
from flask_messenger.inbox import messages as reading
from flask_messenger.models.base import utc_now
from flask_messenger.outbox.reactions import react
from flask_messenger.realtime import Change
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import current_tenant, require_permission

AS_IT_IS_NOW: Final = (Message, "The message as it is now.")
PROBLEMS: Final = (400, 402, 403, 404, 409, 415, 502)


@bp.post("/messages/<uuid:message_id>/visibility")
@operation("hideComment", tag="messages", answers={200: AS_IT_IS_NOW}, problems=PROBLEMS)
def set_visibility(message_id: uuid.UUID, json: CommentVisibility) -> Message:
    """Hide a public comment, or show it again.

    Needs `reply`.
    """
    tenant = require_permission("reply")
    changed = comments.set_hidden(
        current_application(),
        tenant=tenant,
        message_id=message_id,
        hidden=json.hidden,
        now=utc_now(),
    )
    return _changed(message_id, changed.change)


@bp.delete("/messages/<uuid:message_id>")
@operation(
    "deleteComment",
    tag="messages",
    answers={200: AS_IT_IS_NOW},
    problems=(402, 403, 404, 409, 502),
)
def delete_comment(message_id: uuid.UUID) -> Message:
    """Delete a public comment for good, at Meta and here.

    Needs `reply`. Who did it is in the audit log.
    """
    tenant = require_permission("reply")
    changed = comments.delete_comment(
        current_application(), tenant=tenant, message_id=message_id, now=utc_now()
    )
    return _changed(message_id, changed.change)


@bp.post("/messages/<uuid:message_id>/reaction")
@operation("reactToMessage", tag="messages", answers={200: AS_IT_IS_NOW}, problems=PROBLEMS)
def set_reaction(message_id: uuid.UUID, json: ReactionToSend) -> Message:
    """React to a message in the account's name, or take the reaction back.

    Needs `reply`.
    """
    tenant = require_permission("reply")
    change = react(
        current_application(),
        tenant=tenant,
        message_id=message_id,
        emoji=json.emoji,
        now=utc_now(),
    )
    return _changed(message_id, change)


def _changed(message_id: uuid.UUID, change: Change) -> Message:
    """Tell open pages what changed, and show the message."""
    realtime.publish(state().get(redis.Redis), [change])
    row = reading.get_message(state().db.session, tenant=current_tenant(), message_id=message_id)
    return Message.of(row)
