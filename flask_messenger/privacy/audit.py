"""Reading the audit log."""

import uuid
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.errors import InvalidRequestError
from flask_messenger.hooks import Tenant
from flask_messenger.models import AuditEntry

MAX_ROWS: Final = 200


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Acts, the newest first; `older` is where the next page begins, None on the last."""

    items: list[AuditEntry]
    older: uuid.UUID | None


def list_acts(
    session: Session,
    *,
    tenant: Tenant,
    action: str | None = None,
    before: uuid.UUID | None = None,
    limit: int = 50,
) -> AuditPage:
    """Return who did what in the workspace.

    An act does not say which location it was about: whoever sees some locations only is shown
    their own.
    """
    if not 1 <= limit <= MAX_ROWS:
        raise InvalidRequestError(f"A page has 1 to {MAX_ROWS} rows.", field="limit")
    statement = select(AuditEntry).where(AuditEntry.workspace_id == tenant.workspace_id)
    if tenant.location_ids is not None:
        statement = statement.where(AuditEntry.actor == tenant.user_id)
    if action:
        statement = statement.where(AuditEntry.action == action)
    if before is not None:
        statement = statement.where(AuditEntry.id < before)
    found = list(session.scalars(statement.order_by(AuditEntry.id.desc()).limit(limit + 1)))
    items = found[:limit]
    return AuditPage(items, items[-1].id if len(found) > limit else None)
