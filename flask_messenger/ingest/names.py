"""What a comment tells beside itself: who wrote it, and what it is under."""

import json
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from flask_messenger.ingest.batch import Newcomer, PersonKey, ThreadKey
from flask_messenger.ingest.people import People
from flask_messenger.models import Conversation, Identity
from flask_messenger.models.base import utc_now
from flask_messenger.models.upsert import match_many, update_many

_identities: Final = Identity.__table__
_conversations: Final = Conversation.__table__
_NAMELESS: Final = (
    select(_identities.c.id, _identities.c.name, _identities.c.username)
    .where(or_(_identities.c.name.is_(None), _identities.c.username.is_(None)))
    .order_by(_identities.c.id)
    .with_for_update()
)
_DETAILS: Final = select(_conversations.c.id, _conversations.c.subject_details)


def fill_in(session: Session, authors: Mapping[ThreadKey, Newcomer], people: People) -> None:
    """Add names that nobody knew, and what is told of posts. The threads are locked.

    A profile that Meta was asked for is not touched: only what is missing is filled in.
    """
    _fill_names(session, authors, people)
    _fill_details(session, authors, people)


def _fill_names(session: Session, authors: Mapping[ThreadKey, Newcomer], people: People) -> None:
    said: dict[PersonKey, tuple[str, str]] = {}
    for key, each in authors.items():
        names = (each.author.name or "", each.author.username or "")
        if any(names):
            said[key[:2]] = max(names, said.get(key[:2], names))
    names_of = {people.identity_of[key]: names for key, names in said.items()}
    rows = []
    for row in match_many(session, _NAMELESS, (_identities.c.id,), names_of):
        name, username = (each or None for each in names_of[row.id])
        after = (row.name or name, row.username or username)
        if after != (row.name, row.username):
            given = {"name": after[0], "username": after[1], "updated_at": utc_now()}
            rows.append({"id": row.id, **given})
    update_many(session, _identities, rows)


def _fill_details(session: Session, authors: Mapping[ThreadKey, Newcomer], people: People) -> None:
    said = {
        people.conversation_of[key]: each.subject_details
        for key, each in authors.items()
        if each.subject_details
    }
    rows: list[dict[str, Any]] = []
    for row in match_many(session, _DETAILS, (_conversations.c.id,), said):
        after = _together(row.subject_details or {}, said[row.id])
        if after != row.subject_details:
            rows.append({"id": row.id, "subject_details": after, "updated_at": utc_now()})
    update_many(session, _conversations, rows)


def _together(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return what both say; where they differ, the same one always."""
    return {
        name: max(
            (each[name] for each in (first, second) if name in each),
            key=lambda value: json.dumps(value, sort_keys=True),
        )
        for name in {*first, *second}
    }
