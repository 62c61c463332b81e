"""Files of messages: served by link, and fetched again."""

import uuid
from typing import Any, Final

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import generate_etag

from flask_messenger import jobs
from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.media import Attachment
from flask_messenger.media.links import read_link
from flask_messenger.media.retry import retry_attachment
from flask_messenger.media.serve import ServedFile, open_link
from flask_messenger.media.store import Store
from flask_messenger.models.base import utc_now
from flask_messenger.state import state
from flask_messenger.tenancy import current_tenant, require_permission

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    # Whatever the file is, opened by itself it is a page of nobody and may do nothing.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "same-site",
    "Referrer-Policy": "no-referrer",
}


@bp.get("/media/<token>")
@operation(
    "streamMedia",
    tag="media",
    answers={200: (None, "The file."), 206: (None, "The part of it that was asked for.")},
    problems=(404, 416),
)
def stream_media(token: str) -> Response:
    """Serve the file that a `media_url` or `thumbnail_url` names, to a tenant of its workspace."""
    held, now = state(), utc_now()
    link = read_link(held.settings, token, now=now)
    file = open_link(held.db.session, tenant=current_tenant(), link=link)
    held.db.session.rollback()  # a browser may be slow, and no connection waits for it
    tag = generate_etag(file.tag.encode())
    part = _wanted_part(file, tag)
    answer = _answer(held.get(Store), file, part)
    answer.headers.update(HEADERS)
    disposition = "inline" if file.is_shown else "attachment"
    answer.headers.set("Content-Disposition", disposition, filename=file.filename)
    answer.set_etag(tag)
    answer.cache_control.private = True
    answer.cache_control.max_age = int(link.ends_at - now.timestamp())
    return answer


@bp.post("/attachments/<uuid:attachment_id>/retry")
@operation(
    "retryAttachment",
    tag="media",
    answers={202: (Attachment, "The attachment, which is being fetched.")},
    problems=(403, 404, 409),
)
def retry_fetching(attachment_id: uuid.UUID) -> Response:
    """Fetch a file again that could not be fetched.

    It is `failed`, or `refused` for what it is. Needs `reply`.
    """
    tenant = require_permission("reply")
    session = state().db.session
    row = retry_attachment(session, tenant=tenant, attachment_id=attachment_id, now=utc_now())
    shown = Attachment.of(row).model_dump_json()
    session.commit()
    jobs.wake_fetching([tenant.workspace_id])
    return Response(shown, status=202, mimetype="application/json")


def _wanted_part(file: ServedFile, tag: str) -> tuple[int, int] | None:
    """Return the one range that was asked for, as start and end; None for the whole.

    Raises:
        RequestedRangeNotSatisfiable: the file has no such bytes.
    """
    wanted = request.range
    if wanted is None or file.size_bytes is None:
        return None
    if wanted.units != "bytes" or len(wanted.ranges) != 1:
        return None
    known = request.if_range
    if known.date is not None or (known.etag is not None and known.etag != tag):
        return None
    found = wanted.range_for_length(file.size_bytes)
    if found is None:
        raise RequestedRangeNotSatisfiable(length=file.size_bytes)
    return found


def _answer(store: Store, file: ServedFile, part: tuple[int, int] | None) -> Response:
    if request.if_none_match.contains(generate_etag(file.tag.encode())):
        return Response(status=304)
    start, end = part or (0, file.size_bytes)
    pieces: Any = store.read(file.storage_key, start=start, end=end)
    answer = Response(pieces, content_type=file.content_type, direct_passthrough=True)
    if file.size_bytes is not None:
        answer.accept_ranges = "bytes"
        answer.content_length = (end or 0) - start
    if part is not None:
        answer.status_code = 206
        answer.content_range.set(start, end, file.size_bytes)
    return answer
