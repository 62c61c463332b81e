"""Claiming journal entries: the oldest first, and, where many wait, some of every account.

A batch is claimed by age. Where that does not empty the journal, the other half of the batch is
shared among all accounts that wait: so a flood of one account's entries, however long, delays
another's by the batch in hand and no more. Any order gives the same rows in the end.
"""

import uuid
from typing import Any, Final

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from flask_messenger.ingest.batch import ClaimedEntry
from flask_messenger.models import WebhookEntry
from flask_messenger.models.journal import PENDING
from flask_messenger.models.upsert import dialect_of

KEY: Final = 'messenger_journal_key(raw) COLLATE "C"'
"""Whose an entry seems to be, as an index knows it: a look at its first bytes, nothing more."""

_AFTER: Final = bindparam("after", type_=WebhookEntry.__table__.c.id.type)

# The index of what waits has to serve both statements: any other plan looks into each entry that
# waits. `IS TRUE` keeps the planner from the index of ids.
_WAITS: Final = "state = 'pending' AND (id > :after) IS TRUE"

# A loose index scan: from each account's first entry to the next account's.
_KEYS: Final = text(
    f"""
    WITH RECURSIVE waiting (key) AS (
        (SELECT {KEY} FROM messenger_webhook_entries WHERE {_WAITS} ORDER BY {KEY} LIMIT 1)
        UNION ALL
        SELECT (
            SELECT {KEY} FROM messenger_webhook_entries
            WHERE {_WAITS} AND {KEY} > waiting.key ORDER BY {KEY} LIMIT 1
        )
        FROM waiting WHERE waiting.key IS NOT NULL
    )
    SELECT key FROM waiting WHERE key IS NOT NULL ORDER BY random() LIMIT :most
    """  # noqa: S608 - our own expression
).bindparams(_AFTER)
_OF_EACH: Final = text(
    f"""
    SELECT entry.id, entry.object, entry.raw, entry.app_name
    FROM unnest(CAST(:keys AS text[])) AS given (key)
    CROSS JOIN LATERAL (
        SELECT id, object, raw, app_name FROM messenger_webhook_entries
        WHERE {_WAITS} AND {KEY} = given.key COLLATE "C"
        ORDER BY id LIMIT :share FOR UPDATE SKIP LOCKED
    ) AS entry
    LIMIT :most
    """  # noqa: S608 - our own expression
).bindparams(_AFTER)
# How many wait changes from one second to the next, and the planner's figures are of a quiet hour:
# it would read and sort all that wait of an account to take the first few.
_IN_INDEX_ORDER: Final = text(
    "SELECT set_config('enable_sort', :sort, true), set_config('enable_bitmapscan', :sort, true)"
)


def claim(session: Session, *, limit: int) -> list[ClaimedEntry]:
    """Lock up to `limit` pending entries and return them. Several drains may do so at once."""
    if dialect_of(session) != "postgresql":
        return _claim_oldest(session, limit=limit)
    oldest = _claim_oldest(session, limit=max(1, limit // 2))
    if len(oldest) < limit // 2 or not oldest:
        return oldest
    return oldest + _claim_fairly(session, after=oldest[-1].id, limit=limit - len(oldest))


def _claim_oldest(session: Session, *, limit: int) -> list[ClaimedEntry]:
    statement = (
        select(WebhookEntry.id, WebhookEntry.object, WebhookEntry.raw, WebhookEntry.app_name)
        .where(WebhookEntry.state == PENDING)
        .order_by(WebhookEntry.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [_entry(row) for row in session.execute(statement)]


def _claim_fairly(session: Session, *, after: uuid.UUID, limit: int) -> list[ClaimedEntry]:
    """Share `limit` among the accounts with entries younger than `after`."""
    session.execute(_IN_INDEX_ORDER, {"sort": "off"})
    found = session.execute(_KEYS, {"after": after, "most": limit})
    keys = [row.key for row in found]
    share = -(-limit // max(1, len(keys)))
    values = {"after": after, "keys": keys, "share": share, "most": limit}
    entries = [_entry(row) for row in session.execute(_OF_EACH, values)] if keys else []
    session.execute(_IN_INDEX_ORDER, {"sort": "on"})
    return entries


def _entry(row: Any) -> ClaimedEntry:
    return ClaimedEntry(row.id, row.object, row.raw, row.app_name)
