"""The one route Meta calls."""

import hmac
import logging
import re
from typing import Final

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from flask_messenger.errors import MessengerError, PayloadTooLargeError
from flask_messenger.ingest.journal import journal_delivery
from flask_messenger.ingest.receive import signing_app, split_delivery
from flask_messenger.ingest.wake import DrainWaker
from flask_messenger.state import state

logger = logging.getLogger(__name__)

bp = Blueprint("messenger_webhook", __name__)

CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")


@bp.get("/webhooks/meta")
def verify() -> ResponseReturnValue:
    """Answer Meta's challenge if it knows a verify token of ours."""
    token = request.args.get("hub.verify_token", "").encode()
    tokens = [app.verify_token.encode() for app in state().settings.apps.values()]
    known = any([hmac.compare_digest(token, each) for each in tokens])  # noqa: C419 - no early exit
    challenge = request.args.get("hub.challenge", "")
    if (
        request.args.get("hub.mode") != "subscribe"
        or not known
        or not CHALLENGE.fullmatch(challenge)
    ):
        return _plain("The verify token is not ours.", 403)
    return _plain(challenge, 200)


@bp.post("/webhooks/meta")
def receive() -> ResponseReturnValue:
    """Check, journal, wake, answer: Meta waits for durability, not for our work.

    Answers 200 only once every entry is committed; 503 where the database cannot take it, and
    Meta sends it again.
    """
    held = state()
    body = _read_body(held.settings.webhook_max_bytes)
    header = request.headers.get("X-Hub-Signature-256")
    app = signing_app(body, header, held.settings.apps.values())
    delivery = split_delivery(body)
    try:
        journal_delivery(held.db.engine, delivery, app_name=app.name)
    except SQLAlchemyError as error:
        logger.error("journal_failed error=%s", type(error).__name__)  # noqa: TRY400 - holds bodies
        return _plain("The journal is not available; please send it again.", 503)
    held.get(DrainWaker).wake()
    return _plain("", 200)


def _read_body(max_bytes: int) -> bytes:
    """Return the raw bytes: re-written JSON has another signature.

    A host's own MAX_CONTENT_LENGTH does not apply here; ours does.

    Raises:
        PayloadTooLargeError: more than `max_bytes`, said by the header or found by reading.
    """
    request.max_content_length = max_bytes + 1
    if (request.content_length or 0) > max_bytes:
        raise PayloadTooLargeError(f"A delivery has at most {max_bytes} bytes.")
    body = request.stream.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise PayloadTooLargeError(f"A delivery has at most {max_bytes} bytes.")
    return body


def _plain(text: str, status: int) -> Response:
    return Response(text, status, content_type="text/plain; charset=utf-8")


@bp.errorhandler(MessengerError)
def _refuse(error: MessengerError) -> ResponseReturnValue:
    logger.warning(
        "webhook_refused reason=%s bytes=%s", error.slug, request.content_length or "unknown"
    )
    return _plain(str(error), error.status)
