"""The one route Meta calls."""

import hmac
import logging
import re
from typing import IO, Final

from flask import Blueprint, Request, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from flask_messenger.errors import (
    JournalUnavailableError,
    MessengerError,
    PayloadTooLargeError,
    SignatureError,
    SpoolUnavailableError,
    TooManyRequestsError,
)
from flask_messenger.ingest.journal import Journal, make_rows
from flask_messenger.ingest.receive import JournalRows, signing_app, split_delivery
from flask_messenger.ingest.spool import Spool
from flask_messenger.ingest.strangers import Strangers
from flask_messenger.ingest.wake import DrainWaker
from flask_messenger.state import MessengerState, state

logger = logging.getLogger(__name__)

bp = Blueprint("messenger_webhook", __name__)

CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")


@bp.get("/webhooks/meta")
def verify() -> ResponseReturnValue:
    """Answer Meta's challenge if it knows a verify token of ours."""
    held = state()
    held.get(Strangers).check(request.remote_addr)  # a token could be guessed, given the tries
    token = request.args.get("hub.verify_token", "").encode()
    tokens = [app.verify_token.encode() for app in held.settings.apps.values()]
    known = any([hmac.compare_digest(token, each) for each in tokens])  # noqa: C419 - no early exit
    challenge = request.args.get("hub.challenge", "")
    if (
        request.args.get("hub.mode") != "subscribe"
        or not known
        or not CHALLENGE.fullmatch(challenge)
    ):
        held.get(Strangers).count(request.remote_addr)
        return _plain("The verify token is not ours.", 403)
    return _plain(challenge, 200)


@bp.post("/webhooks/meta")
def receive() -> ResponseReturnValue:
    """Check, journal, wake, answer: Meta waits for durability, not for our work.

    Answers 200 only once every entry is committed, or on disk in the spool where the database
    cannot take it; 503 where neither can, and Meta sends it again.
    """
    held = state()
    body = _read_body(held.settings.webhook_max_bytes)
    header = request.headers.get("X-Hub-Signature-256")
    try:
        app = signing_app(body, header, held.settings.apps.values())
    except SignatureError:
        # Only now: what is signed is never counted, wherever it comes from.
        held.get(Strangers).count(request.remote_addr)
        raise
    delivery = split_delivery(body)
    if delivery.entries and _keep(held, make_rows(delivery, app_name=app.name)):
        held.get(DrainWaker).wake()
    return _plain("", 200)


def _keep(held: MessengerState, rows: JournalRows) -> bool:
    """Keep a delivery where it is durable; say whether that is the journal.

    Raises:
        UnavailableError: nothing could take it.
    """
    journal = held.get(Journal)
    try:
        journal.write(rows)
    except JournalUnavailableError:
        if not journal.may_spool:
            raise
        held.get(Spool).put(rows)
        return False
    return True


def _read_body(max_bytes: int) -> bytes:
    """Return the raw bytes: re-written JSON has another signature.

    A host's own MAX_CONTENT_LENGTH does not apply here; ours does.

    Raises:
        PayloadTooLargeError: more than `max_bytes`, said by the header or found by reading.
    """
    length = request.content_length
    if length is None or "stream" in vars(_request()):
        body = _read_carefully(max_bytes)  # without a length, or the host has read it already
    elif length <= max_bytes:
        # As the server gives it: the layers in between cost more than checking the signature.
        body = _read_whole(request.environ["wsgi.input"], length)
    else:
        body = b""
    if max(len(body), length or 0) > max_bytes:
        raise PayloadTooLargeError(f"A delivery has at most {max_bytes} bytes.")
    return body


def _read_whole(stream: IO[bytes], length: int) -> bytes:
    """Read `length` bytes, or what there is: a server may hand them over in pieces."""
    body = stream.read(length)
    if len(body) == length:
        return body
    pieces = [body]
    left = length - len(body)
    while left and pieces[-1]:
        pieces.append(stream.read(left))
        left -= len(pieces[-1])
    return b"".join(pieces)


def _read_carefully(max_bytes: int) -> bytes:
    request.max_content_length = max_bytes + 1
    try:
        return request.get_data()
    except RequestEntityTooLarge:
        raise PayloadTooLargeError(f"A delivery has at most {max_bytes} bytes.") from None


def _request() -> Request:
    found: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    return found


def _plain(text: str, status: int) -> Response:
    return Response(text, status, content_type="text/plain; charset=utf-8")


@bp.errorhandler(MessengerError)
def _refuse(error: MessengerError) -> ResponseReturnValue:
    reason = error.reason if isinstance(error, SpoolUnavailableError) else "-"
    logger.warning(
        "webhook_refused error=%s reason=%s bytes=%s",
        error.slug,
        reason,
        request.content_length or "unknown",
    )
    answer = _plain(str(error), error.status)
    if isinstance(error, TooManyRequestsError):
        answer.headers["Retry-After"] = str(error.retry_after_seconds)
    return answer
