"""The lane of a conversation: its outgoing messages, one at a time, in the order they were made."""

import logging
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.channels.sending import Endpoint, Recipient
from flask_messenger.content import Content, Text, content_of
from flask_messenger.models import Account, Conversation, Identity, Message
from flask_messenger.models.conversations import USER_REF
from flask_messenger.models.upsert import match_many
from flask_messenger.outbox.circumstances import Circumstances
from flask_messenger.outbox.extras import COMMENT, Extras, content_class_of

logger = logging.getLogger(__name__)

_LOCK: Final = (
    select(Conversation.__table__.c.id).order_by(Conversation.__table__.c.id).with_for_update()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Whose lane it is, and whether anything can go out of it."""

    conversation_id: uuid.UUID
    account_id: uuid.UUID
    workspace_id: str
    location_id: str | None
    channel: str
    account_status: str
    contact_ref: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """One claimed message on its way, as plain values: no transaction is open while it travels.

    Attributes:
        token_sealed: as it was read; another value later means another token.
        recipient_kind: of the identity: a person, a commenter, or a plugin's user.
        circumstances: how things stood when it was claimed.
        was_held: whether it waits since another app had the thread.
        sending_since: also tells this attempt from a later one at the same message.
    """

    message_id: uuid.UUID
    lane: Lane
    endpoint: Endpoint
    app_name: str
    token_sealed: str | None = field(repr=False)
    recipient_id: str = field(repr=False)
    recipient_kind: str
    kind: str
    text: str | None = field(repr=False)
    stored: dict[str, Any] = field(repr=False)
    sender: str
    reply_to_external_id: str | None
    private_reply_to: str | None
    circumstances: Circumstances
    was_held: bool
    attempts: int
    sending_since: datetime | None

    @property
    def content(self) -> Content:
        """What to send. Raises ContentError where what is stored no longer holds."""
        return content_of(_content_kind(self.kind), self.text, self.stored)

    @property
    def extras(self) -> Extras:
        """What goes beside the content."""
        return Extras.stored_in(self.stored)

    @property
    def content_class(self) -> str:
        """What the policy calls it."""
        return content_class_of(self.kind, self.extras)

    @property
    def recipient(self) -> Recipient:
        """Whom it is for."""
        if self.private_reply_to is not None:
            answered = self.extras.answered
            is_post = answered is not None and answered.is_post
            return Recipient(**{"post_id" if is_post else "comment_id": self.private_reply_to})
        if self.kind == COMMENT:
            return Recipient(public_reply_to=self.reply_to_external_id)
        if self.recipient_kind == USER_REF:
            return Recipient(user_ref=self.recipient_id)
        return Recipient(id=self.recipient_id)


def find_lane(session: Session, conversation_id: uuid.UUID) -> Lane | None:
    """Return the lane as it is now; None where there is no such conversation."""
    statement = (
        select(
            Conversation.id,
            Account.id,
            Account.workspace_id,
            Account.location_id,
            Account.channel,
            Account.status,
            Identity.contact_ref,
        )
        .join(Account, Account.id == Conversation.account_id)
        .join(Identity, Identity.id == Conversation.identity_id)
        .where(Conversation.id == conversation_id)
    )
    row = session.execute(statement).one_or_none()
    if row is None:
        return None
    return Lane(
        conversation_id=row[0],
        account_id=row[1],
        workspace_id=row[2],
        location_id=row[3],
        channel=row[4],
        account_status=row[5],
        contact_ref=row[6],
    )


def lock_conversation(session: Session, conversation_id: uuid.UUID) -> None:
    """Wait for whoever is writing to this thread, and keep others out until the commit.

    Ingest locks a thread before its messages; whoever writes to a message comes here first, so
    that the two never wait for each other in a circle.
    """
    lock_conversations(session, {conversation_id})


def lock_conversations(session: Session, conversation_ids: Collection[uuid.UUID]) -> None:
    """Do the same for several, in the order of their ids, as ingest does."""
    if session.get_bind().dialect.name == "sqlite":
        return  # knows one writer at a time; a transaction that starts with reading may be refused
    match_many(session, _LOCK, (Conversation.__table__.c.id,), set(conversation_ids))


def content_of_message(message: Message) -> Content:
    """Return the content that a stored outbound message was made from."""
    return content_of(_content_kind(message.kind), message.text, message.content)


def _content_kind(kind: str) -> str:
    """Return which content a message of a kind has: a public answer is words."""
    return Text.kind if kind == COMMENT else kind
