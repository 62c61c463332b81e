"""Finding one person in the journal, a piece at a time."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.orm import Session

from flask_messenger.ingest.replay import AccountName
from flask_messenger.models import Account, WebhookEntry
from flask_messenger.models.journal import DONE, FAILED, PENDING, UNROUTED
from flask_messenger.models.upsert import dialect_of

PIECE: Final = 2_000
"""Entries looked through at once: each body is read, so it is no small work."""
PARTS: Final = ("own", "stray", "shared")


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
    def is_end(self) -> bool:
        """Whether there is nothing more to look through."""
        return self.part >= len(PARTS)


def look_through(
    session: Session, account: Account, external_id: str, place: Place
) -> tuple[list[tuple[uuid.UUID, bytes]], Place]:
    """Return the entries of the next piece that name a person, and where to go on.

    Those of the workspace; those without a workspace that failed, or came while the account was
    not connected; and those that concerned several workspaces. What waits for a drain is not
    looked at: the drain itself leaves erased people out.
    """
    part = list(_part(account, PARTS[place.part]))
    ids = select(WebhookEntry.id).where(*part)
    if place.after is not None:
        ids = ids.where(WebhookEntry.id > place.after)
    piece = list(session.scalars(ids.order_by(WebhookEntry.id).limit(PIECE)))
    if not piece:
        return [], Place(place.part + 1)
    statement = select(WebhookEntry.id, WebhookEntry.raw).where(
        *part,
        WebhookEntry.id.between(piece[0], piece[-1]),
        _mentions(session, external_id),
    )
    found = [(row.id, row.raw) for row in session.execute(statement)]
    return found, Place(place.part, piece[-1])


def _part(account: Account, part: str) -> Iterator[ColumnElement[bool]]:
    if part == "own":
        yield WebhookEntry.workspace_id == account.workspace_id
        yield WebhookEntry.state != PENDING
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


def _mentions(session: Session, external_id: str) -> ColumnElement[bool]:
    needle = literal(external_id.encode())
    if dialect_of(session) == "postgresql":
        return func.position(needle.op("IN")(WebhookEntry.raw)) > 0
    return func.instr(WebhookEntry.raw, needle) > 0
