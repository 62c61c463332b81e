"""What people do with a conversation besides writing: assign, close, reopen, snooze, see.

Nothing here commits or tells anybody: each function returns what the caller emits after its
commit. Permissions are the caller's to check (`assign` to assign, `reply` for the rest).
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from flask_messenger.errors import InvalidRequestError, NotFoundError
from flask_messenger.hooks import Agent, Tenant
from flask_messenger.models import Account, AuditEntry, Conversation, Identity, Message
from flask_messenger.models.accounts import visible_to
from flask_messenger.models.conversations import CLOSED, OPEN, SNOOZED
from flask_messenger.models.messages import INBOUND
from flask_messenger.realtime import Change

ASSIGNED: Final = "assigned"
UNASSIGNED: Final = "unassigned"
CLOSED_BY_PERSON: Final = "closed"
REOPENED: Final = "reopened"
SNOOZED_BY_PERSON: Final = "snoozed"
SEEN: Final = "seen"
LONGEST_SNOOZE: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationUpdate:
    """What an action did.

    Attributes:
        change: a word for what changed; None where everything was like that already, and nobody
            needs to hear of it.
    """

    conversation: Conversation
    location_id: str | None
    contact_ref: str | None
    change: str | None

    @property
    def is_announced(self) -> bool:
        """Whether hosts hear of it: what the team has seen is the team's own business."""
        return self.change is not None and self.change != SEEN

    @property
    def signal_arguments(self) -> dict[str, Any]:
        """Arguments of `signals.conversation_updated`."""
        return {
            "workspace_id": self.conversation.workspace_id,
            "location_id": self.location_id,
            "account_id": self.conversation.account_id,
            "conversation_id": self.conversation.id,
            "contact_ref": self.contact_ref,
            "channel": self.conversation.channel,
            "change": self.change,
        }

    @property
    def realtime_change(self) -> Change:
        """What open pages are told."""
        ids = {
            "conversation_id": str(self.conversation.id),
            "account_id": str(self.conversation.account_id),
            "location_id": self.location_id,
        }
        return Change(self.conversation.workspace_id, "conversation", ids)


def assign(
    session: Session,
    *,
    tenant: Tenant,
    conversation_id: uuid.UUID,
    agent_id: str,
    agents: Iterable[Agent],
) -> ConversationUpdate:
    """Make one of `agents` the one who answers.

    Raises:
        NotFoundError: the conversation does not exist, or the tenant may not see it.
        InvalidRequestError: nobody of this id is among `agents`.
    """
    found = _lock(session, tenant, conversation_id)
    if all(agent.id != agent_id for agent in agents):
        message = "Nobody of this id can be assigned a conversation here."
        raise InvalidRequestError(message, field="assignee")
    if found.conversation.assignee_ref == agent_id:
        return found.updated(None)
    found.conversation.assignee_ref = agent_id
    return _record(session, tenant, found, ASSIGNED, assignee=agent_id)


def unassign(session: Session, *, tenant: Tenant, conversation_id: uuid.UUID) -> ConversationUpdate:
    """Give the conversation back to everybody.

    Raises:
        NotFoundError: it does not exist, or the tenant may not see it.
    """
    found = _lock(session, tenant, conversation_id)
    if found.conversation.assignee_ref is None:
        return found.updated(None)
    found.conversation.assignee_ref = None
    return _record(session, tenant, found, UNASSIGNED)


def close(session: Session, *, tenant: Tenant, conversation_id: uuid.UUID) -> ConversationUpdate:
    """Put the conversation away; a new message of the person opens it again.

    Raises:
        NotFoundError: it does not exist, or the tenant may not see it.
    """
    found = _lock(session, tenant, conversation_id)
    if found.conversation.status == CLOSED:
        return found.updated(None)
    found.conversation.status = CLOSED
    found.conversation.snoozed_until = None
    return _record(session, tenant, found, CLOSED_BY_PERSON)


def reopen(session: Session, *, tenant: Tenant, conversation_id: uuid.UUID) -> ConversationUpdate:
    """Bring a closed or snoozed conversation back.

    Raises:
        NotFoundError: it does not exist, or the tenant may not see it.
    """
    found = _lock(session, tenant, conversation_id)
    if found.conversation.status == OPEN:
        return found.updated(None)
    found.conversation.status = OPEN
    found.conversation.snoozed_until = None
    return _record(session, tenant, found, REOPENED)


