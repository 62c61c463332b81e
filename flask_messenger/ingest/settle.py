"""Settling: applying what waits although what it is about is there.

That happens where two drains crossed: neither could see what the other was about to commit.
"""

import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import String, and_, literal, or_, select
from sqlalchemy.orm import Session

from flask_messenger.ingest.batch import DIRECT_SUBJECT, Batch
from flask_messenger.ingest.blame import BAD_ENTRY, is_blamed, kind_of
from flask_messenger.ingest.messages import Stored
from flask_messenger.ingest.people import People
from flask_messenger.ingest.receipts import apply_receipts
from flask_messenger.ingest.summaries import refresh_statuses, refresh_summaries
from flask_messenger.ingest.waiting import OF_THREADS, WATERMARK
from flask_messenger.models import Account, Conversation, Identity, Message, Receipt
from flask_messenger.models.upsert import match_many
from flask_messenger.realtime import Change

logger = logging.getLogger(__name__)

MOST_SETTLED: Final = 5_000
"""Of each kind, at once: what waits is read and applied in one transaction."""

_LOCK: Final = (
    select(Conversation.__table__.c.id).order_by(Conversation.__table__.c.id).with_for_update()
)


@dataclass(frozen=True, slots=True)
class _Settleable:
    """Something that waits, and the thread of what it is about: that is there."""

    account_id: uuid.UUID
    reference: str = field(repr=False)
    workspace_id: str
    location_id: str | None
    person: str | None = field(repr=False)
    conversation_id: uuid.UUID | None


@dataclass(slots=True)
class Settled:
    """What settling did: whom to tell of it after the commit.

    Attributes:
        changes: what open pages should hear.
        lifted: messages of our side that a receipt lifted.
        changed: messages that were edited, taken back, hidden or reacted to.
        has_placed: whether comments of our side found their thread.
    """

    changes: list[Change] = field(default_factory=list)
    lifted: set[uuid.UUID] = field(default_factory=set)
    changed: set[uuid.UUID] = field(default_factory=set)
    has_placed: bool = False

    def add(self, other: "Settled") -> None:
        """Take in what else was settled."""
        self.changes += other.changes
        self.lifted |= other.lifted
        self.changed |= other.changed
        self.has_placed |= other.has_placed


def settle_all_waiting(session: Session) -> Settled:
    """Settle every account's: a drain may have died between its commit and its settling."""
    accounts = set(session.scalars(select(Receipt.account_id).distinct()))
    return settle_waiting_receipts(session, account_ids=accounts)


def settle_waiting_receipts(session: Session, *, account_ids: Iterable[uuid.UUID]) -> Settled:
    """Apply what waits although what it is about is there; never commits.

    That happens when the two were applied by two drains at once, neither of which could see the
    other's work. Both call this after their commit, and the later one sees both. Where the
    database refuses what waits of one account, it goes on waiting, and costs no other account.
    Of very many the rest is for the next call.
    """
    left = set(account_ids)
    whole = Settled()
    while matches := _find_settleable(session, left):
        settled, refused = _settle_apart(session, matches)
        whole.add(settled)
        left -= refused
        # What was refused may have taken the place of others; and an answer to a comment of ours
        # waits until that one has its place.
        if not settled.has_placed and (not refused or len(matches) < MOST_SETTLED):
            break
    return whole


def _settle_apart(
    session: Session, matches: Sequence[_Settleable]
) -> tuple[Settled, set[uuid.UUID]]:
    """Settle all at once, or account by account; return the accounts that were refused, too."""
    try:
        with session.begin_nested():
            return _settle(session, matches), set()
    except BAD_ENTRY as bad:
        if not is_blamed(bad):
            raise
    settled = Settled()
    refused: set[uuid.UUID] = set()
    for account_id in sorted({each.account_id for each in matches}):
        own = [each for each in matches if each.account_id == account_id]
        try:
            with session.begin_nested():
                settled.add(_settle(session, own))
        except BAD_ENTRY as bad:
            if not is_blamed(bad):
                raise
            refused.add(account_id)
            # The kind only: what the database says may quote a message.
            logger.error("waiting_refused account_id=%s error=%s", account_id, kind_of(bad))  # noqa: TRY400
    return settled, refused


def _settle(session: Session, matches: Sequence[_Settleable]) -> Settled:
    account_of = {row.account_id: row for row in matches}
    people = People()
    for row in matches:
        if row.person is not None and row.conversation_id is not None:
            key = (row.account_id, row.person, DIRECT_SUBJECT)
            people.conversation_of[key] = row.conversation_id
        if row.conversation_id is not None:
            people.account_of[row.conversation_id] = row.account_id
    stored = Stored(keys={(row.account_id, row.reference) for row in matches})
    # Conversations before receipts, as a drain locks them: the two never wait in a circle.
    match_many(session, _LOCK, (Conversation.__table__.c.id,), people.account_of)
    settled = apply_receipts(session, Batch(), people, stored)
    lifted = refresh_statuses(session, settled.conversation_ids)
    refresh_summaries(session, settled.rearranged)
    changes = [
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
        for conversation_id in settled.conversation_ids
    ]
    return Settled(
        changes,
        lifted=lifted | settled.lifted,
        changed=set(settled.changed.message_ids),
        has_placed=bool(settled.changed.placed_in),
    )


def _find_settleable(session: Session, account_ids: set[uuid.UUID]) -> list[_Settleable]:
    key = (Receipt.__table__.c.account_id,)
    if not match_many(session, _WAITING, key, account_ids):
        return []
    return [
        _Settleable(*row)
        for part in (_OF_MESSAGES, _OF_THREADS)
        for row in match_many(session, part, key, account_ids)
    ]


_WAITING: Final = select(Receipt.__table__.c.id).limit(1)
_COMMON: Final = (Receipt.account_id, Receipt.reference, Receipt.workspace_id, Account.location_id)
_OF_MESSAGES: Final = (
    select(*_COMMON, literal(None, String).label("person"), Message.conversation_id)
    .join(Account, Account.id == Receipt.account_id)
    .join(
        Message,
        and_(Message.account_id == Receipt.account_id, Message.external_id == Receipt.reference),
    )
    .where(or_(Message.conversation_id.is_not(None), Receipt.kind.not_in(OF_THREADS)))
    .limit(MOST_SETTLED)
)
_OF_THREADS: Final = (
    select(*_COMMON, Identity.external_id.label("person"), Conversation.id)
    .join(Account, Account.id == Receipt.account_id)
    .join(
        Identity,
        and_(
            Identity.account_id == Receipt.account_id,
            Identity.external_id == Receipt.identity_external_id,
        ),
    )
    .join(
        Conversation,
        and_(
            Conversation.account_id == Identity.account_id,
            Conversation.identity_id == Identity.id,
            Conversation.subject == DIRECT_SUBJECT,
        ),
    )
    .where(Receipt.reference.startswith(WATERMARK, autoescape=True))
    .limit(MOST_SETTLED)
)
