"""Removing one person: from the tables at once, from the journal piece by piece."""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Table, delete, or_, select, text, update
from sqlalchemy.orm import Session

from flask_messenger.channels._reading import as_id
from flask_messenger.errors import PayloadError
from flask_messenger.ingest.erased import clean_entry
from flask_messenger.ingest.journal import read_entry
from flask_messenger.ingest.replay import AccountName
from flask_messenger.media.discard import discard_files_of_messages
from flask_messenger.models import (
    Account,
    Base,
    Conversation,
    Erasure,
    Identity,
    Message,
    Receipt,
    WebhookEntry,
)
from flask_messenger.models.base import new_id
from flask_messenger.models.messages import QUEUED, SENDING
from flask_messenger.models.privacy import hash_person
from flask_messenger.models.upsert import dialect_of, insert_for
from flask_messenger.privacy.bodies import Place, look_through, word_of

PERSON_TABLES: Final = (Message.__table__, Conversation.__table__, Identity.__table__)
"""Removed in this order, each after whatever else refers to it."""

LOCK_MILLISECONDS: Final = 2_000
"""Drains that begin meanwhile wait behind us."""
BATCH: Final = 1_000
"""Messages removed in one transaction, while everybody else works on."""


def is_being_sent_to(session: Session, identity_id: uuid.UUID) -> bool:
    """Say whether a message to the person is on its way just now: its end has to be known first."""
    statement = (
        select(Message.id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Conversation.identity_id == identity_id, Message.status == SENDING)
    )
    return session.scalar(statement.limit(1)) is not None


def begin_erasure(session: Session, account: Account, external_id: str, *, now: datetime) -> None:
    """Leave word for the drains that this person is erased as of `now`.

    Every drain reads these rows first, and keeps its lock until it commits: whoever has the table
    to themselves knows that no drain is under way which did not hear. Raises what the database
    raises where that takes too long. Never commits.
    """
    if dialect_of(session) == "postgresql":
        session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_MILLISECONDS}ms'"))
        session.execute(text("LOCK TABLE messenger_erasures IN ACCESS EXCLUSIVE MODE"))
    row = {
        "id": new_id(),
        "workspace_id": account.workspace_id,
        "account_id": account.id,
        "person_hash": hash_person(account.id, external_id),
        "before": now,
    }
    statement = insert_for(session, Erasure.__table__).values(row)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id", "person_hash"], set_={"before": now}
        )
    )


def remove_messages(session: Session, account: Account, identity_id: uuid.UUID) -> dict[str, int]:
    """Remove a person's next messages, `BATCH` at most; return how many rows of which table.

    What waits to be sent goes first, what is on its way stays. Locks their conversation and no
    table: everybody else works on. None was left where the count of messages is 0. Never commits.
    """
    _lock_conversation(session, identity_id)
    table = Message.__table__
    of_person = select(table.c.id, table.c.external_id).where(
        table.c.conversation_id.in_(_threads(identity_id))
    )
    order = (table.c.sent_at, table.c.id)
    found: Sequence[Any] = []
    for which in (table.c.status == QUEUED, table.c.status != SENDING):
        found = found or session.execute(of_person.where(which).order_by(*order).limit(BATCH)).all()
    ids = [row.id for row in found]
    references = [row.external_id for row in found if row.external_id]
    receipts = Receipt.__table__
    counts: Counter[str] = Counter()
    if ids:
        is_about = receipts.c.reference.in_(references)
        own = receipts.c.account_id == account.id
        counts[receipts.name] = _remove(session, receipts, own, is_about)
        discard_files_of_messages(session, ids)
        for column in _referring(table):
            counts[column.table.name] += _remove(session, column.table, column.in_(ids))
    counts[table.name] = _remove(session, table, table.c.id.in_(ids)) if ids else 0
    return dict(counts)


