"""Claiming: the first messages of many lanes become `sending`, in one statement on PostgreSQL.

At most one message of a lane is on its way: the partial unique index over `sending` says so, and
here the conversation is locked first, as everybody does who writes to a thread. A conversation
that somebody else holds at this moment is passed over, and claimed a moment later.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Select,
    Update,
    and_,
    any_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from flask_messenger.channels.sending import Endpoint
from flask_messenger.models import Account, Conversation, Identity, Message, WorkspaceSettings
from flask_messenger.models.accounts import ACTIVE, DISCONNECTED
from flask_messenger.models.base import UtcDateTime
from flask_messenger.models.messages import QUEUED, SENDING
from flask_messenger.models.upsert import dialect_of
from flask_messenger.outbox.circumstances import Circumstances, is_blocked
from flask_messenger.outbox.holds import HELD
from flask_messenger.outbox.lane import Dispatch, Lane, lock_conversation

_messages: Final = Message.__table__
# Made once: each alias has columns of its own, and a fresh one for every statement is a heap of
# objects that only the collector of cycles finds.
_first, _ahead, _under_way = (_messages.alias(name) for name in ("first", "ahead", "under_way"))
_conversations: Final = Conversation.__table__
_accounts: Final = Account.__table__
_identities: Final = Identity.__table__
_settings: Final = WorkspaceSettings.__table__

# Written out and not bound: the planner takes a partial index only where it sees the constant.
IS_QUEUED: Final[ColumnElement[str]] = literal_column(f"'{QUEUED}'")
IS_SENDING: Final[ColumnElement[str]] = literal_column(f"'{SENDING}'")
SENDABLE: Final = (ACTIVE, DISCONNECTED)
"""Of an account: what waits for a disconnected one is failed, for any other it waits on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a lane belongs: what decides whose turn it is."""

    conversation_id: uuid.UUID
    account_id: uuid.UUID
    workspace_id: str
    app_name: str


def find_places(session: Session, conversation_ids: Collection[uuid.UUID]) -> list[Place]:
    """Return where each of these conversations belongs; those that are gone are left out."""
    statement = (
        select(_conversations.c.id, _accounts.c.id, _accounts.c.workspace_id, _accounts.c.app_name)
        .join_from(_conversations, _accounts, _accounts.c.id == _conversations.c.account_id)
        .where(_conversations.c.id.in_(sorted(conversation_ids)))
    )
    return [
        Place(conversation_id=row[0], account_id=row[1], workspace_id=row[2], app_name=row[3])
        for row in session.execute(statement)
    ]


def claim_heads(
    session: Session, conversation_ids: Collection[uuid.UUID], *, now: datetime
) -> list[Dispatch]:
    """Make the first message of each lane `sending` where it may go now. Never commits.

    None may go while another one of the lane is on its way, or while the first one waits for its
    next try: what was written later does not overtake it. A message that was put off is not in
    the lane before its time.

    Raises:
        IntegrityError: somebody who did not lock the conversation had a lane first.
    """
    if not conversation_ids:
        return []
    if dialect_of(session) != "postgresql":
        return _claim_one_by_one(session, conversation_ids, now=now)
    rows = session.execute(_CLAIM, {"lanes": sorted(conversation_ids), "now": now})
    return [_dispatch(row) for row in rows]


def return_unbegun(session: Session, dispatches: Collection[Dispatch], *, now: datetime) -> None:
    """Queue messages again whose claim was perhaps committed, and which nobody began to send.

    Where the answer to a commit was lost only this process knows that they were not begun. Never
    commits. A claim of later, by whomever, has another time.
    """
    for each in sorted(dispatches, key=lambda dispatch: dispatch.lane.conversation_id):
        lock_conversation(session, each.lane.conversation_id)
        session.execute(
            update(_messages)
            .where(
                _messages.c.id == each.message_id,
                _messages.c.status == SENDING,
                _messages.c.sending_since == each.sending_since,
                _messages.c.attempts == each.attempts,
            )
            .values(
                status=QUEUED,
                attempts=_messages.c.attempts - 1,
                sending_since=None,
                updated_at=now,
            )
        )


def find_due(
    session: Session, conversation_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, datetime | None]:
    """Return when each lane's first message may go; None for at once.

    Lanes with nothing queued, those that have a message on its way, and those of an account that
    cannot send are left out.
    """
    first, ahead, under_way = _first, _ahead, _under_way
    is_ahead = exists().where(
        ahead.c.conversation_id == first.c.conversation_id,
        ahead.c.status == IS_QUEUED,
        ahead.c.id < first.c.id,
    )
    statement = (
        select(first.c.conversation_id, first.c.next_attempt_at)
        .join(_accounts, _accounts.c.id == first.c.account_id)
        .where(
            first.c.conversation_id.in_(sorted(conversation_ids)),
            first.c.status == IS_QUEUED,
            _accounts.c.status.in_(SENDABLE),
            ~is_ahead,
            ~exists().where(
                under_way.c.conversation_id == first.c.conversation_id,
                under_way.c.status == IS_SENDING,
            ),
        )
    )
    return {row[0]: row[1] for row in session.execute(statement)}


def find_waiting(
    session: Session,
    *,
    now: datetime,
    limit: int,
    but_accounts: Collection[uuid.UUID] = (),
    but_apps: Collection[str] = (),
) -> list[Place]:
    """Return lanes whose first message may go now, of accounts that can send.

    Waking one that is under way, or that cannot go on after all, does no harm. The accounts take
    turns, so that the many lanes of one do not keep those of another waiting; those that are held
    back anyway are left out by the caller.
    """
    ahead = _ahead
    is_blocked = exists().where(
        ahead.c.conversation_id == _messages.c.conversation_id,
        or_(
            ahead.c.status == IS_SENDING,
            and_(ahead.c.status == IS_QUEUED, ahead.c.id < _messages.c.id),
        ),
    )
    turn = func.row_number().over(partition_by=_messages.c.account_id, order_by=_messages.c.id)
    lanes = (
        select(
            _messages.c.id,
            _messages.c.conversation_id,
            _accounts.c.id.label("account_id"),
            _accounts.c.workspace_id,
            _accounts.c.app_name,
            turn.label("turn"),
        )
        .join(_accounts, _accounts.c.id == _messages.c.account_id)
        .where(
            _messages.c.status == IS_QUEUED,
            _messages.c.conversation_id.is_not(None),
            or_(_messages.c.next_attempt_at.is_(None), _messages.c.next_attempt_at <= now),
            _accounts.c.status.in_(SENDABLE),
            ~is_blocked,
            *([_accounts.c.id.not_in(sorted(but_accounts))] if but_accounts else []),
            *([_accounts.c.app_name.not_in(sorted(but_apps))] if but_apps else []),
        )
        .subquery()
    )
    columns = (lanes.c.conversation_id, lanes.c.account_id, lanes.c.workspace_id, lanes.c.app_name)
    statement = select(*columns).order_by(lanes.c.turn, lanes.c.id).limit(limit)
    return [
        Place(conversation_id=row[0], account_id=row[1], workspace_id=row[2], app_name=row[3])
        for row in session.execute(statement)
    ]


def find_next_due(session: Session, *, now: datetime) -> datetime | None:
    """Return when the next retry or put-off message comes due; None where none waits."""
    statement = select(func.min(_messages.c.next_attempt_at)).where(
        _messages.c.status == IS_QUEUED, _messages.c.next_attempt_at > now
    )
    found: datetime | None = session.execute(statement).scalar_one_or_none()
    return found


def _is_visible(table: Any, now: Any) -> ColumnElement[bool]:
    return or_(table.c.send_at.is_(None), table.c.send_at <= now)


def _claimed(now: Any) -> dict[str, Any]:
    return {
        "status": SENDING,
        "sending_since": now,
        "attempts": _messages.c.attempts + 1,
        "next_attempt_at": None,
        "updated_at": now,
    }


def _columns(messages: Any, conversations: Any) -> list[Any]:
    """Return what a `Dispatch` is made of, in its order."""
    return [
        messages.c.id.label("message_id"),
        messages.c.kind,
        messages.c.text,
        messages.c.content,
        messages.c.sent_by,
        messages.c.reply_to_external_id,
        messages.c.private_reply_to,
        messages.c.error_slug,
        messages.c.attempts,
        messages.c.sending_since,
        conversations.c.id.label("conversation_id"),
        conversations.c.last_inbound_at,
        conversations.c.thread_owner_app_id,
        conversations.c.thread_owner_until,
        conversations.c.thread_owner_at,
        conversations.c.bot_paused_until,
        _identities.c.external_id.label("recipient_id"),
        _identities.c.kind.label("recipient_kind"),
        _identities.c.contact_ref,
        _accounts.c.id.label("account_id"),
        _accounts.c.workspace_id,
        _accounts.c.location_id,
        _accounts.c.channel,
        _accounts.c.status.label("account_status"),
        _accounts.c.status_reason,
        _accounts.c.external_id.label("account_external_id"),
        _accounts.c.page_external_id,
        _accounts.c.login,
        _accounts.c.app_name,
        _accounts.c.token_sealed,
        func.coalesce(_settings.c.human_agent_enabled, literal_column("false")).label(
            "human_agent_enabled"
        ),
    ]


def _join_people(statement: Select[Any], conversations: Any) -> Select[Any]:
    return (
        statement.join(_identities, _identities.c.id == conversations.c.identity_id)
        .join(_accounts, _accounts.c.id == conversations.c.account_id)
        .outerjoin(_settings, _settings.c.workspace_id == _accounts.c.workspace_id)
    )


def _claim_statement() -> Update:
    now = bindparam("now", type_=UtcDateTime())
    lanes = (
        select(
            _conversations.c.id,
            _conversations.c.identity_id,
            _conversations.c.account_id,
            _conversations.c.last_inbound_at,
            _conversations.c.thread_owner_app_id,
            _conversations.c.thread_owner_until,
            _conversations.c.thread_owner_at,
            _conversations.c.bot_paused_until,
        )
        .where(
            _conversations.c.id == any_(bindparam("lanes", type_=ARRAY(_conversations.c.id.type)))
        )
        .order_by(_conversations.c.id)
        .with_for_update(skip_locked=True, key_share=True)
        .cte("lanes")
    )
    first, under_way = _first, _under_way
    head = (
        select(first)
        .where(
            first.c.conversation_id == lanes.c.id,
            first.c.status == IS_QUEUED,
            _is_visible(first, now),
        )
        .order_by(first.c.id)
        .limit(1)
        .lateral("head")
    )
    heads = _join_people(
        select(*_columns(head, lanes)).select_from(lanes).join(head, true()), lanes
    ).where(
        or_(head.c.next_attempt_at.is_(None), head.c.next_attempt_at <= now),
        _accounts.c.status.in_(SENDABLE),
        ~exists().where(
            under_way.c.conversation_id == lanes.c.id, under_way.c.status == IS_SENDING
        ),
    )
    claimed = heads.cte("heads")
    # The status is asked again of the row itself: PostgreSQL looks at the newest version of a row
    # it had to wait for. As an expression, so that no planner comes through the index of all that
    # is queued: these rows are found by their ids.
    kept = [column for column in claimed.c if column.name not in {"attempts", "sending_since"}]
    return (
        update(_messages)
        .where(
            _messages.c.id == claimed.c.message_id,
            _messages.c.status.concat(literal_column("''")) == IS_QUEUED,
        )
        .values(_claimed(now))
        .returning(_messages.c.attempts, _messages.c.sending_since, *kept)
    )


_CLAIM: Final = _claim_statement()


def _claim_one_by_one(
    session: Session, conversation_ids: Collection[uuid.UUID], *, now: datetime
) -> list[Dispatch]:
    """Claim lane by lane, where the database has no rows to lock.

    Each starts with writing: SQLite may refuse a transaction that starts with reading.
    """
    claimed = [
        message_id
        for each in sorted(conversation_ids)
        if (message_id := _claim_first(session, each, now=now)) is not None
    ]
    return _load(session, claimed)


def _claim_first(
    session: Session, conversation_id: uuid.UUID, *, now: datetime
) -> uuid.UUID | None:
    first, under_way = _first, _under_way
    head = (
        select(first.c.id)
        .where(
            first.c.conversation_id == conversation_id,
            first.c.status == IS_QUEUED,
            _is_visible(first, now),
        )
        .order_by(first.c.id)
        .limit(1)
        .scalar_subquery()
    )
    can_send = (
        select(_accounts.c.status)
        .where(_accounts.c.id == _messages.c.account_id)
        .scalar_subquery()
        .in_(SENDABLE)
    )
    statement = (
        update(_messages)
        .where(
            _messages.c.id == head,
            _messages.c.status == IS_QUEUED,
            or_(_messages.c.next_attempt_at.is_(None), _messages.c.next_attempt_at <= now),
            can_send,
            ~exists().where(
                under_way.c.conversation_id == conversation_id, under_way.c.status == IS_SENDING
            ),
        )
        .values(_claimed(now))
        .returning(_messages.c.id)
    )
    found: uuid.UUID | None = session.execute(statement).scalar_one_or_none()
    return found


def _load(session: Session, message_ids: Sequence[uuid.UUID]) -> list[Dispatch]:
    if not message_ids:
        return []
    statement = _join_people(
        select(*_columns(_messages, _conversations))
        .select_from(_messages)
        .join(_conversations, _conversations.c.id == _messages.c.conversation_id),
        _conversations,
    ).where(and_(_messages.c.id.in_(message_ids)))
    return [_dispatch(row) for row in session.execute(statement.order_by(_messages.c.id))]


def _dispatch(row: Any) -> Dispatch:
    lane = Lane(
        conversation_id=row.conversation_id,
        account_id=row.account_id,
        workspace_id=row.workspace_id,
        location_id=row.location_id,
        channel=row.channel,
        account_status=row.account_status,
        contact_ref=row.contact_ref,
    )
    return Dispatch(
        message_id=row.message_id,
        lane=lane,
        endpoint=Endpoint(
            external_id=row.account_external_id,
            page_external_id=row.page_external_id,
            login=row.login,
        ),
        app_name=row.app_name,
        token_sealed=row.token_sealed,
        recipient_id=row.recipient_id,
        recipient_kind=row.recipient_kind,
        kind=row.kind,
        text=row.text,
        stored=dict(row.content),
        sender=row.sent_by,
        reply_to_external_id=row.reply_to_external_id,
        private_reply_to=row.private_reply_to,
        circumstances=_circumstances(row),
        was_held=row.error_slug == HELD,
        attempts=row.attempts,
        sending_since=row.sending_since,
    )


def _circumstances(row: Any) -> Circumstances:
    return Circumstances(
        channel=row.channel,
        last_inbound_at=row.last_inbound_at,
        human_agent_enabled=bool(row.human_agent_enabled),
        owner_app_id=row.thread_owner_app_id,
        owner_until=row.thread_owner_until,
        owner_noted_at=row.thread_owner_at,
        bot_paused_until=row.bot_paused_until,
        is_blocked=is_blocked(row.account_status, row.status_reason),
    )
