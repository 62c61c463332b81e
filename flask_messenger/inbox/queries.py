"""Reading conversations and accounts. Every function runs a fixed number of statements."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ScalarSelect,
    Select,
    bindparam,
    func,
    select,
    true,
)
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql import ColumnElement

from flask_messenger.errors import NotFoundError
from flask_messenger.hooks import Tenant
from flask_messenger.inbox.filters import (
    ConversationFilters,
    accounts_with,
    criteria_of,
)
from flask_messenger.inbox.pages import (
    Page,
    Position,
    beyond,
    check_limit,
    decode_cursor,
    encode_cursor,
)
from flask_messenger.models import Account, Conversation, Identity, Message
from flask_messenger.models.accounts import DISCONNECTED, visible_to
from flask_messenger.models.conversations import OPEN
from flask_messenger.models.messages import (
    FAILED,
    OUTBOUND,
    QUEUED,
    SENDING,
    UNKNOWN,
)
from flask_messenger.models.upsert import dialect_of

COUNT_LIMIT: Final = 1_000
"""Nobody reads a number beyond it, and counting on would cost more the longer the backlog is."""

# Made once: an alias prepares its columns on first use, which costs more than a small query.
_NEWEST: Final = (Conversation.last_message_at, Conversation.id)
_LAST = aliased(Message, name="last_message")
_FAILED = aliased(Message, name="failed_message")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRow:
    """A conversation with what a list shows of it.

    Attributes:
        has_failed: whether a message of ours waits for somebody to retry or discard it.
    """

    conversation: Conversation
    identity: Identity
    account: Account
    last_message: Message
    has_failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An account, and how many replies wait to go out through it."""

    account: Account
    queued_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationCounts:
    """How many open conversations there are; `unread` of them have something unread.

    Each is counted up to `COUNT_LIMIT`, which means "that many or more".
    """

    mine: int
    unassigned: int
    open: int
    unread: int


