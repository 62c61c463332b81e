"""Every RQ job, each a few lines; the queues; the schedule.

RQ stores the dotted path of a job in Redis: a function here is never renamed. Jobs take ids and
plain values, may run twice, and must not mind. They run inside an application context, which
`flask messenger worker` gives them.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Final, ParamSpec, TypeVar

import redis
from flask import Flask, current_app
from rq import Queue
from rq.timeouts import BaseTimeoutException

from flask_messenger.connect import upkeep
from flask_messenger.inbox import actions as inbox_actions
from flask_messenger.inbox.announce import announce_updates
from flask_messenger.ingest import announce as announcing
from flask_messenger.ingest import drain as draining
from flask_messenger.ingest.wake import INGEST_QUEUE, drain_started, schedule_drain
from flask_messenger.models.base import utc_now
from flask_messenger.outbox import actions, deliver, reconcile
from flask_messenger.state import state
from flask_messenger.tenancy import system_scope

logger = logging.getLogger(__name__)

QUEUES: Final = {
    "ingest": INGEST_QUEUE,
    "outbox": "messenger-outbox",
    "default": "messenger-default",
}
SWEEP_SECONDS: Final = 5.0
JOB_SECONDS: Final = 300
ANNOUNCE_CHUNK: Final = 50
SWEEP_LIMIT: Final = 500
LANE_KEY: Final = "messenger:lane:"
LANE_SECONDS: Final = 60
"""How long a wake that came to nothing keeps the next ones from queueing."""

STOPPING: Final = threading.Event()
"""Set when this process was told to stop: long jobs end at their next good place."""

P = ParamSpec("P")
R = TypeVar("R")


def _app() -> Flask:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    return app


def _job(function: Callable[P, R]) -> Callable[P, R]:
    """Run a job in the system scope, and give the session back at its end."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with system_scope(function.__name__):
                return function(*args, **kwargs)
        finally:
            state().db.session.remove()

    return run


@_job
def drain() -> None:
    """Apply what waits in the journal."""
    client = state().get(redis.Redis)
    drain_started(client)
    if draining.drain_all(_app(), news=_QueuedNews(), stopping=STOPPING.is_set):
        schedule_drain(client)


class _QueuedNews:
    """Turns what a drain stored into jobs: one per chunk, never one per message."""

    def stored(self, message_ids: Iterable[uuid.UUID]) -> None:
        _enqueue_chunks(announce, message_ids)

    def lifted(self, message_ids: Iterable[uuid.UUID]) -> None:
        _enqueue_chunks(announce_statuses, message_ids)


@_job
def announce(message_ids: Sequence[str]) -> None:
    """Tell the host of stored messages; fetch profiles and resolve contacts first."""
    left = announcing.announce(_app(), [uuid.UUID(each) for each in message_ids])
    _enqueue_chunks(announce, left)


@_job
def announce_statuses(message_ids: Sequence[str]) -> None:
    """Tell the host of messages that were delivered or read."""
    announcing.announce_statuses(_app(), [uuid.UUID(each) for each in message_ids])


@_job
def run_lane(conversation_id: str) -> None:
    """Send what one conversation's lane holds, in order."""
    state().get(redis.Redis).delete(LANE_KEY + conversation_id)
    lane_id = uuid.UUID(conversation_id)
    if deliver.run_lane(_app(), lane_id, stopping=STOPPING.is_set):
        wake_lane(lane_id)


@_job
def send_action(conversation_id: str, action: str) -> None:
    """Show the person that we type, or that we have read."""
    actions.send_action(_app(), uuid.UUID(conversation_id), action)


def sweep() -> None:
    """Find what nobody was woken for. A part that fails does not keep the others from running."""
    for part in (_sweep_journal, _sweep_news, _sweep_lanes, _sweep_connections, _sweep_snoozes):
        try:
            _job(part)()
        except BaseTimeoutException:
            raise
        except Exception as error:  # noqa: BLE001 - the schedule must go on, whatever it is
            logger.error(  # noqa: TRY400 - a database error's text may quote a message
                "sweep_failed part=%s error=%s", part.__name__, type(error).__name__
            )


def _sweep_journal() -> None:
    if draining.has_pending(state().db.session):
        schedule_drain(state().get(redis.Redis))


def _sweep_news() -> None:
    lost = announcing.find_unannounced(state().db.session, limit=SWEEP_LIMIT)
    _enqueue_chunks(announce, lost)


def _sweep_lanes() -> None:
    for conversation_id in reconcile.sweep(_app()):
        wake_lane(conversation_id)


def _sweep_connections() -> None:
    upkeep.tidy(_app())


def _sweep_snoozes() -> None:
    session = state().db.session
    woken = inbox_actions.wake_snoozed(session, now=utc_now())
    session.commit()
    announce_updates(woken)


def wake_lane(conversation_id: uuid.UUID) -> None:
    """Ask for a conversation's lane to be run, unless that is queued. Call it after the commit."""
    key = LANE_KEY + str(conversation_id)
    try:
        is_new = state().get(redis.Redis).set(key, "1", nx=True, ex=LANE_SECONDS)
    except redis.RedisError as error:
        logger.warning("wake_failed error=%s", type(error).__name__)
        return
    if is_new:
        _enqueue("outbox", run_lane, str(conversation_id))


def wake_action(conversation_id: uuid.UUID, action: str) -> None:
    """Ask for a sender action. Call it after the commit."""
    _enqueue("outbox", send_action, str(conversation_id), action)


def _enqueue_chunks(job: Callable[..., None], message_ids: Iterable[uuid.UUID]) -> None:
    ids = [str(each) for each in message_ids]
    for start in range(0, len(ids), ANNOUNCE_CHUNK):
        _enqueue("default", job, ids[start : start + ANNOUNCE_CHUNK])


def _enqueue(group: str, function: Callable[..., None], *args: object) -> None:
    """Queue a job; where Redis is away the sweeper finds the work later."""
    queue = Queue(QUEUES[group], connection=state().get(redis.Redis))
    try:
        queue.enqueue(
            f"{__name__}.{function.__name__}",
            args=args,
            result_ttl=0,
            failure_ttl=86400,
            job_timeout=JOB_SECONDS,
        )
    except redis.RedisError as error:
        logger.warning("enqueue_failed job=%s error=%s", function.__name__, type(error).__name__)


def keep_schedule(app: Flask, stopping: threading.Event) -> None:
    """Sweep every few seconds until `stopping`; several hosts doing so do no harm."""
    while not stopping.wait(SWEEP_SECONDS):
        with app.app_context():
            sweep()
