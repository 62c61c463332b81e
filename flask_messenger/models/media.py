"""Files that our side brings: what agents upload, and what Meta keeps of it for sending again."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from flask_messenger.models.base import (
    Base,
    CreatedAt,
    HostRef,
    MetaId,
    ShortName,
    UuidKey,
    WorkspaceScoped,
)


class Upload(WorkspaceScoped, Base):
    """A file that somebody of the workspace put there to be sent.

    `mime_type` is what its bytes say. Removed with its file after `expires_at`.
    """

    __tablename__ = "messenger_uploads"
    __table_args__ = (Index(None, "workspace_id", "id"), Index(None, "expires_at"))

    id: Mapped[UuidKey]
    type: Mapped[ShortName]  # image, video, audio, file
    filename: Mapped[str] = mapped_column(String(255))
    mime_type: Mapped[str] = mapped_column(String(255))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    width: Mapped[int | None]
    height: Mapped[int | None]
    sha256: Mapped[str] = mapped_column(String(64))
    storage_key: Mapped[str] = mapped_column(String(255))
    thumbnail_key: Mapped[str | None] = mapped_column(String(255))
    created_by: Mapped[HostRef | None]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime | None]


class ReusableAttachment(WorkspaceScoped, Base):
    """A file that Meta keeps for an account: sent again by its id, without its bytes.

    Meta forgets them 90 days after the upload; ours are renewed before `expires_at`.
    """

    __tablename__ = "messenger_reusable_attachments"
    __table_args__ = (
        UniqueConstraint("account_id", "sha256", "type"),
        Index(None, "workspace_id", "account_id"),
    )

    id: Mapped[UuidKey]
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_accounts.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    type: Mapped[ShortName]
    external_id: Mapped[MetaId]
    uploaded_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class DiscardedFile(WorkspaceScoped, Base):
    """A file of the store that is to be removed at `due_at`, unless the row goes before.

    It is written before the file is, and leaves in the transaction that keeps the file; and again
    when what named the file goes. So no file is forgotten, and the store need not be listed.
    """

    __tablename__ = "messenger_discarded_files"
    __table_args__ = (UniqueConstraint("storage_key"), Index(None, "due_at"))

    id: Mapped[UuidKey]
    storage_key: Mapped[str] = mapped_column(String(255))
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[CreatedAt]
