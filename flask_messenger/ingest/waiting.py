"""What is said about messages and threads, and waits in `messenger_receipts` where it is early.

Everything that can come before what it is about takes this one way: receipts, statuses, edits,
deletions and reactions of a batch, beside those that waited for the batch's messages.
"""

import hashlib
import json
import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete
from sqlalchemy.orm import Session

from flask_messenger.events import ChangeEvent, EditEvent, HideEvent, ReactionEvent
from flask_messenger.ingest.batch import (
    Batch,
    RoutedChange,
    RoutedMessage,
    RoutedReceipt,
    ThreadKey,
)
from flask_messenger.models import Receipt
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.upsert import greatest, insert_for, match_many

WAITING_KEPT: Final = timedelta(days=30)
"""How long something waits for its message. Meta repeats a delivery for a week at most."""

WATERMARK: Final = "watermark:"

DELETED: Final = "deleted"
EDITED: Final = "edited"
REACTED: Final = "reacted"
HIDDEN: Final = "hidden"
ANSWERED: Final = "answered"
"""Our side commented on it: that comment belongs into its thread."""
CHANGES: Final = frozenset({ANSWERED, DELETED, EDITED, HIDDEN, REACTED})

SEEN: Final = "seen"
"""Everything up to this message was read."""
OF_THREADS: Final = frozenset({ANSWERED, SEEN})
"""Kinds that wait until it is known in which thread the message is."""

_receipts: Final = Receipt.__table__
_REFERENCE: Final = (_receipts.c.account_id, _receipts.c.reference)
_TAKE: Final = delete(_receipts).returning(
    *_REFERENCE,
    _receipts.c.workspace_id,
    _receipts.c.kind,
    _receipts.c.mark,
    _receipts.c.identity_external_id,
    _receipts.c.at,
    _receipts.c.details,
)

ItemKey = tuple[uuid.UUID, str, str, str]
"""Account, kind, reference and mark."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing said about a message, or about all of a thread up to a time.

    Attributes:
        kind: a message's status, or one of `CHANGES`.
        reference: the message's external id, or `watermark:` and the person.
        mark: tells several of one kind about one message apart; of those with one mark the latest
            counts.
        person: whose thread it is; None where Meta does not say.
        details: what the kind needs beside the time, such as an edit's text.
    """

    account_id: uuid.UUID
    workspace_id: str
    kind: str
    reference: str = field(repr=False)
    mark: str
    person: str | None = field(repr=False)
    at: datetime
    details: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def key(self) -> ItemKey:
        """What makes it unique."""
        return (self.account_id, self.kind, self.reference, self.mark)

    @property
    def message_key(self) -> tuple[uuid.UUID, str]:
        """The message it is about, where it is about one."""
        return (self.account_id, self.reference)

    @property
    def is_watermark(self) -> bool:
        """Whether it is about everything up to a time."""
        return self.reference.startswith(WATERMARK)

    @property
    def is_change(self) -> bool:
        """Whether it is an edit, a deletion or a reaction."""
        return self.kind in CHANGES

    @property
    def needs_thread(self) -> bool:
        """Whether it is about the thread of the message, too."""
        return self.kind in OF_THREADS


def collect_items(batch: Batch) -> dict[ItemKey, Item]:
    """Return what a batch says about messages and threads; of repeats the latest."""
    items: dict[ItemKey, Item] = {}
    for receipt in batch.receipts:
        add_items(items, _of_receipt(receipt))
    add_items(items, (_of_change(each) for each in batch.changes))
    add_items(items, (each for message in batch.messages for each in _of_answer(message)))
    return items


def add_items(items: dict[ItemKey, Item], new: Iterable[Item]) -> None:
    """Add items; of those with one key the latest stays."""
    for each in new:
        before = items.get(each.key)
        if before is None or before.at < each.at:
            items[each.key] = each


