"""Conversation routing: which app has a thread, and whether bots may write in it."""

import uuid
from functools import partial
from typing import Any, Final

from flask_messenger import jobs
from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.routing import BotPause, ControlChange, ThreadControl
from flask_messenger.hooks import Tenant
from flask_messenger.inbox import routing
from flask_messenger.inbox.announce import announce_updates
from flask_messenger.inbox.routing import Routed
from flask_messenger.models.base import utc_now
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import current_tenant, require_permission

AS_IT_IS_NOW: Final = (ThreadControl, "Whose the thread is now.")


@bp.get("/conversations/<uuid:conversation_id>/thread-control")
@operation("getThreadControl", tag="conversations", answers={200: AS_IT_IS_NOW}, problems=(404,))
def get_thread_control(conversation_id: uuid.UUID) -> ThreadControl:
    """Say which app has the thread, by what Meta said last."""
    routed = routing.read_control(
        state().db.session,
        state(),
        tenant=current_tenant(),
        conversation_id=conversation_id,
        now=utc_now(),
    )
    return ThreadControl.of(conversation_id, routed)


@bp.post("/conversations/<uuid:conversation_id>/thread-control")
@operation(
    "changeThreadControl",
    tag="conversations",
    answers={200: AS_IT_IS_NOW},
    problems=(400, 402, 403, 404, 409, 415, 502),
)
def change_thread_control(conversation_id: uuid.UUID, json: ControlChange) -> ThreadControl:
    """Take, pass, request, release or extend control of a thread.

    Needs `reply`. Messages that were held for another app go out when the thread is ours.
    """
    tenant = require_permission("reply")
    routed = _change(tenant, conversation_id, json)
    announce_updates([routed.update])
    if routed.wakes:
        jobs.wake_lane(conversation_id)
    return ThreadControl.of(conversation_id, routed)


@bp.post("/conversations/<uuid:conversation_id>/bot-pause")
@operation(
    "pauseBots",
    tag="conversations",
    answers={200: AS_IT_IS_NOW},
    problems=(400, 403, 404, 415),
)
def pause_bots(conversation_id: uuid.UUID, json: BotPause) -> ThreadControl:
    """Have bots be quiet in a conversation, or let them go on.

    Needs `reply`.
    """
    tenant = require_permission("reply")
    routed = routing.pause_bots(
        state().db.session,
        state(),
        tenant=tenant,
        conversation_id=conversation_id,
        until=json.paused_until,
        now=utc_now(),
    )
    state().db.session.commit()
    announce_updates([routed.update])
    return ThreadControl.of(conversation_id, routed)


def _change(tenant: Tenant, conversation_id: uuid.UUID, wanted: ControlChange) -> Routed:
    app = current_application()
    here: dict[str, Any] = {"tenant": tenant, "conversation_id": conversation_id, "now": utc_now()}
    changes = {
        "take": partial(routing.take_control, app, **here),
        "pass": partial(
            routing.pass_control,
            app,
            app_id=wanted.app_id or "",
            metadata=wanted.metadata,
            **here,
        ),
        "request": partial(routing.request_control, app, metadata=wanted.metadata, **here),
        "release": partial(routing.release_control, app, **here),
        "extend": partial(routing.extend_control, app, seconds=wanted.seconds or 0, **here),
        "ask": partial(routing.ask_owner, app, **here),
    }
    return changes[wanted.action]()
