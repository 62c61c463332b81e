"""Claiming journal entries: the oldest first, and, where many wait, some of every account.

Where few wait, a batch is claimed by age. Where more than a batch waits, every other batch holds
only what waits of accounts that have little: it is small, hence quick. Of the others one half is
claimed by age, and the other half is shared among all accounts that wait. So a flood of one
account's entries, however long, delays another's by the batch in hand and its own small one. Any
order gives the same rows in the end.

A batch is bounded in bytes, too: whoever holds one app's secret can sign entries of megabytes, and
a worker that is killed for its memory would claim the same ones again.
"""

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Integer, bindparam, func, select, text
from sqlalchemy.orm import Session

from flask_messenger.ingest.batch import ClaimedEntry
from flask_messenger.models import WebhookEntry
from flask_messenger.models.journal import PENDING
from flask_messenger.models.upsert import dialect_of, match_many

LIGHT: Final = 20
"""An account with no more entries than these is light: its batch is quick."""
LAST: Final = "messenger_claim"
"""In `Session.info`: what the last batch was, where more may wait than it held."""
FULL: Final = "full"
SOME: Final = "light"
OLDEST: Final = "messenger_claim_oldest"
"""In `Session.info`: the oldest entry that waited when some were claimed by age."""
NO_ID: Final = uuid.UUID(int=0)
MAX_BYTES: Final = 4 * 1024 * 1024
"""Entries are taken until they have this many bytes: at least one, and twice so for a batch of two
halves. Read, they take many times their room."""

_entries: Final = WebhookEntry.__table__
_AFTER: Final = bindparam("after", type_=_entries.c.id.type)
_SINCE: Final = bindparam("since", type_=_entries.c.id.type)
DAY_MILLISECONDS: Final = 24 * 60 * 60 * 1000
_COLUMNS: Final = (
    _entries.c.id,
    _entries.c.object,
    _entries.c.raw,
    _entries.c.app_name,
    _entries.c.workspace_id,
    _entries.c.attempts,
    _entries.c.processed_at,
)
_NAMES: Final = ", ".join(each.name for each in _COLUMNS)
_MEASURED: Final = (
    select(*_COLUMNS)
    .where(_entries.c.state == PENDING, _entries.c.id > _AFTER)
    .order_by(_entries.c.id)
    .limit(bindparam("most", type_=Integer()))
    .with_for_update(skip_locked=True)
    .cte("claimed")
)
_SIZED: Final = select(
    *_MEASURED.c,
    func.count().over().label("found"),
    func.coalesce(
        func.sum(func.length(_MEASURED.c.raw)).over(order_by=_MEASURED.c.id, rows=(None, -1)), 0
    ).label("before"),
).subquery()
_OLDEST: Final = (
    select(*(each for each in _SIZED.c if each.name != "before"))
    .where(_SIZED.c.before < bindparam("bytes", type_=BigInteger()))
    .order_by(_SIZED.c.id)
)
_THESE: Final = (
    select(*_COLUMNS)
    .where(
        _entries.c.state == PENDING,
        _entries.c.id.between(
            bindparam("lowest", type_=_entries.c.id.type),
            bindparam("highest", type_=_entries.c.id.type),
        ),
    )
    .order_by(_entries.c.id)
    .with_for_update(skip_locked=True)
)

# The index of what waits has to serve both statements: any other plan looks into each entry that
# waits. `IS TRUE` keeps the planner from the index of ids. `since`, where a day begins, tells it
# which days of the journal cannot be concerned: it would look into each for each account.
_WAITS: Final = "state = 'pending' AND (id > :after) IS TRUE AND id >= :since"
# "Neither less nor more" is "equal" to everybody but the planner, which would take an equal key for
# a constant, and the index of ids for one that gives the order by key and id: the whole journal
# of the day, for each account.
_OF_KEY: Final = "turn >= given.key AND turn <= given.key"

