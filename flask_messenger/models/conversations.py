"""People and the threads with them."""

import uuid
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from flask_messenger.crypto import KeyRing
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

DIRECT: Final = "direct"
COMMENTS: Final = "comments"
"""Kinds of conversations: messages, or what one person wrote under one post."""

PERSON: Final = "person"
COMMENTER: Final = "commenter"
USER_REF: Final = "user_ref"
"""Kinds of identities: one that can be written to, one known by public comments only, or one known
by a plugin's reference only."""

PROFILE_UNKNOWN: Final = "unknown"
PROFILE_FETCHED: Final = "fetched"
PROFILE_UNAVAILABLE: Final = "unavailable"


class Identity(WorkspaceScoped, Base):
    """The person on the other side, as one account sees them.

    A `commenter` has an id that is good for comments only (of a Page: it is no PSID). Once they
    answer a private reply, `linked_identity_id` of both says that the two are one person.
    """

    __tablename__ = "messenger_identities"
    __table_args__ = (
        UniqueConstraint("account_id", "external_id"),
        Index(None, "workspace_id", "contact_ref"),
    )

    id: Mapped[UuidKey]
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_accounts.id"))
    external_id: Mapped[MetaId]
    kind: Mapped[ShortName] = mapped_column(default=PERSON, server_default=PERSON)
    linked_identity_id: Mapped[uuid.UUID | None]
    name: Mapped[str | None] = mapped_column(String(255))
    username: Mapped[str | None] = mapped_column(String(255))
    picture_url: Mapped[str | None] = mapped_column(Text)
    profile_state: Mapped[ShortName] = mapped_column(default=PROFILE_UNKNOWN)
    profile_checked_at: Mapped[datetime | None]
    contact_ref: Mapped[HostRef | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class Conversation(WorkspaceScoped, Base):
    """The thread between one account and one identity.

    There is one of kind `direct`, with an empty `subject`, and one of kind `comments` for each post
    they commented on: `subject` is the post's id, and `subject_details` what is known of it.
    `linked_conversation_id` leads from a comment's thread to the direct one and back.

    `first_touch` and `last_touch` say where the person came from: what Meta said of the ad or link,
    and its time as `at`. `thread_owner_app_id` is the app that may write now, by what Meta said
    last, at `thread_owner_at`. While a person answers, bots are quiet: `bot_paused_until`.

    The `last_*`, `unread_count` and `*_until` columns sum up its messages; ingest and outbox keep
    them. `last_inbound_at` is what the policy window counts from, in Meta's time: the later of the
    newest inbound message and `acted_until`. `acted_until` (when the person last reacted, or came
    in by a link or an ad), `delivered_until` and `read_until` are watermarks and only move forward.
    """

    __tablename__ = "messenger_conversations"
    __table_args__ = (
        UniqueConstraint("account_id", "identity_id", "subject"),
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
            "ix_messenger_conversations_comments",
            "workspace_id",
            "last_message_at",
            "id",
            postgresql_where=text("kind = 'comments'"),
            sqlite_where=text("kind = 'comments'"),
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
    kind: Mapped[ShortName] = mapped_column(default=DIRECT, server_default=DIRECT)
    subject: Mapped[MetaId] = mapped_column(default="", server_default="")
    subject_details: Mapped[dict[str, Any] | None]
    linked_conversation_id: Mapped[uuid.UUID | None]
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
    first_touch: Mapped[dict[str, Any] | None]
    last_touch: Mapped[dict[str, Any] | None]
    thread_owner_app_id: Mapped[MetaId | None]
    thread_owner_until: Mapped[datetime | None]
    thread_owner_at: Mapped[datetime | None]
    bot_paused_until: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class OptIn(WorkspaceScoped, Base):
    """What a person agreed to be sent, or took back; the newest word of Meta's about it.

    `reference` tells several of one `type` apart: a topic, or a plugin's own reference. The token
    some of them bring lets a message out, so it is sealed.
    """

    __tablename__ = "messenger_opt_ins"
    __table_args__ = (
        UniqueConstraint("identity_id", "type", "reference"),
        Index(None, "workspace_id", "identity_id"),
    )

    id: Mapped[UuidKey]
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_accounts.id"))
    identity_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_identities.id"))
    type: Mapped[ShortName]
    reference: Mapped[MetaId] = mapped_column(default="")
    is_active: Mapped[bool] = mapped_column(default=True)
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    token_sealed: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime | None]
    at: Mapped[datetime]  # Meta's time
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    @property
    def _token_context(self) -> str:
        return f"messenger_opt_ins:{self.id}:token"

    def seal_token(self, keys: KeyRing, token: str) -> None:
        """Keep `token`, encrypted for this row. The row needs its `id` first."""
        self.token_sealed = keys.seal(token, context=self._token_context)

    def open_token(self, keys: KeyRing) -> str | None:
        """Return the token; None where there is none.

        Raises:
            SecretError: it was sealed with an unknown key or for another row.
        """
        if self.token_sealed is None:
            return None
        return keys.open(self.token_sealed, context=self._token_context)
