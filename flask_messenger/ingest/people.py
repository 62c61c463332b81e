"""The people of a batch and their conversations: found, or made."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from flask_messenger.ingest.batch import Batch, PersonKey, RoutedAccount
from flask_messenger.models import Conversation, Identity
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.conversations import OPEN, PROFILE_UNKNOWN
from flask_messenger.models.upsert import chunks, insert_missing


@dataclass(slots=True)
class People:
    """The conversations of a batch.

    Attributes:
        conversation_of: per person the conversation; missing where a receipt names somebody we
            never met.
        account_of: per conversation its account.
    """

    conversation_of: dict[PersonKey, uuid.UUID] = field(default_factory=dict)
    account_of: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)


def find_people(session: Session, batch: Batch) -> People:
    """Find everybody a batch mentions; make those who wrote, or were written to.

    Somebody only a receipt mentions is not made: that would put people into the host's CRM who
    never said a word. The conversations found are locked in the order of their ids until the
    transaction ends, so that two drains see each other's work on one thread, without deadlock.
    """
    authors = batch.authors
    _make_identities(session, authors)
    identities = _find_identities(session, batch.mentioned | authors)
    _make_conversations(session, authors, identities)
    return _lock_conversations(session, identities)


def _make_identities(session: Session, authors: dict[PersonKey, RoutedAccount]) -> None:
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
        for (_, external_id), account in sorted(authors.items(), key=_by_key)
    ]
    insert_missing(session, Identity.__table__, rows, key=("account_id", "external_id"))


def _by_key(item: tuple[PersonKey, RoutedAccount]) -> PersonKey:
    # Rows go in in one order everywhere: two inserts that meet wait, and never deadlock.
    return item[0]


def _find_identities(session: Session, keys: Iterable[PersonKey]) -> dict[PersonKey, uuid.UUID]:
    columns = (Identity.id, Identity.account_id, Identity.external_id)
    key = tuple_(Identity.account_id, Identity.external_id)
    return {
        (row.account_id, row.external_id): row.id
        for part in chunks(set(keys))
        for row in session.execute(select(*columns).where(key.in_(part)))
    }


def _make_conversations(
    session: Session,
    authors: dict[PersonKey, RoutedAccount],
    identities: dict[PersonKey, uuid.UUID],
) -> None:
    now = utc_now()
    rows = [
        {
            "id": new_id(),
            "workspace_id": account.workspace_id,
            "account_id": account.id,
            "identity_id": identities[key],
            "channel": account.channel,
            "status": OPEN,
            "unread_count": 0,
            "created_at": now,
            "updated_at": now,
        }
        for key, account in sorted(authors.items(), key=_by_key)
    ]
    insert_missing(session, Conversation.__table__, rows, key=("account_id", "identity_id"))


def _lock_conversations(session: Session, identities: dict[PersonKey, uuid.UUID]) -> People:
    people = People()
    if not identities:
        return people
    key_of = {identity_id: key for key, identity_id in identities.items()}
    columns = (Conversation.id, Conversation.account_id, Conversation.identity_id)
    statement = (
        select(*columns)
        .where(Conversation.identity_id.in_(sorted(key_of)))
        .order_by(Conversation.id)
        .with_for_update()
    )
    for row in session.execute(statement):
        people.conversation_of[key_of[row.identity_id]] = row.id
        people.account_of[row.id] = row.account_id
    return people
