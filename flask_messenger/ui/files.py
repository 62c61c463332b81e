"""Files: those that agents put into an answer, and those of messages that did not come."""

import contextlib
import uuid
from typing import cast

from flask import request
from flask.typing import ResponseReturnValue

from flask_messenger import jobs
from flask_messenger.api.security import allow_file
from flask_messenger.errors import InvalidRequestError
from flask_messenger.inbox.messages import get_message
from flask_messenger.media.links import media_link, thumbnail_link
from flask_messenger.media.retry import retry_attachment
from flask_messenger.media.uploads import GivenFile, remove_upload, store_upload
from flask_messenger.models.base import utc_now
from flask_messenger.state import state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.acting import changed
from flask_messenger.ui.blueprint import bp


@bp.post("/inbox/uploads")
def upload() -> ResponseReturnValue:
    """Keep a file for the answer that is being written; say how it looks."""
    tenant = require_permission("reply")
    allow_file()
    file = request.files.get("file")
    if file is None:
        raise InvalidRequestError("Choose a file.", field="file")
    now = utc_now()
    with contextlib.closing(file):
        given = GivenFile(stream=file.stream, filename=file.filename or "")
        kept = store_upload(state().db.session, state(), given, tenant=tenant, now=now)
    return {
        "id": str(kept.id),
        "type": kept.type,
        "name": kept.filename,
        "url": media_link(kept, now=now),
        "picture_url": thumbnail_link(kept, now=now),
    }, 201


@bp.post("/inbox/uploads/<uuid:upload_id>/remove")
def drop_upload(upload_id: uuid.UUID) -> ResponseReturnValue:
    """Forget a file that was not sent."""
    tenant = require_permission("reply")
    session = state().db.session
    remove_upload(session, tenant=tenant, upload_id=upload_id)
    session.commit()
    return "", 204


@bp.post("/inbox/attachments/<uuid:attachment_id>/fetch")
def fetch_again(attachment_id: uuid.UUID) -> ResponseReturnValue:
    """Have a file fetched again that did not come."""
    tenant = require_permission("reply")
    session = state().db.session
    found = retry_attachment(session, tenant=tenant, attachment_id=attachment_id, now=utc_now())
    message = get_message(session, tenant=tenant, message_id=found.message_id).message
    session.commit()
    jobs.wake_fetching([tenant.workspace_id])
    return changed(cast("uuid.UUID", message.conversation_id))
