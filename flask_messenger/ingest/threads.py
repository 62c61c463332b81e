"""What a batch says of whole threads: where people came from, which app has it, who answered.

Each rule says which of two is newer by what Meta says of them, so any order ends the same. The
threads are locked.
"""

import json
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, func, not_, or_, select, update
from sqlalchemy.orm import Session

from flask_messenger.events import STANDBY
from flask_messenger.ingest.batch import DIRECT_SUBJECT, Batch, RoutedMessage, Terms
from flask_messenger.ingest.messages import Stored
from flask_messenger.ingest.people import People
from flask_messenger.ingest.summaries import LONG_AGO, is_on_standby
from flask_messenger.models import Conversation, Message
from flask_messenger.models import messages as words
from flask_messenger.models.base import utc_now
from flask_messenger.models.upsert import match_many, update_many

Touch = dict[str, Any]

_conversations: Final = Conversation.__table__
_messages: Final = Message.__table__
_NAMES: Final = (
    "first_touch",
    "last_touch",
    "thread_owner_app_id",
    "thread_owner_at",
    "thread_owner_until",
)
_SAID: Final = select(_conversations.c.id, *(_conversations.c[name] for name in _NAMES))
_SENDING: Final = select(_messages.c.conversation_id).where(_messages.c.status == words.SENDING)
_HEARD_AT: Final = (
    select(func.min(_messages.c.sent_at))
    .where(
        _messages.c.conversation_id == _conversations.c.id,
        _messages.c.direction == words.INBOUND,
        _messages.c.sent_at > _conversations.c.thread_owner_at,
        not_(is_on_standby()),
    )
    .correlate(_conversations)
    .scalar_subquery()
)
"""When the first message came to us as to who has the thread, since another app had it."""
_FREE: Final = (
    update(_conversations)
    .where(
        or_(
            _conversations.c.thread_owner_until.is_(None),
            _conversations.c.thread_owner_until > _HEARD_AT,
        ),
        _HEARD_AT.is_not(None),
    )
    .values(thread_owner_until=_HEARD_AT, updated_at=bindparam("now"))
    .returning(_conversations.c.id)
)
"""Of threads of other apps: what we hear not on standby is said to us, so theirs has ended."""


def note_threads(session: Session, batch: Batch, people: People, terms: Terms) -> set[uuid.UUID]:
    """Note where people came from and which app has their thread.

    Returns the threads that no other app has any more. An app that gives a thread back tells
    nobody: that a person's message reaches us not on standby does.
    """
    touches = _touches(batch, people)
    owners = _owners(batch, people, terms)
    released: set[uuid.UUID] = set()
    taken = _heard_in(batch, people, terms) if terms.is_told_to_us else set()
    rows: list[dict[str, Any]] = []
    for row in match_many(session, _SAID, (_conversations.c.id,), {*touches, *owners}):
        before = {name: getattr(row, name) for name in _NAMES}
        after = before | _touched(before, touches.get(row.id, []))
        newest = max(owners.get(row.id, []), default=None)
        if newest is not None and newest[:2] > _owner_of(before):
            at, app_id, is_ours = newest
            after |= {"thread_owner_app_id": app_id or None, "thread_owner_at": at}
            after["thread_owner_until"] = None
            if is_ours or not app_id:
                released.add(row.id)
                taken.discard(row.id)
            else:
                taken.add(row.id)
        if after != before:
            rows.append({"id": row.id, **after, "updated_at": utc_now()})
    update_many(session, _conversations, rows)
    freed = match_many(session, _FREE, (_conversations.c.id,), taken, now=utc_now())
    return released | {row.id for row in freed}


def _heard_in(batch: Batch, people: People, terms: Terms) -> set[uuid.UUID]:
    """Return threads that are another app's, as they were locked, and in which somebody wrote."""
    found: set[uuid.UUID] = set()
    for each in batch.messages:
        key, event = each.thread_key, each.event
        if key is None or event.subject or not event.is_inbound or event.content.get(STANDBY):
            continue
        conversation_id = people.conversation_of[key]
        owner = people.heads[conversation_id].thread_owner_app_id
        if owner and owner not in own_app_ids(each, terms):
            found.add(conversation_id)
    return found


