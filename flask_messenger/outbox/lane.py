"""The lane of a conversation: its outgoing messages, one at a time, in the order they were made."""

import logging
import uuid
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from flask_messenger.content import Content, content_of
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import SecretError
from flask_messenger.models import Account, Conversation, Identity, Message
from flask_messenger.models.messages import QUEUED, SENDING
from flask_messenger.outbox.compose import human_agent_enabled

logger = logging.getLogger(__name__)


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
        token: None where the account has none, or where it does not open.
        token_sealed: as it was read; another value later means another token.
        sending_since: also tells this attempt from a later one at the same message.
    """

    message_id: uuid.UUID
    lane: Lane
    account_external_id: str
    app_name: str
    token: str | None = field(repr=False)
    token_sealed: str | None = field(repr=False)
    recipient_id: str = field(repr=False)
    kind: str
    text: str | None = field(repr=False)
    stored: dict[str, object] = field(repr=False)
    sender: str
    reply_to_external_id: str | None
    last_inbound_at: datetime | None
    human_agent_enabled: bool
    attempts: int
    sending_since: datetime | None

    @property
    def content(self) -> Content:
        """What to send. Raises ContentError where what is stored no longer holds."""
        return content_of(self.kind, self.text, self.stored)


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
    """Hold a conversation still, before any of its messages is changed along with it.

    That order is everybody's: applying deliveries starts with the conversations too. So an answer
    of Meta's and the echo of the same message wait for each other, and never in a circle.
    """
    if session.get_bind().dialect.name == "sqlite":
        return  # knows one writer at a time; a transaction that starts with reading may be refused
    session.execute(
        select(Conversation.id).where(Conversation.id == conversation_id).with_for_update()
    )


def claim_next(session: Session, *, conversation_id: uuid.UUID, now: datetime) -> uuid.UUID | None:
    """Make the lane's first message `sending` and return its id; None where none may go now.

    None may go while another one is on its way, or while the first one waits for its next try:
    what was written later does not overtake it. One statement, so that a transaction starts with
    writing (SQLite may refuse one that starts with reading). Never commits.
    """
    first, other = aliased(Message), aliased(Message)
    first_id = (
        select(first.id)
        .where(first.conversation_id == conversation_id, first.status == QUEUED)
        .order_by(first.id)
        .limit(1)
        .scalar_subquery()
    )
    statement = (
        update(Message)
        .where(
            Message.id == first_id,
            # Asked again of the row itself: PostgreSQL looks at the newest version of a row it
            # had to wait for, and another worker may have claimed it by then.
            Message.status == QUEUED,
            or_(Message.next_attempt_at.is_(None), Message.next_attempt_at <= now),
            ~exists().where(other.conversation_id == conversation_id, other.status == SENDING),
        )
        .values(
            status=SENDING,
            sending_since=now,
            attempts=Message.attempts + 1,
            next_attempt_at=None,
            updated_at=now,
        )
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    )
    try:
        return session.execute(statement).scalar_one_or_none()
    except IntegrityError:
        # The partial unique index has the last word: another message of this lane is on its way.
        session.rollback()
        return None


def has_next(session: Session, *, conversation_id: uuid.UUID, now: datetime) -> bool:
    """Say whether the lane's first message could be claimed now."""
    first = (
        select(Message.next_attempt_at)
        .where(Message.conversation_id == conversation_id, Message.status == QUEUED)
        .order_by(Message.id)
        .limit(1)
    )
    row = session.execute(first).one_or_none()
    is_under_way = exists().where(
        Message.conversation_id == conversation_id, Message.status == SENDING
    )
    if row is None or session.execute(select(is_under_way)).scalar_one():
        return False
    return row.next_attempt_at is None or row.next_attempt_at <= now


def load_dispatch(
    session: Session, keys: KeyRing, lane: Lane, *, message_id: uuid.UUID
) -> Dispatch:
    """Return everything a claimed message needs on its way."""
    statement = (
        select(Message, Conversation, Identity, Account)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Identity, Identity.id == Conversation.identity_id)
        .join(Account, Account.id == Message.account_id)
        .where(Message.id == message_id)
        .execution_options(populate_existing=True)
    )
    message, conversation, identity, account = session.execute(statement).one()
    return Dispatch(
        message_id=message.id,
        lane=lane,
        account_external_id=account.external_id,
        app_name=account.app_name,
        token=_open_token(account, keys),
        token_sealed=account.token_sealed,
        recipient_id=identity.external_id,
        kind=message.kind,
        text=message.text,
        stored=dict(message.content),
        sender=message.sent_by,
        reply_to_external_id=message.reply_to_external_id,
        last_inbound_at=conversation.last_inbound_at,
        human_agent_enabled=human_agent_enabled(session, lane.workspace_id),
        attempts=message.attempts,
        sending_since=message.sending_since,
    )


def content_of_message(message: Message) -> Content:
    """Return the content that a stored outbound message was made from."""
    return content_of(message.kind, message.text, message.content)


def _open_token(account: Account, keys: KeyRing) -> str | None:
    try:
        return account.open_token(keys)
    except SecretError:
        logger.error("token_unreadable account_id=%s", account.id)  # noqa: TRY400 - says enough
        return None
