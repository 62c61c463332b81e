"""What waits, and for how long: measured by the worker, kept in Redis for whoever asks.

The web asks Redis and never the tables: a page costs the database nothing, and the web's role
need not be allowed to read other workspaces' rows.
"""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, cast

import redis
from rq.job import Job
from rq.utils import utcparse
from sqlalchemy import func, literal_column, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from flask_messenger.models import Account, Message, WebhookEntry
from flask_messenger.models.accounts import ACTIVE
from flask_messenger.models.base import utc_now
from flask_messenger.models.journal import FAILED, PENDING, UNROUTED
from flask_messenger.models.messages import QUEUED, SENDING, UNKNOWN
from flask_messenger.turns import Turns

logger = logging.getLogger(__name__)

KEY: Final = "messenger:figures"
KEPT_SECONDS: Final = 24 * 3600
FRESH_SECONDS: Final = 30.0
"""Figures are measured every few seconds; older ones say that nobody measures."""
MOST: Final = 100_000
"""Counting goes so far and no further: beyond it, more is as bad."""
COUNTED_KEY: Final = "messenger:figures:counted"
COUNTED_SECONDS: Final = 60
"""What is set aside may be much, and changes slowly: it is counted anew so often and no oftener."""
TURN_GROUPS: Final = ("default", "bulk")

_entries: Final = WebhookEntry.__table__
_messages: Final = Message.__table__
_accounts: Final = Account.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How much waits, and how long the oldest of it has."""

    count: int = 0
    oldest_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the worker measured at one moment. Counts end at `MOST`.

    Attributes:
        at: when, seconds since the epoch.
        last_received_at: when the newest delivery came; None where none is kept.
        journal: entries that no drain has applied.
        outbox: messages that could go out now.
        news: stored messages that the host was not told of.
        queues: jobs in RQ's queues, by group.
        turns: pieces of work that wait, by group and workspace.
        spooled: deliveries that wait in Redis for the database.
    """

    at: float
    last_received_at: float | None = None
    journal: Waiting = field(default_factory=Waiting)
    outbox: Waiting = field(default_factory=Waiting)
    news: Waiting = field(default_factory=Waiting)
    failed_entries: int = 0
    unrouted_entries: int = 0
    sending: int = 0
    unknown: int = 0
    queues: Mapping[str, Waiting] = field(default_factory=dict)
    turns: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    spooled: int = 0

    @property
    def lags(self) -> dict[str, float]:
        """How far behind each part is, in seconds."""
        return {
            "ingest": self.journal.oldest_seconds,
            "outbox": self.outbox.oldest_seconds,
            "announcing": self.news.oldest_seconds,
        }

    def is_fresh(self, now: float) -> bool:
        """Say whether these were measured lately."""
        return now - self.at < FRESH_SECONDS


def measure(
    session: Session, client: "redis.Redis", *, queues: Mapping[str, str], spooled: int
) -> Figures:
    """Measure now, in the system scope. Reads the tables and Redis; commits nothing.

    Args:
        session: where the tables are read.
        client: where the queues are.
        queues: RQ's queue names by group.
        spooled: how many deliveries wait for the database.
    """
    now = utc_now()
    aside = _count_aside(session, client)
    last = session.scalar(select(_entries.c.received_at).order_by(_entries.c.id.desc()).limit(1))
    figures = Figures(
        at=time.time(),
        last_received_at=last.timestamp() if last else None,
        journal=_measure_journal(session, now),
        outbox=_measure_outbox(session, now),
        news=_measure_news(session, now),
        failed_entries=aside[FAILED],
        unrouted_entries=aside[UNROUTED],
        sending=_count(session, _messages.c.id, _is(_messages.c.status, SENDING)),
        unknown=_count(session, _messages.c.id, _is(_messages.c.status, UNKNOWN)),
        queues={group: _measure_queue(client, name) for group, name in queues.items()},
        turns={group: Turns(client, group).count_waiting() for group in TURN_GROUPS},
        spooled=spooled,
    )
    session.rollback()
    return figures