# A loose index scan: from each account's first entry to the next account's.
_KEYS: Final = text(
    f"""
    WITH RECURSIVE waiting (key) AS (
        (SELECT turn FROM messenger_webhook_entries WHERE {_WAITS} ORDER BY turn LIMIT 1)
        UNION ALL
        SELECT (
            SELECT turn FROM messenger_webhook_entries
            WHERE {_WAITS} AND turn > waiting.key ORDER BY turn LIMIT 1
        )
        FROM waiting WHERE waiting.key IS NOT NULL
    )
    SELECT key FROM waiting WHERE key IS NOT NULL ORDER BY random() LIMIT :most
    """  # noqa: S608 - our own expression
).bindparams(_AFTER, _SINCE)
# The smallest first: what is large has its turn by age.
_SMALL_FIRST: Final = f"""
    SELECT {_NAMES} FROM (
        SELECT *, coalesce(sum(length(raw)) OVER (
            ORDER BY length(raw), id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS before FROM claimed
    ) AS sized WHERE before < :bytes
"""  # noqa: S608 - our own names
_OF_LIGHT: Final = text(
    f"""
    WITH claimed AS (
    SELECT entry.*
    FROM messenger_webhook_entries AS entry
    WHERE entry.state = 'pending' AND entry.id >= :since AND entry.id = ANY (ARRAY(
        SELECT few.id
        FROM unnest(CAST(:keys AS text[])) AS given (key)
        CROSS JOIN LATERAL (
            SELECT first.id, count(*) OVER () AS found FROM (
                SELECT id FROM messenger_webhook_entries
                WHERE {_WAITS} AND {_OF_KEY}
                ORDER BY turn, id LIMIT :most_of_one
            ) AS first
        ) AS few
        WHERE few.found < :most_of_one
    ))
    LIMIT :most FOR UPDATE SKIP LOCKED
    )
    {_SMALL_FIRST}
    """  # noqa: S608 - our own expression
).bindparams(_AFTER, _SINCE)
_OF_EACH: Final = text(
    f"""
    WITH claimed AS (
    SELECT entry.*
    FROM unnest(CAST(:keys AS text[])) AS given (key)
    CROSS JOIN LATERAL (
        SELECT {_NAMES} FROM messenger_webhook_entries
        WHERE {_WAITS} AND {_OF_KEY}
        ORDER BY turn, id LIMIT :share FOR UPDATE SKIP LOCKED
    ) AS entry
    LIMIT :most
    )
    {_SMALL_FIRST}
    """  # noqa: S608 - our own expression
).bindparams(_AFTER, _SINCE)
# How many wait changes from one second to the next, and the planner's figures are of a quiet hour:
# it would read and sort all that wait of an account to take the first few.
_IN_INDEX_ORDER: Final = text(
    "SELECT set_config('enable_sort', :sort, true), set_config('enable_bitmapscan', :sort, true)"
)


def claim(session: Session, *, limit: int) -> list[ClaimedEntry]:
    """Lock up to `limit` pending entries and return them. Several drains may do so at once."""
    last = session.info.pop(LAST, None)
    if dialect_of(session) != "postgresql":
        return _claim(session, limit=limit)
    with _index_order(session):
        light = _claim_light(session, limit=limit) if last == FULL else []
        if light:
            session.info[LAST] = SOME
            return light
        return _claim(session, limit=limit)


