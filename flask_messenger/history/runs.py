"""Runs over an account's conversations: begun, looked at, ended."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, case, exists, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flask_messenger.errors import ConflictError
from flask_messenger.history.storing import WEBHOOK_MAY_COME
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, HistoryRun
from flask_messenger.models.accounts import ACTIVE
from flask_messenger.models.audit import record
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.history import (
    BACKFILL,
    CANCELLED,
    DONE,
    QUEUED,
    RECONCILE,
    RUNNING,
)
from flask_messenger.presence.asking import get_account

OPEN_STATES: Final = (QUEUED, RUNNING)
IDLE: Final = timedelta(seconds=30)
"""How long nobody has worked on a run that the schedule takes up again."""
OF_EACH_WORKSPACE: Final = 10
"""Runs of one workspace that are put among its turns at once: its files and exports, which have
their turns in the same line, wait behind no more than these."""
ONE_DAY: Final = timedelta(days=1)
OVERLAP: Final = 2 * WEBHOOK_MAY_COME
"""What a run left to the webhooks, the next one looks at."""
LONGEST: Final = timedelta(days=30)
"""How far back a comparison goes after nights that were missed."""
MOST_DAYS: Final = 10_000
"""Longer than Meta has had messages; far longer, and no calendar has the day."""
NIGHT_BEGINS_HOUR: Final = 1
"""UTC; from then on each account is compared once, a few at a time."""
BEGUN_AT_ONCE: Final = 50
LISTED: Final = 20
COUNTS: Final = {
    BACKFILL: ("conversations", "messages", "new"),
    RECONCILE: ("conversations", "checked", "missing", "repaired"),
}

_IS_OPEN: Final = exists().where(
    HistoryRun.account_id == Account.id, HistoryRun.state.in_(OPEN_STATES)
)


def start_backfill(
    session: Session, *, tenant: Tenant, account_id: uuid.UUID, since: datetime | None = None
) -> HistoryRun:
    """Note that the past of an account is to be fetched; commits.

    Raises:
        NotFoundError: there is no such account for the person.
        ConflictError: it is not connected, or a run is under way.
    """
    account = get_account(session, tenant=tenant, account_id=account_id)
    if account.status != ACTIVE:
        raise ConflictError("This account has to be connected again first.")
    run = _run(account.workspace_id, account.id, BACKFILL, since=since)
    run.requested_by = tenant.user_id
    session.add(run)
    _note(session, run, "history_started", actor=tenant.user_id)
    try:
        session.commit()
    except IntegrityError:
        session.rollback()
        message = "The history of this account is being looked at already."
        raise ConflictError(message) from None
    return run


def cancel_run(session: Session, *, tenant: Tenant, account_id: uuid.UUID) -> HistoryRun:
    """End the run that is under way; what it stored stays. Commits.

    Raises:
        NotFoundError: there is no such account for the person.
        ConflictError: nothing is under way.
    """
    account = get_account(session, tenant=tenant, account_id=account_id)
    statement = select(HistoryRun).where(
        HistoryRun.account_id == account.id, HistoryRun.state.in_(OPEN_STATES)
    )
    run = session.scalars(statement.with_for_update()).one_or_none()
    if run is None:
        session.rollback()
        raise ConflictError("The history of this account is not being looked at.")
    run.state, run.completed_at = CANCELLED, utc_now()
    _note(session, run, "history_cancelled", actor=tenant.user_id)
    session.commit()
    return run


def list_runs(session: Session, *, tenant: Tenant, account_id: uuid.UUID) -> list[HistoryRun]:
    """Return an account's runs, the latest first.

    Raises:
        NotFoundError: there is no such account for the person.
    """
    account = get_account(session, tenant=tenant, account_id=account_id)
    statement = (
        select(HistoryRun)
        .where(HistoryRun.account_id == account.id)
        .order_by(HistoryRun.id.desc())
        .limit(LISTED)
    )
    return list(session.scalars(statement))


def find_open(
    session: Session, *, now: datetime, limit: int = 100, of_each: int = OF_EACH_WORKSPACE
) -> list[tuple[str, uuid.UUID]]:
    """Return workspace and id of runs that nobody works on. System scope.

    A run of each workspace, then a second one of each: a workspace with a thousand accounts keeps
    no other's out, nor its own files and exports. Of a workspace the one that was left alone
    longest comes first.
    """
    left_at = func.coalesce(HistoryRun.worked_at, HistoryRun.created_at)
    rank = func.row_number().over(
        partition_by=HistoryRun.workspace_id, order_by=(left_at, HistoryRun.id)
    )
    columns = (HistoryRun.workspace_id, HistoryRun.id, left_at.label("left_at"))
    found = (
        select(*columns, rank.label("rank"))
        .where(
            HistoryRun.state.in_(OPEN_STATES),
            or_(HistoryRun.worked_at.is_(None), HistoryRun.worked_at < now - IDLE),
            or_(HistoryRun.retry_at.is_(None), HistoryRun.retry_at <= now),
        )
        .subquery()
    )
    statement = (
        select(found.c.workspace_id, found.c.id)
        .where(found.c.rank <= of_each)
        .order_by(found.c.rank, found.c.left_at, found.c.id)
        .limit(limit)
    )
    return [(row.workspace_id, row.id) for row in session.execute(statement)]


def begin_backfills(session: Session, *, now: datetime, days: int) -> int:
    """Note for some accounts that are new here that their past is to be fetched; commits.

    System scope.

    Args:
        session: outside of a transaction.
        now: the time.
        days: how far back; 0 leaves the past to those who ask for it.
    """
    if not days:
        return 0
    was_filled = exists().where(HistoryRun.account_id == Account.id, HistoryRun.kind == BACKFILL)
    statement = (
        select(Account.workspace_id, Account.id)
        .where(Account.status == ACTIVE, ~was_filled, ~_IS_OPEN)
        .order_by(Account.id)
        .limit(BEGUN_AT_ONCE)
    )
    since = now - timedelta(days=min(days, MOST_DAYS))
    due = [(row.workspace_id, row.id, since) for row in session.execute(statement)]
    return _begin(session, BACKFILL, due)


def begin_comparisons(session: Session, *, now: datetime) -> int:
    """Note for some accounts that Meta's messages are to be compared with ours; commits.

    System scope. An account is due once after one in the morning, whenever that is noticed, and
    when it was connected again. What was missed since the last comparison, or since the account
    was connected, is made up for.
    """
    began_at = now.replace(hour=NIGHT_BEGINS_HOUR, minute=0, second=0, microsecond=0)
    began_at = began_at if began_at <= now else began_at - ONE_DAY
    of_account = HistoryRun.account_id == Account.id
    was_compared = exists().where(
        of_account,
        HistoryRun.kind == RECONCILE,
        HistoryRun.created_at >= began_at,
        HistoryRun.created_at >= Account.connected_at,
    )
    was_here_before = exists().where(of_account, HistoryRun.created_at < Account.connected_at)
    compared_at = (
        select(func.max(HistoryRun.created_at))
        .where(of_account, HistoryRun.state == DONE, _looked_at_all(now))
        .correlate(Account)
        .scalar_subquery()
    )
    statement = (
        select(
            Account.workspace_id,
            Account.id,
            case((was_here_before, None), else_=Account.connected_at).label("connected_at"),
            compared_at.label("at"),
        )
        .where(
            Account.status == ACTIVE,
            or_(Account.connected_at < began_at, was_here_before),
            ~was_compared,
            ~_IS_OPEN,
        )
        .order_by(Account.id)
        .limit(BEGUN_AT_ONCE)
    )
    due = [
        (row.workspace_id, row.id, max(_since(row, now=now), now - LONGEST))
        for row in session.execute(statement)
    ]
    return _begin(session, RECONCILE, due)


def _looked_at_all(now: datetime) -> ColumnElement[bool]:
    """Leave out what somebody had fetched of a few days: a night before them may be missing."""
    since = HistoryRun.since
    reaches_back = or_(since.is_(None), since <= Account.connected_at, since <= now - LONGEST)
    return or_(HistoryRun.kind == RECONCILE, reaches_back)


def _since(row: Any, *, now: datetime) -> datetime:
    """Return where a comparison begins.

    What was said before the account was here at all is no news: that is for a backfill.
    """
    if row.at is not None:
        return row.at - OVERLAP  # type: ignore[no-any-return]
    return row.connected_at or now - ONE_DAY - OVERLAP


def _begin(session: Session, kind: str, due: Sequence[tuple[str, uuid.UUID, datetime]]) -> int:
    for workspace_id, account_id, since in due:
        session.add(_run(workspace_id, account_id, kind, since=since))
    try:
        session.commit()
    except IntegrityError:  # another host was here; what is left is due the next time
        session.rollback()
        return 0
    return len(due)


def _run(
    workspace_id: str, account_id: uuid.UUID, kind: str, *, since: datetime | None
) -> HistoryRun:
    return HistoryRun(
        id=new_id(),
        workspace_id=workspace_id,
        account_id=account_id,
        kind=kind,
        state=QUEUED,
        since=since,
        progress={},
        result=dict.fromkeys(COUNTS[kind], 0),
    )


def _note(session: Session, run: HistoryRun, action: str, *, actor: str) -> None:
    record(
        session,
        workspace_id=run.workspace_id,
        actor=actor,
        action=action,
        subject=str(run.account_id),
    )