def save_figures(client: "redis.Redis", figures: Figures) -> None:
    """Keep figures for whoever asks. Raises `redis.RedisError` where Redis is away."""
    client.set(KEY, json.dumps(asdict(figures)), ex=KEPT_SECONDS)


def load_figures(client: "redis.Redis") -> Figures | None:
    """Return the newest figures; None where there are none.

    Raises:
        redis.RedisError: Redis is away.
    """
    held = cast("bytes | None", client.get(KEY))
    if held is None:
        return None
    values: dict[str, Any] = json.loads(held)
    for name in ("journal", "outbox", "news"):
        values[name] = Waiting(**values[name])
    values["queues"] = {group: Waiting(**each) for group, each in values["queues"].items()}
    return Figures(**values)


def _is(column: ColumnElement[str], value: str) -> ColumnElement[bool]:
    """Compare with a constant that is written out: only so a partial index is taken."""
    return column == literal_column(f"'{value}'")


def _count_aside(session: Session, client: "redis.Redis") -> dict[str, int]:
    """Return how many entries failed or are of nobody: as counted lately, or counted now."""
    held = cast("bytes | None", client.get(COUNTED_KEY))
    if held is not None:
        counted: dict[str, int] = json.loads(held)
        return counted
    counts = {
        each: _count(session, _entries.c.id, _is(_entries.c.state, each))
        for each in (FAILED, UNROUTED)
    }
    client.set(COUNTED_KEY, json.dumps(counts), ex=COUNTED_SECONDS)
    return counts


def _measure_journal(session: Session, now: datetime) -> Waiting:
    is_pending = _is(_entries.c.state, PENDING)
    oldest = session.scalar(
        select(_entries.c.received_at).where(is_pending).order_by(_entries.c.id).limit(1)
    )
    return _waiting(oldest, now, lambda: _count(session, _entries.c.id, is_pending))


def _measure_outbox(session: Session, now: datetime) -> Waiting:
    """Look at what could go out: not put off, not before its next try, of a live account."""
    due_at = func.coalesce(_messages.c.next_attempt_at, _messages.c.send_at, _messages.c.created_at)
    due = (
        select(due_at.label("due_at"))
        .join_from(_messages, _accounts, _accounts.c.id == _messages.c.account_id)
        .where(
            _is(_messages.c.status, QUEUED),
            _accounts.c.status == ACTIVE,
            or_(_messages.c.send_at.is_(None), _messages.c.send_at <= now),
            or_(_messages.c.next_attempt_at.is_(None), _messages.c.next_attempt_at <= now),
        )
        .limit(MOST)
        .subquery()
    )
    count, oldest = session.execute(select(func.count(), func.min(due.c.due_at))).one()
    return _waiting(oldest, now, lambda: count)


def _measure_news(session: Session, now: datetime) -> Waiting:
    is_untold = (_messages.c.announced_at.is_(None), _messages.c.conversation_id.is_not(None))
    oldest = session.scalar(
        select(_messages.c.created_at).where(*is_untold).order_by(_messages.c.created_at).limit(1)
    )
    return _waiting(oldest, now, lambda: _count(session, _messages.c.id, *is_untold))


def _waiting(oldest: datetime | None, now: datetime, count: Any) -> Waiting:
    if oldest is None:
        return Waiting()
    return Waiting(count=count(), oldest_seconds=max(0.0, (now - oldest).total_seconds()))


def _count(session: Session, column: Any, *criteria: ColumnElement[bool]) -> int:
    some = select(column).where(*criteria).limit(MOST).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def _measure_queue(client: "redis.Redis", name: str) -> Waiting:
    key = f"rq:queue:{name}"
    length = client.llen(key)
    # RQ pushes at the right end and takes from the left: the first is the oldest.
    first = cast("list[bytes]", client.lrange(key, 0, 0))
    if not first:
        return Waiting()
    held = cast("bytes | None", client.hget(Job.key_for(first[0].decode()), "enqueued_at"))
    if not held:
        return Waiting(count=length)
    waited = (utc_now() - utcparse(held.decode())).total_seconds()
    return Waiting(count=length, oldest_seconds=max(0.0, waited))
