"""From words to a queued message: everything that can be refused is refused here, at once."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import insert, or_, select, update
from sqlalchemy.orm import Session

from flask_messenger.channels.registry import channel_named
from flask_messenger.content import Content, Media, Text
from flask_messenger.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
)
from flask_messenger.models import (
    Account,
    Attachment,
    Conversation,
    Identity,
    Message,
    WorkspaceSettings,
)
from flask_messenger.models.accounts import DISCONNECTED
from flask_messenger.models.base import new_id, new_id_at
from flask_messenger.models.messages import OUTBOUND, QUEUED
from flask_messenger.models.upsert import insert_for
from flask_messenger.outbox.claim import Place
from flask_messenger.outbox.policy import Decision, decide
from flask_messenger.realtime import Change
from flask_messenger.state import MessengerState
from flask_messenger.tiers import check_feature

MAX_KEY_LENGTH: Final = 255
LONGEST_AHEAD: Final = timedelta(days=365)
"""How far ahead a message can be put off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation with the two sides of it."""

    conversation: Conversation
    identity: Identity
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A message in its lane.

    Attributes:
        created: whether this call made it; False where its idempotency key was used before.
        will_be_closed: whether it is put off until after its window closes, so that it fails
            unless the person writes again before.
    """

    message: Message
    thread: Thread
    created: bool
    will_be_closed: bool = False

    @property
    def change(self) -> Change:
        """What open pages should hear after the commit."""
        return message_change(self.message, location_id=self.thread.account.location_id)

    @property
    def place(self) -> Place:
        """Where its lane belongs: what the runners should hear after the commit."""
        account = self.thread.account
        return Place(
            conversation_id=self.thread.conversation.id,
            account_id=account.id,
            workspace_id=account.workspace_id,
            app_name=account.app_name,
        )


def message_change(message: Message, *, location_id: str | None, kind: str = "message") -> Change:
    """Return the change of one message, for open pages."""
    return Change(
        workspace_id=message.workspace_id,
        type=kind,
        ids={
            "conversation_id": str(message.conversation_id),
            "message_id": str(message.id),
            "account_id": str(message.account_id),
            "location_id": location_id,
        },
    )


def compose(
    session: Session,
    held: MessengerState,
    *,
    tenant_workspace_id: str,
    conversation_id: uuid.UUID | None = None,
    account_id: uuid.UUID | None = None,
    recipient_external_id: str | None = None,
    content: Content,
    sender: str,
    sent_by_ref: str | None = None,
    sent_by_name: str | None = None,
    idempotency_key: str | None = None,
    reply_to_external_id: str | None = None,
    location_ids: frozenset[str] | None = None,
    send_at: datetime | None = None,
    now: datetime,
) -> Composed:
    """Check everything that can be checked now, and queue a message.

    Never commits. After its commit the caller publishes `Composed.change` and wakes the lane.

    Args:
        session: of the caller's transaction.
        held: what the application holds.
        tenant_workspace_id: whose conversation it has to be.
        conversation_id: where to; else `account_id` and `recipient_external_id` together.
        account_id: see there.
        recipient_external_id: a person who has written to that account before.
        content: what to send.
        sender: `person` or `bot`; bots never use the human agent window.
        sent_by_ref: the host's id of the person, for colleagues to see.
        sent_by_name: their name.
        idempotency_key: the same key and content again return the message that is there.
        reply_to_external_id: Meta's id of the message of this conversation that is quoted.
        location_ids: the locations the tenant sees; None means all.
        send_at: when it is to go out (aware); None for at once. The policy is asked again then.
        now: aware.

    Raises:
        NotFoundError: no such conversation for this tenant.
        ConflictError: the key was used for something else, or the account is disconnected.
        TierError: the workspace's plan does not have the channel.
        InvalidRequestError: the key, the time, the quoted message or (ContentError) the content.
        PolicyError: no policy window is open.
    """
    thread = _find_thread(
        session,
        workspace_id=tenant_workspace_id,
        conversation_id=conversation_id,
        account_id=account_id,
        recipient_external_id=recipient_external_id,
        location_ids=location_ids,
    )
    _check_key(idempotency_key)
    values = {**_content_values(content, reply_to_external_id), "send_at": send_at}
    if idempotency_key is not None:
        earlier = _find_earlier(session, thread, idempotency_key)
        if earlier is not None:
            return _same_again(earlier, thread, values)
    _check_time(send_at, now=now)
    decision = check_may_send(session, held, thread, content=content, sender=sender, now=now)
    _check_reply(session, thread, reply_to_external_id)
    message = _insert(
        session,
        thread,
        {
            **values,
            "sent_by": sender,
            "sent_by_ref": sent_by_ref,
            "sent_by_name": sent_by_name,
            "idempotency_key": idempotency_key,
            "tag": decision.tag,
        },
        now=now,
    )
    if message is None:
        # Somebody used the key between our look and our insert; their row is committed by now.
        earlier = _find_earlier(session, thread, cast("str", idempotency_key))
        if earlier is None:
            raise ConflictError("A request with this idempotency key is under way. Try again.")
        return _same_again(earlier, thread, values)
    if isinstance(content, Media):
        _attach(session, message, content, now=now)
    if send_at is None:
        note_last_message(session, message.conversation_id, message_id=message.id, at=now)
    will_be_closed = (
        send_at is not None
        and not _decide(session, held, thread, sender=sender, now=send_at).allowed
    )
    return Composed(message=message, thread=thread, created=True, will_be_closed=will_be_closed)


