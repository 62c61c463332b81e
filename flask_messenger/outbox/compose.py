"""From words to a queued message: everything that can be refused is refused here, at once."""

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from flask_messenger.channels.base import Channel
from flask_messenger.channels.registry import channel_named
from flask_messenger.content import Content, Reaction
from flask_messenger.errors import ConflictError, ContentError, InvalidRequestError
from flask_messenger.models import Account, Conversation, Identity, Message
from flask_messenger.models.accounts import DISCONNECTED
from flask_messenger.models.messages import BY_PERSON
from flask_messenger.outbox.approval import check_approved
from flask_messenger.outbox.circumstances import our_app_ids
from flask_messenger.outbox.claim import Place
from flask_messenger.outbox.drafts import Draft, check_is_first, draft_for
from flask_messenger.outbox.extras import COMMENT, KEY, NOTHING, Extras
from flask_messenger.outbox.policy import Decision
from flask_messenger.outbox.storing import (
    attach_files,
    insert_message,
    message_change,
    note_last_message,
)
from flask_messenger.outbox.threads import Thread, find_thread, human_agent_enabled
from flask_messenger.presence.personas import check_persona, persona_for
from flask_messenger.realtime import Change
from flask_messenger.state import MessengerState
from flask_messenger.tiers import check_feature

__all__ = [
    "DEGRADE",
    "MAX_KEY_LENGTH",
    "REFUSE",
    "Composed",
    "Thread",
    "check_may_send",
    "compose",
    "human_agent_enabled",
    "message_change",
    "note_last_message",
    "send_answer",
]

REFUSE: Final = "refuse"
DEGRADE: Final = "degrade"
"""What becomes of content that a channel does not have: an error, or the next best thing."""

MOST_MESSAGES: Final = 50
"""Far more than a template or a long text becomes; a book is not cut into two thousand."""
MAX_KEY_LENGTH: Final = 255
CONTENT: Final = "content"
LONGEST_AHEAD: Final = timedelta(days=365)
"""How far ahead a message can be put off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A message in its lane.

    Attributes:
        created: whether this call made it; False where its idempotency key was used before.
        will_be_closed: whether it is put off until after its window closes, so that it fails
            unless the person writes again before.
        more: messages behind it, where the channel carries the content in several.
        notes: what was changed for the channel, as sentences.
    """

    message: Message
    thread: Thread
    created: bool
    will_be_closed: bool = False
    more: tuple[Message, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def change(self) -> Change:
        """What open pages should hear after the commit."""
        return message_change(self.message, location_id=self.thread.account.location_id)

    @property
    def changes(self) -> list[Change]:
        """`change`, and those of the messages behind it."""
        location_id = self.thread.account.location_id
        return [
            message_change(each, location_id=location_id) for each in (self.message, *self.more)
        ]

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
    private_reply_to: str | None = None,
    extras: Extras = NOTHING,
    on_unsupported: str = REFUSE,
    location_ids: frozenset[str] | None = None,
    send_at: datetime | None = None,
    now: datetime,
) -> Composed:
    """Check everything that can be checked now, and queue a message.

    Never commits. After its commit the caller publishes `Composed.changes` and wakes the lane.

    Args:
        session: of the caller's transaction.
        held: what the application holds.
        tenant_workspace_id: whose conversation it has to be.
        conversation_id: where to; else `account_id` and `recipient_external_id` together.
        account_id: see there.
        recipient_external_id: a person who has written to that account before.
        content: what to send. In a conversation of comments it is a public answer.
        sender: `person` or `bot`; bots never use the human agent window.
        sent_by_ref: the host's id of the person, for colleagues to see.
        sent_by_name: their name.
        idempotency_key: the same key and content again return the message that is there.
        reply_to_external_id: Meta's id of the message of this conversation that is quoted, or of
            the comment that is answered in public (None: the newest).
        private_reply_to: Meta's id of the comment of this conversation that is answered in
            private.
        extras: what goes beside the content.
        on_unsupported: `refuse`, or `degrade` to send the next best thing that the channel has;
            a public answer is words as they are, or refused.
        location_ids: the locations the tenant sees; None means all.
        send_at: when it is to go out (aware); None for at once. The policy is asked again then.
        now: aware.

    Raises:
        NotFoundError: no such conversation for this tenant.
        ConflictError: the key was used for something else, the account is disconnected, the
            comment was answered in private before, or Meta has not approved the template.
        TierError: the workspace's plan does not have the channel.
        InvalidRequestError: the key, the time, the quoted message or (ContentError) the content.
        PolicyError: no policy window is open, or something else keeps it in.
    """
    thread = find_thread(
        session,
        workspace_id=tenant_workspace_id,
        conversation_id=conversation_id,
        account_id=account_id,
        recipient_external_id=recipient_external_id,
        location_ids=location_ids,
    )
    _check_key(idempotency_key)
    is_comment = thread.is_public and private_reply_to is None
    how = REFUSE if is_comment else on_unsupported  # there is one thing that a comment can be
    contents, notes = _carried(channel_named(thread.account.channel), content, how)
    extras = _with_persona(session, thread, extras, sender=sender, user_ref=sent_by_ref)
    drafts = [
        draft_for(
            session,
            thread,
            each,
            extras=extras if number == len(contents) - 1 else replace(extras, thread_control=None),
            reply_to_external_id=reply_to_external_id if number == 0 else None,
            private_reply_to=private_reply_to,
        )
        for number, each in enumerate(contents)
    ]
    if private_reply_to is not None and len(drafts) > 1:
        message = "A private reply is one message; this one would become several on the channel."
        raise ContentError(message, field="content")
    author = {"sent_by": sender, "sent_by_ref": sent_by_ref, "sent_by_name": sent_by_name}
    first, *others = [
        _queue(session, held, thread, draft, author, key=key, send_at=send_at, now=now)
        for draft, key in zip(drafts, _keys(idempotency_key), strict=False)
    ]
    return replace(first, more=tuple(each.message for each in others), notes=notes)