def _of_receipt(routed: RoutedReceipt) -> Iterator[Item]:
    account, event = routed.account, routed.event
    details = {} if event.error_code is None else {"code": event.error_code}
    mark = _digest(event.identity_external_id, details)
    references = [(reference, mark) for reference in event.message_external_ids]
    if event.is_watermark:
        references.append((WATERMARK + event.identity_external_id, ""))
    for reference, mark in references:
        yield Item(
            account_id=account.id,
            workspace_id=account.workspace_id,
            kind=event.kind,
            reference=reference,
            mark=mark,
            person=event.identity_external_id,
            at=event.at,
            details=details,
        )


def _of_change(routed: RoutedChange) -> Item:
    account, event = routed.account, routed.event
    kind, details = _details_of(event)
    return Item(
        account_id=account.id,
        workspace_id=account.workspace_id,
        kind=kind,
        reference=event.message_external_id,
        mark=_digest(event.identity_external_id, details, at=event.at),
        person=event.identity_external_id,
        at=event.at,
        details=details,
    )


def _of_answer(routed: RoutedMessage) -> Iterator[Item]:
    """Yield that a comment of our side belongs where the comment is that it answers."""
    if routed.answers is None:
        return
    account_id, answered = routed.answers
    details = {"comment": routed.event.external_id}
    yield Item(
        account_id=account_id,
        workspace_id=routed.account.workspace_id,
        kind=ANSWERED,
        reference=answered,
        mark=_digest(None, details),
        person=None,
        at=routed.event.sent_at,
        details=details,
    )


def _details_of(event: ChangeEvent) -> tuple[str, dict[str, Any]]:
    if isinstance(event, HideEvent):
        return HIDDEN, {"is_hidden": event.is_hidden}
    if isinstance(event, EditEvent):
        return EDITED, {"number": event.number, "text": event.text}
    if isinstance(event, ReactionEvent):
        return REACTED, {
            "actor": event.actor,
            "emoji": event.emoji,
            "name": event.name,
            "is_removed": event.is_removed,
            "is_echo": event.is_echo,
        }
    return DELETED, {}


def _digest(person: str | None, details: dict[str, Any], *, at: datetime | None = None) -> str:
    said = json.dumps([person, details, at and at.isoformat()], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def take_waiting(
    session: Session,
    message_keys: Collection[tuple[uuid.UUID, str]],
    threads: Collection[ThreadKey],
) -> list[Item]:
    """Remove and return what waited for these messages, and for these threads."""
    people = {(account, WATERMARK + person) for account, person, about in threads if not about}
    references = {*message_keys, *people}
    return [_item(row) for row in match_many(session, _TAKE, _REFERENCE, references)]


def _item(row: Any) -> Item:
    return Item(
        account_id=row.account_id,
        workspace_id=row.workspace_id,
        kind=row.kind,
        reference=row.reference,
        mark=row.mark,
        person=row.identity_external_id,
        at=row.at,
        details=row.details or {},
    )


def keep_early(session: Session, items: Iterable[Item]) -> None:
    """Keep items until what they are about is there."""
    now = utc_now()
    rows = [
        {
            "id": new_id(),
            "workspace_id": each.workspace_id,
            "account_id": each.account_id,
            "kind": each.kind,
            "reference": each.reference,
            "mark": each.mark,
            "identity_external_id": each.person,
            "at": each.at,
            "details": each.details or None,
            "created_at": now,
        }
        # In one order everywhere: two drains that keep the same wait, and do not deadlock.
        for each in sorted(items, key=lambda each: each.key)
    ]
    if not rows:
        return
    statement = insert_for(session, Receipt.__table__)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id", "kind", "reference", "mark"],
            set_={"at": greatest(session, Receipt.__table__.c.at, statement.excluded.at)},
        ),
        rows,
    )


def forget_waiting(session: Session, *, before: datetime) -> None:
    """Remove what has waited since `before`: what it is about is never going to come."""
    session.execute(delete(_receipts).where(_receipts.c.created_at < before))
