"""Edits, deletions, reactions and more: what happens to a message after it was written.

Each rule says which of two is newer by what Meta says of them, never by which came first, so any
order and any repetition end the same. The message is locked while it is looked at and changed.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from flask_messenger.events import STANDBY
from flask_messenger.ingest.summaries import is_on_standby
from flask_messenger.ingest.waiting import ANSWERED, DELETED, EDITED, HIDDEN, REACTED, Item
from flask_messenger.media.discard import discard_attachments
from flask_messenger.models import Attachment, Message, Reaction
from flask_messenger.models import messages as words
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.upsert import insert_for, match_many, update_many

MessageKey = tuple[uuid.UUID, str]

_messages: Final = Message.__table__
_attachments: Final = Attachment.__table__
_reactions: Final = Reaction.__table__
_KEY: Final = (_messages.c.account_id, _messages.c.external_id)
_LOCK: Final = (
    select(
        _messages.c.id,
        *_KEY,
        _messages.c.workspace_id,
        _messages.c.conversation_id,
        _messages.c.text,
        _messages.c.edit_number,
        _messages.c.edited_at,
        _messages.c.deleted_at,
        _messages.c.hidden_at,
        _messages.c.hidden_changed_at,
        is_on_standby(),
    )
    .order_by(_messages.c.id)
    .with_for_update()
)
_LOCK_PLACELESS: Final = (
    select(_messages.c.id, *_KEY)
    .where(_messages.c.conversation_id.is_(None))
    .order_by(_messages.c.id)
    .with_for_update()
)
_SAID: Final = select(
    _reactions.c.message_id,
    _reactions.c.actor,
    _reactions.c.at,
    _reactions.c.is_removed,
    _reactions.c.emoji,
    _reactions.c.name,
)
_DROP_FILES: Final = delete(_attachments).returning(
    _attachments.c.workspace_id,
    _attachments.c.storage_key,
    _attachments.c.thumbnail_key,
    _attachments.c.upload_id,
)
_DROP_REACTIONS: Final = delete(_reactions).returning(_reactions.c.id)

EMPTIED: Final[dict[str, Any]] = {
    "text": None,
    "content": {},
    "edit_number": 0,
    "edited_at": None,
    "hidden_at": None,
    "hidden_changed_at": None,
}
"""What a message that was taken back no longer has: nothing it said, and no trace of edits."""


@dataclass(frozen=True, slots=True)
class Target:
    """A message that is changed, as it was when it was locked."""

    id: uuid.UUID
    account_id: uuid.UUID
    external_id: str | None = field(repr=False)
    workspace_id: str
    conversation_id: uuid.UUID | None
    text: str | None = field(repr=False)
    edit_number: int
    edited_at: datetime | None
    deleted_at: datetime | None
    hidden_at: datetime | None
    hidden_changed_at: datetime | None
    is_standby: bool
    """Said while another app had the thread: that is nothing of what it said, and stays."""

    @property
    def shown(self) -> tuple[datetime, bool] | None:
        """When it was hidden or shown last, and which; None where it never was."""
        times = [each for each in (self.hidden_at, self.hidden_changed_at) if each is not None]
        return (max(times), self.hidden_at is not None) if times else None

    @property
    def version(self) -> tuple[int, datetime, str] | None:
        """What says which of two texts is newer; None for the one it was written with."""
        if self.edited_at is None:
            return None
        return (self.edit_number, self.edited_at, self.text or "")


@dataclass(slots=True)
class Changed:
    """What changes did: messages they found, and messages and threads that look different now."""

    found: dict[MessageKey, uuid.UUID | None] = field(default_factory=dict)
    """Per message that is there its conversation."""
    message_ids: dict[uuid.UUID, uuid.UUID | None] = field(default_factory=dict)
    """Per message its conversation."""
    deleted_in: set[uuid.UUID] = field(default_factory=set)
    """Threads in which a message was taken back."""
    placed_in: set[uuid.UUID] = field(default_factory=set)
    """Threads that a comment of our side was put into."""

    @property
    def rearranged(self) -> set[uuid.UUID]:
        """Threads whose messages have to be summed up anew."""
        return self.deleted_in | self.placed_in


def apply_changes(session: Session, items: Iterable[Item]) -> Changed:
    """Apply edits, deletions, reactions and hiding to the messages that are there."""
    by_message: dict[MessageKey, list[Item]] = defaultdict(list)
    for each in items:
        by_message[each.message_key].append(each)
    changed = Changed()
    if not by_message:
        return changed
    targets = _lock_targets(session, by_message)
    changed.found = {key: target.conversation_id for key, target in targets.items()}
    gone = _delete(session, targets, by_message, changed)
    left = {key: target for key, target in targets.items() if target.id not in gone}
    _edit(session, left, by_message, changed)
    _react(session, left, by_message, changed)
    _hide(session, left, by_message, changed)
    _place(session, targets, by_message, changed)
    return changed


def _lock_targets(session: Session, keys: Iterable[MessageKey]) -> dict[MessageKey, Target]:
    targets = [Target(*row) for row in match_many(session, _LOCK, _KEY, set(keys))]
    return {(each.account_id, each.external_id or ""): each for each in targets}


def _delete(
    session: Session,
    targets: dict[MessageKey, Target],
    by_message: dict[MessageKey, list[Item]],
    changed: Changed,
) -> set[uuid.UUID]:
    """Empty the messages that were taken back; return those that are, since now or before."""
    gone = {each.id for each in targets.values() if each.deleted_at is not None}
    rows: list[dict[str, Any]] = []
    for key, target in targets.items():
        times = [each.at for each in by_message[key] if each.kind == DELETED]
        if not times:
            continue
        deleted_at = min([*times, target.deleted_at] if target.deleted_at else times)
        if deleted_at == target.deleted_at:
            continue
        content = {STANDBY: True} if target.is_standby else {}
        values = {**EMPTIED, "content": content, "updated_at": utc_now()}
        rows.append({"id": target.id, "deleted_at": deleted_at, **values})
        changed.message_ids[target.id] = target.conversation_id
        if target.conversation_id is not None:
            changed.deleted_in.add(target.conversation_id)
    update_many(session, Message.__table__, rows)
    ids = {row["id"] for row in rows}
    files = match_many(session, _DROP_FILES, (_attachments.c.message_id,), ids)
    discard_attachments(session, files)
    match_many(session, _DROP_REACTIONS, (_reactions.c.message_id,), ids)
    return gone | ids


def _edit(
    session: Session,
    targets: dict[MessageKey, Target],
    by_message: dict[MessageKey, list[Item]],
    changed: Changed,
) -> None:
    rows: list[dict[str, Any]] = []
    for key, target in targets.items():
        edits = [_version_of(each) for each in by_message[key] if each.kind == EDITED]
        if not edits:
            continue
        number, edited_at, text = newest = max(edits)
        if target.version is not None and newest <= target.version:
            continue
        rows.append(
            {
                "id": target.id,
                "text": text or None,
                "edit_number": number,
                "edited_at": edited_at,
                "updated_at": utc_now(),
            }
        )
        changed.message_ids[target.id] = target.conversation_id
    update_many(session, Message.__table__, rows)


def _version_of(item: Item) -> tuple[int, datetime, str]:
    return (item.details["number"], item.at, item.details["text"])


def _hide(
    session: Session,
    targets: dict[MessageKey, Target],
    by_message: dict[MessageKey, list[Item]],
    changed: Changed,
) -> None:
    """Note whether the public sees a comment, by the newest word of it."""
    rows: list[dict[str, Any]] = []
    for key, target in targets.items():
        said = [(e.at, e.details["is_hidden"]) for e in by_message[key] if e.kind == HIDDEN]
        if not said or (target.shown is not None and max(said) <= target.shown):
            continue
        at, is_hidden = max(said)
        rows.append(
            {
                "id": target.id,
                "hidden_at": at if is_hidden else None,
                "hidden_changed_at": at,
                "updated_at": utc_now(),
            }
        )
        changed.message_ids[target.id] = target.conversation_id
    update_many(session, Message.__table__, rows)


def _place(
    session: Session,
    targets: dict[MessageKey, Target],
    by_message: dict[MessageKey, list[Item]],
    changed: Changed,
) -> None:
    """Put comments of our side into the thread of the comment they answer."""
    thread_of = {
        (target.account_id, item.details["comment"]): target.conversation_id
        for key, target in targets.items()
        for item in by_message[key]
        if item.kind == ANSWERED and target.conversation_id is not None
    }
    rows: list[dict[str, Any]] = []
    for message_id, *key in match_many(session, _LOCK_PLACELESS, _KEY, thread_of):
        thread_id = thread_of[key[0], key[1]]
        rows.append({"id": message_id, "conversation_id": thread_id, "updated_at": utc_now()})
        changed.message_ids[message_id] = thread_id
        if thread_id is not None:
            changed.placed_in.add(thread_id)
    update_many(session, Message.__table__, rows)


def _react(
    session: Session,
    targets: dict[MessageKey, Target],
    by_message: dict[MessageKey, list[Item]],
    changed: Changed,
) -> None:
    """Keep each actor's newest reaction; the message is locked, so nobody else changes them."""
    newest: dict[tuple[uuid.UUID, str], Item] = {}
    target_of: dict[uuid.UUID, Target] = {}
    for key, target in targets.items():
        for item in by_message[key]:
            if item.kind != REACTED:
                continue
            target_of[target.id] = target
            place = (target.id, item.details["actor"])
            before = newest.get(place)
            if before is None or _order_of(before) < _order_of(item):
                newest[place] = item
    known = _find_reactions(session, target_of)
    rows = [
        _reaction_row(target_of[message_id], item)
        for (message_id, actor), item in sorted(newest.items(), key=lambda each: each[0])
        if (message_id, actor) not in known or known[message_id, actor] < _order_of(item)
    ]
    if not rows:
        return
    for row in rows:
        changed.message_ids[row["message_id"]] = target_of[row["message_id"]].conversation_id
    statement = insert_for(session, Reaction.__table__)
    replaced = ("emoji", "name", "is_removed", "at", "updated_at")
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["message_id", "actor"],
            set_={name: statement.excluded[name] for name in replaced},
        ),
        rows,
    )


_Order = tuple[datetime, bool, str, str]


def _order_of(item: Item) -> _Order:
    """Say which of an actor's reactions is newer; of two at one moment, the same one always."""
    said = item.details
    return (item.at, said["is_removed"], said["emoji"] or "", said["name"] or "")


def _find_reactions(
    session: Session, message_ids: Iterable[uuid.UUID]
) -> dict[tuple[uuid.UUID, str], _Order]:
    rows = match_many(session, _SAID, (_reactions.c.message_id,), set(message_ids))
    return {
        (row.message_id, row.actor): (row.at, row.is_removed, row.emoji or "", row.name or "")
        for row in rows
    }


def _reaction_row(target: Target, item: Item) -> dict[str, Any]:
    said, now = item.details, utc_now()
    return {
        "id": new_id(),
        "workspace_id": target.workspace_id,
        "message_id": target.id,
        "actor": said["actor"],
        "direction": words.OUTBOUND if said["is_echo"] else words.INBOUND,
        "emoji": said["emoji"],
        "name": said["name"],
        "is_removed": said["is_removed"],
        "at": item.at,
        "created_at": now,
        "updated_at": now,
    }