def _carried(
    channel: Channel, content: Content, on_unsupported: str
) -> tuple[tuple[Content, ...], tuple[str, ...]]:
    """Return the content as the channel carries it, and what was changed."""
    if isinstance(content, Reaction):
        message = "A reaction is no message: react to the message itself."
        raise ContentError(message, field="content.kind")
    if on_unsupported != DEGRADE:
        return (content,), ()
    degraded = channel.degrade(content)
    if len(degraded.contents) > MOST_MESSAGES:
        message = (
            f"This would become {len(degraded.contents)} messages; at most {MOST_MESSAGES} go."
        )
        raise ContentError(message, field="content")
    return degraded.contents, degraded.notes


def _with_persona(
    session: Session, thread: Thread, extras: Extras, *, sender: str, user_ref: str | None
) -> Extras:
    """Return the extras with the persona of who writes: the one that is named, or their own.

    Raises:
        InvalidRequestError: the named one is not the account's.
    """
    if thread.is_public:
        return extras
    if extras.persona_id is not None:
        check_persona(session, account=thread.account, external_id=extras.persona_id)
        return extras
    if sender != BY_PERSON:
        return extras
    persona_id = persona_for(session, account=thread.account, user_ref=user_ref)
    return replace(extras, persona_id=persona_id)


def _keys(key: str | None) -> Iterator[str | None]:
    """Yield the idempotency key of each message that one request becomes."""
    yield key
    number = 1
    while True:
        number += 1
        yield f"{number}:{hashlib.sha256(key.encode()).hexdigest()}" if key else None


