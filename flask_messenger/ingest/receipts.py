"""Receipts: what was delivered and what was read. They only move things forward."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, bindparam, delete, or_, select, tuple_, update
from sqlalchemy.orm import Session

from flask_messenger.ingest.batch import Batch, RoutedAccount
from flask_messenger.ingest.messages import NO_TROUBLE, SETTLED_BY_ECHO, Stored
from flask_messenger.ingest.people import People
from flask_messenger.ingest.summaries import refresh_statuses
from flask_messenger.models import Account, Conversation, Identity, Message, Receipt
from flask_messenger.models import messages as words
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.upsert import chunks, greatest, insert_for
from flask_messenger.realtime import Change

WATERMARK: Final = "watermark:"

BELOW: Final = {
    words.DELIVERED: (words.SENT, *SETTLED_BY_ECHO),
    words.READ: (words.SENT, words.DELIVERED, *SETTLED_BY_ECHO),
}
"""The states a receipt lifts. What Meta delivered was sent, whatever we believed."""


@dataclass(frozen=True, slots=True)
class Receipts:
    """What receipts did: threads they touched, and messages of ours that they lifted."""

    conversation_ids: set[uuid.UUID]
    lifted: set[uuid.UUID]


ReceiptKey = tuple[uuid.UUID, str, str]
"""Account, kind and reference."""


@dataclass(frozen=True, slots=True)
class _Pending:
    account_id: uuid.UUID
    workspace_id: str
    kind: str
    reference: str
    at: datetime

    @property
    def key(self) -> ReceiptKey:
        return (self.account_id, self.kind, self.reference)

    @property
    def person(self) -> str | None:
        """Whom a watermark is about; None where a message is named."""
        return self.reference.removeprefix(WATERMARK) if self.is_watermark else None

    @property
    def is_watermark(self) -> bool:
        return self.reference.startswith(WATERMARK)


def apply_receipts(session: Session, batch: Batch, people: People, stored: Stored) -> Receipts:
    """Apply the batch's receipts and those that waited for it; keep what is still too early."""
    receipts = _collect(batch)
    waiting = _take_waiting(session, people, stored)
    for each in waiting:
        receipts[each.key] = _later(receipts.get(each.key), each)
    touched = _move_watermarks(session, receipts.values(), people)
    found, lifted = _lift_messages(session, receipts.values())
    touched |= {conversation_id for conversation_id in found.values() if conversation_id}
    _keep_early(session, receipts.values(), people, found)
    return Receipts(touched & set(people.account_of), lifted)


def _collect(batch: Batch) -> dict[ReceiptKey, _Pending]:
    receipts: dict[ReceiptKey, _Pending] = {}
    for routed in batch.receipts:
        event = routed.event
        references = list(event.message_external_ids)
        if event.is_watermark:
            references.append(WATERMARK + event.identity_external_id)
        for reference in references:
            pending = _pending(routed.account, event.kind, reference, event.at)
            receipts[pending.key] = _later(receipts.get(pending.key), pending)
    return receipts


def _pending(account: RoutedAccount, kind: str, reference: str, at: datetime) -> _Pending:
    return _Pending(account.id, account.workspace_id, kind, reference, at)


def _later(first: _Pending | None, second: _Pending) -> _Pending:
    return second if first is None or first.at < second.at else first


def _take_waiting(session: Session, people: People, stored: Stored) -> list[_Pending]:
    """Remove and return the receipts that waited for this batch's messages and threads."""
    references = [(account_id, external_id) for account_id, external_id in stored.keys]
    references += [(account, WATERMARK + person) for account, person in people.conversation_of]
    table = Receipt.__table__
    key = tuple_(table.c.account_id, table.c.reference)
    columns = (
        table.c.account_id,
        table.c.workspace_id,
        table.c.kind,
        table.c.reference,
        table.c.at,
    )
    return [
        _Pending(*row)
        for part in chunks(set(references))
        for row in session.execute(delete(table).where(key.in_(part)).returning(*columns))
    ]


def _move_watermarks(
    session: Session, receipts: Iterable[_Pending], people: People
) -> set[uuid.UUID]:
    """Move each thread's watermark forward, never back."""
    moves: dict[uuid.UUID, dict[str, Any]] = defaultdict(lambda: {"delivered": None, "read": None})
    for each in receipts:
        if each.person is None:
            continue
        conversation_id = people.conversation_of.get((each.account_id, each.person))
        if conversation_id is not None:
            moves[conversation_id][each.kind] = each.at
    if not moves:
        return set()
    table = Conversation.__table__
    statement = (
        update(table)
        .where(table.c.id == bindparam("row_id"))
        .values(
            delivered_until=greatest(
                session,
                table.c.delivered_until,
                bindparam("delivered", type_=table.c.delivered_until.type),
            ),
            read_until=greatest(
                session, table.c.read_until, bindparam("read", type_=table.c.read_until.type)
            ),
        )
    )
    parameters = [{"row_id": key, **move} for key, move in sorted(moves.items())]
    session.connection().execute(statement, parameters)
    return set(moves)


