"""Receipts: what was delivered and what was read. They only move things forward.

A status never goes back. `failed` (Meta's own word, of a message it had taken) ranks above `sent`
and below `delivered`: what shows that a message arrived is stronger than a word that it did not.
"""

import logging
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, or_, select, update
from sqlalchemy.orm import Session

from flask_messenger.ingest.batch import Batch
from flask_messenger.ingest.changes import Changed, apply_changes
from flask_messenger.ingest.messages import SETTLED_BY_ECHO, Stored
from flask_messenger.ingest.people import People, lock_more
from flask_messenger.ingest.summaries import (
    NO_TROUBLE,
    is_undelivered,
)
from flask_messenger.ingest.waiting import (
    SEEN,
    Item,
    add_items,
    collect_items,
    keep_early,
    take_waiting,
)
from flask_messenger.models import Conversation, Message
from flask_messenger.models import messages as words
from flask_messenger.models.base import utc_now
from flask_messenger.models.upsert import match_many, raise_many, update_many

logger = logging.getLogger(__name__)

DOUBTED: Final = (words.UNKNOWN, words.DISCARDED)
"""States of a message that Meta has, if Meta says anything of it."""

BELOW: Final = {
    words.SENT: DOUBTED,
    words.DELIVERED: (words.SENT, *SETTLED_BY_ECHO),
    words.READ: (words.SENT, words.DELIVERED, *SETTLED_BY_ECHO),
}
"""The states a receipt lifts. What Meta delivered was sent, whatever we believed."""

MessageKey = tuple[uuid.UUID, str]

_messages: Final = Message.__table__
_KEY: Final = (_messages.c.account_id, _messages.c.external_id)
_THREAD_OF: Final = select(*_KEY, _messages.c.conversation_id, _messages.c.sent_at)
_MAY_FAIL: Final = (
    select(
        _messages.c.id, *_KEY, _messages.c.status, _messages.c.error_slug, _messages.c.error_code
    )
    .where(
        _messages.c.direction == words.OUTBOUND,
        _messages.c.status.in_((words.SENT, words.FAILED, *DOUBTED)),
    )
    .order_by(_messages.c.id)
    .with_for_update()
)
"""The messages that a word of Meta's can make `failed`, locked."""


def _is_below(status: str) -> ColumnElement[bool]:
    is_below = _messages.c.status.in_(BELOW[status])
    if status != words.SENT:
        return is_below
    return or_(is_below, and_(_messages.c.status == words.FAILED, ~is_undelivered()))


