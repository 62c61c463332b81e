"""A run as a worker has it in hand: read, locked for a moment, ended."""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.connect.reach import Reach
from flask_messenger.history.runs import OPEN_STATES
from flask_messenger.models import Account, HistoryRun
from flask_messenger.models.base import utc_now

logger = logging.getLogger(__name__)

TROUBLES: Final = ("tries", "waits", "stumbles", "lost")
"""What a run's progress counts until something goes well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A run as it was read, and its account: no transaction is open while Meta is asked."""

    run: HistoryRun
    account: Account
    reach: Reach

    @property
    def pending(self) -> list[str]:
        """The conversations that are listed and not read yet."""
        return list(self.run.progress.get("pending", []))


def lock_run(session: Session, run_id: uuid.UUID) -> HistoryRun | None:
    """Return a run, locked; None where it has ended."""
    statement = select(HistoryRun).where(HistoryRun.id == run_id).with_for_update()
    run = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if run is None or run.state not in OPEN_STATES:
        session.rollback()
        return None
    return run


def finish_run(
    session: Session, run_id: uuid.UUID, *, state: str, error: str | None = None
) -> None:
    """End a run; commits."""
    run = lock_run(session, run_id)
    if run is None:
        return
    run.state, run.error, run.completed_at = state, error, utc_now()
    run.progress = {}
    kind, account_id, result = run.kind, run.account_id, dict(run.result)
    session.commit()
    logger.info(
        "history_%s kind=%s account_id=%s error=%s result=%s",
        state,
        kind,
        account_id,
        error,
        " ".join(f"{name}:{count}" for name, count in sorted(result.items())),
    )


def without_troubles(progress: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run goes on with after something went well."""
    return {name: each for name, each in progress.items() if name not in TROUBLES}


def add_counts(first: Mapping[str, Any], second: Mapping[str, int]) -> dict[str, Any]:
    """Return the sum of both."""
    return {**first, **{name: first.get(name, 0) + count for name, count in second.items()}}