def check_may_send(
    session: Session,
    held: MessengerState,
    thread: Thread,
    *,
    content: Content,
    sender: str,
    now: datetime,
) -> Decision:
    """Return how a message would go out now.

    An account that needs a reconnection is no obstacle: the message waits for it.

    Raises:
        TierError, ConflictError, ContentError, PolicyError: as of `compose`.
    """
    channel = channel_named(thread.account.channel)
    check_feature(held, thread.account.workspace_id, channel.feature)
    if thread.account.status == DISCONNECTED:
        raise ConflictError("This account is disconnected. Connect it again to send.")
    channel.check_content(content)
    decision = _decide(session, held, thread, sender=sender, now=now)
    decision.check()
    return decision


def _decide(
    session: Session, held: MessengerState, thread: Thread, *, sender: str, now: datetime
) -> Decision:
    return decide(
        channel=thread.account.channel,
        last_inbound_at=thread.conversation.last_inbound_at,
        sender=sender,
        human_agent_enabled=human_agent_enabled(session, thread.account.workspace_id),
        now=now,
        margin=timedelta(seconds=held.settings.window_margin_seconds),
    )


def human_agent_enabled(session: Session, workspace_id: str) -> bool:
    """Say whether the workspace switched the human agent window on."""
    statement = select(WorkspaceSettings.human_agent_enabled).where(
        WorkspaceSettings.workspace_id == workspace_id
    )
    return bool(session.scalar(statement))


def note_last_message(
    session: Session, conversation_id: uuid.UUID | None, *, message_id: uuid.UUID, at: datetime
) -> None:
    """Make a message the last one of its conversation, unless a later one is."""
    session.execute(
        update(Conversation)
        .where(
            Conversation.id == conversation_id,
            or_(Conversation.last_message_at.is_(None), Conversation.last_message_at <= at),
        )
        .values(last_message_at=at, last_message_id=message_id, updated_at=at)
        .execution_options(synchronize_session=False)
    )


def _find_thread(
    session: Session,
    *,
    workspace_id: str,
    conversation_id: uuid.UUID | None,
    account_id: uuid.UUID | None,
    recipient_external_id: str | None,
    location_ids: frozenset[str] | None,
) -> Thread:
    statement = (
        select(Conversation, Identity, Account)
        .join(Identity, Identity.id == Conversation.identity_id)
        .join(Account, Account.id == Conversation.account_id)
        .where(Conversation.workspace_id == workspace_id)
    )
    if conversation_id is not None:
        statement = statement.where(Conversation.id == conversation_id)
    elif account_id is not None and recipient_external_id:
        statement = statement.where(
            Conversation.account_id == account_id, Identity.external_id == recipient_external_id
        )
    else:
        message = "Say where to: a conversation, or an account and a recipient."
        raise InvalidRequestError(message, field="conversation_id")
    if location_ids is not None:
        statement = statement.where(Account.location_id.in_(sorted(location_ids)))
    row = session.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError("There is no such conversation.")
    return Thread(conversation=row[0], identity=row[1], account=row[2])