def list_conversations(
    session: Session,
    *,
    tenant: Tenant,
    filters: ConversationFilters,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[ConversationRow]:
    """Return conversations that have a message, the one written in last first.

    Raises:
        InvalidRequestError: `cursor` or `limit` is not valid.
    """
    wanted = check_limit(limit)
    criteria = [
        Conversation.workspace_id == tenant.workspace_id,
        Conversation.last_message_at.is_not(None),
        *criteria_of(session, filters, tenant),
    ]
    if cursor is not None:
        criteria.append(beyond(*_NEWEST, decode_cursor(cursor), older=True))
    # The page first, and what is shown of it then: joined at once, the planner may read what all
    # the conversations of a workspace show, and sort that.
    page = _newest_ids(session, criteria, accounts_with(filters, tenant), limit=wanted + 1)
    statement = (
        _conversations(tenant)
        .where(Conversation.id.in_(page))
        .order_by(*(column.desc() for column in _NEWEST))
    )
    rows = [_conversation_row(*found) for found in session.execute(statement)]
    more = len(rows) > wanted
    rows = rows[:wanted]
    return Page(items=rows, next_cursor=_cursor_of(rows[-1].conversation) if more else None)


def _newest_ids(
    session: Session,
    criteria: list[ColumnElement[bool]],
    accounts: "Select[uuid.UUID] | None",
    *,
    limit: int,
) -> Any:
    """Return a subquery of the newest conversations' ids.

    Of chosen accounts, PostgreSQL takes as many as are wanted from each and merges them: an index
    has each account's in order, and few accounts of many may be chosen.
    """
    order = [column.desc() for column in _NEWEST]
    found = select(Conversation.id, Conversation.last_message_at).where(*criteria)
    if accounts is None:
        return select(found.order_by(*order).limit(limit).subquery().c.id)
    if dialect_of(session) != "postgresql":
        found = found.where(Conversation.account_id.in_(accounts))
        return select(found.order_by(*order).limit(limit).subquery().c.id)
    chosen = accounts.subquery("chosen")
    of_each = (
        found.where(Conversation.account_id == chosen.c.id).order_by(*order).limit(limit).lateral()
    )
    return (
        select(of_each.c.id)
        .select_from(chosen.join(of_each, true()))
        .order_by(of_each.c.last_message_at.desc(), of_each.c.id.desc())
        .limit(limit)
    )


def get_conversation(
    session: Session, *, tenant: Tenant, conversation_id: uuid.UUID
) -> ConversationRow:
    """Return one conversation.

    Raises:
        NotFoundError: it does not exist, or the tenant may not see it.
    """
    statement = _conversations(tenant).where(Conversation.id == conversation_id)
    found = session.execute(statement).one_or_none()
    if found is None:
        raise NotFoundError("There is no such conversation.")
    return _conversation_row(*found)


def count_conversations(session: Session, *, tenant: Tenant) -> ConversationCounts:
    """Count what is open, for the tabs of the inbox."""
    statement = select(
        _up_to_limit(tenant, Conversation.assignee_ref == tenant.user_id),
        _up_to_limit(tenant, Conversation.assignee_ref.is_(None)),
        _up_to_limit(tenant),
        _up_to_limit(tenant, Conversation.unread_count > 0),
    )
    mine, unassigned, total, unread = session.execute(statement).one()
    return ConversationCounts(mine=mine, unassigned=unassigned, open=total, unread=unread)


def _up_to_limit(tenant: Tenant, *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    found = select(Conversation.id).where(
        Conversation.workspace_id == tenant.workspace_id,
        Conversation.status == OPEN,
        Conversation.last_message_at.is_not(None),
        *conditions,
    )
    if tenant.location_ids is not None:
        visible = select(Account.id).where(*visible_to(tenant))
        found = found.where(Conversation.account_id.in_(visible))
    # In the order of an index: the planner would rather hope to meet as many in any order.
    in_order = found.order_by(Conversation.last_message_at.desc())
    counted = in_order.limit(COUNT_LIMIT).subquery()
    return select(func.count()).select_from(counted).scalar_subquery()


def list_accounts(
    session: Session, *, tenant: Tenant, include_disconnected: bool = False
) -> Sequence[AccountRow]:
    """Return the accounts the tenant sees, by name."""
    statement = _accounts(tenant).order_by(Account.name, Account.id)
    if not include_disconnected:
        statement = statement.where(Account.status != DISCONNECTED)
    rows = session.execute(statement)
    return [AccountRow(account=account, queued_count=count) for account, count in rows]


def get_account(session: Session, *, tenant: Tenant, account_id: uuid.UUID) -> AccountRow:
    """Return one account.

    Raises:
        NotFoundError: it does not exist, or the tenant may not see it.
    """
    statement = _accounts(tenant).where(Account.id == account_id)
    found = session.execute(statement).one_or_none()
    if found is None:
        raise NotFoundError("There is no such account.")
    return AccountRow(account=found[0], queued_count=found[1])


def _conversations(
    tenant: Tenant,
) -> "Select[Conversation, Identity, Account, Message, bool]":
    has_failed = (
        select(_FAILED.id)
        .where(
            _FAILED.workspace_id == tenant.workspace_id,
            _FAILED.conversation_id == Conversation.id,
            _FAILED.direction == OUTBOUND,
            _FAILED.status.in_((FAILED, UNKNOWN)),
        )
        .exists()
    )
    return (
        select(Conversation, Identity, Account, _LAST, has_failed)
        .join(Identity, Identity.id == Conversation.identity_id)
        .join(Account, Account.id == Conversation.account_id)
        .join(_LAST, _LAST.id == Conversation.last_message_id)
        .where(*visible_to(tenant), Conversation.workspace_id == tenant.workspace_id)
    )


def _conversation_row(
    conversation: Conversation,
    identity: Identity,
    account: Account,
    last_message: Message,
    has_failed: bool,  # noqa: FBT001 - a column of the row above
) -> ConversationRow:
    return ConversationRow(
        conversation=conversation,
        identity=identity,
        account=account,
        last_message=last_message,
        has_failed=has_failed,
    )


def _accounts(tenant: Tenant) -> "Select[Account, int]":
    # Told as values and not as parameters, so that the planner sees the outbox's partial index.
    on_their_way: BindParameter[Any] = bindparam(
        "waiting", (QUEUED, SENDING), expanding=True, literal_execute=True
    )
    waiting = (
        select(Message.account_id, func.count().label("queued_count"))
        .where(Message.workspace_id == tenant.workspace_id, Message.status.in_(on_their_way))
        .group_by(Message.account_id)
        .subquery()
    )
    return (
        select(Account, func.coalesce(waiting.c.queued_count, 0))
        .outerjoin(waiting, waiting.c.account_id == Account.id)
        .where(*visible_to(tenant))
    )


def _cursor_of(conversation: Conversation) -> str:
    return encode_cursor(
        Position(conversation.last_message_at or conversation.created_at, conversation.id)
    )
