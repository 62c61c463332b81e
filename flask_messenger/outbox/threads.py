"""Where a message goes: a conversation with the two sides of it, as a tenant may see it."""

import uuid
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.errors import InvalidRequestError, NotFoundError
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, Conversation, Identity, Message, WorkspaceSettings
from flask_messenger.models.conversations import COMMENTS, DIRECT
from flask_messenger.outbox.circumstances import Circumstances


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation with the two sides of it."""

    conversation: Conversation
    identity: Identity
    account: Account

    @property
    def is_public(self) -> bool:
        """Whether it stands under a post, for everybody to read."""
        return self.conversation.kind == COMMENTS

    def circumstances(self, session: Session) -> Circumstances:
        """Return what the policy is told of it."""
        enabled = human_agent_enabled(session, self.account.workspace_id)
        return Circumstances.of(self.conversation, self.account, human_agent_enabled=enabled)


def human_agent_enabled(session: Session, workspace_id: str) -> bool:
    """Say whether the workspace switched the human agent window on."""
    statement = select(WorkspaceSettings.human_agent_enabled).where(
        WorkspaceSettings.workspace_id == workspace_id
    )
    return bool(session.scalar(statement))


def find_thread(
    session: Session,
    *,
    workspace_id: str,
    conversation_id: uuid.UUID | None,
    account_id: uuid.UUID | None = None,
    recipient_external_id: str | None = None,
    location_ids: frozenset[str] | None,
) -> Thread:
    """Return a conversation by its id, or the direct one with a person.

    Raises:
        NotFoundError: there is none that this tenant sees.
        InvalidRequestError: neither is named.
    """
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
            Conversation.account_id == account_id,
            Conversation.kind == DIRECT,
            Identity.external_id == recipient_external_id,
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


def find_message(
    session: Session, *, tenant: Tenant, message_id: uuid.UUID
) -> tuple[Message, Thread]:
    """Return a message as it is now, and its thread.

    Raises:
        NotFoundError: there is none that this tenant sees.
    """
    statement = (
        select(Message, Conversation, Identity, Account)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Identity, Identity.id == Conversation.identity_id)
        .join(Account, Account.id == Conversation.account_id)
        .where(Message.id == message_id, Message.workspace_id == tenant.workspace_id)
        .execution_options(populate_existing=True)
    )
    if tenant.location_ids is not None:
        statement = statement.where(Account.location_id.in_(sorted(tenant.location_ids)))
    row = session.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError("There is no such message.")
    return row[0], Thread(conversation=row[1], identity=row[2], account=row[3])