def _lift_messages(
    session: Session, receipts: Iterable[_Pending]
) -> tuple[dict[tuple[uuid.UUID, str], uuid.UUID | None], set[uuid.UUID]]:
    """Lift the messages that receipts name; return which of the named exist, and the lifted."""
    lifted: set[uuid.UUID] = set()
    named: dict[str, list[tuple[uuid.UUID, str]]] = {words.DELIVERED: [], words.READ: []}
    for each in receipts:
        if not each.is_watermark:
            named[each.kind].append((each.account_id, each.reference))
    table = Message.__table__
    key = tuple_(table.c.account_id, table.c.external_id)
    for kind in (words.DELIVERED, words.READ):
        for part in chunks(set(named[kind])):
            statement = (
                update(table)
                .where(
                    key.in_(part),
                    table.c.direction == words.OUTBOUND,
                    table.c.status.in_(BELOW[kind]),
                )
                .values(status=kind, updated_at=utc_now(), **NO_TROUBLE)
                .returning(table.c.id)
            )
            lifted.update(session.scalars(statement))
    columns = (table.c.account_id, table.c.external_id, table.c.conversation_id)
    found = {
        (row.account_id, row.external_id): row.conversation_id
        for part in chunks({*named[words.DELIVERED], *named[words.READ]})
        for row in session.execute(select(*columns).where(key.in_(part)))
    }
    return found, lifted


def _keep_early(
    session: Session,
    receipts: Iterable[_Pending],
    people: People,
    found: dict[tuple[uuid.UUID, str], uuid.UUID | None],
) -> None:
    """Keep the receipts whose message or thread is not there yet."""
    early = [
        each
        for each in receipts
        if (
            (each.account_id, each.person) not in people.conversation_of
            if each.person is not None
            else (each.account_id, each.reference) not in found
        )
    ]
    if not early:
        return
    now = utc_now()
    rows = [
        {
            "id": new_id(),
            "workspace_id": each.workspace_id,
            "account_id": each.account_id,
            "kind": each.kind,
            "reference": each.reference,
            "at": each.at,
            "created_at": now,
        }
        for each in sorted(early, key=lambda each: each.key)
    ]
    statement = insert_for(session, Receipt.__table__)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id", "kind", "reference"],
            set_={"at": greatest(session, Receipt.__table__.c.at, statement.excluded.at)},
        ),
        rows,
    )


def settle_waiting_receipts(session: Session, *, account_ids: Iterable[uuid.UUID]) -> list[Change]:
    """Apply receipts that wait although what they are about is there.

    That happens when the receipt and its message were applied by two drains at once, neither of
    which could see the other's work. Both call this after their commit, and the later one sees
    both. Returns what open pages should hear.
    """
    matches = _find_settleable(session, sorted(account_ids))
    if not matches:
        return []
    account_of = {row.account_id: row for row in matches}
    people = People()
    for row in matches:
        if row.person is not None and row.conversation_id is not None:
            people.conversation_of[(row.account_id, row.person)] = row.conversation_id
        if row.conversation_id is not None:
            people.account_of[row.conversation_id] = row.account_id
    stored = Stored(keys={(row.account_id, row.reference) for row in matches})
    # Conversations before receipts, as a drain locks them: the two never wait in a circle.
    lock = select(Conversation.id).where(Conversation.id.in_(sorted(people.account_of)))
    session.execute(lock.order_by(Conversation.id).with_for_update())
    touched = apply_receipts(session, Batch(), people, stored).conversation_ids
    refresh_statuses(session, touched)
    return [
        Change(
            workspace_id=account_of[people.account_of[conversation_id]].workspace_id,
            type="status",
            ids={
                "conversation_id": str(conversation_id),
                "message_id": None,
                "account_id": str(people.account_of[conversation_id]),
                "location_id": account_of[people.account_of[conversation_id]].location_id,
            },
        )
        for conversation_id in touched
    ]


def _find_settleable(session: Session, account_ids: list[uuid.UUID]) -> list[Any]:
    if not account_ids:
        return []
    waiting = select(Receipt.id).where(Receipt.account_id.in_(account_ids)).limit(1)
    if session.scalar(waiting) is None:
        return []
    statement = (
        select(
            Receipt.account_id,
            Receipt.reference,
            Receipt.workspace_id,
            Account.location_id,
            Identity.external_id.label("person"),
            Message.conversation_id.label("message_conversation_id"),
            Conversation.id.label("conversation_id"),
        )
        .join(Account, Account.id == Receipt.account_id)
        .outerjoin(
            Message,
            and_(
                Message.account_id == Receipt.account_id, Message.external_id == Receipt.reference
            ),
        )
        .outerjoin(
            Identity,
            and_(
                Identity.account_id == Receipt.account_id,
                Receipt.reference == WATERMARK + Identity.external_id,
            ),
        )
        .outerjoin(
            Conversation,
            or_(
                Conversation.identity_id == Identity.id,
                Conversation.id == Message.conversation_id,
            ),
        )
        .where(
            Receipt.account_id.in_(account_ids),
            or_(Message.id.is_not(None), Identity.id.is_not(None)),
        )
    )
    return list(session.execute(statement))
