"""What a tenant may read. Every function runs a fixed number of statements."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ScalarSelect,
    Select,
    bindparam,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased
from sqlalchemy.sql import ColumnElement

from flask_messenger.errors import InvalidRequestError, NotFoundError
from flask_messenger.hooks import Tenant
from flask_messenger.inbox.filters import (
    ConversationFilters,
    accounts_with,
    criteria_of,
)
from flask_messenger.inbox.pages import Page, Position, check_limit, decode_cursor, encode_cursor
from flask_messenger.models import Account, Attachment, Conversation, Identity, Message, Reaction
from flask_messenger.models.accounts import DISCONNECTED, visible_to
from flask_messenger.models.conversations import OPEN
from flask_messenger.models.messages import (
    CANCELLED,
    DISCARDED,
    FAILED,
    OUTBOUND,
    QUEUED,
    SENDING,
    UNKNOWN,
)
from flask_messenger.models.upsert import dialect_of

IN_PUBLIC: Final = ("comment", "post")
"""Kinds of messages that can be answered in private, once."""
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
class MessageRow:
    """A message with its attachments, in their order, and the reactions it has now.

    Attributes:
        quoted: the message it answers, where we have that.
        private_reply: of a comment, what answered it in private.
    """

    message: Message
    attachments: Sequence[Attachment]
    reactions: Sequence[Reaction] = ()
    quoted: Message | None = None
    private_reply: Message | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """Some messages of one conversation, oldest first: the order in which one reads.

    Attributes:
        older_cursor: `before` of the page with what was written earlier; None at the beginning.
        newer_cursor: `after` of what will be written later; None where the page is empty and
            nothing was asked for.
    """

    items: Sequence[MessageRow]
    older_cursor: str | None
    newer_cursor: str | None


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
        criteria.append(_beyond(*_NEWEST, decode_cursor(cursor), older=True))
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


def list_messages(
    session: Session,
    *,
    tenant: Tenant,
    conversation_id: uuid.UUID,
    before: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> MessagePage:
    """Return the newest messages of a conversation, or those `before` or `after` a cursor.

    A message can arrive late and then sorts before a page that was read already; whoever shows
    a conversation as it grows listens for changes too and does not rely on `after` alone.

    Raises:
        NotFoundError: the conversation does not exist, or the tenant may not see it.
        InvalidRequestError: a cursor or `limit` is not valid.
    """
    wanted = check_limit(limit)
    if before is not None and after is not None:
        raise InvalidRequestError("Ask with `before` or with `after`, not both.", field="after")
    get_conversation(session, tenant=tenant, conversation_id=conversation_id)
    statement = select(Message).where(
        Message.workspace_id == tenant.workspace_id, Message.conversation_id == conversation_id
    )
    key = (Message.sent_at, Message.id)
    if before is not None:
        position = decode_cursor(before, field="before")
        statement = statement.where(_beyond(*key, position, older=True))
    if after is not None:
        position = decode_cursor(after, field="after")
        statement = statement.where(_beyond(*key, position, older=False))
    forward = after is not None
    order = key if forward else tuple(column.desc() for column in key)
    messages = list(session.scalars(statement.order_by(*order).limit(wanted + 1)))
    more = len(messages) > wanted
    messages = messages[:wanted] if forward else messages[:wanted][::-1]
    return _message_page(_with_attachments(session, messages), after=after, more=more)


def _message_page(rows: Sequence[MessageRow], *, after: str | None, more: bool) -> MessagePage:
    if not rows:
        return MessagePage(items=rows, older_cursor=None, newer_cursor=after)
    has_older = more or after is not None
    return MessagePage(
        items=rows,
        older_cursor=_message_cursor(rows[0].message) if has_older else None,
        newer_cursor=_message_cursor(rows[-1].message),
    )


def get_message(session: Session, *, tenant: Tenant, message_id: uuid.UUID) -> MessageRow:
    """Return one message.

    Raises:
        NotFoundError: it does not exist, or the tenant may not see it.
    """
    statement = (
        select(Message)
        .join(Account, Account.id == Message.account_id)
        .where(
            *visible_to(tenant),
            Message.workspace_id == tenant.workspace_id,
            Message.id == message_id,
        )
    )
    message = session.scalars(statement).one_or_none()
    if message is None:
        raise NotFoundError("There is no such message.")
    return _with_attachments(session, [message])[0]


def read_attachment_types(
    session: Session, *, tenant: Tenant, message_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, str]:
    """Return the type of the first attachment of each message that has one."""
    if not message_ids:
        return {}
    statement = select(Attachment.message_id, Attachment.type).where(
        Attachment.workspace_id == tenant.workspace_id,
        Attachment.message_id.in_(message_ids),
        Attachment.position == 0,
    )
    return {row.message_id: row.type for row in session.execute(statement)}


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


def _with_attachments(session: Session, messages: Sequence[Message]) -> Sequence[MessageRow]:
    by_message: dict[uuid.UUID, list[Attachment]] = {message.id: [] for message in messages}
    if by_message:
        statement = (
            select(Attachment)
            .where(Attachment.message_id.in_(by_message))
            .order_by(Attachment.message_id, Attachment.position)
        )
        for attachment in session.scalars(statement):
            by_message[attachment.message_id].append(attachment)
    reactions = _reactions_to(session, messages)
    quoted = _quoted_by(session, messages)
    private_replies = _private_replies_to(session, messages)
    return [
        MessageRow(
            message=message,
            attachments=by_message[message.id],
            reactions=reactions[message.id],
            quoted=quoted.get((message.account_id, message.reply_to_external_id or "")),
            private_reply=private_replies.get((message.account_id, message.external_id or "")),
        )
        for message in messages
    ]


def _quoted_by(
    session: Session, messages: Sequence[Message]
) -> dict[tuple[uuid.UUID, str], Message]:
    """Return the messages that some answer; asks for those only that are not among them."""
    found = {(each.account_id, each.external_id or ""): each for each in messages}
    keys = {(each.account_id, each.reply_to_external_id) for each in messages}
    missing = [key for key in keys if key[1] is not None and key not in found]
    if missing:
        statement = select(Message).where(
            tuple_(Message.account_id, Message.external_id).in_(missing)
        )
        for each in session.scalars(statement):
            found[each.account_id, each.external_id or ""] = each
    return found


def _private_replies_to(
    session: Session, messages: Sequence[Message]
) -> dict[tuple[uuid.UUID, str], Message]:
    """Return what answered comments in private; asks nothing where there are no comments."""
    keys = [(each.account_id, each.external_id) for each in messages if each.kind in IN_PUBLIC]
    if not keys:
        return {}
    statement = select(Message).where(
        tuple_(Message.account_id, Message.private_reply_to).in_(keys),
        Message.private_reply_to.is_not(None),
        Message.status.not_in((FAILED, CANCELLED, DISCARDED)),
    )
    return {
        (each.account_id, each.private_reply_to or ""): each for each in session.scalars(statement)
    }


def _reactions_to(session: Session, messages: Sequence[Message]) -> dict[uuid.UUID, list[Reaction]]:
    by_message: dict[uuid.UUID, list[Reaction]] = {message.id: [] for message in messages}
    if by_message:
        statement = (
            select(Reaction)
            .where(Reaction.message_id.in_(by_message), Reaction.is_removed.is_(False))
            .order_by(Reaction.at, Reaction.actor)
        )
        for reaction in session.scalars(statement):
            by_message[reaction.message_id].append(reaction)
    return by_message


def _beyond(
    at: InstrumentedAttribute[Any],
    row_id: InstrumentedAttribute[uuid.UUID],
    position: Position,
    *,
    older: bool,
) -> ColumnElement[bool]:
    """Compare both columns at once, which an index on them answers in one step."""
    here = tuple_(at, row_id)
    there = tuple_(literal(position.at, at.type), literal(position.id, row_id.type))
    return here < there if older else here > there


def _cursor_of(conversation: Conversation) -> str:
    return encode_cursor(
        Position(conversation.last_message_at or conversation.created_at, conversation.id)
    )


def _message_cursor(message: Message) -> str:
    return encode_cursor(Position(message.sent_at, message.id))
