"""What people agreed to be sent: Meta's newest word of each, its token sealed."""

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.events import OptInFact
from flask_messenger.ingest.batch import Batch, RoutedMessage, Terms
from flask_messenger.ingest.people import People
from flask_messenger.models import OptIn
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.upsert import insert_missing, match_many, update_many

_opt_ins: Final = OptIn.__table__
_KEY: Final = (_opt_ins.c.identity_id, _opt_ins.c.type, _opt_ins.c.reference)
_KNOWN: Final = select(
    _opt_ins.c.id, *_KEY, _opt_ins.c.is_active, _opt_ins.c.details, _opt_ins.c.at
)

OptInKey = tuple[uuid.UUID, str, str]


def apply_opt_ins(session: Session, batch: Batch, people: People, terms: Terms) -> None:
    """Keep the newest word of each opt-in. The people's threads are locked: nobody else does."""
    newest: dict[OptInKey, tuple[RoutedMessage, OptInFact]] = {}
    for each in batch.messages:
        fact, key = each.event.opt_in, each.thread_key
        if fact is None or key is None:
            continue
        place = (people.identity_of[key[:2]], fact.type, fact.reference)
        before = newest.get(place)
        if before is None or _order_of(*before) < _order_of(each, fact):
            newest[place] = (each, fact)
    if not newest:
        return
    known = {(row[1], row[2], row[3]): row for row in match_many(session, _KNOWN, _KEY, newest)}
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for place, (routed, fact) in sorted(newest.items(), key=lambda each: each[0]):
        row = known.get(place)
        if row is None:
            new.append(_new_row(place, routed, fact, terms))
        elif (row.at, row.is_active, _canonical(row.details)) < _order_of(routed, fact):
            changed.append({"id": row.id, **_values(row.id, routed, fact, terms)})
    insert_missing(session, _opt_ins, new, key=("identity_id", "type", "reference"))
    update_many(session, _opt_ins, changed)


def _order_of(routed: RoutedMessage, fact: OptInFact) -> tuple[datetime, bool, str]:
    return (routed.event.sent_at, fact.is_active, _canonical(fact.details))


def _canonical(details: Mapping[str, Any]) -> str:
    return json.dumps(details, sort_keys=True)


def _new_row(
    place: OptInKey, routed: RoutedMessage, fact: OptInFact, terms: Terms
) -> dict[str, Any]:
    row_id = new_id()
    identity_id, type_, reference = place
    return {
        "id": row_id,
        "workspace_id": routed.account.workspace_id,
        "account_id": routed.account.id,
        "identity_id": identity_id,
        "type": type_,
        "reference": reference,
        **_values(row_id, routed, fact, terms),
        "created_at": utc_now(),
    }


def _values(
    row_id: uuid.UUID, routed: RoutedMessage, fact: OptInFact, terms: Terms
) -> dict[str, Any]:
    sealed = None
    if fact.token and terms.keys is not None:
        sealed = terms.keys.seal(fact.token, context=f"messenger_opt_ins:{row_id}:token")
    return {
        "is_active": fact.is_active,
        "details": dict(fact.details),
        "token_sealed": sealed,
        "expires_at": fact.expires_at,
        "at": routed.event.sent_at,
        "updated_at": utc_now(),
    }
