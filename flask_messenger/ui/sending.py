"""Answers: send one, and decide about one that did not go out."""

import uuid
from datetime import UTC, datetime
from typing import cast

import redis
from flask import request
from flask.typing import ResponseReturnValue

from flask_messenger import jobs
from flask_messenger.content import Content, Media, Text
from flask_messenger.errors import InvalidRequestError, NotFoundError
from flask_messenger.hooks import Tenant
from flask_messenger.inbox.announce import announce_decision
from flask_messenger.inbox.messages import get_message
from flask_messenger.models import Message
from flask_messenger.models.base import utc_now
from flask_messenger.models.messages import BY_PERSON
from flask_messenger.outbox.compose import compose
from flask_messenger.outbox.reconcile import (
    cancel_message,
    discard_message,
    mark_as_sent,
    retry_message,
)
from flask_messenger.realtime import publish
from flask_messenger.replies.using import fill_kept_template
from flask_messenger.state import state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.acting import changed
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.presenters.times import zone_named
from flask_messenger.ui.reading import ZONE_COOKIE


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
        content=_read_content(conversation_id, tenant),
        sender=BY_PERSON,
        sent_by_ref=tenant.user_id,
        sent_by_name=tenant.user_name or None,
        idempotency_key=request.form.get("key") or None,
        reply_to_external_id=_external_id_of(request.form.get("reply_to", ""), tenant),
        private_reply_to=_external_id_of(request.form.get("privately", ""), tenant),
        location_ids=tenant.location_ids,
        send_at=_read_time(request.form.get("send_at", "")),
        now=utc_now(),
    )
    changes, place = composed.changes, composed.place
    session.commit()
    publish(state().get(redis.Redis), changes)
    jobs.wake_lane(place)
    return changed(conversation_id)


def _external_id_of(message_id: str, tenant: Tenant) -> str | None:
    """Return Meta's id of the message that is answered; None where none is.

    Raises:
        InvalidRequestError: it is not there, or Meta does not know it yet.
    """
    if not message_id:
        return None
    session = state().db.session
    try:
        found = get_message(session, tenant=tenant, message_id=uuid.UUID(message_id)).message
    except (ValueError, NotFoundError) as error:
        raise InvalidRequestError("What you answer is gone.", field="reply_to") from error
    if found.external_id is None:
        raise InvalidRequestError("What you answer has not been sent yet.", field="reply_to")
    return found.external_id


def _read_content(conversation_id: uuid.UUID, tenant: Tenant) -> Content:
    template_id = request.form.get("template", "")
    if template_id:
        return _fill_template(conversation_id, template_id, tenant)
    upload_id = request.form.get("upload", "").strip()
    if upload_id:
        return Media(type=request.form.get("kind") or "file", upload_id=upload_id)
    url = request.form.get("attachment", "").strip()
    if url:
        return Media(type=request.form.get("kind") or "image", url=url)
    return Text(request.form.get("text", ""))


def _fill_template(conversation_id: uuid.UUID, template_id: str, tenant: Tenant) -> Content:
    try:
        filled = fill_kept_template(
            state().db.session,
            state(),
            tenant=tenant,
            conversation_id=conversation_id,
            template_id=uuid.UUID(template_id),
        )
    except ValueError as error:
        raise InvalidRequestError("There is no such template.", field="template") from error
    return filled.content


def _read_time(text: str) -> datetime | None:
    """Return when to send; a time without a zone is one of the reader's own.

    Raises:
        InvalidRequestError: it is no time.
    """
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequestError("Say when to send it.", field="send_at") from error
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone_named(request.cookies.get(ZONE_COOKIE)))
    return at.astimezone(UTC)


@bp.post("/inbox/messages/<uuid:message_id>/cancel")
def cancel(message_id: uuid.UUID) -> ResponseReturnValue:
    """Take a message back that has not gone out yet."""
    tenant = require_permission("reply")
    message = cancel_message(
        state().db.session, tenant=tenant, message_id=message_id, now=utc_now()
    )
    return _decided(message)


@bp.post("/inbox/messages/<uuid:message_id>/retry")
def retry(message_id: uuid.UUID) -> ResponseReturnValue:
    """Send a message again that failed, or of which nobody knows whether it arrived."""
    tenant = require_permission("reply")
    message = retry_message(
        state().db.session, state(), tenant=tenant, message_id=message_id, now=utc_now()
    )
    answer = _decided(message)
    jobs.wake_lane(cast("uuid.UUID", message.conversation_id))
    return answer


@bp.post("/inbox/messages/<uuid:message_id>/discard")
def discard(message_id: uuid.UUID) -> ResponseReturnValue:
    """Put a message away that did not go out."""
    tenant = require_permission("reply")
    message = discard_message(
        state().db.session, tenant=tenant, message_id=message_id, now=utc_now()
    )
    return _decided(message)


@bp.post("/inbox/messages/<uuid:message_id>/sent")
def mark_sent(message_id: uuid.UUID) -> ResponseReturnValue:
    """Believe a person who saw that a message did arrive."""
    tenant = require_permission("reply")
    message = mark_as_sent(state().db.session, tenant=tenant, message_id=message_id, now=utc_now())
    return _decided(message, is_sent_news=True)


def _decided(message: Message, *, is_sent_news: bool = False) -> ResponseReturnValue:
    """Commit a decision, tell the host and open pages, and let this one look again."""
    conversation_id = cast("uuid.UUID", message.conversation_id)
    state().db.session.commit()
    announce_decision(message, is_sent_news=is_sent_news)
    return changed(conversation_id)
