"""Files that agents put there to be sent: taken within limits, kept until nothing names them."""

import hashlib
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import IO, Any, Final

from sqlalchemy import exists, func, insert, select, update
from sqlalchemy.orm import Session

from flask_messenger.content import Content, Media, MediaTemplate, QuickReplies
from flask_messenger.errors import (
    ConflictError,
    FileRefusedError,
    InvalidRequestError,
    NotFoundError,
)
from flask_messenger.hooks import Tenant
from flask_messenger.media.discard import GRACE, discard_files, keep_files
from flask_messenger.media.keeping import Keys, keep, scratch_file
from flask_messenger.media.kinds import (
    AUDIO,
    BOTH,
    FILE,
    IMAGE,
    TYPES,
    VIDEO,
    check_kind,
    kind_of_mime_type,
    sniff,
)
from flask_messenger.media.names import safe_name
from flask_messenger.media.store import Store
from flask_messenger.models import Attachment, Message, Upload
from flask_messenger.models.base import new_id
from flask_messenger.models.messages import ATTACHMENT_STORED
from flask_messenger.settings import MediaSettings
from flask_messenger.state import MessengerState

PIECE_BYTES: Final = 64 * 1024
HEAD_BYTES: Final = 8 * 1024
FIELD: Final = "file"

_attachments: Final = Attachment.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenFile:
    """A file as it came with a request.

    Attributes:
        type: what it is to be sent as, one of `TYPES`; None for what its bytes say.
    """

    stream: IO[bytes] = field(repr=False)
    filename: str = field(repr=False)
    type: str | None = None


def store_upload(
    session: Session, held: MessengerState, given: GivenFile, *, tenant: Tenant, now: datetime
) -> Upload:
    """Keep a file for sending. Commits: no transaction waits for the store.

    Raises:
        InvalidRequestError: it is empty, too large, or not what it was said to be.
        ConflictError: the workspace has no room left.
        FileUnavailableError: the store did not take it.
    """
    settings = held.settings.media
    if given.type is not None and given.type not in TYPES:
        raise InvalidRequestError(f"A file is sent as one of {', '.join(TYPES)}.", field="type")
    keys = Keys.new(tenant.workspace_id, now)
    with scratch_file() as file:
        copied = _copy(given, file, settings)
        _check_quota(session, settings, tenant.workspace_id, copied.size_bytes)
        discard_files(
            session, [(tenant.workspace_id, key) for key in keys.both], due_at=now + GRACE
        )
        session.commit()
        try:
            kept = keep(
                held.get(Store),
                file,
                keys,
                is_picture=copied.mime_type.startswith(f"{IMAGE}/"),
                max_pixels=settings.max_pixels,
            )
        except FileRefusedError as error:
            raise InvalidRequestError(f"{error}", field=FIELD) from error
    upload = Upload(
        id=new_id(),
        workspace_id=tenant.workspace_id,
        type=copied.type,
        filename=safe_name(given.filename, fallback=copied.type),
        mime_type=copied.mime_type,
        size_bytes=copied.size_bytes,
        width=kept.width,
        height=kept.height,
        sha256=copied.sha256,
        storage_key=kept.storage_key,
        thumbnail_key=kept.thumbnail_key,
        created_by=tenant.user_id,
        created_at=now,
        expires_at=now + timedelta(hours=settings.upload_hours),
    )
    session.add(upload)
    if not keep_files(session, keys.both):
        session.rollback()
        raise ConflictError("It took too long. Send the file again.")
    session.commit()
    return upload


@dataclass(frozen=True, slots=True)
class _Copied:
    type: str
    mime_type: str
    size_bytes: int
    sha256: str


def _copy(given: GivenFile, file: IO[bytes], settings: MediaSettings) -> _Copied:
    """Copy a file to the disk; what it is and how large it may be, its first bytes decide."""
    head = given.stream.read(HEAD_BYTES)
    if not head:
        raise InvalidRequestError("The file is empty.", field=FIELD)
    type_, mime_type = _judge(head, given.type)
    limit, size, digest, piece = settings.uploaded_bytes[type_], 0, hashlib.sha256(), head
    while piece:
        size += len(piece)
        if size > limit:
            message = f"A file sent as {type_} can have {limit} bytes."
            raise InvalidRequestError(message, field=FIELD)
        digest.update(piece)
        file.write(piece)
        piece = given.stream.read(PIECE_BYTES)
    return _Copied(type_, mime_type, size, digest.hexdigest())


def _judge(head: bytes, type_: str | None) -> tuple[str, str]:
    try:
        if type_ is not None:
            return type_, check_kind(head, type_)
    except FileRefusedError as error:
        message = f"{error} Leave `type` out, or send it as a `file`."
        raise InvalidRequestError(message, field=FIELD) from error
    mime_type = sniff(head, FILE)
    return kind_of_mime_type(mime_type), mime_type


def _check_quota(session: Session, settings: MediaSettings, workspace_id: str, more: int) -> None:
    if not settings.quota_bytes:
        return
    used = session.scalar(
        select(func.coalesce(func.sum(Upload.size_bytes), 0)).where(
            Upload.workspace_id == workspace_id
        )
    )
    if int(used or 0) + more > settings.quota_bytes:
        message = f"The files of this workspace may take up {settings.quota_bytes} bytes together."
        raise ConflictError(message)


