"""Everything that is kept of one person, as one JSON document, written a few lines at a time.

The document is a head and sections, each a list. What is read at once is bounded, whatever a person
wrote; a turn ends where its time does, and the next one goes on from `Progress`.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Table, select, tuple_
from sqlalchemy.orm import Session

from flask_messenger.crypto import KeyRing
from flask_messenger.ingest.bodies import find_events
from flask_messenger.models import (
    Account,
    Attachment,
    Conversation,
    DataRequest,
    Identity,
    Message,
    OptIn,
    Reaction,
    Receipt,
    WebhookEntry,
)
from flask_messenger.privacy.bodies import APPLIED, Place, look_through, word_of
from flask_messenger.privacy.parts import add_part

VERSION: Final = 1
OURS: Final = frozenset(
    {
        "workspace_id",
        "idempotency_key",
        "announced_at",
        "storage_key",
        "thumbnail_key",
        "token_sealed",
    }
)
"""How we do our work, and nothing of the person."""
ROWS: Final = 500
"""Rows read at once."""
PART_CHARACTERS: Final = 500_000

After = Any
"""Where a section goes on, as JSON; None at its beginning."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whose document it is."""

    account: Account
    identity: Identity


@dataclass(frozen=True, slots=True)
class Piece:
    """The next items of a section, how many of what they are, and where to go on."""

    items: Sequence[Any]
    after: After
    is_last: bool
    counts: dict[str, int]


@dataclass(slots=True)
class Progress:
    """How far a document is."""

    section: int = 0
    after: After = None
    is_begun: bool = False
    """Whether the section has an item: the next one stands behind a comma."""
    parts: int = 0

    @classmethod
    def read(cls, stored: dict[str, Any]) -> "Progress":
        """Return the progress that `write` noted."""
        names = ("section", "after", "is_begun", "parts")
        return cls(**{name: stored[name] for name in names if name in stored})

    def write(self) -> dict[str, Any]:
        """Return it as what can be stored."""
        return {
            "section": self.section,
            "after": self.after,
            "is_begun": self.is_begun,
            "parts": self.parts,
        }


def write_on(
    session: Session,
    keys: KeyRing,
    request: DataRequest,
    person: Person,
    *,
    now: datetime,
    ends_at: float,
) -> bool:
    """Write the next parts of a document until `ends_at` (monotonic); say whether it is whole.

    Notes on `request` how far it is. Never commits.
    """
    progress, counts = Progress.read(request.progress), dict(request.result)
    text = "" if progress.parts else _head(person, now=now)
    is_whole = is_over = False
    while not (is_whole or is_over):
        text += _write_piece(session, person, progress, counts)
        is_whole, is_over = progress.section >= len(SECTIONS), time.monotonic() > ends_at
        if is_whole:
            text += "\n}\n"
        if len(text) >= PART_CHARACTERS or is_over or is_whole:
            add_part(session, keys, request, number=progress.parts, content=text)
            progress.parts, text = progress.parts + 1, ""
    request.progress, request.result = progress.write(), counts
    return is_whole


def _head(person: Person, *, now: datetime) -> str:
    account = person.account
    head = {
        "version": VERSION,
        "exported_at": now,
        "account": {
            "id": account.id,
            "channel": account.channel,
            "external_id": account.external_id,
            "name": account.name,
        },
        "person": _plain({each.name: getattr(person.identity, each.name) for each in _columns()}),
    }
    return _json(head).removesuffix("}")


def _columns() -> Iterable[Any]:
    return Identity.__table__.columns


def _write_piece(
    session: Session, person: Person, progress: Progress, counts: dict[str, int]
) -> str:
    """Return the text of the next items; move `progress` and `counts` on."""
    name, read = SECTIONS[progress.section]
    is_first = progress.after is None and not progress.is_begun
    piece = read(session, person, progress.after)
    text = f',\n"{name}": [' if is_first else ""
    for item in piece.items:
        text += (",\n" if progress.is_begun else "\n") + _json(item)
        progress.is_begun = True
    for what, count in piece.counts.items():
        counts[what] = counts.get(what, 0) + count
    progress.after = piece.after
    if piece.is_last:
        text += "]"
        progress.section, progress.after, progress.is_begun = progress.section + 1, None, False
    return text


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in OURS}


def _conversations(session: Session, person: Person, after: After) -> Piece:
    table = Conversation.__table__
    rows = _next_rows(session, table, after, table.c.identity_id == person.identity.id)
    return _piece(rows, [_plain(row) for row in rows], {})


def _opt_ins(session: Session, person: Person, after: After) -> Piece:
    table = OptIn.__table__
    rows = _next_rows(session, table, after, table.c.identity_id == person.identity.id)
    return _piece(rows, [_plain(row) for row in rows], {})