_LIFT: Final = {
    status: update(_messages)
    .where(_messages.c.direction == words.OUTBOUND, _is_below(status))
    .values(status=status, updated_at=bindparam("now"), **NO_TROUBLE)
    .returning(_messages.c.id)
    for status in BELOW
}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a message is."""

    conversation_id: uuid.UUID | None
    sent_at: datetime


@dataclass(slots=True)
class Receipts:
    """What receipts and changes did.

    Attributes:
        conversation_ids: threads they touched.
        lifted: messages of ours whose status they moved.
        changed: messages that were edited, taken back or reacted to.
    """

    conversation_ids: set[uuid.UUID] = field(default_factory=set)
    lifted: set[uuid.UUID] = field(default_factory=set)
    changed: Changed = field(default_factory=Changed)

    @property
    def rearranged(self) -> set[uuid.UUID]:
        """Threads whose messages have to be summed up anew."""
        return self.changed.rearranged


def apply_receipts(session: Session, batch: Batch, people: People, stored: Stored) -> Receipts:
    """Apply what the batch, and what waited for it, says of messages; keep what is too early."""
    items = collect_items(batch)
    add_items(items, take_waiting(session, stored.keys, people.conversation_of))
    watermarks = [each for each in items.values() if each.is_watermark]
    changes = [each for each in items.values() if each.is_change]
    named = [each for each in items.values() if not (each.is_watermark or each.is_change)]
    found = _find_messages(session, {each.message_key for each in (*named, *changes)})
    # Whoever writes to a thread locks it, and before its messages. Nearly all are locked already.
    lock_more(session, people, (each.conversation_id for each in found.values()))
    moved = _move_forward(session, batch, _marks(watermarks, named, found, people), people, stored)
    lifted = _lift_messages(session, [each for each in named if each.message_key in found])
    changed = apply_changes(session, changes)
    # A message that came in between may be in yet another thread: without its lock, what sums it
    # up would not see what another drain is about to commit there.
    lock_more(session, people, changed.rearranged)
    threads = {key: place.conversation_id for key, place in found.items()}
    early = [each for each in named if not _is_found(each, threads)]
    early += [each for each in changes if not _is_found(each, changed.found)]
    early += [each for each in watermarks if _thread_of(each, people) is None]
    keep_early(session, early)
    lifted_in = {threads.get(each.message_key) for each in named}
    touched = {*moved, *lifted_in, *changed.message_ids.values()}
    in_threads = {each for each in touched if each is not None and each in people.account_of}
    return Receipts(in_threads, lifted, changed)


def _is_found(item: Item, threads: Mapping[MessageKey, uuid.UUID | None]) -> bool:
    if item.message_key not in threads:
        return False
    return not item.needs_thread or threads[item.message_key] is not None


def _thread_of(item: Item, people: People) -> uuid.UUID | None:
    return people.direct_thread(item.account_id, item.person)


def _marks(
    watermarks: Iterable[Item],
    named: Iterable[Item],
    found: Mapping[MessageKey, _Place],
    people: People,
) -> Iterator[tuple[uuid.UUID, str, datetime]]:
    """Yield up to when what was delivered or read, per thread.

    Whoever has seen a message has read everything before it, too.
    """
    for each in watermarks:
        conversation_id = _thread_of(each, people)
        if conversation_id is not None:
            yield conversation_id, f"{each.kind}_until", each.at
    for each in named:
        place = found.get(each.message_key)
        if each.kind == SEEN and place is not None and place.conversation_id is not None:
            yield place.conversation_id, "read_until", place.sent_at


def _move_forward(
    session: Session,
    batch: Batch,
    marks: Iterable[tuple[uuid.UUID, str, datetime]],
    people: People,
    stored: Stored,
) -> set[uuid.UUID]:
    """Move each thread's watermarks and the time of its person's last act, never back."""
    acts = ((people.conversation_of[key], "acted_until", at) for key, _, at in batch.openings())
    pauses = ((key, "bot_paused_until", at) for key, at in stored.paused.items())
    moves: dict[uuid.UUID, dict[str, datetime]] = defaultdict(dict)
    for key, column, at in (*marks, *acts, *pauses):
        moves[key][column] = max(at, moves[key].get(column, at))
    columns = ("acted_until", "bot_paused_until", "delivered_until", "read_until")
    rows = [
        {"id": key, **{name: move.get(name) for name in columns}}
        for key, move in sorted(moves.items())
    ]
    raise_many(session, Conversation.__table__, rows)
    return set(moves)


def _find_messages(session: Session, keys: Collection[MessageKey]) -> dict[MessageKey, _Place]:
    """Return which of the named messages are there, each with its thread.

    Looked up before they are lifted: a message that another drain commits between the two would
    else count as found, and its receipt be lost.
    """
    rows = match_many(session, _THREAD_OF, _KEY, keys)
    return {(row[0], row[1]): _Place(row[2], row[3]) for row in rows}


def _lift_messages(session: Session, items: Iterable[Item]) -> set[uuid.UUID]:
    """Lift the messages that receipts name, the weakest word first; return the lifted."""
    named: dict[str, list[Item]] = defaultdict(list)
    for each in items:
        named[each.kind].append(each)
    lifted = _lift_to(session, words.SENT, named[words.SENT])
    lifted |= _mark_undelivered(session, named[words.FAILED])
    lifted |= _lift_to(session, words.DELIVERED, named[words.DELIVERED])
    return lifted | _lift_to(session, words.READ, named[words.READ])


def _lift_to(session: Session, status: str, items: Iterable[Item]) -> set[uuid.UUID]:
    keys = {each.message_key for each in items}
    return {row[0] for row in match_many(session, _LIFT[status], _KEY, keys, now=utc_now())}


def _mark_undelivered(session: Session, items: Iterable[Item]) -> set[uuid.UUID]:
    """Note what Meta could not deliver; of several reasons the lowest code stays, in any order."""
    codes: dict[MessageKey, list[int]] = defaultdict(list)
    for each in items:
        codes[each.message_key] += [each.details["code"]] if "code" in each.details else []
    rows: list[dict[str, Any]] = []
    lifted: set[uuid.UUID] = set()
    for row in match_many(session, _MAY_FAIL, _KEY, codes):
        is_known = row.status == words.FAILED and row.error_slug == words.UNDELIVERED
        known = [row.error_code] if is_known and row.error_code is not None else []
        code = min([*codes[row.account_id, row.external_id], *known], default=None)
        if is_known and code == row.error_code:
            continue
        values = {"status": words.FAILED, "error_slug": words.UNDELIVERED, "error_code": code}
        rows.append({"id": row.id, **NO_TROUBLE, **values, "updated_at": utc_now()})
        lifted |= set() if is_known else {row.id}
    update_many(session, Message.__table__, rows)
    return lifted
