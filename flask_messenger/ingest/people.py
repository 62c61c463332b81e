"""The people of a batch and their conversations: found, or made."""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from flask_messenger.ingest.batch import Batch, PersonKey, RoutedAccount
from flask_messenger.ingest.summaries import HEAD, Head
from flask_messenger.models import Conversation, Identity, Message
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.conversations import OPEN, PROFILE_UNKNOWN
from flask_messenger.models.upsert import insert_missing, match_many

Thread = tuple[uuid.UUID, uuid.UUID | None]
"""Of a person: the identity, and the conversation where there is one."""

DIRECT_SUBJECT: Final = ""
"""What a direct thread is about: nothing but the person."""

_identities: Final = Identity.__table__
_conversations: Final = Conversation.__table__
_PERSON: Final = (_identities.c.account_id, _identities.c.external_id)
_THREAD: Final = (_conversations.c.account_id, _conversations.c.identity_id)
_THREADS: Final = select(*_PERSON, _identities.c.id, _conversations.c.id).select_from(
    _identities.outerjoin(
        _conversations,
        and_(
            _conversations.c.account_id == _identities.c.account_id,
            _conversations.c.identity_id == _identities.c.id,
            _conversations.c.subject == DIRECT_SUBJECT,
        ),
    )
)
_messages: Final = Message.__table__
_MESSAGE: Final = (_messages.c.account_id, _messages.c.external_id)
_THREADS_OF_MESSAGES: Final = select(*_THREAD).join(
    _messages, _messages.c.conversation_id == _conversations.c.id
)
_LOCK_ANY: Final = (
    select(_conversations.c.id, *_THREAD, *(_conversations.c[name] for name in HEAD))
    .order_by(_conversations.c.id)
    .with_for_update()
)
_LOCK: Final = _LOCK_ANY.where(_conversations.c.subject == DIRECT_SUBJECT)


@dataclass(slots=True)
class People:
    """The conversations of a batch.

    Attributes:
        conversation_of: per person the conversation; missing where a receipt names somebody we
            never met.
        account_of: per conversation that is locked its account.
        heads: per conversation of the people what it says of its messages, as it was when it was
            locked.
    """

    conversation_of: dict[PersonKey, uuid.UUID] = field(default_factory=dict)
    account_of: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)
    heads: dict[uuid.UUID, Head] = field(default_factory=dict)


def find_people(session: Session, batch: Batch) -> People:
    """Find everybody a batch mentions; make those who wrote, or were written to.

    Somebody only a receipt mentions is not made: that would put people into the host's CRM who
    never said a word. The conversations found are locked in the order of their ids until the
    transaction ends, so that two drains see each other's work on one thread, without deadlock.

    Nearly everybody is there already, so they are looked up first, and only who is missing is
    inserted: before any conversation is locked, or two drains could wait for each other. What is
    edited, taken back or reacted to may be in another thread than of the person who is named: that
    one is locked with the others.
    """
    authors = batch.authors
    found = _find_threads(session, {*authors, *batch.mentioned})
    strangers = {key: authors[key] for key in sorted(authors) if key not in found}
    if strangers:
        _make_identities(session, strangers)
        # Whoever another drain made in the meantime has another id than the one we thought of.
        found |= _find_threads(session, strangers)
    threadless = {key: authors[key] for key in sorted(authors) if found[key][1] is None}
    _make_conversations(session, threadless, found)
    changed = {each.message_key for each in batch.changes}
    other_threads = match_many(session, _THREADS_OF_MESSAGES, _MESSAGE, changed)
    return _lock_conversations(session, found, other_threads)


def _find_threads(session: Session, keys: Collection[PersonKey]) -> dict[PersonKey, Thread]:
    rows = match_many(session, _THREADS, _PERSON, keys)
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def _make_identities(session: Session, strangers: dict[PersonKey, RoutedAccount]) -> None:
    # Rows go in in one order everywhere: two inserts that meet wait, and never deadlock.
    now = utc_now()
    rows = [
        {
            "id": new_id(),
            "workspace_id": account.workspace_id,
            "account_id": account.id,
            "external_id": external_id,
            "profile_state": PROFILE_UNKNOWN,
            "created_at": now,
            "updated_at": now,
        }
        for (_, external_id), account in strangers.items()
    ]
    insert_missing(session, Identity.__table__, rows, key=("account_id", "external_id"))


def _make_conversations(
    session: Session,
    threadless: dict[PersonKey, RoutedAccount],
    found: dict[PersonKey, Thread],
) -> None:
    now = utc_now()
    rows = [
        {
            "id": new_id(),
            "workspace_id": account.workspace_id,
            "account_id": account.id,
            "identity_id": found[key][0],
            "channel": account.channel,
            "subject": DIRECT_SUBJECT,
            "status": OPEN,
            "unread_count": 0,
            "created_at": now,
            "updated_at": now,
        }
        for key, account in threadless.items()
    ]
    key = ("account_id", "identity_id", "subject")
    insert_missing(session, Conversation.__table__, rows, key=key)


def _lock_conversations(
    session: Session, found: dict[PersonKey, Thread], other_threads: Iterable[Any]
) -> People:
    people = People()
    key_of = {
        (account_id, thread[0]): (account_id, who) for (account_id, who), thread in found.items()
    }
    threads = {*key_of, *((row[0], row[1]) for row in other_threads)}
    for row in match_many(session, _LOCK, _THREAD, threads):
        conversation_id, account_id, identity_id, *head = row
        if (account_id, identity_id) in key_of:
            people.conversation_of[key_of[account_id, identity_id]] = conversation_id
        people.account_of[conversation_id] = account_id
        people.heads[conversation_id] = Head(*head)
    return people


def lock_more(session: Session, people: People, ids: Iterable[uuid.UUID | None]) -> bool:
    """Lock conversations nobody of the batch was said to be in; say whether there were any."""
    missing = {each for each in ids if each is not None} - set(people.account_of)
    for row in match_many(session, _LOCK_ANY, (_conversations.c.id,), missing):
        people.account_of[row[0]] = row[1]
    return bool(missing)
