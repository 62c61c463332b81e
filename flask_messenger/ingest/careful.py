"""The second try of a batch that failed: part by part, each in a transaction of its own.

It finds out whether an entry is to blame, and which. What an entry's own values cause is its
fault; what the server's state, its schema or others' locks cause is nobody's: such entries wait.
"""

import logging
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from flask_messenger.ingest.apply import apply_batch, forget_erased
from flask_messenger.ingest.batch import ClaimedEntry, Outcome, ReadEntry, Terms
from flask_messenger.ingest.blame import BAD_ENTRY, is_blamed, kind_of
from flask_messenger.ingest.claim import begin_writing, claim_these, note_more
from flask_messenger.ingest.entries import finish_entries, read_entries
from flask_messenger.models import WebhookEntry
from flask_messenger.models.base import utc_now
from flask_messenger.models.journal import FAILED
from flask_messenger.models.upsert import is_cancelled, is_transient

logger = logging.getLogger(__name__)

MAX_EVENTS: Final = 10_000
"""An entry may hold thousands of events; of more of them than this, the rest waits."""
PARTS: Final = 8
"""A part that fails is cut in so many: few steps to the bad one, where each may take its time."""
MAX_TROUBLES: Final = 6
"""How often parts may fail through nobody's fault before the rest of them waits, too."""
MAX_ATTEMPTS: Final = 10
"""An entry that was cancelled, alone, this often takes longer than the database allows."""
FIRST_WAIT: Final = timedelta(seconds=10)
LONGEST_WAIT: Final = timedelta(minutes=10)


def is_due(entry: ClaimedEntry, *, now: datetime) -> bool:
    """Say whether an entry that was tried in vain may be tried again."""
    if not entry.attempts or entry.tried_at is None:
        return True
    wait: timedelta = min(FIRST_WAIT * 2 ** min(entry.attempts - 1, 10), LONGEST_WAIT)
    return now >= entry.tried_at + wait


def apply_entries(session: Session, entries: Sequence[ReadEntry], terms: Terms) -> Outcome:
    """Apply entries and commit: those that fit, and the others go on waiting."""
    part = _first_part(entries)
    if len(part) < len(entries):
        note_more(session, entries)
    outcome = apply_batch(session, part, terms)
    finish_entries(session, part, now=utc_now())
    session.commit()
    outcome.entries = len(part)
    return outcome


def _first_part(entries: Sequence[ReadEntry]) -> Sequence[ReadEntry]:
    events = 0
    for number, entry in enumerate(entries):
        events += len(entry.events)
        if number and events > MAX_EVENTS:
            return entries[:number]
    return entries


def drain_carefully(session: Session, ids: Sequence[uuid.UUID], *, terms: Terms) -> Outcome:
    """Apply entries part by part, until whatever fails stands alone; commits each part.

    The outcome's `trouble` is why it ended early, if it did.
    """
    outcome = Outcome()
    parts = _split(ids)
    troubles = 0
    while parts and outcome.trouble is None:
        part = parts.pop()
        try:
            outcome.add(_drain_part(session, part, terms=terms))
        except BAD_ENTRY as bad:
            session.rollback()
            if isinstance(bad, DBAPIError) and is_transient(bad):
                outcome.trouble = bad
            elif len(part) > 1:
                parts += _split(part)
            else:
                outcome.trouble = _set_aside(session, part[0], bad, terms=terms)
            troubles += not is_blamed(bad)
            if troubles >= MAX_TROUBLES:
                outcome.trouble = bad
    return outcome


def _split(ids: Sequence[uuid.UUID]) -> list[Sequence[uuid.UUID]]:
    """Cut in parts, to be taken from the end: the oldest entries are last."""
    size = -(-len(ids) // PARTS)
    return [ids[start : start + size] for start in range(0, len(ids), size)][::-1]


def _drain_part(session: Session, ids: Sequence[uuid.UUID], *, terms: Terms) -> Outcome:
    begin_writing(session)
    # Another drain may have taken them since the first try.
    entries = read_entries(claim_these(session, ids), speaks_for=terms.speaks_for)
    if not entries:
        session.rollback()
        return Outcome()
    return apply_entries(session, entries, terms)


def _set_aside(
    session: Session,
    entry_id: uuid.UUID,
    error: Exception,
    *,
    terms: Terms,
) -> Exception | None:
    """Fail an entry, or put it off where it is not to blame; return what kept us from it."""
    try:
        begin_writing(session)
        claimed = claim_these(session, [entry_id])
        if claimed:
            _note_failure(session, claimed[0], error, terms=terms)
        session.commit()
    except DBAPIError as trouble:
        session.rollback()
        return trouble
    return None


def _note_failure(
    session: Session,
    claimed: ClaimedEntry,
    error: Exception,
    *,
    terms: Terms,
) -> None:
    kind = kind_of(error)
    if not is_blamed(error):
        attempts = claimed.attempts + 1
        session.execute(
            update(WebhookEntry)
            .where(WebhookEntry.id == claimed.id)
            .values(attempts=attempts, processed_at=utc_now())
            .execution_options(synchronize_session=False)
        )
        if attempts < MAX_ATTEMPTS or not is_cancelled(error):
            logger.warning("entry_waits entry_id=%s error=%s", claimed.id, kind)
            return
    logger.error("entry_failed entry_id=%s error=%s", claimed.id, kind)
    (entry,) = read_entries([claimed], speaks_for=terms.speaks_for)
    entry.state, entry.error = FAILED, kind
    forget_erased(session, [entry])
    finish_entries(session, [entry], now=utc_now())
