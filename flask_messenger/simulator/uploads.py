"""Files given to Meta: fetched or uploaded, checked, kept, used again until they expire."""

from __future__ import annotations

import mimetypes
import sqlite3
from typing import Any

from werkzeug.datastructures import FileStorage

from flask_messenger.simulator import errors, ids, media
from flask_messenger.simulator.constants import INSTAGRAM
from flask_messenger.simulator.media import Fetched
from flask_messenger.simulator.send_content import File
from flask_messenger.simulator.state import simulator

LIFE_MS = 90 * 24 * 3_600_000  # an attachment id's
INSTAGRAM_TYPES = {
    "image": ("image/png", "image/jpeg", "image/gif"),
    "video": (
        "video/mp4",
        "video/ogg",
        "video/avi",
        "video/x-msvideo",
        "video/quicktime",
        "video/webm",
    ),
    "audio": ("audio/aac", "audio/m4a", "audio/x-m4a", "audio/wav", "audio/x-wav", "audio/mp4"),
    "file": ("application/pdf",),
}


def bring(file: File, channel: str, upload: FileStorage | None) -> Fetched | None:
    """Return the bytes of a file by url or upload; `None` where it needs none or may not be had.

    Raises:
        GraphError: it cannot be fetched, is too big, or is no such kind of file.
    """
    fetched: Fetched | None = None
    if upload is not None:
        fetched = _read_upload(file.kind, upload)
    elif file.url is not None:
        fetched = media.fetch(simulator().settings, file.kind, file.url)
    if (
        fetched is not None
        and channel == INSTAGRAM
        and fetched.mime_type not in INSTAGRAM_TYPES[file.kind]
    ):
        raise errors.invalid("Upload attachment failure: unsupported format", media.WRONG_TYPE)
    return fetched


def keep(db: sqlite3.Connection, owner_id: str, fetched: Fetched, *, is_reusable: bool) -> str:
    """Store a file of a Page or an Instagram account; return its attachment id."""
    media_id = media.keep(db, owner_id, fetched, is_reusable=is_reusable)
    db.execute("UPDATE media SET created_at = ? WHERE id = ?", [ids.now_ms(), media_id])
    return media_id


def find(db: sqlite3.Connection, owner_id: str, attachment_id: str, kind: str) -> sqlite3.Row:
    """Return the kept file of an attachment id.

    Raises:
        GraphError: the account has none by that id, it has expired, or it is of another kind.
    """
    kept = media.find_reusable(db, owner_id, attachment_id)
    row = db.execute("SELECT created_at FROM media WHERE id = ?", [kept["id"]]).fetchone()
    if row["created_at"] and ids.now_ms() - row["created_at"] > LIFE_MS:
        raise errors.invalid("The attachment ID has expired", media.NOT_OWNED)
    if kept["kind"] != kind:
        raise errors.invalid("The attachment is of another type", media.WRONG_TYPE)
    return kept


def show(media_id: str, kind: str, name: str) -> dict[str, Any]:
    """Return the attachment of a webhook that points at a kept file."""
    return media.attachment(simulator().settings.base_url, media_id, kind, name)


def _read_upload(kind: str, upload: FileStorage) -> Fetched:
    content = upload.read()
    limit = media.IMAGE_BYTES if kind == "image" else media.OTHER_BYTES
    if len(content) > limit:
        raise errors.invalid("The attachment is too big", media.TOO_BIG)
    name = (upload.filename or kind).replace("/", "_")
    mime_type = upload.mimetype or mimetypes.guess_type(name)[0] or "application/octet-stream"
    if not content or (kind != "file" and not mime_type.startswith(kind + "/")):
        raise errors.invalid(
            "Upload attachment failure: the media type does not match", media.WRONG_TYPE
        )
    return Fetched(kind, name, mime_type.lower(), content)
