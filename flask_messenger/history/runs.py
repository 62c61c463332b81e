"""Runs over an account's conversations: begun, looked at, ended."""

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import exists, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flask_messenger.errors import ConflictError
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, HistoryRun
from flask_messenger.models.accounts import ACTIVE
from flask_messenger.models.audit import record
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.history import (
    BACKFILL,
    CANCELLED,
    QUEUED,
    RECONCILE,
    RUNNING,
)
from flask_messenger.presence.asking import get_account

OPEN_STATES: Final = (QUEUED, RUNNING)
IDLE: Final = timedelta(seconds=30)
"""How long nobody has worked on a run that the schedule takes up again."""
ONE_DAY: Final = timedelta(days=1)
NIGHT_BEGINS_HOUR: Final = 1
"""UTC; from then on each account is compared once, a few at a time."""
NIGHTLY_AT_ONCE: Final = 50
LISTED: Final = 20


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
    run = HistoryRun(
        id=new_id(),
        workspace_id=account.workspace_id,
        account_id=account.id,
        kind=BACKFILL,
        state=QUEUED,
        since=since,
        progress={},
        result={},
        requested_by=tenant.user_id,
    )
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


def find_open(session: Session, *, now: datetime, limit: int = 100) -> list[tuple[str, uuid.UUID]]:
    """Return workspace and id of runs that nobody works on. System scope."""
    statement = (
        select(HistoryRun.workspace_id, HistoryRun.id)
        .where(
            HistoryRun.state.in_(OPEN_STATES),
            or_(HistoryRun.worked_at.is_(None), HistoryRun.worked_at < now - IDLE),
        )
        .order_by(HistoryRun.worked_at.asc().nulls_first(), HistoryRun.id)
        .limit(limit)
    )
    return [(row.workspace_id, row.id) for row in session.execute(statement)]


def begin_nightly(session: Session, *, now: datetime) -> int:
    """Note for some accounts that their last day is to be compared; commits. System scope.

    An account is due once after one in the morning, whenever that is noticed.
    """
    began_at = now.replace(hour=NIGHT_BEGINS_HOUR, minute=0, second=0, microsecond=0)
    began_at = began_at if began_at <= now else began_at - ONE_DAY
    was_compared = exists().where(
        HistoryRun.account_id == Account.id,
        or_(
            (HistoryRun.kind == RECONCILE) & (HistoryRun.created_at >= began_at),
            HistoryRun.state.in_(OPEN_STATES),
        ),
    )
    statement = (
        select(Account.workspace_id, Account.id)
        .where(Account.status == ACTIVE, Account.connected_at < began_at, ~was_compared)
        .order_by(Account.id)
        .limit(NIGHTLY_AT_ONCE)
    )
    due = session.execute(statement).all()
    for workspace_id, account_id in due:
        values: dict[str, Any] = {"kind": RECONCILE, "state": QUEUED, "since": now - ONE_DAY}
        run = HistoryRun(
            id=new_id(), workspace_id=workspace_id, account_id=account_id, progress={}, result={}
        )
        for name, value in values.items():
            setattr(run, name, value)
        session.add(run)
    try:
        session.commit()
    except IntegrityError:  # another host was here; what is left is due the next time
        session.rollback()
        return 0
    return len(due)


def _note(session: Session, run: HistoryRun, action: str, *, actor: str) -> None:
    record(
        session,
        workspace_id=run.workspace_id,
        actor=actor,
        action=action,
        subject=str(run.account_id),
    )
