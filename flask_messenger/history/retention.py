"""Runs of long ago: nobody asks for them, and each night brings one of every account."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.orm import Session, aliased

from flask_messenger.history.runs import OPEN_STATES
from flask_messenger.models import HistoryRun
from flask_messenger.models.history import DONE
from flask_messenger.models.journal import first_id

KEPT: Final = timedelta(days=30)
BATCH: Final = 1_000
"""Removed at once; what is left over has its turn again in some minutes."""


def forget_runs(session: Session, *, now: datetime) -> int:
    """Remove runs that ended long ago and say nothing a newer one does not; commits.

    System scope. Of each account the last of each kind that was done stays, and the last that
    ended otherwise where none was done since: they say where the next comparison begins, and that
    the past was fetched.
    """
    newer = aliased(HistoryRun)
    is_outdated = exists().where(
        newer.account_id == HistoryRun.account_id,
        newer.kind == HistoryRun.kind,
        newer.created_at > HistoryRun.created_at,
        or_(newer.state == DONE, newer.state == HistoryRun.state),
    )
    some = (
        select(HistoryRun.id)
        .where(
            HistoryRun.id < first_id(now - KEPT),
            HistoryRun.state.not_in(OPEN_STATES),
            is_outdated,
        )
        .order_by(HistoryRun.id)
        .limit(BATCH)
    )
    ids = list(session.scalars(some))
    if ids:
        session.execute(
            delete(HistoryRun)
            .where(HistoryRun.id.in_(ids))
            .execution_options(synchronize_session=False)
        )
    session.commit()
    return len(ids)
