"""People who were erased do not come back by what Meta sends again, or by a replay."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flask_messenger.errors import PayloadError
from flask_messenger.events import ANONYMOUS, Event
from flask_messenger.ingest.batch import ReadEntry, RoutedAccount
from flask_messenger.ingest.bodies import IsPerson, remove_person
from flask_messenger.ingest.entries import account_of
from flask_messenger.models import Erasure, WebhookEntry
from flask_messenger.models.journal import first_id
from flask_messenger.models.privacy import hash_person
from flask_messenger.models.upsert import match_many

_erasures: Final = Erasure.__table__
_ERASED: Final = select(_erasures.c.account_id, _erasures.c.person_hash, _erasures.c.before)

GIVEN_UP = b'{"erased": true}'
"""What stands in for a body that cannot be read, and so cannot be told apart."""


@dataclass(slots=True)
class Erased:
    """Who was erased of the accounts of a batch, and up to when, in Meta's time."""

    before: dict[tuple[uuid.UUID, str], datetime] = field(default_factory=dict)

    def covers(self, account_id: uuid.UUID, event: Event) -> bool:
        """Say whether `event` is about somebody who was erased after it happened.

        What they do later is new: nobody is kept from writing again.
        """
        if not self.before:
            return False
        person = getattr(event, "identity_external_id", None)
        if not person:
            return False
        before = self.before.get((account_id, hash_person(account_id, person)))
        at: datetime = getattr(event, "sent_at", None) or event.at  # type: ignore[union-attr]
        return before is not None and at <= before

    def is_older(self, account_id: uuid.UUID, entry_id: uuid.UUID) -> bool:
        """Say whether an entry was received before the newest erasure of an account's people."""
        newest = max(
            (at for (id_, _), at in self.before.items() if id_ == account_id), default=None
        )
        return newest is not None and entry_id < first_id(newest)

    def was_erased_after(self, account_id: uuid.UUID, person: str, entry_id: uuid.UUID) -> bool:
        """Say whether a person was erased after an entry was received."""
        names = (person, ANONYMOUS + person)
        known = [self.before.get((account_id, hash_person(account_id, name))) for name in names]
        return any(before is not None and entry_id < first_id(before) for before in known)


def find_erased(session: Session, accounts: Iterable[RoutedAccount]) -> Erased:
    """Return who was erased of these accounts.

    The first thing a batch asks for, in each one: an erasure locks the table, and so knows that
    no drain is under way which has not heard of it.
    """
    ids = {account.id for account in accounts}
    found = match_many(session, _ERASED, (_erasures.c.account_id,), ids)
    return Erased({(row.account_id, row.person_hash): row.before for row in found})


def hold_off_erasures(session: Session) -> None:
    """Let no erasure begin before this transaction ends, nor be in its midst.

    For whoever locks a thread before the batch asks who was erased: an erasure locks the table
    first and the thread then, and the two would wait for each other.
    """
    session.execute(select(_erasures.c.id).limit(1))


def clean_entries(
    session: Session,
    entries: Sequence[ReadEntry],
    accounts: dict[tuple[str, str], RoutedAccount],
    erased: Erased,
) -> None:
    """Remove erased people from the bodies of `entries`, too. Never commits.

    From an entry that was received before somebody's erasure they go whatever its events are: of a
    kind that nobody handles we know neither whose it is nor when it happened.
    """
    if not erased.before:
        return
    for entry in entries:
        covered: set[str] = set()
        for event in entry.events:
            account = account_of(entry, event, accounts)
            if account is not None and erased.covers(account.id, event):
                person = str(event.identity_external_id)  # type: ignore[union-attr]
                covered.add(person.removeprefix(ANONYMOUS))
        whole = accounts.get((entry.channel or "", entry.external_id or ""))
        is_old = whole is not None and erased.is_older(whole.id, entry.id)
        if covered or is_old:
            is_person = partial(_is_erased, erased, whole, entry.id, covered)
            clean_entry(session, entry.id, is_person)


def _is_erased(
    erased: Erased, account: RoutedAccount | None, entry_id: uuid.UUID, covered: set[str], word: str
) -> bool:
    return word in covered or (
        account is not None and erased.was_erased_after(account.id, word, entry_id)
    )


def clean_entry(session: Session, entry_id: uuid.UUID, is_person: IsPerson) -> int:
    """Remove a person from one journalled body; return how many bodies changed. Never commits."""
    row = session.execute(
        select(WebhookEntry.raw).where(WebhookEntry.id == entry_id).with_for_update()
    ).one_or_none()
    if row is None:
        return 0
    try:
        cleaned = remove_person(row.raw, is_person)
    except PayloadError:
        cleaned = GIVEN_UP
    if cleaned is None:
        return 0
    values: dict[str, Any] = {"raw": cleaned}
    session.execute(
        update(WebhookEntry)
        .where(WebhookEntry.id == entry_id)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    return 1