def _queue(
    session: Session,
    held: MessengerState,
    thread: Thread,
    draft: Draft,
    author: dict[str, Any],
    *,
    key: str | None,
    send_at: datetime | None,
    now: datetime,
) -> Composed:
    """Check one message and put it into its lane, or find it there by its key."""
    values = {**draft.columns, "send_at": send_at}
    if key is not None:
        earlier = _find_earlier(session, thread, key)
        if earlier is not None:
            return _same_again(earlier, thread, values)
    _check_time(send_at, now=now)
    sender = author["sent_by"]
    decision = check_may_send(session, held, thread, draft=draft, sender=sender, now=now)
    row = {**values, **author, "idempotency_key": key, "tag": decision.tag}
    message = insert_message(session, thread, row, now=now)
    if message is None:
        # Somebody was first between our look and our insert; their row is committed by now.
        earlier = _find_earlier(session, thread, key) if key is not None else None
        if earlier is None:
            check_is_first(session, thread, draft)
            raise ConflictError("A request with this idempotency key is under way. Try again.")
        return _same_again(earlier, thread, values)
    channel = channel_named(thread.account.channel)
    attach_files(session, message, draft.content, channel=channel, now=now)
    if send_at is None:
        note_last_message(session, message.conversation_id, message_id=message.id, at=now)
    if sender == BY_PERSON:
        _pause_bots(session, held, thread, now=now)
    will_be_closed = (
        send_at is not None
        and not _decide(session, held, thread, draft=draft, sender=sender, now=send_at).allowed
    )
    return Composed(message=message, thread=thread, created=True, will_be_closed=will_be_closed)


def check_may_send(
    session: Session,
    held: MessengerState,
    thread: Thread,
    *,
    draft: Draft,
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
    channel.check_content(draft.content, is_public=draft.kind == COMMENT)
    check_is_first(session, thread, draft)
    check_approved(session, thread.account, draft.content)
    decision = _decide(session, held, thread, draft=draft, sender=sender, now=now)
    decision.check()
    return decision


def _decide(
    session: Session,
    held: MessengerState,
    thread: Thread,
    *,
    draft: Draft,
    sender: str,
    now: datetime,
) -> Decision:
    return thread.circumstances(session).decide(
        sender=sender,
        our_app_ids=our_app_ids(held.settings.apps, thread.account.app_name),
        now=now,
        margin=timedelta(seconds=held.settings.window_margin_seconds),
        content_class=draft.content_class,
        commented_at=draft.commented_at,
    )


def _pause_bots(session: Session, held: MessengerState, thread: Thread, *, now: datetime) -> None:
    """Have bots be quiet for a while: a person answers."""
    until = now + timedelta(hours=held.settings.bot_pause_hours)
    if until <= now:
        return
    paused_until = Conversation.bot_paused_until
    session.execute(
        update(Conversation)
        .where(
            Conversation.id == thread.conversation.id,
            or_(paused_until.is_(None), paused_until < until),
        )
        .values(bot_paused_until=until)
        .execution_options(synchronize_session=False)
    )


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


def _find_earlier(session: Session, thread: Thread, key: str) -> Message | None:
    statement = select(Message).where(
        Message.workspace_id == thread.account.workspace_id, Message.idempotency_key == key
    )
    return session.scalars(statement).one_or_none()


def _same_again(earlier: Message, thread: Thread, values: dict[str, Any]) -> Composed:
    is_here = earlier.conversation_id == thread.conversation.id or _has_moved(earlier, values)
    is_same = all(
        getattr(earlier, name) == value for name, value in values.items() if name != CONTENT
    )
    if not (is_here and is_same and _unsigned(earlier.content) == _unsigned(values[CONTENT])):
        raise ConflictError("This idempotency key was used for another message.")
    return Composed(message=earlier, thread=thread, created=False)


def _unsigned(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored content without its persona: who had which when is no matter of a request."""
    options = {name: each for name, each in content.get(KEY, {}).items() if name != "persona_id"}
    rest = {name: each for name, each in content.items() if name != KEY}
    return {**rest, KEY: options} if options else rest


def _has_moved(earlier: Message, values: dict[str, Any]) -> bool:
    """Say whether a private reply went where it belongs meanwhile: to the direct conversation."""
    private_reply_to = values["private_reply_to"]
    return private_reply_to is not None and earlier.private_reply_to == private_reply_to


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