def remove_rows(
    session: Session, account: Account, identity_id: uuid.UUID, external_id: str
) -> dict[str, int]:
    """Remove a person from every table; return how many rows of which. Never commits."""
    _lock_conversation(session, identity_id)
    counts = {"messenger_receipts": _remove_waiting(session, account, identity_id, external_id)}
    _unlink(session, identity_id)
    discard_files_of_messages(session, _of_person(Message.__table__, identity_id))
    for table in PERSON_TABLES:
        rows = _of_person(table, identity_id)
        for column in _referring(table):
            name = column.table.name
            removed = _remove(session, column.table, column.in_(rows))
            counts[name] = counts.get(name, 0) + removed
        counts[table.name] = _remove(session, table, table.c.id.in_(rows))
    return counts


def _lock_conversation(session: Session, identity_id: uuid.UUID) -> None:
    session.execute(
        select(Conversation.id)
        .where(Conversation.identity_id == identity_id)
        .order_by(Conversation.id)
        .with_for_update()
    )


def _threads(identity_id: uuid.UUID) -> Any:
    table = Conversation.__table__
    return select(table.c.id).where(table.c.identity_id == identity_id)


def _of_person(table: Table, identity_id: uuid.UUID) -> Any:
    """Return a query of the ids of the rows of one of `PERSON_TABLES` that are the person's."""
    threads = _threads(identity_id)
    if table is Message.__table__:
        return select(table.c.id).where(table.c.conversation_id.in_(threads))
    if table is Conversation.__table__:
        return threads
    return select(table.c.id).where(table.c.id == identity_id)


def _referring(table: Table) -> Iterator[Column[Any]]:
    """Yield the columns, of tables other than the person's own, that refer to `table`.

    Read from the models, so that a table which is added later is not forgotten.
    """
    for other in reversed(Base.metadata.sorted_tables):
        if other not in PERSON_TABLES:
            for key in other.foreign_keys:
                if key.column.table is table:
                    yield key.parent


def _unlink(session: Session, identity_id: uuid.UUID) -> None:
    """Have nothing lead to a person who goes, or to their threads."""
    people, threads = Identity.__table__, Conversation.__table__
    links = (
        (people, people.c.linked_identity_id, people.c.linked_identity_id == identity_id),
        (
            threads,
            threads.c.linked_conversation_id,
            threads.c.linked_conversation_id.in_(_threads(identity_id)),
        ),
    )
    for table, column, is_link in links:
        session.execute(update(table).where(is_link).values({column: None}))


def _remove_waiting(
    session: Session, account: Account, identity_id: uuid.UUID, external_id: str
) -> int:
    table, messages = Receipt.__table__, Message.__table__
    known = select(messages.c.external_id).where(
        messages.c.id.in_(_of_person(messages, identity_id)), messages.c.external_id.is_not(None)
    )
    is_about = or_(table.c.identity_external_id == external_id, table.c.reference.in_(known))
    return _remove(session, table, table.c.account_id == account.id, is_about)


def _remove(session: Session, table: Table, *criteria: Any) -> int:
    return len(session.execute(delete(table).where(*criteria).returning(table.c.id)).all())


def clean_journal(
    session: Session, account: Account, external_id: str, place: Place, *, before: datetime
) -> tuple[int, Place]:
    """Remove a person from the next piece of the journal; return how many bodies changed.

    Only from what was received before `before`: what they do later is new. Never commits.
    """
    is_person = word_of(external_id).__eq__
    found, further = look_through(session, account, external_id, place, before=before)
    if place.is_in_what_waits:
        # Somebody of the same id may have written to another account: that is none of ours.
        found = [each for each in found if _is_for(session, each, account)]
    return sum(clean_entry(session, each, is_person) for each in found), further


def _is_for(session: Session, entry_id: uuid.UUID, account: Account) -> bool:
    """Say whether an entry that nobody has read is for `account`."""
    row = session.execute(
        select(WebhookEntry.object, WebhookEntry.raw).where(WebhookEntry.id == entry_id)
    ).one_or_none()
    name = AccountName.of(account)
    if row is None or row.object != name.webhook_object:
        return False
    try:
        return as_id(read_entry(row.raw).get("id")) == name.external_id
    except PayloadError:
        return False  # it fails, and is met again as one that did
