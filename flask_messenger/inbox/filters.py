"""What narrows the list of conversations."""

import uuid
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from flask_messenger.errors import InvalidRequestError
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, Conversation
from flask_messenger.models.conversations import CLOSED, OPEN, SNOOZED
from flask_messenger.models.search import conversations_with

ME: Final = "me"
NONE: Final = "none"
STATUSES: Final = (OPEN, CLOSED, SNOOZED)
MAX_TEXT_LENGTH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationFilters:
    """Which conversations to list; None narrows nothing.

    Attributes:
        assignee: `me`, `none`, or the id of an agent.
        text: looked for in the person's name and in the messages, whatever the case of letters;
            on PostgreSQL from the beginning of a word.
    """

    channel: str | None = None
    location_id: str | None = None
    account_id: uuid.UUID | None = None
    status: str | None = None
    assignee: str | None = None
    text: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse what no row can have.

        Raises:
            InvalidRequestError: an unknown status, too long a text, or one no database can hold.
        """
        if self.status is not None and self.status not in STATUSES:
            message = f"A status is one of {', '.join(STATUSES)}."
            raise InvalidRequestError(message, field="status")
        if self.text is not None and len(self.text) > MAX_TEXT_LENGTH:
            message = f"Search for at most {MAX_TEXT_LENGTH} characters."
            raise InvalidRequestError(message, field="text")
        for name in ("channel", "location_id", "assignee", "text"):
            _check_storable(getattr(self, name), field_name=name)


def _check_storable(value: str | None, *, field_name: str) -> None:
    if value and ("\x00" in value or any("\ud800" <= char <= "\udfff" for char in value)):
        message = "This contains a character that cannot be stored or searched for."
        raise InvalidRequestError(message, field=field_name)


def visible_to(tenant: Tenant) -> list[ColumnElement[bool]]:
    """Return what keeps a query on `Account` to what the tenant may see."""
    criteria: list[ColumnElement[bool]] = [Account.workspace_id == tenant.workspace_id]
    if tenant.location_ids is not None:
        criteria.append(Account.location_id.in_(sorted(tenant.location_ids)))
    return criteria


def accounts_with(filters: ConversationFilters, tenant: Tenant) -> "Select[uuid.UUID] | None":
    """Return the accounts whose conversations are wanted; None where every one of the workspace."""
    equal = (
        (Account.channel, filters.channel),
        (Account.id, filters.account_id),
        (Account.location_id, filters.location_id),
    )
    narrowing = [column == wanted for column, wanted in equal if wanted is not None]
    if not narrowing and tenant.location_ids is None:
        return None
    return select(Account.id).where(*visible_to(tenant), *narrowing)


def criteria_of(
    session: Session, filters: ConversationFilters, tenant: Tenant
) -> list[ColumnElement[bool]]:
    """Return what else narrows the conversations."""
    criteria: list[ColumnElement[bool]] = []
    if filters.status is not None:
        criteria.append(Conversation.status == filters.status)
    if filters.assignee is not None:
        criteria.append(_assigned_to(filters.assignee, tenant))
    if filters.text and filters.text.strip():
        found = conversations_with(session, filters.text.strip())
        criteria.append(Conversation.id.in_(found))
    return criteria


def _assigned_to(assignee: str, tenant: Tenant) -> ColumnElement[bool]:
    if assignee == NONE:
        return Conversation.assignee_ref.is_(None)
    agent_id = tenant.user_id if assignee == ME else assignee
    return Conversation.assignee_ref == agent_id
