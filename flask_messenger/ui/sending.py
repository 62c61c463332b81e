"""Answers: send one, and decide about one that did not go out."""

import uuid

import redis
from flask import request
from flask.typing import ResponseReturnValue

from flask_messenger import jobs
from flask_messenger.content import Content, Media, Text
from flask_messenger.models.base import utc_now
from flask_messenger.models.messages import BY_PERSON
from flask_messenger.outbox.compose import compose
from flask_messenger.realtime import publish
from flask_messenger.state import state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.acting import changed
from flask_messenger.ui.blueprint import bp


@bp.post("/inbox/<uuid:conversation_id>/messages")
def send(conversation_id: uuid.UUID) -> ResponseReturnValue:
    """Queue an answer. The page's key makes a second try of the same answer harmless."""
    tenant = require_permission("reply")
    session = state().db.session
    composed = compose(
        session,
        state(),
        tenant_workspace_id=tenant.workspace_id,
        conversation_id=conversation_id,
        content=_read_content(),
        sender=BY_PERSON,
        sent_by_ref=tenant.user_id,
        sent_by_name=tenant.user_name or None,
        idempotency_key=request.form.get("key") or None,
        location_ids=tenant.location_ids,
        now=utc_now(),
    )
    change = composed.change
    session.commit()
    publish(state().get(redis.Redis), [change])
    jobs.wake_lane(conversation_id)
    return changed(conversation_id)


def _read_content() -> Content:
    url = request.form.get("attachment", "").strip()
    if url:
        return Media(type=request.form.get("kind") or "image", url=url)
    return Text(request.form.get("text", ""))
