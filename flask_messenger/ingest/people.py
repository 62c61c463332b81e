"""The people of a batch and their conversations: found, or made."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import and_, bindparam, select, update
from sqlalchemy.orm import Session

from flask_messenger.events import Author
from flask_messenger.ingest.batch import DIRECT_SUBJECT, Batch, Newcomer, PersonKey, ThreadKey
from flask_messenger.ingest.summaries import HEAD, Head
from flask_messenger.models import Conversation, Identity, Message
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.conversations import (
    COMMENTER,
    COMMENTS,
    DIRECT,
    OPEN,
    PERSON,
    PROFILE_UNAVAILABLE,
    PROFILE_UNKNOWN,
    USER_REF,
)
from flask_messenger.models.upsert import insert_missing, match_many

Thread = tuple[uuid.UUID, uuid.UUID | None, str]
"""Of a person: the identity, the direct conversation where there is one, and what they are to the
account."""

KINDS: Final = (COMMENTER, PERSON, USER_REF)
"""What somebody is to an account, by how surely an event says so."""

_identities: Final = Identity.__table__
_conversations: Final = Conversation.__table__
_PERSON: Final = (_identities.c.account_id, _identities.c.external_id)
_THREAD: Final = (
    _conversations.c.account_id,
    _conversations.c.identity_id,
    _conversations.c.subject,
)
_THREADS: Final = select(
    *_PERSON, _identities.c.id, _conversations.c.id, _identities.c.kind
).select_from(
    _identities.outerjoin(
        _conversations,
        and_(
            _conversations.c.account_id == _identities.c.account_id,
            _conversations.c.identity_id == _identities.c.id,
            _conversations.c.subject == DIRECT_SUBJECT,
        ),
    )
)
_COMMENT_THREADS: Final = select(*_THREAD)
_messages: Final = Message.__table__
_MESSAGE: Final = (_messages.c.account_id, _messages.c.external_id)
_THREADS_OF_MESSAGES: Final = select(*_THREAD).join(
    _messages, _messages.c.conversation_id == _conversations.c.id
)
MAKE_PERSON: Final = (
    update(_identities)
    .where(_identities.c.kind != PERSON)
    .values(kind=PERSON, profile_state=PROFILE_UNKNOWN, updated_at=bindparam("now"))
    .returning(_identities.c.id)
)
"""Of identities: they can be written to, and Meta may tell who they are."""
_LOCK: Final = (
    select(_conversations.c.id, *_THREAD, *(_conversations.c[name] for name in HEAD))
    .order_by(_conversations.c.id)
    .with_for_update()
)


@dataclass(slots=True)
class People:
    """The conversations of a batch.

    Attributes:
        conversation_of: per person, and what they wrote about, the conversation; missing where a
            receipt names somebody we never met.
        identity_of: per person their row.
        account_of: per conversation that is locked its account.
        heads: per conversation of the people what it says of its messages, as it was when it was
            locked.
    """

    conversation_of: dict[ThreadKey, uuid.UUID] = field(default_factory=dict)
    identity_of: dict[PersonKey, uuid.UUID] = field(default_factory=dict)
    account_of: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)
    heads: dict[uuid.UUID, Head] = field(default_factory=dict)

    def direct_thread(self, account_id: uuid.UUID, person: str | None) -> uuid.UUID | None:
        """Return the thread with a person; None where there is none, or nobody is named."""
        return self.conversation_of.get((account_id, person, DIRECT_SUBJECT)) if person else None


def find_people(session: Session, batch: Batch) -> People:
    """Find everybody a batch mentions; make those who wrote, or were written to.

    Somebody only a receipt mentions is not made: that would put people into the host's CRM who
    never said a word. The conversations found are locked in the order of their ids until the
    transaction ends, so that two drains see each other's work on one thread, without deadlock.

    Nearly everybody is there already, so they are looked up first, and only who is missing is
    inserted: before any conversation is locked, or two drains could wait for each other. What is
    edited, taken back or reacted to may be in another thread than of the person who is named: that
    one is locked with the others. So is the thread of a comment that our side answered.
    """
    authors = batch.authors
    people = _people_of(authors)
    found = _find_threads(session, {*people, *batch.mentioned})
    strangers = {key: people[key] for key in sorted(people) if key not in found}
    if strangers:
        _make_identities(session, strangers)
        # Whoever another drain made in the meantime has another id than the one we thought of.
        found |= _find_threads(session, strangers)
    threadless = _find_threadless(session, authors, found)
    _make_conversations(session, {key: authors[key] for key in sorted(threadless)}, found)
    concerned = {each.message_key for each in batch.changes}
    concerned |= {each.answers for each in batch.messages if each.answers}
    other_threads = match_many(session, _THREADS_OF_MESSAGES, _MESSAGE, concerned)
    locked = _lock_conversations(session, authors, found, other_threads)
    # After the threads, as whoever fills in names does.
    _make_persons(session, people, found)
    return locked


def _people_of(authors: Mapping[ThreadKey, Newcomer]) -> dict[PersonKey, Newcomer]:
    """Return each person once, with what says most of them: they may write under several posts.

    Somebody who is in a direct thread, too, is a person.
    """
    people: dict[PersonKey, Newcomer] = {}
    for (account_id, external_id, _), each in authors.items():
        before = people.get((account_id, external_id))
        people[account_id, external_id] = each if before is None else _together(before, each)
    return people


def _together(first: Newcomer, second: Newcomer) -> Newcomer:
    """Return what says most of one who wrote in two places."""
    fuller = max(first, second, key=_names)
    kind = max(first.author.kind, second.author.kind, key=KINDS.index)
    return replace(fuller, author=replace(fuller.author, kind=kind))


def _names(newcomer: Newcomer) -> tuple[str, str]:
    return (newcomer.author.name or "", newcomer.author.username or "")


def _make_persons(
    session: Session, people: Mapping[PersonKey, Newcomer], found: Mapping[PersonKey, Thread]
) -> None:
    """Make persons of those who were known by comments only, and are in a direct thread now."""
    ids = {
        found[key][0]
        for key, each in people.items()
        if each.author.kind == PERSON and found[key][2] == COMMENTER
    }
    match_many(session, MAKE_PERSON, (_identities.c.id,), ids, now=utc_now())


def _find_threads(session: Session, keys: Collection[PersonKey]) -> dict[PersonKey, Thread]:
    rows = match_many(session, _THREADS, _PERSON, keys)
    return {(row[0], row[1]): (row[2], row[3], row[4]) for row in rows}


def _find_threadless(
    session: Session, authors: Mapping[ThreadKey, Newcomer], found: Mapping[PersonKey, Thread]
) -> set[ThreadKey]:
    """Return who has no thread yet about what they wrote about."""
    missing = {key for key in authors if not key[2] and found[key[0], key[1]][1] is None}
    under_posts = {(key[0], found[key[0], key[1]][0], key[2]): key for key in authors if key[2]}
    known = {tuple(row) for row in match_many(session, _COMMENT_THREADS, _THREAD, under_posts)}
    return missing | {key for place, key in under_posts.items() if place not in known}


def _make_identities(session: Session, strangers: Mapping[PersonKey, Newcomer]) -> None:
    # Rows go in in one order everywhere: two inserts that meet wait, and never deadlock.
    now = utc_now()
    rows = [
        {
            "id": new_id(),
            "workspace_id": each.account.workspace_id,
            "account_id": each.account.id,
            "external_id": external_id,
            "kind": each.author.kind,
            "name": each.author.name,
            "username": each.author.username,
            "profile_state": _profile_state(each.author),
            "created_at": now,
            "updated_at": now,
        }
        for (_, external_id), each in strangers.items()
    ]
    insert_missing(session, Identity.__table__, rows, key=("account_id", "external_id"))


def _profile_state(author: Author) -> str:
    """Return what can be asked of somebody: Meta tells nothing of who is no person of a thread."""
    return PROFILE_UNKNOWN if author.kind == PERSON else PROFILE_UNAVAILABLE


def _make_conversations(
    session: Session, threadless: Mapping[ThreadKey, Newcomer], found: Mapping[PersonKey, Thread]
) -> None:
    now = utc_now()
    rows = [
        {
            "id": new_id(),
            "workspace_id": each.account.workspace_id,
            "account_id": each.account.id,
            "identity_id": found[account_id, person][0],
            "channel": each.account.channel,
            "kind": COMMENTS if subject else DIRECT,
            "subject": subject,
            "subject_details": dict(each.subject_details) or None,
            "status": OPEN,
            "unread_count": 0,
            "created_at": now,
            "updated_at": now,
        }
        for (account_id, person, subject), each in threadless.items()
    ]
    key = ("account_id", "identity_id", "subject")
    insert_missing(session, Conversation.__table__, rows, key=key)


def _lock_conversations(
    session: Session,
    authors: Collection[ThreadKey],
    found: Mapping[PersonKey, Thread],
    other_threads: Iterable[Any],
) -> People:
    people = People(identity_of={key: thread[0] for key, thread in found.items()})
    keys: set[ThreadKey] = {(*person, DIRECT_SUBJECT) for person in found}
    keys.update(key for key in authors if key[2])
    key_of = {(key[0], found[key[0], key[1]][0], key[2]): key for key in keys}
    threads = {*key_of, *((row[0], row[1], row[2]) for row in other_threads)}
    for row in match_many(session, _LOCK, _THREAD, threads):
        conversation_id, account_id, identity_id, subject, *head = row
        place = (account_id, identity_id, subject)
        if place in key_of:
            people.conversation_of[key_of[place]] = conversation_id
        people.account_of[conversation_id] = account_id
        people.heads[conversation_id] = Head(*head)
    return people


def lock_more(session: Session, people: People, ids: Iterable[uuid.UUID | None]) -> bool:
    """Lock conversations nobody of the batch was said to be in; say whether there were any."""
    missing = {each for each in ids if each is not None} - set(people.account_of)
    for row in match_many(session, _LOCK, (_conversations.c.id,), missing):
        people.account_of[row[0]] = row[1]
    return bool(missing)
