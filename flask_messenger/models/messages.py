"""Messages, their attachments and reactions, and what waits for them."""

import uuid
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
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
    utc_now,
)

INBOUND: Final = "inbound"
OUTBOUND: Final = "outbound"
NOTICE: Final = "notice"
"""What happened in a thread and was said by nobody: it opens no window and is never unread."""

RECEIVED: Final = "received"
QUEUED: Final = "queued"
SENDING: Final = "sending"
SENT: Final = "sent"
DELIVERED: Final = "delivered"
READ: Final = "read"
FAILED: Final = "failed"
UNKNOWN: Final = "unknown"
DISCARDED: Final = "discarded"
CANCELLED: Final = "cancelled"

UNDELIVERED: Final = "undelivered"
"""The `error_slug` of a message that failed by Meta's own word, after Meta had taken it."""

BY_PERSON: Final = "person"
BY_BOT: Final = "bot"
BY_PAGE_INBOX: Final = "page_inbox"
BY_OTHER_APP: Final = "other_app"
"""Another app that is connected to the same account; `sent_by_ref` is its id."""
BY_CUSTOMER: Final = "customer"

ATTACHMENT_REMOTE: Final = "remote"
"""Only an address is known, and no more is wanted: a link, a share."""
ATTACHMENT_PENDING: Final = "pending"
"""A file that is to be fetched before Meta's address of it ends."""
ATTACHMENT_STORED: Final = "stored"
ATTACHMENT_FAILED: Final = "failed"
ATTACHMENT_REFUSED: Final = "refused"
"""Meta's terms do not let us keep it, or it is not what we take."""
ATTACHMENT_EXPIRED: Final = "expired"
"""Past its time: that there was one is all that is kept."""


class Message(WorkspaceScoped, Base):
    """One inbound or outbound message of a conversation.

    `conversation_id` is None only for an echo in which Meta did not name the recipient; it is kept
    until the same message arrives with one. `id` of an outbound message is also its place in the
    lane: UUIDv7 sorts by the time it was composed, or by `send_at` where it was
    put off until then.
    """

    __tablename__ = "messenger_messages"
    __table_args__ = (
        UniqueConstraint("account_id", "external_id"),
        UniqueConstraint("workspace_id", "idempotency_key"),
        Index(None, "conversation_id", "sent_at", "id"),
        # One message of a lane is on its way at a time, whoever sends it: the database says so.
        Index(
            "uq_messenger_messages_lane",
            "conversation_id",
            unique=True,
            postgresql_where=text("status = 'sending'"),
            sqlite_where=text("status = 'sending'"),
        ),
        Index(
            "ix_messenger_messages_unannounced",
            "created_at",
            postgresql_where=text("announced_at is null"),
            sqlite_where=text("announced_at is null"),
        ),
        Index(
            "ix_messenger_messages_trouble",
            "conversation_id",
            postgresql_where=text("status in ('failed', 'unknown')"),
            sqlite_where=text("status in ('failed', 'unknown')"),
        ),
        Index(
            "ix_messenger_messages_outbox",
            "conversation_id",
            "id",
            postgresql_where=text("status in ('queued', 'sending')"),
            sqlite_where=text("status in ('queued', 'sending')"),
        ),
        # Meta lets a comment be answered privately once: so does the database.
        Index(
            "uq_messenger_messages_private_reply",
            "account_id",
            "private_reply_to",
            unique=True,
            postgresql_where=text(
                "private_reply_to is not null"
                " and status not in ('failed', 'cancelled', 'discarded')"
            ),
            sqlite_where=text(
                "private_reply_to is not null"
                " and status not in ('failed', 'cancelled', 'discarded')"
            ),
        ),
        # What comes due when: a retry, or a message that was put off.
        Index(
            "ix_messenger_messages_due",
            "next_attempt_at",
            postgresql_where=text("status = 'queued' and next_attempt_at is not null"),
            sqlite_where=text("status = 'queued' and next_attempt_at is not null"),
        ),
    )

    id: Mapped[UuidKey]
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_accounts.id"))
    conversation_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("messenger_conversations.id")
    )
    external_id: Mapped[MetaId | None]
    direction: Mapped[ShortName]
    kind: Mapped[ShortName]  # text, media, postback, quick_reply, comment, …; of a notice: which
    text: Mapped[str | None] = mapped_column(Text)
    content: Mapped[dict[str, Any]] = mapped_column(default=dict)
    status: Mapped[ShortName]
    sent_at: Mapped[datetime]  # Meta's time where Meta told us, else ours
    sent_by: Mapped[ShortName]  # customer, person, bot, page_inbox
    sent_by_ref: Mapped[HostRef | None]
    sent_by_name: Mapped[str | None] = mapped_column(String(255))
    reply_to_external_id: Mapped[MetaId | None]
    private_reply_to: Mapped[MetaId | None]  # the public comment or post this answers in private
    hidden_at: Mapped[datetime | None]  # of a comment: the public does not see it
    hidden_changed_at: Mapped[datetime | None]  # Meta's time of the newest hide or unhide
    tag: Mapped[ShortName | None]  # the message tag it went out with, such as HUMAN_AGENT
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    attempts: Mapped[int] = mapped_column(default=0)
    send_at: Mapped[datetime | None]  # when a person wants it to go out; None for at once
    next_attempt_at: Mapped[datetime | None]
    sending_since: Mapped[datetime | None]
    error_slug: Mapped[ShortName | None]
    error_code: Mapped[int | None]
    error_subcode: Mapped[int | None]
    # Meta's number of the edit whose text this is; 0 where it was not edited, or edits have none.
    edit_number: Mapped[int] = mapped_column(default=0, server_default="0")
    edited_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]  # whoever wrote it took it back: text and files are gone
    # When the host was told of it. None is what a drain stores: a job tells, and the sweeper
    # finds what no job did.
    announced_at: Mapped[datetime | None] = mapped_column(default=utc_now)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class Attachment(WorkspaceScoped, Base):
    """A file, picture, sound or share of a message, kept with its type and address.

    What is `pending` is fetched, at `next_attempt_at` (at once where there is none), and `stored`
    under `storage_key`. `mime_type` is what its bytes say, not what anybody declared.
    """

    __tablename__ = "messenger_attachments"
    __table_args__ = (
        UniqueConstraint("message_id", "position"),
        # They expire in the order of their ids: the last one says where to go on.
        Index(
            "ix_messenger_attachments_expired",
            "id",
            postgresql_where=text("state = 'expired'"),
            sqlite_where=text("state = 'expired'"),
        ),
        # An upload goes when nothing names it any more.
        Index(
            "ix_messenger_attachments_upload",
            "upload_id",
            postgresql_where=text("upload_id is not null"),
            sqlite_where=text("upload_id is not null"),
        ),
        Index(
            "ix_messenger_attachments_pending",
            "workspace_id",
            "id",
            postgresql_where=text("state = 'pending'"),
            sqlite_where=text("state = 'pending'"),
        ),
    )

    id: Mapped[UuidKey]
    message_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_messages.id"))
    position: Mapped[int]
    type: Mapped[ShortName]
    url: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[ShortName] = mapped_column(default=ATTACHMENT_REMOTE)
    mime_type: Mapped[str | None] = mapped_column(String(255))
    filename: Mapped[str | None] = mapped_column(String(255))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    width: Mapped[int | None]
    height: Mapped[int | None]
    sha256: Mapped[str | None] = mapped_column(String(64))
    storage_key: Mapped[str | None] = mapped_column(String(255))
    thumbnail_key: Mapped[str | None] = mapped_column(String(255))
    upload_id: Mapped[uuid.UUID | None]  # of what we sent: the file it was made from
    stored_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    next_attempt_at: Mapped[datetime | None]
    error_slug: Mapped[ShortName | None]
    created_at: Mapped[CreatedAt]


