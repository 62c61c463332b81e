"""Whether messages flow, for the admins of one workspace: nothing of another one is in here."""

import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, cast

import redis
from flask import Flask
from sqlalchemy import Select, func, literal_column, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, AuditEntry, Message
from flask_messenger.models.accounts import DISCONNECTED
from flask_messenger.models.base import utc_now
from flask_messenger.models.messages import FAILED, QUEUED, UNKNOWN
from flask_messenger.monitor.beats import Beat, read_beats
from flask_messenger.monitor.figures import Figures, load_figures
from flask_messenger.state import state_of
from flask_messenger.turns import Turns

logger = logging.getLogger(__name__)

WORK_GROUPS: Final = ("ingest", "outbox", "default")
"""Without a worker of each, messages do not flow."""
SIDE_GROUPS: Final = ("bulk", "schedule")
"""Without a worker of each, messages flow, and what goes wrong beside them stays wrong."""
TROUBLE_DAYS: Final = 7

# Written out and not bound: the planner takes a partial index only where it sees the constant.
IS_QUEUED: Final[ColumnElement[str]] = literal_column(f"'{QUEUED}'")
IN_TROUBLE: Final[tuple[ColumnElement[str], ...]] = tuple(
    literal_column(f"'{each}'") for each in (FAILED, UNKNOWN)
)

SUBSCRIPTION_ACTIONS: Final = ("subscription_restored", "subscription_lost")
"""As the audit log has them; `connect.subscriptions` writes them."""
NEWS_LIMIT: Final = 10

