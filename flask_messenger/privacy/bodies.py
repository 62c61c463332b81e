"""Finding one person in the journal, a piece at a time."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.orm import Session

from flask_messenger.events import ANONYMOUS
from flask_messenger.ingest.replay import AccountName
from flask_messenger.models import Account, WebhookEntry
from flask_messenger.models.journal import DONE, FAILED, PENDING, UNROUTED, first_id
from flask_messenger.models.upsert import dialect_of

PIECE: Final = 2_000
"""Entries looked through at once: each body is read, so it is no small work."""
MOST: Final = 100
"""Entries found at once: whoever asked reads a body of each."""
WAITING: Final = "waiting"
PARTS: Final = (WAITING, "own", "stray", "shared")
"""What nobody has applied comes first: it becomes one of the others, and is met again there."""
APPLIED: Final = PARTS.index("own")


@dataclass(frozen=True, slots=True)
class Place:
    """How far a search came: the part of the journal, and the last entry looked at."""

    part: int = 0
    after: uuid.UUID | None = None

    @classmethod
    def read(cls, progress: dict[str, Any]) -> "Place":
        """Return the place that `write` noted."""
        after = progress.get("after")
        return cls(int(progress.get("part", 0)), uuid.UUID(after) if after else None)

    def write(self) -> dict[str, Any]:
        """Return it as what can be stored."""
        return {"part": self.part, "after": str(self.after) if self.after else None}

    @property
    def is_in_what_waits(self) -> bool:
        """Whether the entries there wait for a drain: nobody has said whose they are."""
        return not self.is_end and PARTS[self.part] == WAITING

    @property
    def is_end(self) -> bool:
        """Whether there is nothing more to look through."""
        return self.part >= len(PARTS)


def look_through(
    session: Session,
    account: Account,
    external_id: str,
    place: Place,
    *,
    before: datetime | None = None,
) -> tuple[list[uuid.UUID], Place]:
    """Return the next entries that name a person, `MOST` of them at most, and where to go on.

    Those that nobody has applied yet; those of the workspace; those without a workspace that
    failed, or came while the account was not connected; and those that concerned several
    workspaces. `before` leaves out what was received then or later.
    """
    part = list(_part(account, PARTS[place.part], before))
    ids = select(WebhookEntry.id).where(*part)
    if place.after is not None:
        ids = ids.where(WebhookEntry.id > place.after)
    piece = list(session.scalars(ids.order_by(WebhookEntry.id).limit(PIECE)))
    if not piece:
        return [], Place(place.part + 1)
    statement = select(WebhookEntry.id).where(
        *part,
        WebhookEntry.id.between(piece[0], piece[-1]),
        _mentions(session, external_id),
    )
    found = list(session.scalars(statement.order_by(WebhookEntry.id).limit(MOST)))
    return found, Place(place.part, found[-1] if len(found) == MOST else piece[-1])


def is_any_waiting(session: Session, external_id: str, *, before: datetime) -> bool:
    """Say whether an entry that was received before `before` and names the person still waits."""
    statement = select(WebhookEntry.id).where(
        *_waits(), WebhookEntry.id < first_id(before), _mentions(session, external_id)
    )
    return session.scalar(statement.limit(1)) is not None


def _waits() -> Iterator[ColumnElement[bool]]:
    yield WebhookEntry.workspace_id.is_(None)
    yield WebhookEntry.state == PENDING


def _part(account: Account, part: str, before: datetime | None) -> Iterator[ColumnElement[bool]]:
    if before is not None:
        yield WebhookEntry.id < first_id(before)
    if part == WAITING:
        yield from _waits()
        return
    if part == "own":
        yield WebhookEntry.workspace_id == account.workspace_id
        return
    yield WebhookEntry.workspace_id.is_(None)
    if part == "stray":
        name = AccountName.of(account)
        yield WebhookEntry.state.in_((FAILED, UNROUTED))
        yield WebhookEntry.object == name.webhook_object
        # What could not be read has no account: it may be anybody's.
        yield func.coalesce(WebhookEntry.external_id, name.external_id) == name.external_id
    else:
        yield WebhookEntry.state == DONE


def word_of(external_id: str) -> str:
    """Return how bodies name a person: whoever Meta kept back is known by their comment's id."""
    return external_id.removeprefix(ANONYMOUS)


def _mentions(session: Session, external_id: str) -> ColumnElement[bool]:
    needle = literal(word_of(external_id).encode())
    if dialect_of(session) == "postgresql":
        return func.position(needle.op("IN")(WebhookEntry.raw)) > 0
    return func.instr(WebhookEntry.raw, needle) > 0
