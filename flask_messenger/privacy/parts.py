"""The document of an export, kept in sealed parts: written and read one at a time."""

import uuid
from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from flask_messenger.crypto import KeyRing
from flask_messenger.errors import ConflictError
from flask_messenger.models import DataRequest, ExportPart
from flask_messenger.models.base import new_id


def add_part(
    session: Session, keys: KeyRing, request: DataRequest, *, number: int, content: str
) -> None:
    """Keep the next part of a document. Never commits."""
    part = ExportPart(
        id=new_id(), workspace_id=request.workspace_id, request_id=request.id, number=number
    )
    part.seal_content(keys, content)
    session.add(part)


def list_parts(session: Session, request_id: uuid.UUID) -> list[uuid.UUID]:
    """Return the ids of a document's parts, in order."""
    statement = select(ExportPart.id).where(ExportPart.request_id == request_id)
    return list(session.scalars(statement.order_by(ExportPart.number)))


def read_part(session: Session, keys: KeyRing, part_id: uuid.UUID) -> str:
    """Return the text of one part. Ends the transaction: whoever reads may be slow.

    Raises:
        ConflictError: it was removed meanwhile; what was read before it is not the whole.
    """
    sealed = session.scalar(select(ExportPart.content_sealed).where(ExportPart.id == part_id))
    session.rollback()
    if sealed is None:
        raise ConflictError("The document was removed while it was read.")
    return keys.open(sealed, context=ExportPart.context(part_id))


def discard_parts(session: Session, request_ids: Sequence[uuid.UUID]) -> None:
    """Remove the parts of these exports. Never commits."""
    session.execute(
        delete(ExportPart)
        .where(ExportPart.request_id.in_(request_ids))
        .execution_options(synchronize_session=False)
    )
