"""When Meta cannot be asked: which runs have failed, and which wait, and how long."""

import logging
from datetime import timedelta
from typing import Final

from flask import Flask
from sqlalchemy.orm import Session

from flask_messenger.connect.announce import AccountFacts, announce_needs_reauth
from flask_messenger.connect.health import TOKEN_EXPIRED, mark_needs_reauth
from flask_messenger.errors import (
    AccountRestrictedError,
    AppMisconfiguredError,
    GraphError,
    InvalidGraphRequestError,
    MissingPermissionError,
    RateLimitedError,
    TokenExpiredError,
)
from flask_messenger.history.held import Task, add_counts, finish_run, lock_run, without_troubles
from flask_messenger.history.runs import IDLE
from flask_messenger.models import HistoryRun
from flask_messenger.models.base import utc_now
from flask_messenger.models.history import FAILED

logger = logging.getLogger(__name__)

HOPELESS: Final = (
    AppMisconfiguredError,
    InvalidGraphRequestError,
    MissingPermissionError,
    AccountRestrictedError,
)
"""What no waiting mends, unless the error says that another try may end otherwise."""
MAX_WAITS: Final = 200
"""In a row, some two days: then a run that Meta shows nothing has failed."""
LONGEST_WAIT: Final = timedelta(minutes=15)
LONGEST_ASKED_SECONDS: Final = 86_400
MAX_STUMBLES: Final = 8
"""Refusals in a row over one conversation, some three quarters of an hour, until it is left out:
Meta fails over some for good, saying every time that it is a passing fault."""


def note_trouble(app: Flask, session: Session, task: Task, error: GraphError) -> None:
    """End a run that Meta refused, or leave it to the schedule; commits."""
    if isinstance(error, TokenExpiredError):
        _end_token(app, session, task, error)
    elif _is_hopeless(error) or task.run.progress.get("waits", 0) >= MAX_WAITS:
        finish_run(session, task.run.id, state=FAILED, error=error.slug)
    else:
        _put_off(session, task, error)


def _is_hopeless(error: GraphError) -> bool:
    return isinstance(error, HOPELESS) and not error.retryable


def _put_off(session: Session, task: Task, error: GraphError) -> None:
    """Leave a run to the schedule, longer each time: Meta could not be asked now."""
    logger.warning("history_waits run_id=%s error=%s", task.run.id, error.slug)
    run = lock_run(session, task.run.id)
    if run is None:
        return
    waits = int(run.progress.get("waits", 0)) + 1
    run.progress = {
        **{name: each for name, each in run.progress.items() if name != "tries"},
        "waits": waits,
        **_stumble(run, task, error),
    }
    run.error, run.worked_at = error.slug, utc_now()
    run.retry_at = run.worked_at + _wait(waits, error)
    if run.progress.get("stumbles", 0) >= MAX_STUMBLES:
        run.progress = {**without_troubles(run.progress), "pending": task.pending[1:]}
        run.retry_at = None
        run.result = add_counts(run.result, {"skipped": 1})
    session.commit()


def _stumble(run: HistoryRun, task: Task, error: GraphError) -> dict[str, int]:
    """Count how often in a row Graph itself failed over the conversation that is next."""
    is_over_it = error.code is not None and not isinstance(error, RateLimitedError)
    if not task.pending or not is_over_it or run.progress.get("pending") != task.pending:
        return {}
    return {"stumbles": int(run.progress.get("stumbles", 0)) + 1}


def _wait(waits: int, error: GraphError) -> timedelta:
    own = IDLE * int(2 ** min(waits - 1, 10))
    asked = timedelta(seconds=min(error.retry_after_seconds or 0, LONGEST_ASKED_SECONDS))
    return max(min(own, LONGEST_WAIT), asked)


def _end_token(app: Flask, session: Session, task: Task, error: TokenExpiredError) -> None:
    finish_run(session, task.run.id, state=FAILED, error=error.slug)
    is_news = mark_needs_reauth(session, task.account, TOKEN_EXPIRED)
    session.commit()
    if is_news:
        announce_needs_reauth(app, AccountFacts.of(task.account), reason=TOKEN_EXPIRED)
