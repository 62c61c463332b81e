"""Who did what that matters later. Append-only."""

from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from flask_messenger.models.base import (
    Base,
    CreatedAt,
    HostRef,
    ShortName,
    UuidKey,
    WorkspaceScoped,
)


class AuditEntry(WorkspaceScoped, Base):
    """One act: connected, disconnected, discarded a message, switched a setting.

    `details` holds ids and names of settings; never tokens, texts or names of people.
    """

    __tablename__ = "messenger_audit_log"
    __table_args__ = (
        Index(None, "workspace_id", "at"),
        Index(None, "workspace_id", "id"),  # the page, the newest first
    )

    id: Mapped[UuidKey]
    actor: Mapped[HostRef]  # the host's user id, or `meta` or `system`
    action: Mapped[ShortName]
    subject: Mapped[str | None] = mapped_column(String(255))
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    at: Mapped[CreatedAt]


def record(
    session: Session,
    *,
    workspace_id: str,
    actor: str,
    action: str,
    subject: str | None = None,
    **details: Any,
) -> None:
    """Add one act to the log, in the caller's transaction: both are kept, or neither."""
    session.add(
        AuditEntry(
            workspace_id=workspace_id,
            actor=actor,
            action=action,
            subject=subject,
            details=details,
        )
    )