def snooze(
    session: Session,
    *,
    tenant: Tenant,
    conversation_id: uuid.UUID,
    until: datetime,
    now: datetime,
) -> ConversationUpdate:
    """Put the conversation away `until` then. Both times are aware.

    Raises:
        NotFoundError: it does not exist, or the tenant may not see it.
        InvalidRequestError: `until` has no zone, is over, or is more than a year away.
    """
    found = _lock(session, tenant, conversation_id)
    if until.tzinfo is None:
        raise InvalidRequestError("This time needs its zone.", field="snoozed_until")
    if not now < until <= now + LONGEST_SNOOZE:
        message = "Snooze until a time in the future, at most a year away."
        raise InvalidRequestError(message, field="snoozed_until")
    if found.conversation.status == SNOOZED and found.conversation.snoozed_until == until:
        return found.updated(None)
    found.conversation.status = SNOOZED
    found.conversation.snoozed_until = until
    return _record(session, tenant, found, SNOOZED_BY_PERSON, until=until.isoformat())


def mark_seen(
    session: Session,
    *,
    tenant: Tenant,
    conversation_id: uuid.UUID,
    until_message_id: uuid.UUID | None = None,
) -> ConversationUpdate:
    """Note that the team has read the conversation, up to one message or to its end.

    Meta's times are compared with Meta's times only: no clock of ours is involved.

    Raises:
        NotFoundError: conversation or message do not exist, or the tenant may not see them.
    """
    found = _lock(session, tenant, conversation_id)
    conversation = found.conversation
    inbound = (
        Message.workspace_id == tenant.workspace_id,
        Message.conversation_id == conversation.id,
        Message.direction == INBOUND,
    )
    until = _seen_until(session, conversation, until_message_id)
    before = (conversation.seen_until, conversation.unread_count)
    if until is not None and (conversation.seen_until is None or until > conversation.seen_until):
        conversation.seen_until = until
    count = select(func.count()).select_from(Message).where(*inbound)
    if conversation.seen_until is not None:
        count = count.where(Message.sent_at > conversation.seen_until)
    conversation.unread_count = session.scalars(count).one()
    session.flush()
    changed = before != (conversation.seen_until, conversation.unread_count)
    return found.updated(SEEN if changed else None)


def _seen_until(
    session: Session, conversation: Conversation, message_id: uuid.UUID | None
) -> datetime | None:
    """Return the time of the newest inbound message, of those up to `message_id` if given."""
    in_conversation = (
        Message.workspace_id == conversation.workspace_id,
        Message.conversation_id == conversation.id,
    )
    newest = select(func.max(Message.sent_at)).where(*in_conversation, Message.direction == INBOUND)
    if message_id is not None:
        chosen = select(Message.sent_at).where(*in_conversation, Message.id == message_id)
        sent_at = session.scalars(chosen).one_or_none()
        if sent_at is None:
            raise NotFoundError("There is no such message in this conversation.")
        newest = newest.where(Message.sent_at <= sent_at)
    return session.scalars(newest).one()


def wake_snoozed(session: Session, *, now: datetime, limit: int = 500) -> list[ConversationUpdate]:
    """Reopen conversations whose snooze is over; for a schedule, in the system scope."""
    statement = (
        _located()
        .where(Conversation.status == SNOOZED, Conversation.snoozed_until <= now)
        .order_by(Conversation.snoozed_until)
        .limit(limit)
        .with_for_update(of=Conversation, skip_locked=True)
    )
    updates = []
    for row in session.execute(statement):
        found = _Located(*row)
        found.conversation.status = OPEN
        found.conversation.snoozed_until = None
        updates.append(found.updated(REOPENED))
    session.flush()
    return updates


@dataclass(frozen=True, slots=True)
class _Located:
    """A conversation, held until the transaction ends, and what a signal says beside it."""

    conversation: Conversation
    location_id: str | None
    contact_ref: str | None

    def updated(self, change: str | None) -> ConversationUpdate:
        return ConversationUpdate(
            conversation=self.conversation,
            location_id=self.location_id,
            contact_ref=self.contact_ref,
            change=change,
        )


def _located() -> "Select[Conversation, str | None, str | None]":
    return (
        select(Conversation, Account.location_id, Identity.contact_ref)
        .join(Account, Account.id == Conversation.account_id)
        .join(Identity, Identity.id == Conversation.identity_id)
    )


def _lock(session: Session, tenant: Tenant, conversation_id: uuid.UUID) -> _Located:
    statement = (
        _located()
        .where(
            *visible_to(tenant),
            Conversation.workspace_id == tenant.workspace_id,
            Conversation.id == conversation_id,
        )
        # Messages arrive meanwhile: what we count must not change under the row we write it to.
        .with_for_update(of=Conversation)
        .execution_options(populate_existing=True)
    )
    found = session.execute(statement).one_or_none()
    if found is None:
        raise NotFoundError("There is no such conversation.")
    return _Located(*found)


def _record(
    session: Session, tenant: Tenant, found: _Located, change: str, **details: str
) -> ConversationUpdate:
    session.add(
        AuditEntry(
            workspace_id=tenant.workspace_id,
            actor=tenant.user_id,
            action=f"conversation_{change}",
            subject=str(found.conversation.id),
            details=details,
        )
    )
    session.flush()
    return found.updated(change)
