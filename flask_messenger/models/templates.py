"""What is written once and sent often, and how an account presents itself."""

import uuid
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from flask_messenger.models.base import (
    Base,
    CreatedAt,
    HostRef,
    MetaId,
    ShortName,
    UpdatedAt,
    UuidKey,
    WorkspaceScoped,
)

OURS: Final = "ours"
UTILITY: Final = "utility"
"""Kinds of templates: kept by us alone, or known to Meta, which approves it."""


class Template(WorkspaceScoped, Base):
    """A message with variables, to be filled in and sent.

    Of a workspace, of one of its locations or of one account. Of one that Meta approves, `status`
    is Meta's word in lower case, `external_id` its id, and `name` is unique per language.
    """

    __tablename__ = "messenger_templates"
    __table_args__ = (
        Index(None, "workspace_id", "name"),
        Index(
            "uq_messenger_templates_name",
            "account_id",
            "name",
            "language",
            unique=True,
            postgresql_where=text("kind = 'utility'"),
            sqlite_where=text("kind = 'utility'"),
        ),
        Index(None, "account_id", "external_id"),
    )

    id: Mapped[UuidKey]
    location_id: Mapped[HostRef | None]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("messenger_accounts.id"))
    kind: Mapped[ShortName] = mapped_column(default=OURS)
    name: Mapped[str] = mapped_column(String(512))
    language: Mapped[ShortName] = mapped_column(default="")
    category: Mapped[ShortName | None]
    status: Mapped[ShortName] = mapped_column(default="ready")
    status_reason: Mapped[str | None] = mapped_column(Text)
    status_at: Mapped[datetime | None]  # Meta's time of it
    external_id: Mapped[MetaId | None]
    content_kind: Mapped[ShortName]
    text: Mapped[str | None] = mapped_column(Text)
    content: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_by: Mapped[HostRef | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class SavedReply(WorkspaceScoped, Base):
    """A text with variables that agents put into the composer by its `shortcut`."""

    __tablename__ = "messenger_saved_replies"
    __table_args__ = (Index(None, "workspace_id", "shortcut"),)

    id: Mapped[UuidKey]
    location_id: Mapped[HostRef | None]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("messenger_accounts.id"))
    shortcut: Mapped[ShortName]
    title: Mapped[str] = mapped_column(String(255))
    text: Mapped[str] = mapped_column(Text)
    created_by: Mapped[HostRef | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class Persona(WorkspaceScoped, Base):
    """A name and a face that messages of a Page may carry. `user_ref` is the agent it stands for.

    Removed ones stay, for the messages that carried them.
    """

    __tablename__ = "messenger_personas"
    __table_args__ = (
        UniqueConstraint("account_id", "external_id"),
        Index(None, "workspace_id", "account_id"),
    )

    id: Mapped[UuidKey]
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_accounts.id"))
    external_id: Mapped[MetaId]
    name: Mapped[str] = mapped_column(String(255))
    picture_url: Mapped[str | None] = mapped_column(Text)
    user_ref: Mapped[HostRef | None]
    removed_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]


class AccountProfile(WorkspaceScoped, Base):
    """How an account presents itself in a chat: what is wanted, and what Meta said it has."""

    __tablename__ = "messenger_account_profiles"
    __table_args__ = (UniqueConstraint("account_id"), Index(None, "workspace_id", "account_id"))

    id: Mapped[UuidKey]
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_accounts.id"))
    wanted: Mapped[dict[str, Any]] = mapped_column(default=dict)
    live: Mapped[dict[str, Any] | None]
    read_at: Mapped[datetime | None]
    applied_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(String(255))
    updated_by: Mapped[HostRef | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
