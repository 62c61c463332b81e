"""What narrows the list of conversations."""

import uuid
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import ColumnElement, Select, literal_column, select
from sqlalchemy.orm import Session

from flask_messenger.errors import InvalidRequestError
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, Conversation
from flask_messenger.models.accounts import visible_to
from flask_messenger.models.conversations import CLOSED, COMMENTS, DIRECT, OPEN, SNOOZED
from flask_messenger.models.search import conversations_with

ME: Final = "me"
NONE: Final = "none"
STATUSES: Final = (OPEN, CLOSED, SNOOZED)
KINDS: Final = (DIRECT, COMMENTS)
MAX_TEXT_LENGTH: Final = 200
_KINDS: Final[dict[str, ColumnElement[bool]]] = {
    kind: Conversation.kind == literal_column(f"'{kind}'") for kind in KINDS
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationFilters:
    """Which conversations to list; None narrows nothing.

    Attributes:
        kind: `direct` for messages, `comments` for what was written in public.
        assignee: `me`, `none`, or the id of an agent.
        text: looked for in the person's name and in the messages, whatever the case of letters;
            on PostgreSQL from the beginning of a word.
    """

    channel: str | None = None
    kind: str | None = None
    location_id: str | None = None
    account_id: uuid.UUID | None = None
    status: str | None = None
    assignee: str | None = None
    text: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse what no row can have.

        Raises:
            InvalidRequestError: an unknown status or kind, too long a text, or one that no database
                can hold.
        """
        if self.status is not None and self.status not in STATUSES:
            message = f"A status is one of {', '.join(STATUSES)}."
            raise InvalidRequestError(message, field="status")
        if self.kind is not None and self.kind not in KINDS:
            message = f"A kind of conversation is one of {', '.join(KINDS)}."
            raise InvalidRequestError(message, field="kind")
        if self.text is not None and len(self.text) > MAX_TEXT_LENGTH:
            message = f"Search for at most {MAX_TEXT_LENGTH} characters."
            raise InvalidRequestError(message, field="text")
        for name in ("channel", "location_id", "assignee", "text"):
            _check_storable(getattr(self, name), field_name=name)


def _check_storable(value: str | None, *, field_name: str) -> None:
    if value and ("\x00" in value or any("\ud800" <= char <= "\udfff" for char in value)):
        message = "This contains a character that cannot be stored or searched for."
        raise InvalidRequestError(message, field=field_name)


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
    if filters.kind is not None:
        # As values, not as parameters: so the planner sees the partial index of comments.
        criteria.append(_KINDS[filters.kind])
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