def _check_key(key: str | None) -> None:
    if key is not None and not (0 < len(key) <= MAX_KEY_LENGTH and key.isprintable()):
        message = f"An idempotency key has 1 to {MAX_KEY_LENGTH} printable characters."
        raise InvalidRequestError(message, field="idempotency_key")


def _check_time(send_at: datetime | None, *, now: datetime) -> None:
    if send_at is None:
        return
    if send_at <= now:
        raise InvalidRequestError("This time is past. Choose a later one.", field="send_at")
    if send_at > now + LONGEST_AHEAD:
        message = f"A message can be put off for {LONGEST_AHEAD.days} days."
        raise InvalidRequestError(message, field="send_at")


def _content_values(content: Content, reply_to_external_id: str | None) -> dict[str, Any]:
    return {
        "kind": content.kind,
        "text": content.text if isinstance(content, Text) else None,
        "content": content.as_dict(),
        "reply_to_external_id": reply_to_external_id,
    }


def _find_earlier(session: Session, thread: Thread, key: str) -> Message | None:
    statement = select(Message).where(
        Message.workspace_id == thread.account.workspace_id, Message.idempotency_key == key
    )
    return session.scalars(statement).one_or_none()


def _same_again(earlier: Message, thread: Thread, values: dict[str, Any]) -> Composed:
    is_same = earlier.conversation_id == thread.conversation.id and all(
        getattr(earlier, name) == value for name, value in values.items()
    )
    if not is_same:
        raise ConflictError("This idempotency key was used for another message.")
    return Composed(message=earlier, thread=thread, created=False)


def _check_reply(session: Session, thread: Thread, external_id: str | None) -> None:
    if external_id is None:
        return
    statement = select(Message.id).where(
        Message.account_id == thread.account.id,
        Message.external_id == external_id,
        Message.conversation_id == thread.conversation.id,
    )
    if session.scalar(statement) is None:
        message = "The message to reply to is not one of this conversation."
        raise InvalidRequestError(message, field="reply_to")


def _insert(
    session: Session, thread: Thread, values: dict[str, Any], *, now: datetime
) -> Message | None:
    """Insert a queued message; return None where its idempotency key is taken.

    One that is put off gets the place in its lane, and in its thread, of the time it is for.
    """
    send_at: datetime | None = values["send_at"]
    row = {
        "id": new_id_at(send_at) if send_at else new_id(),
        "workspace_id": thread.account.workspace_id,
        "account_id": thread.account.id,
        "conversation_id": thread.conversation.id,
        "direction": OUTBOUND,
        "status": QUEUED,
        "sent_at": send_at or now,
        "next_attempt_at": send_at,
        "attempts": 0,
        "created_at": now,
        "updated_at": now,
        **values,
    }
    table = Message.__table__
    statement = (
        insert_for(session, table)
        .values(row)
        .on_conflict_do_nothing(index_elements=["workspace_id", "idempotency_key"])
        .returning(table.c.id)
    )
    message_id = session.execute(statement).scalar_one_or_none()
    return session.get_one(Message, message_id) if message_id else None


def _attach(session: Session, message: Message, content: Media, *, now: datetime) -> None:
    session.execute(
        insert(Attachment.__table__).values(
            id=new_id(),
            workspace_id=message.workspace_id,
            message_id=message.id,
            position=0,
            type=content.type,
            url=content.url,
            payload={},
            state="remote",
            created_at=now,
        )
    )


def send_answer(
    message: Message, conversation: Conversation, identity: Identity, account: Account
) -> dict[str, Any]:
    """Return what the send route answers: the message as far as it has come."""
    return {
        "id": str(message.id),
        "status": message.status,
        "message_id": message.external_id,
        "recipient_id": identity.external_id,
        "platform": account.channel,
        "conversation_id": str(conversation.id),
        "used_message_tag": message.tag,
    }
