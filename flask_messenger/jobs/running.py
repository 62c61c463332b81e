"""How a job runs: inside the system scope, and through an outage of the database."""

import logging
import threading
from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

import redis
from rq import Queue
from rq.timeouts import BaseTimeoutException

from flask_messenger.ingest.wake import INGEST_QUEUE
from flask_messenger.models.outage import is_database_away
from flask_messenger.monitor.beats import DOING
from flask_messenger.state import state
from flask_messenger.tenancy import system_scope

logger = logging.getLogger(__name__)

QUEUES: Final = {
    "ingest": INGEST_QUEUE,
    "outbox": "messenger-outbox",
    "default": "messenger-default",
    "bulk": "messenger-bulk",
}
JOB_PATH: Final = "flask_messenger.jobs."
"""Where RQ looks for a job, whichever file holds it: the workers of two versions agree on it."""
JOB_SECONDS: Final = 300
OUTAGE_WAITS: Final = (0.2, 0.5, 1.0, 2.0, 4.0, *[5.0] * 10)
"""How long a job waits, again and again, for a database that is away."""

RUNNING_OUTBOX: Final = threading.Event()
"""Set while this process has a runner: whoever wakes a lane needs no job."""
STOPPING: Final = threading.Event()
"""Set when this process was told to stop: long jobs end at their next good place."""

P = ParamSpec("P")
R = TypeVar("R")


def as_job(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function in the system scope, and give the session back at its end.

    While the database restarts or changes over, it waits and begins again.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        DOING.begin(function.__name__)
        try:
            for wait in OUTAGE_WAITS:
                try:
                    return run_once(function, *args, **kwargs)
                except Exception as error:
                    if not is_database_away(error):
                        raise
                    logger.warning("database_away job=%s", function.__name__)
                    if STOPPING.wait(wait):
                        raise
            return run_once(function, *args, **kwargs)
        finally:
            DOING.end()

    return run


def run_once(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function in the system scope, and give the session back at its end."""
    try:
        with system_scope(function.__name__):
            return function(*args, **kwargs)
    except BaseTimeoutException:
        # Broken off in the middle of a statement, perhaps: nothing can be said on its connection.
        state().db.session().invalidate()
        raise
    finally:
        state().db.session.remove()


def enqueue(group: str, function: Callable[..., None], *args: object) -> None:
    """Queue a job; where Redis is away the sweeper finds the work later."""
    queue = Queue(QUEUES[group], connection=state().get(redis.Redis))
    try:
        queue.enqueue(
            JOB_PATH + function.__name__,
            args=args,
            result_ttl=0,
            failure_ttl=86400,
            job_timeout=JOB_SECONDS,
        )
    except redis.RedisError as error:
        logger.warning("enqueue_failed job=%s error=%s", function.__name__, type(error).__name__)
