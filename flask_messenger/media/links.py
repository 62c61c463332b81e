"""Links to files: signed, for one workspace and one file, and soon over.

A link says until when it opens what. It is the same for as long as it may be, so that a browser
keeps what it has. It alone opens nothing: whoever follows it has to be of the workspace.
"""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from itsdangerous import BadSignature, URLSafeSerializer

from flask_messenger.errors import NotFoundError
from flask_messenger.models import Attachment, Upload
from flask_messenger.models.messages import ATTACHMENT_STORED
from flask_messenger.settings import Settings
from flask_messenger.state import state

PATH: Final = "/api/messenger/media/"
SALT: Final = b"messenger-media-link"
ATTACHMENT, UPLOAD = "a", "u"
WHOLE, SMALL = "w", "s"
PARTS: Final = 5
OVER: Final = "This link is not valid any more. Reload the page."


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a link opens, and until when (seconds since the epoch)."""

    workspace_id: str
    of: str
    id: uuid.UUID
    is_small: bool
    ends_at: int


def media_link(row: Attachment | Upload, *, now: datetime) -> str | None:
    """Return the path of a file, for a page of the current application; None where none is kept."""
    return _link(row, is_small=False, now=now) if _has_file(row) else None


def thumbnail_link(row: Attachment | Upload, *, now: datetime) -> str | None:
    """Return the path of a small picture; None where there is none."""
    # Of an upload that was sent, the attachment knows what it is, and the upload the rest.
    is_sent_picture = isinstance(row, Attachment) and row.upload_id is not None and bool(row.width)
    if not _has_file(row) or not (row.thumbnail_key or is_sent_picture):
        return None
    return _link(row, is_small=True, now=now)


def read_link(settings: Settings, token: str, *, now: datetime) -> Link:
    """Return what a link opens.

    Raises:
        NotFoundError: it was not made here, or its time is over.
    """
    try:
        parts = _serializer(settings).loads(token)
    except BadSignature:
        parts = None
    if not isinstance(parts, list) or len(parts) != PARTS or parts[4] <= now.timestamp():
        raise NotFoundError(OVER)
    return Link(
        workspace_id=parts[0],
        of=parts[1],
        id=uuid.UUID(hex=parts[2]),
        is_small=parts[3] == SMALL,
        ends_at=parts[4],
    )


def _has_file(row: Attachment | Upload) -> bool:
    if isinstance(row, Upload):
        return True
    is_kept = row.storage_key is not None or row.upload_id is not None
    return row.state == ATTACHMENT_STORED and is_kept


def _link(row: Attachment | Upload, *, is_small: bool, now: datetime) -> str:
    settings = state().settings
    of = UPLOAD if isinstance(row, Upload) else ATTACHMENT
    size = SMALL if is_small else WHOLE
    ends_at = _round_up(now, settings.media.link_seconds)
    signed: str = _serializer(settings).dumps([row.workspace_id, of, row.id.hex, size, ends_at])
    return PATH + signed


def _round_up(now: datetime, seconds: int) -> int:
    """Return an end that links of the same time share: one to two times `seconds` ahead."""
    later = (now + timedelta(seconds=2 * seconds)).timestamp()
    return int(later // seconds * seconds)


def _serializer(settings: Settings) -> Any:
    """Return what signs and reads; the newest key signs, and older ones are known."""
    keys = [hashlib.sha256(SALT + key).digest() for _, key in reversed(settings.encryption_keys)]
    return URLSafeSerializer(
        keys, salt=SALT, signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    )
