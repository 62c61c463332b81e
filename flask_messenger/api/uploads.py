"""Uploads: files that agents send."""

import contextlib
import uuid

from flask import Response, request
from werkzeug.exceptions import UnsupportedMediaType

from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import FORM, operation
from flask_messenger.api.schemas.media import Upload, UploadForm
from flask_messenger.api.security import allow_file
from flask_messenger.errors import InvalidRequestError
from flask_messenger.media import uploads
from flask_messenger.media.uploads import GivenFile
from flask_messenger.models.base import utc_now
from flask_messenger.state import state
from flask_messenger.tenancy import current_tenant, require_permission


@bp.post("/uploads")
@operation(
    "uploadFile",
    tag="media",
    answers={201: (Upload, "The file; name it as `upload_id` in a message.")},
    problems=(400, 403, 409, 415),
)
def upload_file(form: UploadForm) -> Response:
    """Upload a file for sending.

    As `multipart/form-data`. It is removed after a day unless a message has it. Needs `reply`.
    """
    del form  # the file is read from the request, piece by piece
    tenant = require_permission("reply")
    given = _read_file()
    with contextlib.closing(given.stream):
        row = uploads.store_upload(state().db.session, state(), given, tenant=tenant, now=utc_now())
    shown = Upload.of(row).model_dump_json()
    return Response(shown, status=201, mimetype="application/json")


@bp.get("/uploads/<uuid:upload_id>")
@operation("getUpload", tag="media", answers={200: (Upload, "The file.")}, problems=(404,))
def get_upload(upload_id: uuid.UUID) -> Upload:
    """Return an upload."""
    row = uploads.get_upload(state().db.session, tenant=current_tenant(), upload_id=upload_id)
    return Upload.of(row)


@bp.delete("/uploads/<uuid:upload_id>")
@operation(
    "removeUpload",
    tag="media",
    answers={204: (None, "It is gone.")},
    problems=(403, 404, 409),
)
def delete_upload(upload_id: uuid.UUID) -> Response:
    """Remove an upload that was not sent.

    Needs `reply`.
    """
    tenant = require_permission("reply")
    session = state().db.session
    uploads.remove_upload(session, tenant=tenant, upload_id=upload_id)
    session.commit()
    return Response(status=204)


def _read_file() -> GivenFile:
    """Return the file of the form; what is large passes through the disk.

    Raises:
        InvalidRequestError: there is none.
        UnsupportedMediaType: it is no form with files.
    """
    if request.mimetype != FORM:
        raise UnsupportedMediaType(f"Send the file as `{FORM}`.")
    allow_file()
    file = request.files.get("file")
    if file is None:
        raise InvalidRequestError("Send the file as `file` of a form.", field="file")
    return GivenFile(
        stream=file.stream, filename=file.filename or "", type=request.form.get("type") or None
    )
