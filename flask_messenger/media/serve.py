"""What a link leads to: a file of the tenant's own, and how a browser is to take it."""

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from flask_messenger.errors import NotFoundError
from flask_messenger.hooks import Tenant
from flask_messenger.media.kinds import IMAGE, KEPT, OTHER, SHOWN
from flask_messenger.media.links import ATTACHMENT, OVER, Link
from flask_messenger.media.pictures import THUMBNAIL
from flask_messenger.media.retry import find_attachment
from flask_messenger.media.uploads import get_upload
from flask_messenger.models import Attachment, Upload
from flask_messenger.models.messages import ATTACHMENT_STORED


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedFile:
    """A file as it is answered.

    Attributes:
        content_type: one that a browser may be told.
        is_shown: whether a browser may show it; else it saves it.
        size_bytes: None of a thumbnail: nobody wrote it down.
    """

    storage_key: str
    content_type: str
    is_shown: bool
    filename: str = field(repr=False)
    size_bytes: int | None
    tag: str


def open_link(session: Session, *, tenant: Tenant, link: Link) -> ServedFile:
    """Return the file a link leads to.

    Raises:
        NotFoundError: it is of another workspace or location, or gone; which, is not said.
    """
    try:
        row = _find_row(session, tenant=tenant, link=link)
    except NotFoundError:
        row = None
    if row is None or link.workspace_id != tenant.workspace_id:
        raise NotFoundError(OVER)
    return _served(row, is_small=link.is_small)


def _find_row(session: Session, *, tenant: Tenant, link: Link) -> Attachment | Upload | None:
    if link.of != ATTACHMENT:
        return get_upload(session, tenant=tenant, upload_id=link.id)
    row = find_attachment(session, tenant=tenant, attachment_id=link.id)
    if row.state != ATTACHMENT_STORED:
        return None
    # Whoever sees a message sees its files, whoever put them there.
    return row if row.storage_key is not None else session.get(Upload, row.upload_id)


def _served(row: Attachment | Upload, *, is_small: bool) -> ServedFile:
    key, mime_type, size = row.storage_key or "", row.mime_type or OTHER, row.size_bytes
    if is_small and row.thumbnail_key:
        key, mime_type, size = row.thumbnail_key, THUMBNAIL, None
    is_known = mime_type in SHOWN or mime_type in KEPT
    return ServedFile(
        storage_key=key,
        content_type=mime_type if is_known else OTHER,
        is_shown=mime_type in SHOWN,
        filename=row.filename or IMAGE,
        size_bytes=size,
        # A file is never changed: its key says which it is, and is told to nobody.
        tag=f"{row.id.hex}-{'s' if is_small else 'w'}",
    )
