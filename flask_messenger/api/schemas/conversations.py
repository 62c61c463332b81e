"""Conversations."""

import uuid
from typing import Annotated, Literal

from pydantic import Field

from flask_messenger.api.schemas.base import (
    Answer,
    Cursor,
    HostId,
    Limit,
    MayOmit,
    Question,
    StorableText,
    Time,
)
from flask_messenger.inbox.filters import MAX_TEXT_LENGTH, ConversationFilters
from flask_messenger.inbox.pages import Page
from flask_messenger.inbox.queries import ConversationRow
from flask_messenger.models import Identity
from flask_messenger.models import Message as MessageModel
from flask_messenger.outbox.policy import Decision

Status = Literal["open", "closed", "snoozed"]


class ConversationsQuery(Question):
    """Which conversations to list, and which page of them."""

    channel: MayOmit[Annotated[StorableText, Field(max_length=64)]] = None
    kind: MayOmit[Literal["direct", "comments"]] = Field(
        None, description="`direct` for messages, `comments` for what was written in public."
    )
    location_id: MayOmit[HostId] = None
    account_id: MayOmit[uuid.UUID] = None
    status: MayOmit[Status] = None
    assignee: MayOmit[HostId] = Field(None, description="`me`, `none` or the id of an agent.")
    text: MayOmit[Annotated[StorableText, Field(max_length=MAX_TEXT_LENGTH)]] = Field(
        None, description="Looked for in the person's name and in the messages."
    )
    cursor: MayOmit[Cursor] = None
    limit: Limit = 50

    def filters(self) -> ConversationFilters:
        """Return the part that narrows the list."""
        return ConversationFilters(**self.model_dump(exclude={"cursor", "limit"}))


class ConversationChange(Question):
    """What to change. Fields that are left out stay as they are."""

    status: MayOmit[Status] = Field(None, description="`snoozed` needs `snoozed_until`.")
    snoozed_until: MayOmit[Time] = Field(None, description="In the future, at most a year away.")
    assignee: HostId | None = Field(
        None, description="`me`, the id of an agent, or null for nobody. Permission: `assign`."
    )


class SeenUntil(Question):
    """How far the team has read."""

    may_be_left_out = True

    message_id: MayOmit[uuid.UUID] = Field(None, description="Our id; left out: to the end.")


class Person(Answer):
    """The person on the other side, as one account sees them."""

    id: uuid.UUID
    recipient_id: str = Field(description="Meta's id of the person for this account.")
    name: str | None = Field(
        description="As Meta tells it; `@` and the username where it tells only that."
    )
    username: str | None = Field(description="Of Instagram, without the @.")
    picture_url: str | None
    contact_ref: str | None = Field(description="The host's own reference.")

    @classmethod
    def of(cls, identity: Identity) -> "Person":
        """Return what is shown of `identity`."""
        return cls(
            id=identity.id,
            recipient_id=identity.external_id,
            name=identity.name or (f"@{identity.username}" if identity.username else None),
            username=identity.username,
            picture_url=identity.picture_url,
            contact_ref=identity.contact_ref,
        )


class LastMessage(Answer):
    """What a list shows of the newest message."""

    id: uuid.UUID
    direction: str
    kind: str
    text: str | None
    status: str
    sent_at: Time
    sent_by: str

    @classmethod
    def of(cls, message: MessageModel) -> "LastMessage":
        """Return what is shown of `message`."""
        return cls(
            id=message.id,
            direction=message.direction,
            kind=message.kind,
            text=message.text,
            status=message.status,
            sent_at=message.sent_at,
            sent_by=message.sent_by,
        )


class Conversation(Answer):
    """The thread between one account and one person."""

    id: uuid.UUID
    account_id: uuid.UUID
    location_id: str | None
    channel: str
    kind: str = Field(description="`direct`, or `comments`: of one person under one post.")
    subject: str = Field(description="Of `comments`, Meta's id of the post; else empty.")
    status: str = Field(description="`open`, `closed` or `snoozed`.")
    snoozed_until: Time | None
    assignee: str | None = Field(description="The id of an agent.")
    unread_count: int
    has_failed: bool = Field(description="Whether a message of ours waits for a decision.")
    last_inbound_at: Time | None = Field(description="What Meta's reply window counts from.")
    last_message_at: Time | None
    seen_until: Time | None = Field(description="Up to where the team has read.")
    delivered_until: Time | None
    read_until: Time | None = Field(description="Up to where the person has read.")
    person: Person
    last_message: LastMessage

    @classmethod
    def of(cls, row: ConversationRow) -> "Conversation":
        """Return what is shown of `row`."""
        conversation = row.conversation
        return cls(
            id=conversation.id,
            account_id=conversation.account_id,
            location_id=row.account.location_id,
            channel=conversation.channel,
            kind=conversation.kind,
            subject=conversation.subject,
            status=conversation.status,
            snoozed_until=conversation.snoozed_until,
            assignee=conversation.assignee_ref,
            unread_count=conversation.unread_count,
            has_failed=row.has_failed,
            last_inbound_at=conversation.last_inbound_at,
            last_message_at=conversation.last_message_at,
            seen_until=conversation.seen_until,
            delivered_until=conversation.delivered_until,
            read_until=conversation.read_until,
            person=Person.of(row.identity),
            last_message=LastMessage.of(row.last_message),
        )


class ReplyWindow(Answer):
    """Whether Meta's policy lets a person answer now."""

    allowed: bool
    window: str | None = Field(description="`standard` or `human_agent`; null where closed.")
    closes_at: Time | None
    reason: str | None = Field(description="A stable word for why not.")
    remedy: str | None = Field(description="What can be done instead.")

    @classmethod
    def of(cls, decision: Decision) -> "ReplyWindow":
        """Return what is shown of `decision`."""
        return cls(
            allowed=decision.allowed,
            window=decision.window,
            closes_at=decision.closes_at,
            reason=decision.reason,
            remedy=decision.remedy,
        )


class OpenConversation(Conversation):
    """A conversation by itself: with the window in which it can be answered."""

    reply_window: ReplyWindow

    @classmethod
    def with_window(cls, row: ConversationRow, decision: Decision) -> "OpenConversation":
        """Return what is shown of `row`, with what the policy says."""
        fields = dict(Conversation.of(row))
        return cls(**fields, reply_window=ReplyWindow.of(decision))


class Conversations(Answer):
    """A page of conversations, the one written in last first."""

    items: list[Conversation]
    next_cursor: str | None = Field(description="For `cursor`; null on the last page.")

    @classmethod
    def of(cls, page: Page[ConversationRow]) -> "Conversations":
        """Return what is shown of `page`."""
        return cls(items=[Conversation.of(row) for row in page.items], next_cursor=page.next_cursor)
