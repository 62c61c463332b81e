"""What one does about a single message: react; and, of a public comment, hide, show and delete."""

import uuid
from typing import cast

import redis
from flask import request
from flask.typing import ResponseReturnValue

from flask_messenger.inbox.comments import CommentChange, delete_comment, set_hidden
from flask_messenger.models.base import utc_now
from flask_messenger.outbox.reactions import react
from flask_messenger.realtime import publish
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.acting import changed
from flask_messenger.ui.blueprint import bp


@bp.post("/inbox/messages/<uuid:message_id>/hide")
def hide(message_id: uuid.UUID) -> ResponseReturnValue:
    """Hide a comment from the public."""
    return _set_hidden(message_id, hidden=True)


@bp.post("/inbox/messages/<uuid:message_id>/show")
def show(message_id: uuid.UUID) -> ResponseReturnValue:
    """Let the public see a comment again."""
    return _set_hidden(message_id, hidden=False)


@bp.post("/inbox/messages/<uuid:message_id>/delete")
def delete(message_id: uuid.UUID) -> ResponseReturnValue:
    """Delete a comment for good."""
    tenant = require_permission("reply")
    done = delete_comment(
        current_application(), tenant=tenant, message_id=message_id, now=utc_now()
    )
    return _done(done)


@bp.post("/inbox/messages/<uuid:message_id>/react")
def react_to(message_id: uuid.UUID) -> ResponseReturnValue:
    """React to a message; without an emoji take the reaction back."""
    tenant = require_permission("reply")
    change = react(
        current_application(),
        tenant=tenant,
        message_id=message_id,
        emoji=request.form.get("emoji") or None,
        now=utc_now(),
    )
    publish(state().get(redis.Redis), [change])
    return changed(uuid.UUID(change.ids["conversation_id"]))


def _set_hidden(message_id: uuid.UUID, *, hidden: bool) -> ResponseReturnValue:
    tenant = require_permission("reply")
    done = set_hidden(
        current_application(), tenant=tenant, message_id=message_id, hidden=hidden, now=utc_now()
    )
    return _done(done)


def _done(done: CommentChange) -> ResponseReturnValue:
    publish(state().get(redis.Redis), [done.change])
    return changed(cast("uuid.UUID", done.message.conversation_id))