State = Literal["good", "slow", "stopped"]
AlertKind = Literal["redis_away", "no_worker", "unmeasured", "behind"]
SubscriptionAction = Literal["subscription_restored", "subscription_lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that keeps messages from flowing as they should.

    Attributes:
        kind: `redis_away`, `no_worker` (`part` is its group), `unmeasured` (nobody measured
            lately: the schedule hangs, or does not run) or `behind` (`part` is what is).
        seconds: how far behind.
    """

    kind: AlertKind
    part: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What concerns the workspace itself.

    Attributes:
        queued: answers that wait to go out; `oldest_queued_at` is the first of them.
        troubled: answers of the last days that failed, or of which nobody knows.
        bulk_waiting: pieces of bulk work that wait for their turn.
    """

    last_message_at: datetime | None
    queued: int
    oldest_queued_at: datetime | None
    troubled: int
    bulk_waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionNews:
    """That Meta had stopped sending an account's events, and what became of it."""

    account_id: str
    action: SubscriptionAction
    at: datetime
    fields: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How messages flow.

    Attributes:
        lags: seconds that each part is behind; empty where nobody measured lately.
        workers: processes alive, by group.
    """

    own: Own
    alerts: Sequence[Alert] = ()
    lags: Mapping[str, float] = field(default_factory=dict)
    workers: Mapping[str, int] = field(default_factory=dict)
    measured_at: datetime | None = None
    subscriptions: Sequence[SubscriptionNews] = ()

    @property
    def state(self) -> State:
        """`good`, `slow` or `stopped`."""
        if any(each.kind == "no_worker" and each.part in WORK_GROUPS for each in self.alerts):
            return "stopped"
        return "slow" if self.alerts else "good"


def check_health(app: Flask, *, tenant: Tenant) -> Health:
    """Return how messages flow, for somebody of one workspace. In that workspace's scope."""
    held = state_of(app)
    client = held.get(redis.Redis)
    session: Session = held.db.session
    is_redis_here, beats, figures, bulk_waiting = _ask_redis(client, tenant.workspace_id)
    now = time.time()
    fresh = figures if figures and figures.is_fresh(now) else None
    health = Health(
        own=_read_own(session, tenant, bulk_waiting=bulk_waiting),
        alerts=find_alerts(
            beats, fresh, is_redis_here=is_redis_here, alert_seconds=held.settings.lag_alert_seconds
        ),
        lags=fresh.lags if fresh else {},
        workers=_count_by_group(beats),
        measured_at=datetime.fromtimestamp(figures.at, UTC) if figures else None,
        subscriptions=_read_subscriptions(session, tenant),
    )
    session.rollback()
    return health


def seconds_late(app: Flask) -> float:
    """Return by how much messages arrive late just now; 0 where they are on time, or unmeasured."""
    held = state_of(app)
    try:
        figures = load_figures(held.get(redis.Redis))
    except redis.RedisError:
        return 0
    if figures is None or not figures.is_fresh(time.time()):
        return 0
    late = figures.lags["ingest"]
    return late if late > held.settings.lag_alert_seconds else 0


def find_alerts(
    beats: Sequence[Beat], figures: Figures | None, *, is_redis_here: bool, alert_seconds: float
) -> list[Alert]:
    """Say what keeps messages from flowing. Pure.

    Without Redis nobody can say which workers are alive, and nobody claims that none is. Figures
    are None where nobody measured lately: then nobody knows that messages flow.
    """
    if not is_redis_here:
        return [Alert(kind="redis_away")]
    workers = _count_by_group(beats)
    groups = (*WORK_GROUPS, *SIDE_GROUPS)
    missing = [Alert(kind="no_worker", part=each) for each in groups if not workers.get(each)]
    if figures is None:
        return [*missing, Alert(kind="unmeasured")]
    behind = [
        Alert(kind="behind", part=part, seconds=seconds)
        for part, seconds in figures.lags.items()
        if seconds > alert_seconds
    ]
    return missing + behind


def _ask_redis(
    client: "redis.Redis", workspace_id: str
) -> tuple[bool, list[Beat], Figures | None, int]:
    try:
        waiting = Turns(client, "bulk").count_waiting_of(workspace_id)
        return True, read_beats(client), load_figures(client), waiting
    except redis.RedisError as error:
        logger.warning("health_unmeasured error=%s", type(error).__name__)
        return False, [], None, 0


def _count_by_group(beats: Sequence[Beat]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in beats:
        counts[each.group] = counts.get(each.group, 0) + 1
    return counts


def _read_own(session: Session, tenant: Tenant, *, bulk_waiting: int) -> Own:
    seen = _visible_accounts(tenant)
    last = select(func.max(Account.last_inbound_at)).where(Account.id.in_(seen))
    queued = select(func.count(), func.min(Message.created_at)).where(
        Message.status == IS_QUEUED, Message.account_id.in_(seen)
    )
    count, oldest = session.execute(queued).one()
    since = utc_now() - timedelta(days=TROUBLE_DAYS)
    troubled = select(func.count(Message.id)).where(
        Message.status.in_(IN_TROUBLE),
        Message.account_id.in_(seen),
        Message.created_at > since,
    )
    return Own(
        last_message_at=session.scalar(last),
        queued=count,
        oldest_queued_at=oldest,
        troubled=session.scalar(troubled) or 0,
        bulk_waiting=bulk_waiting,
    )


def _visible_accounts(tenant: Tenant) -> Select[uuid.UUID]:
    statement = select(Account.id).where(
        Account.workspace_id == tenant.workspace_id, Account.status != DISCONNECTED
    )
    if tenant.location_ids is not None:
        statement = statement.where(Account.location_id.in_(sorted(tenant.location_ids)))
    return statement


def _read_subscriptions(session: Session, tenant: Tenant) -> list[SubscriptionNews]:
    statement = (
        select(AuditEntry)
        .where(
            AuditEntry.workspace_id == tenant.workspace_id,
            AuditEntry.action.in_(SUBSCRIPTION_ACTIONS),
            AuditEntry.at > utc_now() - timedelta(days=30),
        )
        .order_by(AuditEntry.at.desc())
        .limit(NEWS_LIMIT)
    )
    visible = {str(each) for each in session.scalars(_visible_accounts(tenant))}
    return [
        SubscriptionNews(
            account_id=str(each.subject),
            action=cast("SubscriptionAction", each.action),
            at=each.at,
            fields=[str(name) for name in each.details.get("fields", [])],
        )
        for each in session.scalars(statement)
        if each.subject in visible
    ]
