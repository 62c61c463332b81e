"""Messages."""

import uuid
from typing import Any

from pydantic import Field

from flask_messenger.api.schemas.base import Answer, Cursor, Limit, MayOmit, Question, Time
from flask_messenger.api.schemas.media import Attachment
from flask_messenger.inbox.messages import MessagePage, MessageRow
from flask_messenger.models import Message as MessageModel
from flask_messenger.models import Reaction as ReactionModel
from flask_messenger.models.messages import INBOUND, QUEUED
from flask_messenger.outbox.reasons import reason_of


class MessagesQuery(Question):
    """Which messages of a conversation to list."""

    before: MayOmit[Cursor] = Field(None, description="`older_cursor` of a page: what is older.")
    after: MayOmit[Cursor] = Field(None, description="`newer_cursor` of a page: what is newer.")
    limit: Limit = 50


class Reaction(Answer):
    """What somebody thinks of a message."""

    by: str = Field(description="`customer` or `account`.")
    emoji: str | None
    name: str | None = Field(description="Meta's word for it, such as `love`.")
    at: Time

    @classmethod
    def of(cls, row: ReactionModel) -> "Reaction":
        """Return what is shown of `row`."""
        by = "customer" if row.direction == INBOUND else "account"
        return cls(by=by, emoji=row.emoji, name=row.name, at=row.at)


class MessageError(Answer):
    """Why a message did not go out."""

    slug: str
    code: int | None = Field(description="Graph's code.")
    subcode: int | None
    text: str = Field(description="The same for people.")
    is_waiting: bool = Field(
        description="Whether the message is not lost: it goes out when what keeps it is over."
    )


class Message(Answer):
    """One message, inbound or outbound."""

    id: uuid.UUID
    conversation_id: uuid.UUID | None
    account_id: uuid.UUID
    message_id: str | None = Field(description="Meta's id; null until Meta has accepted it.")
    direction: str = Field(description="`inbound` or `outbound`.")
    kind: str = Field(description="`text`, `media`, `quick_reply`, `postback` or `unsupported`.")
    text: str | None
    content: dict[str, Any] = Field(description="What there is besides text and attachments.")
    attachments: list[Attachment]
    reactions: list[Reaction] = Field(description="One of each who reacted.")
    status: str = Field(
        description="`received`; or `queued`, `sending`, `sent`, `delivered`, `read`, `failed`, "
        "`unknown` (perhaps sent: a person decides), `discarded`, `cancelled`."
    )
    error: MessageError | None
    sent_at: Time
    send_at: Time | None = Field(description="When it is to go out, where it was put off.")
    edited_at: Time | None = Field(description="When its text was last changed.")
    deleted_at: Time | None = Field(
        description="When whoever wrote it took it back: text and attachments are gone."
    )
    sent_by: str = Field(description="`customer`, `person`, `bot` or `page_inbox`.")
    sent_by_id: str | None = Field(description="The host's user, where a person of it wrote.")
    sent_by_name: str | None
    reply_to: str | None = Field(description="Meta's id of the message this one answers.")
    private_reply_to: str | None = Field(
        description="Meta's id of the public comment that this one answered in private."
    )
    hidden_at: Time | None = Field(
        description="Of a comment: since when the public does not see it."
    )
    used_message_tag: str | None
    idempotency_key: str | None
    created_at: Time

    @classmethod
    def of(cls, row: MessageRow) -> "Message":
        """Return what is shown of `row`."""
        message = row.message
        return cls(
            id=message.id,
            conversation_id=message.conversation_id,
            account_id=message.account_id,
            message_id=message.external_id,
            direction=message.direction,
            kind=message.kind,
            text=message.text,
            content=message.content,
            attachments=[Attachment.of(each) for each in row.attachments],
            reactions=[Reaction.of(each) for each in row.reactions],
            status=message.status,
            error=_error_of(message),
            sent_at=message.sent_at,
            send_at=message.send_at,
            edited_at=message.edited_at,
            deleted_at=message.deleted_at,
            sent_by=message.sent_by,
            sent_by_id=message.sent_by_ref,
            sent_by_name=message.sent_by_name,
            reply_to=message.reply_to_external_id,
            private_reply_to=message.private_reply_to,
            hidden_at=message.hidden_at,
            used_message_tag=message.tag,
            idempotency_key=message.idempotency_key,
            created_at=message.created_at,
        )


def _error_of(message: MessageModel) -> MessageError | None:
    if message.error_slug is None:
        return None
    return MessageError(
        slug=message.error_slug,
        code=message.error_code,
        subcode=message.error_subcode,
        text=reason_of(message.error_slug),
        is_waiting=message.status == QUEUED,
    )


class Messages(Answer):
    """Some messages of one conversation, oldest first."""

    items: list[Message]
    older_cursor: str | None = Field(description="For `before`; null at the beginning.")
    newer_cursor: str | None = Field(description="For `after`; null where there is nothing yet.")

    @classmethod
    def of(cls, page: MessagePage) -> "Messages":
        """Return what is shown of `page`."""
        return cls(
            items=[Message.of(row) for row in page.items],
            older_cursor=page.older_cursor,
            newer_cursor=page.newer_cursor,
        )