def _claim(session: Session, *, limit: int) -> list[ClaimedEntry]:
    oldest, found = _claim_oldest(session, limit=max(1, limit // 2))
    if not oldest:
        return []
    if found < limit // 2:
        if found > len(oldest):
            note_more(session, oldest)
        return oldest
    note_more(session, oldest)
    rest = limit - found
    if dialect_of(session) != "postgresql":
        return oldest + _claim_oldest(session, limit=rest, after=oldest[-1].id)[0]
    return oldest + _claim_fairly(session, after=oldest[-1].id, limit=rest)


def claim_these(session: Session, ids: Sequence[uuid.UUID]) -> list[ClaimedEntry]:
    """Lock those of `ids` that still wait and that nobody else holds, and return them."""
    if not ids:
        return []
    bounds = {"lowest": min(ids), "highest": max(ids)}
    return [_entry(row) for row in match_many(session, _THESE, (_entries.c.id,), ids, **bounds)]


def begin_writing(session: Session) -> None:
    """On SQLite take the one write lock first.

    A transaction that starts by reading may be refused when it wants to write.
    """
    if dialect_of(session) == "sqlite":
        session.execute(text("UPDATE messenger_webhook_entries SET attempts = attempts WHERE 0"))


def note_more(session: Session, entries: Sequence[Any]) -> None:
    """Note that more may wait than `entries`, the oldest first."""
    session.info[LAST] = FULL
    session.info[OLDEST] = entries[0].id


def may_find_more(session: Session) -> bool:
    """Say whether more may wait than was claimed last. What comes now wakes the next drain."""
    return LAST in session.info


def _claim_oldest(
    session: Session, *, limit: int, after: uuid.UUID = NO_ID
) -> tuple[list[ClaimedEntry], int]:
    """Return the oldest entries, and how many there were before bytes were counted."""
    values = {"after": after, "most": limit, "bytes": MAX_BYTES}
    rows = session.connection().execute(_OLDEST, values).all()
    return [_entry(row) for row in rows], rows[0].found if rows else 0


def _claim_light(session: Session, *, limit: int) -> list[ClaimedEntry]:
    """Claim all that waits of the accounts that have little, where others have much."""
    since = _day_of(session.info.get(OLDEST, NO_ID))
    keys = _find_keys(session, after=NO_ID, since=since, limit=limit)
    if len(keys) < 2:  # noqa: PLR2004 - one account has nobody to make way for
        return []
    values = {
        "after": NO_ID,
        "since": since,
        "keys": keys,
        "most_of_one": LIGHT + 1,
        "most": limit,
        "bytes": MAX_BYTES,
    }
    return [_entry(row) for row in session.execute(_OF_LIGHT, values)]


def _claim_fairly(session: Session, *, after: uuid.UUID, limit: int) -> list[ClaimedEntry]:
    """Share `limit` among the accounts with entries younger than `after`."""
    since = _day_of(after)
    keys = _find_keys(session, after=after, since=since, limit=limit)
    share = -(-limit // max(1, len(keys)))
    values = {
        "after": after,
        "since": since,
        "keys": keys,
        "share": share,
        "most": limit,
        "bytes": MAX_BYTES,
    }
    return [_entry(row) for row in session.execute(_OF_EACH, values)] if keys else []


def _find_keys(session: Session, *, after: uuid.UUID, since: uuid.UUID, limit: int) -> list[str]:
    """Return accounts with entries younger than `after`; any `limit` of them where more wait."""
    found = session.execute(_KEYS, {"after": after, "since": since, "most": limit})
    return [row.key for row in found]


def _day_of(entry_id: uuid.UUID) -> uuid.UUID:
    """Return where the day of an entry begins, among the ids of the journal."""
    milliseconds = entry_id.int >> 80
    return uuid.UUID(int=(milliseconds - milliseconds % DAY_MILLISECONDS) << 80)


@contextlib.contextmanager
def _index_order(session: Session) -> Iterator[None]:
    """Keep the planner to the index of what waits, for the statements of the block.

    Where one fails, the settings go with the transaction.
    """
    session.execute(_IN_INDEX_ORDER, {"sort": "off"})
    yield
    session.execute(_IN_INDEX_ORDER, {"sort": "on"})


def _entry(row: Any) -> ClaimedEntry:
    return ClaimedEntry(
        row.id,
        row.object,
        row.raw,
        row.app_name,
        row.workspace_id,
        row.attempts,
        row.processed_at,
    )
