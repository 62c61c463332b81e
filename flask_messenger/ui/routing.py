"""Who answers: this inbox, another app, or a bot."""

import uuid
from collections.abc import Callable
from typing import Final

from flask import request
from flask.typing import ResponseReturnValue

from flask_messenger import jobs
from flask_messenger.errors import InvalidRequestError
from flask_messenger.inbox.announce import announce_updates
from flask_messenger.inbox.routing import (
    Routed,
    pause_bots,
    release_control,
    request_control,
    take_control,
)
from flask_messenger.models.base import utc_now
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.acting import changed
from flask_messenger.ui.blueprint import bp

ACTIONS: Final[dict[str, Callable[..., Routed]]] = {
    "release": release_control,
    "request": request_control,
    "take": take_control,
}


@bp.post("/inbox/<uuid:conversation_id>/control")
def control(conversation_id: uuid.UUID) -> ResponseReturnValue:
    """Take the conversation from another app, ask for it, or let it go."""
    tenant = require_permission("reply")
    action = ACTIONS.get(request.form.get("action", ""))
    if action is None:
        raise InvalidRequestError("Take it, request it or release it.", field="action")
    routed = action(
        current_application(), tenant=tenant, conversation_id=conversation_id, now=utc_now()
    )
    announce_updates([routed.update])
    if routed.wakes:
        jobs.wake_lane(conversation_id)
    return changed(conversation_id)


@bp.post("/inbox/<uuid:conversation_id>/resume-bot")
def resume_bot(conversation_id: uuid.UUID) -> ResponseReturnValue:
    """Let bots answer again, though a person did a while ago."""
    tenant = require_permission("reply")
    session = state().db.session
    routed = pause_bots(
        session,
        state(),
        tenant=tenant,
        conversation_id=conversation_id,
        until=None,
        now=utc_now(),
    )
    session.commit()
    announce_updates([routed.update])
    return changed(conversation_id)