def _touches(batch: Batch, people: People) -> dict[uuid.UUID, list[Touch]]:
    """Return per thread by which ads and links the person came in, with Meta's time."""
    found: dict[uuid.UUID, list[Touch]] = defaultdict(list)
    for key, said, at in _referrals(batch):
        found[people.conversation_of[key]].append({**said, "at": at.isoformat()})
    return found


def _referrals(batch: Batch) -> Iterator[tuple[Any, Mapping[str, Any], datetime]]:
    for each in batch.referrals:
        key = (each.account.id, each.event.identity_external_id, DIRECT_SUBJECT)
        yield key, each.event.content, each.event.at
    for message in batch.messages:
        event = message.event
        said = event.content.get("referral")
        if isinstance(said, Mapping) and event.is_inbound and message.thread_key is not None:
            yield message.thread_key, said, event.sent_at


def _touched(before: Mapping[str, Any], touches: list[Touch]) -> dict[str, Any]:
    """Return the earliest and the latest of what was known and what is new."""
    if not touches:
        return {}
    known = [each for each in (before["first_touch"], before["last_touch"]) if each]
    ordered = sorted([*known, *touches], key=_order_of)
    return {"first_touch": ordered[0], "last_touch": ordered[-1]}


def _order_of(touch: Touch) -> tuple[datetime, str]:
    return datetime.fromisoformat(touch["at"]), json.dumps(touch, sort_keys=True)


Owner = tuple[datetime, str, bool]
"""Since when, which app (empty: none has it), and whether that is ours."""


def _owners(batch: Batch, people: People, terms: Terms) -> dict[uuid.UUID, list[Owner]]:
    found: dict[uuid.UUID, list[Owner]] = defaultdict(list)
    for each in batch.messages:
        owner, key = each.event.owner, each.thread_key
        if owner is not None and key is not None:
            is_ours = owner.app_id in own_app_ids(each, terms)
            said = (each.event.sent_at, owner.app_id or "", is_ours)
            found[people.conversation_of[key]].append(said)
    return found


def _owner_of(before: Mapping[str, Any]) -> tuple[datetime, str]:
    return before["thread_owner_at"] or LONG_AGO, before["thread_owner_app_id"] or ""


def own_app_ids(routed: RoutedMessage, terms: Terms) -> frozenset[str]:
    """Return the ids of the app that an event's account is connected through."""
    return terms.app_ids.get(routed.account.app_name, frozenset())


def note_pauses(
    session: Session, batch: Batch, people: People, stored: Stored, terms: Terms
) -> None:
    """Note in `stored` until when bots are quiet, where somebody answered from elsewhere.

    What our side sent is known by its metadata, by its row or by our app's id. An echo that has
    none of them may be of a message of ours that is on its way this moment: it says nothing.
    """
    answers = [each for each in batch.messages if _is_from_elsewhere(each, stored, terms)]
    threads = {people.conversation_of[each.thread_key]: each for each in answers if each.thread_key}
    doubtful = {key for key, each in threads.items() if each.event.app_id is None}
    on_their_way = {
        row[0] for row in match_many(session, _SENDING, (_messages.c.conversation_id,), doubtful)
    }
    for each in answers:
        if each.thread_key is None:
            continue
        conversation_id = people.conversation_of[each.thread_key]
        if each.event.app_id is None and conversation_id in on_their_way:
            continue
        until = each.event.sent_at + terms.bot_pause
        stored.paused[conversation_id] = max(until, stored.paused.get(conversation_id, until))


def _is_from_elsewhere(routed: RoutedMessage, stored: Stored, terms: Terms) -> bool:
    event = routed.event
    is_answer = event.is_echo and not (event.subject or event.is_notice)
    if not is_answer or event.echo_of or routed.key in stored.ours or not terms.bot_pause:
        return False
    return event.app_id not in own_app_ids(routed, terms)