class Reaction(WorkspaceScoped, Base):
    """What one actor last did about one message: a reaction, or taking it back.

    A removed reaction stays as a row, so that an older one that comes late does not return.
    """

    __tablename__ = "messenger_reactions"
    __table_args__ = (UniqueConstraint("message_id", "actor"),)

    id: Mapped[UuidKey]
    message_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_messages.id"))
    actor: Mapped[MetaId]  # the person, or the account itself
    direction: Mapped[ShortName]  # outbound where it is the account's
    emoji: Mapped[str | None] = mapped_column(String(64))
    name: Mapped[ShortName | None]  # Meta's word, such as `love`
    is_removed: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime]  # Meta's time
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class Receipt(WorkspaceScoped, Base):
    """Something about a message, or a thread, that came before it.

    A delivery or read receipt, a failure, an edit, a deletion or a reaction. `reference` is a
    message's external id, or `watermark:<identity external id>` for "everything up to `at`". `mark`
    tells several of one kind about one message apart. Removed when what it is about appears.
    """

    __tablename__ = "messenger_receipts"
    __table_args__ = (
        UniqueConstraint("account_id", "kind", "reference", "mark"),
        Index(None, "account_id", "identity_external_id"),
    )

    id: Mapped[UuidKey]
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_accounts.id"))
    kind: Mapped[ShortName]  # sent, delivered, read, failed; edited, deleted, reacted
    reference: Mapped[str] = mapped_column(String(300))
    mark: Mapped[ShortName] = mapped_column(default="", server_default="")
    identity_external_id: Mapped[MetaId | None]  # whose thread it is, where Meta says
    details: Mapped[dict[str, Any] | None]  # such as the new text of an edit
    at: Mapped[datetime]
    created_at: Mapped[CreatedAt]
