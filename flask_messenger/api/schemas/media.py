"""Files of messages, and uploads."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import Field

from flask_messenger.api.schemas.base import Answer, Question, Time
from flask_messenger.media.links import media_link, thumbnail_link
from flask_messenger.media.words import explain
from flask_messenger.models import Attachment as AttachmentModel
from flask_messenger.models import Upload as UploadModel
from flask_messenger.models.base import utc_now
from flask_messenger.models.messages import ATTACHMENT_FAILED, ATTACHMENT_REFUSED


class FileError(Answer):
    """Why the file of an attachment is not there."""

    slug: str = Field(description="`media_too_large`, `media_gone`, …")
    detail: str = Field(description="The same as a sentence for people.")

    @classmethod
    def of(cls, row: AttachmentModel) -> "FileError | None":
        """Return why there is no file; None where there is one, or will be."""
        if row.state not in {ATTACHMENT_FAILED, ATTACHMENT_REFUSED}:
            return None
        return cls(slug=row.error_slug or "media_policy", detail=_explained(row))


def _explained(row: AttachmentModel) -> str:
    return explain(row.error_slug or "media_policy")


class Attachment(Answer):
    """A file, picture, sound or share of a message."""

    id: uuid.UUID
    type: str
    url: str | None = Field(description="Where Meta had it; such an address ends soon.")
    title: str | None
    state: str = Field(
        description="`stored`; `pending` (being fetched); `failed` (may be tried again), `refused`"
        " (will not be kept); `remote` (an address and no file); `expired` (past its time)."
    )
    error: FileError | None
    media_url: str | None = Field(
        description="The file, for who is signed in, and for an hour or two; null where none is"
        " kept."
    )
    thumbnail_url: str | None = Field(description="A small picture; null where there is none.")
    mime_type: str | None = Field(description="What its bytes say it is.")
    filename: str | None
    size_bytes: int | None
    width: int | None
    height: int | None

    @classmethod
    def of(cls, row: AttachmentModel, *, now: datetime | None = None) -> "Attachment":
        """Return what is shown of `row`."""
        now = now or utc_now()
        return cls(
            id=row.id,
            type=row.type,
            url=row.url,
            title=row.title,
            state=row.state,
            error=FileError.of(row),
            media_url=media_link(row, now=now),
            thumbnail_url=thumbnail_link(row, now=now),
            mime_type=row.mime_type,
            filename=row.filename,
            size_bytes=row.size_bytes,
            width=row.width,
            height=row.height,
        )


class UploadForm(Question):
    """A file, as `multipart/form-data`."""

    file: Any = Field(json_schema_extra={"type": "string", "format": "binary"})
    type: str | None = Field(
        None, description="`image`, `video`, `audio` or `file`; left out, its bytes decide."
    )


class Upload(Answer):
    """A file that can be sent: name it as `upload_id`."""

    id: uuid.UUID
    type: str
    filename: str
    mime_type: str = Field(description="What its bytes say it is.")
    size_bytes: int
    width: int | None
    height: int | None
    media_url: str | None
    thumbnail_url: str | None
    expires_at: Time | None = Field(description="When it is removed unless it is sent.")

    @classmethod
    def of(cls, row: UploadModel) -> "Upload":
        """Return what is shown of `row`."""
        now = utc_now()
        return cls(
            id=row.id,
            type=row.type,
            filename=row.filename,
            mime_type=row.mime_type,
            size_bytes=row.size_bytes,
            width=row.width,
            height=row.height,
            media_url=media_link(row, now=now),
            thumbnail_url=thumbnail_link(row, now=now),
            expires_at=row.expires_at,
        )