def _waiting(session: Session, person: Person, after: After) -> Piece:
    table = Receipt.__table__
    rows = _next_rows(
        session,
        table,
        after,
        table.c.account_id == person.account.id,
        table.c.identity_external_id == person.identity.external_id,
    )
    return _piece(rows, [_plain(row) for row in rows], {})


def _next_rows(
    session: Session, table: Table, after: After, *criteria: Any
) -> list[dict[str, Any]]:
    statement = select(table).where(*criteria)
    if after is not None:
        statement = statement.where(table.c.id > uuid.UUID(after))
    found = session.execute(statement.order_by(table.c.id).limit(ROWS)).mappings()
    return [dict(row) for row in found]


def _piece(rows: Sequence[dict[str, Any]], items: Sequence[Any], counts: dict[str, int]) -> Piece:
    after = str(rows[-1]["id"]) if rows else None
    return Piece(items, after, is_last=len(rows) < ROWS, counts=counts)


def _messages(session: Session, person: Person, after: After) -> Piece:
    rows = _next_messages(session, person, after)
    ids = [row["id"] for row in rows]
    attachments = _by_message(session, Attachment.__table__, ids)
    reactions = _by_message(session, Reaction.__table__, ids)
    items = [
        {
            **_plain(row),
            "attachments": attachments[row["id"]],
            "reactions": reactions[row["id"]],
        }
        for row in rows
    ]
    counts = {
        "messages": len(rows),
        "attachments": sum(map(len, attachments.values())),
        "reactions": sum(map(len, reactions.values())),
    }
    return _piece_of_messages(rows, items, counts)


def _media(session: Session, person: Person, after: After) -> Piece:
    rows = _next_messages(session, person, after)
    attachments = _by_message(session, Attachment.__table__, [row["id"] for row in rows])
    addresses = [
        attachment["url"]
        for row in rows
        for attachment in attachments[row["id"]]
        if attachment["url"]
    ]
    return _piece_of_messages(rows, addresses, {})


def _next_messages(session: Session, person: Person, after: After) -> list[dict[str, Any]]:
    """Return the next messages in the order they were sent; `after` names the last one."""
    table, threads = Message.__table__, Conversation.__table__
    statement = select(table).where(
        table.c.conversation_id.in_(
            select(threads.c.id).where(threads.c.identity_id == person.identity.id)
        )
    )
    order = (table.c.conversation_id, table.c.sent_at, table.c.id)
    if after is not None:
        thread_id, sent_at, message_id = after
        last = (uuid.UUID(thread_id), datetime.fromisoformat(sent_at), uuid.UUID(message_id))
        statement = statement.where(tuple_(*order) > last)
    found = session.execute(statement.order_by(*order).limit(ROWS)).mappings()
    return [dict(row) for row in found]


def _piece_of_messages(
    rows: Sequence[dict[str, Any]], items: Sequence[Any], counts: dict[str, int]
) -> Piece:
    after = None
    if rows:
        last = rows[-1]
        after = [str(last["conversation_id"]), last["sent_at"].isoformat(), str(last["id"])]
    return Piece(items, after, is_last=len(rows) < ROWS, counts=counts)


def _by_message(
    session: Session, table: Table, message_ids: Sequence[uuid.UUID]
) -> defaultdict[uuid.UUID, list[dict[str, Any]]]:
    found: defaultdict[uuid.UUID, list[dict[str, Any]]] = defaultdict(list)
    statement = select(table).where(table.c.message_id.in_(message_ids)).order_by(table.c.id)
    for row in session.execute(statement).mappings():
        found[row["message_id"]].append(_plain(dict(row)))
    return found


def _events(session: Session, person: Person, after: After) -> Piece:
    """Return the person's events of the next entries: what waits for a drain is nobody's yet."""
    place = Place.read(after) if after is not None else Place(APPLIED)
    external_id = person.identity.external_id
    ids, place = look_through(session, person.account, external_id, place)
    events: list[Any] = []
    for entry_id in ids:  # one at a time: a body may be large
        raw = session.scalar(select(WebhookEntry.raw).where(WebhookEntry.id == entry_id))
        events += find_events(raw or b"", word_of(external_id).__eq__)
    return Piece(
        events, place.write(), is_last=place.is_end, counts={"webhook_events": len(events)}
    )


SECTIONS: Final[tuple[tuple[str, Callable[[Session, Person, After], Piece]], ...]] = (
    ("conversations", _conversations),
    ("messages", _messages),
    ("media", _media),
    ("opt_ins", _opt_ins),
    ("waiting", _waiting),
    ("webhook_events", _events),
)
