"""People and the threads with them."""

import uuid
from datetime import datetime
from typing import Final

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

OPEN: Final = "open"
CLOSED: Final = "closed"
SNOOZED: Final = "snoozed"

PROFILE_UNKNOWN: Final = "unknown"
PROFILE_FETCHED: Final = "fetched"
PROFILE_UNAVAILABLE: Final = "unavailable"


class Identity(WorkspaceScoped, Base):
    """The person on the other side, as one account sees them."""

    __tablename__ = "messenger_identities"
    __table_args__ = (
        UniqueConstraint("account_id", "external_id"),
        Index(None, "workspace_id", "contact_ref"),
    )

    id: Mapped[UuidKey]
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_accounts.id"))
    external_id: Mapped[MetaId]
    name: Mapped[str | None] = mapped_column(String(255))
    picture_url: Mapped[str | None] = mapped_column(Text)
    profile_state: Mapped[ShortName] = mapped_column(default=PROFILE_UNKNOWN)
    profile_checked_at: Mapped[datetime | None]
    contact_ref: Mapped[HostRef | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class Conversation(WorkspaceScoped, Base):
    """The thread between one account and one identity.

    The `last_*`, `unread_count` and `*_until` columns sum up its messages; ingest and outbox keep
    them. `last_inbound_at` is what the policy window counts from, in Meta's time: the later of the
    newest inbound message and `acted_until`. `acted_until` (when the person last reacted, or came
    in by a link or an ad), `delivered_until` and `read_until` are watermarks and only move forward.
    """

    __tablename__ = "messenger_conversations"
    __table_args__ = (
        UniqueConstraint("account_id", "identity_id"),
        Index(None, "workspace_id", "last_message_at", "id"),
        Index(None, "workspace_id", "status", "last_message_at", "id"),
        Index(None, "workspace_id", "assignee_ref", "last_message_at", "id"),
        Index(
            "ix_messenger_conversations_assigned",
            "workspace_id",
            "status",
            "assignee_ref",
            "last_message_at",
            "id",
        ),
        Index(
            "ix_messenger_conversations_of_account",
            "account_id",
            "status",
            "last_message_at",
            "id",
        ),
        Index(
            "ix_messenger_conversations_unread",
            "workspace_id",
            "status",
            "last_message_at",
            postgresql_where=text("unread_count > 0"),
            sqlite_where=text("unread_count > 0"),
        ),
    )

    id: Mapped[UuidKey]
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_accounts.id"))
    identity_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_identities.id"))
    channel: Mapped[ShortName]
    status: Mapped[ShortName] = mapped_column(default=OPEN)
    assignee_ref: Mapped[HostRef | None]
    snoozed_until: Mapped[datetime | None]
    last_inbound_at: Mapped[datetime | None]
    last_message_at: Mapped[datetime | None]
    last_message_id: Mapped[uuid.UUID | None]
    unread_count: Mapped[int] = mapped_column(default=0)
    seen_until: Mapped[datetime | None]  # up to where the team has read
    delivered_until: Mapped[datetime | None]
    read_until: Mapped[datetime | None]
    acted_until: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