def get_upload(session: Session, *, tenant: Tenant, upload_id: uuid.UUID) -> Upload:
    """Return an upload of the tenant's own; who sees all locations sees all uploads.

    Raises:
        NotFoundError: there is none.
    """
    statement = select(Upload).where(
        Upload.id == upload_id, Upload.workspace_id == tenant.workspace_id
    )
    if tenant.location_ids is not None:  # nobody knows yet to which location it will be sent
        statement = statement.where(Upload.created_by == tenant.user_id)
    found = session.scalars(statement).one_or_none()
    if found is None:
        raise NotFoundError("There is no such upload.")
    return found


def remove_upload(session: Session, *, tenant: Tenant, upload_id: uuid.UUID) -> None:
    """Remove an upload that was not sent. Never commits.

    Raises:
        NotFoundError: there is none.
        ConflictError: a message has it.
    """
    upload = get_upload(session, tenant=tenant, upload_id=upload_id)
    if session.scalar(select(exists().where(_attachments.c.upload_id == upload.id))):
        raise ConflictError("This file belongs to a message.")
    discard_upload(session, upload)


def discard_upload(session: Session, upload: Upload) -> None:
    """Remove an upload and, after the commit, its files. Never commits."""
    keys = (upload.storage_key, upload.thumbnail_key)
    discard_files(session, [(upload.workspace_id, key) for key in keys])
    session.delete(upload)


def find_uploads(session: Session, *, workspace_id: str, content: Content) -> Sequence[Upload]:
    """Return the uploads a content names, in its order.

    Raises:
        InvalidRequestError: one of them is not the workspace's, or gone.
    """
    ids = [_as_uuid(each) for each in content.upload_ids]
    rows = session.scalars(
        select(Upload).where(Upload.id.in_(ids), Upload.workspace_id == workspace_id)
    )
    by_id = {row.id: row for row in rows}
    if any(each not in by_id for each in ids):
        message = "There is no such upload, or its time is over. Upload the file again."
        raise InvalidRequestError(message, field="attachment.upload_id")
    return [by_id[each] for each in ids if each is not None]


def _as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def attach_uploads(
    session: Session,
    message: Message,
    content: Content,
    *,
    taken: Mapping[str, Collection[str]] | None = None,
    now: datetime,
) -> None:
    """Show the uploads of a message beside it, and keep them as long as it. Never commits.

    Args:
        session: of the caller's transaction.
        message: a row.
        content: what it says.
        taken: the MIME types that the channel takes of a type of attachment; a type that is not
            there takes any.
        now: aware.

    Raises:
        InvalidRequestError: as of `find_uploads`; or a file is not what it is to be sent as.
    """
    uploads = find_uploads(session, workspace_id=message.workspace_id, content=content)
    if not uploads:
        return
    _check_types(uploads, content, taken or {})
    ids = {each.id for each in uploads}
    session.execute(
        update(Upload)
        .where(Upload.id.in_(ids))
        .values(expires_at=None)
        .execution_options(synchronize_session=False)
    )
    rows = [
        _attachment_row(message, upload, content, position=position, now=now)
        for position, upload in enumerate(uploads)
    ]
    session.execute(insert(_attachments), rows)


def _attachment_row(
    message: Message, upload: Upload, content: Content, *, position: int, now: datetime
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "workspace_id": message.workspace_id,
        "message_id": message.id,
        "position": position,
        "type": type_of(content),
        "payload": {},
        "state": ATTACHMENT_STORED,
        "mime_type": upload.mime_type,
        "filename": upload.filename,
        "size_bytes": upload.size_bytes,
        "width": upload.width,
        "height": upload.height,
        "sha256": upload.sha256,
        "upload_id": upload.id,
        "stored_at": now,
        "created_at": now,
    }


def type_of(content: Content) -> str:
    """Return as what the uploads of a content are sent: a picture may be sent as a file."""
    if isinstance(content, QuickReplies) and content.attachment is not None:
        return content.attachment.type
    if isinstance(content, MediaTemplate):
        return content.media_type
    return content.type if isinstance(content, Media) else IMAGE


def _check_types(
    uploads: Sequence[Upload], content: Content, taken: Mapping[str, Collection[str]]
) -> None:
    """Pass where every upload is what it is to be sent as; anything can be sent as a file.

    Raises:
        InvalidRequestError: one is not, or the channel does not take files of its kind.
    """
    wanted = type_of(content)
    known = taken.get(wanted)
    for upload in uploads:
        if wanted not in {FILE, upload.type} and not _is_either(upload, wanted):
            message = f"This file is of the type {upload.type}: it cannot be sent as {wanted}."
            raise InvalidRequestError(message, field="attachment.type")
        if known is not None and upload.mime_type not in known:
            message = f"The channel takes {', '.join(sorted(known))} here; this is another file."
            raise InvalidRequestError(message, field="attachment.upload_id")


def _is_either(upload: Upload, wanted: str) -> bool:
    """Say whether an upload is a film that may hold sound alone, and is wanted as the other."""
    return {wanted, upload.type} == {AUDIO, VIDEO} and upload.mime_type in {*BOTH, *BOTH.values()}
