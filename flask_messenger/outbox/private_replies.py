"""Private replies that Meta took: the moment at which a commenter becomes somebody to write to.

Meta's answer, or the echo, names the person. Their direct conversation is found or made, the reply
moves there, and the two sides of the person are linked, conversation with conversation. Whichever
tells first does it; doing it again changes nothing. As many statements for many as for one: a batch
of echoes may be of a campaign's.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.ingest.people import MAKE_PERSON
from flask_messenger.ingest.summaries import refresh_statuses, refresh_summaries
from flask_messenger.models import Account, Conversation, Identity, Message
from flask_messenger.models.base import new_id
from flask_messenger.models.conversations import (
    DIRECT,
    OPEN,
    PERSON,
    PROFILE_UNKNOWN,
)
from flask_messenger.models.messages import BY_PERSON, DELIVERED, READ, SENT
from flask_messenger.models.upsert import insert_missing, match_many, raise_many, update_many
from flask_messenger.outbox.lane import lock_conversations

OUT: Final = (SENT, DELIVERED, READ)
"""Before that a reply is in the lane of its comments, where its attempt is written down."""
DIRECT_SUBJECT: Final = ""

_messages: Final = Message.__table__
_people: Final = Identity.__table__
_threads: Final = Conversation.__table__
_accounts: Final = Account.__table__
_REPLIES: Final = (
    select(
        _messages.c.id,
        _threads.c.id,
        _threads.c.identity_id,
        _accounts.c.workspace_id,
        _accounts.c.id,
        _accounts.c.channel,
        _messages.c.status,
        _messages.c.sent_by,
        _threads.c.bot_paused_until,
    )
    .join_from(_messages, _threads, _threads.c.id == _messages.c.conversation_id)
    .join(_accounts, _accounts.c.id == _messages.c.account_id)
    .where(_messages.c.private_reply_to.is_not(None), _threads.c.kind != DIRECT)
    .order_by(_messages.c.id)
)
_PERSON: Final = (_people.c.account_id, _people.c.external_id)
_FIND_PEOPLE: Final = select(*_PERSON, _people.c.id)
_THREAD: Final = (_threads.c.account_id, _threads.c.identity_id, _threads.c.subject)
_FIND_THREADS: Final = select(_threads.c.identity_id, _threads.c.id)


@dataclass(frozen=True, slots=True)
class _Reply:
    """A private reply that is still where it was written, and the two sides of the commenter."""

    message_id: uuid.UUID
    conversation_id: uuid.UUID
    identity_id: uuid.UUID
    workspace_id: str
    account_id: uuid.UUID
    channel: str
    status: str
    sent_by: str
    paused_until: datetime | None


@dataclass(frozen=True, slots=True)
class _Direct:
    """Whom a reply went to, and the conversation with them."""

    identity_id: uuid.UUID
    conversation_id: uuid.UUID


def settle_private_replies(
    session: Session, recipients: Mapping[uuid.UUID, str], *, now: datetime
) -> dict[uuid.UUID, uuid.UUID]:
    """Move private replies that went out to the direct conversations of whom they went to.

    Never commits. What has not gone out yet, or has moved before, is passed over.

    Args:
        session: of the caller's transaction.
        recipients: of each message, the id by which Meta names its recipient.
        now: aware.

    Returns:
        Of each message that was moved its conversation now.
    """
    out = [each for each in _find_replies(session, recipients) if each.status in OUT]
    if not out:
        return {}
    directs = _make_directs(session, out, recipients, now=now)
    left = {each.conversation_id for each in out}
    reached = {each.conversation_id for each in directs.values()}
    lock_conversations(session, left | reached)
    # Whoever moves one locks its conversation first: what is still there now stays until we move.
    there = {each.message_id for each in _find_replies(session, directs)}
    replies = [each for each in out if each.message_id in there]
    moved = {each.message_id: directs[each.message_id].conversation_id for each in replies}
    rows = [
        {"id": message_id, "conversation_id": direct_id, "updated_at": now}
        for message_id, direct_id in moved.items()
    ]
    update_many(session, _messages, rows)
    _link(session, replies, directs, now=now)
    _pause_bots(session, replies, directs)
    refresh_statuses(session, reached)
    refresh_summaries(session, left | reached)
    return moved


def make_direct(
    session: Session, message_id: uuid.UUID, recipient_external_id: str, *, now: datetime
) -> list[uuid.UUID]:
    """Make whom a private reply went to, and their direct conversation, unless they are there.

    Never commits. Returns the conversations that the reply concerns, in the order in which they
    are locked. People and threads are made before any thread is locked.
    """
    recipients = {message_id: recipient_external_id}
    replies = _find_replies(session, recipients)
    directs = _make_directs(session, replies, recipients, now=now)
    concerned = {each.conversation_id for each in replies}
    return sorted(concerned | {each.conversation_id for each in directs.values()})


def _find_replies(session: Session, message_ids: Collection[uuid.UUID]) -> list[_Reply]:
    found = match_many(session, _REPLIES, (_messages.c.id,), set(message_ids))
    return [_Reply(*row) for row in found]


def _make_directs(
    session: Session,
    replies: Collection[_Reply],
    recipients: Mapping[uuid.UUID, str],
    *,
    now: datetime,
) -> dict[uuid.UUID, _Direct]:
    """Return of each reply whom it went to and their thread; make them where they are missing."""
    person_of = {
        each.message_id: (each.account_id, recipients[each.message_id]) for each in replies
    }
    # One row each, in one order everywhere: two inserts that meet wait, and never deadlock.
    about = {person_of[each.message_id]: each for each in replies}
    people = [
        {
            **_shared(about[key], now=now),
            "external_id": key[1],
            "kind": PERSON,
            "profile_state": PROFILE_UNKNOWN,
        }
        for key in sorted(about)
    ]
    insert_missing(session, _people, people, key=("account_id", "external_id"))
    identity_of = {
        (row[0], row[1]): row[2] for row in match_many(session, _FIND_PEOPLE, _PERSON, set(about))
    }
    threads = [
        {
            **_shared(about[key], now=now),
            "identity_id": identity_of[key],
            "channel": about[key].channel,
            "kind": DIRECT,
            "subject": DIRECT_SUBJECT,
            "status": OPEN,
            "unread_count": 0,
        }
        for key in sorted(about)
    ]
    insert_missing(session, _threads, threads, key=("account_id", "identity_id", "subject"))
    places = {(key[0], identity_of[key], DIRECT_SUBJECT) for key in about}
    thread_of = {row[0]: row[1] for row in match_many(session, _FIND_THREADS, _THREAD, places)}
    return {
        message_id: _Direct(identity_of[key], thread_of[identity_of[key]])
        for message_id, key in person_of.items()
    }


def _shared(reply: _Reply, *, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "workspace_id": reply.workspace_id,
        "account_id": reply.account_id,
        "created_at": now,
        "updated_at": now,
    }


def _link(
    session: Session,
    replies: Collection[_Reply],
    directs: Mapping[uuid.UUID, _Direct],
    *,
    now: datetime,
) -> None:
    """Say on both sides that the two are one person, and their conversations belong together.

    Of several replies to one person the newest says where theirs leads.
    """
    people: dict[uuid.UUID, uuid.UUID] = {}
    threads: dict[uuid.UUID, uuid.UUID] = {}
    for reply in replies:
        direct = directs[reply.message_id]
        if reply.identity_id != direct.identity_id:
            people |= {reply.identity_id: direct.identity_id, direct.identity_id: reply.identity_id}
        threads |= {
            reply.conversation_id: direct.conversation_id,
            direct.conversation_id: reply.conversation_id,
        }
    _set_links(session, _people, "linked_identity_id", people, now=now)
    # Where a commenter is known by the id of the person, they can be written to from now on.
    reached = {directs[each.message_id].identity_id for each in replies}
    match_many(session, MAKE_PERSON, (_people.c.id,), reached, now=now)
    _set_links(session, _threads, "linked_conversation_id", threads, now=now)


def _set_links(
    session: Session, table: Any, name: str, links: Mapping[uuid.UUID, uuid.UUID], *, now: datetime
) -> None:
    rows = [{"id": each, name: links[each], "updated_at": now} for each in sorted(links)]
    update_many(session, table, rows)


def _pause_bots(
    session: Session, replies: Collection[_Reply], directs: Mapping[uuid.UUID, _Direct]
) -> None:
    """Have bots be quiet where the person will answer, as long as they are below the post.

    A private reply that a person wrote begins a talk with that person.
    """
    until: dict[uuid.UUID, datetime] = {}
    for each in replies:
        if each.sent_by == BY_PERSON and each.paused_until is not None:
            key = directs[each.message_id].conversation_id
            until[key] = max(each.paused_until, until.get(key, each.paused_until))
    rows = [{"id": key, "bot_paused_until": until[key]} for key in sorted(until)]
    raise_many(session, _threads, rows)
