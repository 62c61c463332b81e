"""Sending a message."""

import time
from typing import Final

import redis
from flask import Response, current_app

from flask_messenger import jobs, realtime
from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.sending import SendHeaders, SendRequest, Sent
from flask_messenger.errors import InvalidRequestError
from flask_messenger.hooks import Tenant
from flask_messenger.inbox import messages as reading
from flask_messenger.models import Message
from flask_messenger.models.base import utc_now
from flask_messenger.models.messages import BY_PERSON, DELIVERED, QUEUED, READ, SENDING, SENT
from flask_messenger.outbox.compose import Composed, compose
from flask_messenger.state import state
from flask_messenger.tenancy import require_permission

POLL_SECONDS: Final = 0.05
ON_ITS_WAY: Final = frozenset({QUEUED, SENDING})
OUT: Final = frozenset({SENT, DELIVERED, READ})


@bp.post("/send")
@operation(
    "send",
    tag="messages",
    answers={
        200: (Sent, "Meta has accepted the message; only where the request waited for it."),
        202: (Sent, "The message is in its lane; `status` says how far it has come."),
    },
    problems=(400, 402, 403, 404, 409, 415),
)
def send(json: SendRequest, headers: SendHeaders) -> Response:
    """Send text, an attachment, or any other content.

    Needs `reply`. In a conversation of comments it is a public answer, or a private reply. The
    message goes out after those that were queued before it in the same conversation, or at
    `send_at`. With `Prefer: wait=N` the answer waits until Meta has accepted it, or N seconds.
    """
    tenant = require_permission("reply")
    composed = _compose(tenant, json, key=_one_key(json, headers))
    session = state().db.session
    message_id, changes, place = composed.message.id, composed.changes, composed.place
    more_ids = [each.id for each in composed.more]
    session.commit()
    if composed.created:
        realtime.publish(state().get(redis.Redis), changes)
        jobs.wake_lane(place)
    deadline = time.monotonic() + headers.wait_seconds
    row = reading.get_message(session, tenant=tenant, message_id=message_id)
    while _is_on_its_way(row.message) and time.monotonic() < deadline:
        session.rollback()  # or this transaction would never see what the worker writes
        time.sleep(POLL_SECONDS)
        row = reading.get_message(session, tenant=tenant, message_id=message_id)
    answer = current_app.response_class(
        Sent.of(row, composed, more_ids).model_dump_json(), mimetype="application/json"
    )
    answer.status_code = 200 if headers.wait_seconds and row.message.status in OUT else 202
    if headers.wait_seconds:
        answer.headers["Preference-Applied"] = f"wait={headers.wait_seconds}"
    return answer


def _is_on_its_way(message: Message) -> bool:
    """Say whether it is worth waiting for: one that is put off is not."""
    is_put_off = message.send_at is not None and message.send_at > utc_now()
    return message.status in ON_ITS_WAY and not is_put_off


def _compose(tenant: Tenant, wanted: SendRequest, *, key: str | None) -> Composed:
    return compose(
        state().db.session,
        state(),
        tenant_workspace_id=tenant.workspace_id,
        location_ids=tenant.location_ids,
        conversation_id=wanted.conversation_id,
        account_id=wanted.account_id,
        recipient_external_id=wanted.recipient_id,
        content=wanted.what(),
        sender=wanted.sender,
        sent_by_ref=tenant.user_id,
        sent_by_name=tenant.user_name if wanted.sender == BY_PERSON else None,
        idempotency_key=key,
        reply_to_external_id=wanted.reply_to,
        private_reply_to=wanted.private_reply_to,
        extras=wanted.extras(),
        on_unsupported=wanted.on_unsupported,
        send_at=wanted.send_at,
        now=utc_now(),
    )


def _one_key(wanted: SendRequest, headers: SendHeaders) -> str | None:
    """Return the idempotency key, from the header or the body.

    Raises:
        InvalidRequestError: both have one, and they differ.
    """
    keys = {wanted.idempotency_key, headers.idempotency_key} - {None}
    if len(keys) > 1:
        message = "Header and body name different idempotency keys."
        raise InvalidRequestError(message, field="idempotency_key")
    return keys.pop() if keys else None
