"""Every RQ job, each a few lines; the queues; the schedule.

RQ stores the dotted path of a job in Redis: a function here is never renamed. Jobs take ids and
plain values, may run twice, and must not mind. They run inside an application context, which
`flask messenger worker` gives them.

Work of one workspace that could stand before another's goes through turns (`turns.py`):
RQ carries tickets, and whoever holds one does the next piece in turn.
"""

import logging
import random
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar, cast

import redis
from flask import Flask, current_app
from rq import Queue
from rq.timeouts import BaseTimeoutException
from sqlalchemy import select

from flask_messenger.connect import subscriptions, upkeep
from flask_messenger.inbox import actions as inbox_actions
from flask_messenger.inbox.announce import announce_updates
from flask_messenger.ingest import announce as announcing
from flask_messenger.ingest import drain as draining
from flask_messenger.ingest import retention
from flask_messenger.ingest import spool as spooling
from flask_messenger.ingest.receipts import settle_all_waiting
from flask_messenger.ingest.spool import Spool
from flask_messenger.ingest.waiting import WAITING_KEPT, forget_waiting
from flask_messenger.ingest.wake import INGEST_QUEUE, drain_started, schedule_drain
from flask_messenger.models import Message
from flask_messenger.models.base import utc_now
from flask_messenger.models.outage import is_database_away
from flask_messenger.monitor.beats import DOING, count_workers
from flask_messenger.monitor.figures import measure, save_figures
from flask_messenger.outbox import actions, reconcile
from flask_messenger.outbox.runner import run_outbox
from flask_messenger.outbox.wake import publish_wake
from flask_messenger.privacy import work as personal_data
from flask_messenger.realtime import publish
from flask_messenger.state import state
from flask_messenger.tenancy import system_scope
from flask_messenger.turns import Piece, Turn, Turns, share_of

logger = logging.getLogger(__name__)

QUEUES: Final = {
    "ingest": INGEST_QUEUE,
    "outbox": "messenger-outbox",
    "default": "messenger-default",
    "bulk": "messenger-bulk",
}
SWEEP_SECONDS: Final = 5.0
JOB_SECONDS: Final = 300
ANNOUNCE_CHUNK: Final = 20
ANNOUNCE_SECONDS: Final = 1.0
"""How long one workspace is told of its messages while another may be waiting."""
SWEEP_LIMIT: Final = 500
TICKETS: Final = 4
"""Tickets that wait in a queue at once: each one goes on taking turns while there are any."""
TURNS_SECONDS: Final = 10.0
OUTAGE_WAITS: Final = (0.2, 0.5, 1.0, 2.0, 4.0, *[5.0] * 10)
"""How long a job waits, again and again, for a database that is away."""

CHECKED_KEY: Final = "messenger:subscriptions:checked"
POLL_LOST_AFTER: Final = timedelta(seconds=3)

RUNNING_OUTBOX: Final = threading.Event()
"""Set while this process has a runner: whoever wakes a lane needs no job."""
STOPPING: Final = threading.Event()
"""Set when this process was told to stop: long jobs end at their next good place."""

P = ParamSpec("P")
R = TypeVar("R")

PIECES: Final[dict[str, Callable[..., "tuple[Any, ...] | None"]]] = {}
"""What can be done in turns, by name; see `_piece`."""


def _app() -> Flask:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    return app


def _job(function: Callable[P, R]) -> Callable[P, R]:
    """Run a job in the system scope, and give the session back at its end.

    While the database restarts or changes over, the job waits and begins again.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        DOING.begin(function.__name__)
        try:
            for wait in OUTAGE_WAITS:
                try:
                    return _run_once(function, *args, **kwargs)
                except Exception as error:
                    if not is_database_away(error):
                        raise
                    logger.warning("database_away job=%s", function.__name__)
                    if STOPPING.wait(wait):
                        raise
            return _run_once(function, *args, **kwargs)
        finally:
            DOING.end()

    return run


def _run_once(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        with system_scope(function.__name__):
            return function(*args, **kwargs)
    finally:
        state().db.session.remove()


def _piece(
    function: Callable[P, "tuple[Any, ...] | None"],
) -> Callable[P, "tuple[Any, ...] | None"]:
    """Make a function one that can be done in turns.

    It works for a few seconds at most and returns None, or the arguments for its next turn where
    there is more to do. Like jobs, pieces wait in Redis by name and are never renamed.
    """
    PIECES[function.__name__] = function
    return function


@_job
def drain() -> None:
    """Apply what waits in the journal."""
    client = state().get(redis.Redis)
    drain_started(client)
    spooling.empty_spool(_app())
    if draining.drain_all(_app(), news=_QueuedNews(), stopping=STOPPING.is_set):
        schedule_drain(client)


class _QueuedNews:
    """Turns what a drain stored into pieces of work, a few messages each."""

    def stored(self, message_ids: Mapping[uuid.UUID, str]) -> None:
        by_workspace: dict[str, list[str]] = defaultdict(list)
        for message_id, workspace_id in message_ids.items():
            by_workspace[workspace_id].append(str(message_id))
        _put_pieces("announce_chunk", by_workspace)

    def lifted(self, message_ids: Iterable[uuid.UUID]) -> None:
        _put_chunks("announce_status_chunk", message_ids)


@_job
def announce(message_ids: Sequence[str]) -> None:
    """Tell the host of stored messages; fetch profiles and resolve contacts first."""
    left = announcing.announce(_app(), [uuid.UUID(each) for each in message_ids])
    _put_chunks("announce_chunk", left)


@_job
def announce_statuses(message_ids: Sequence[str]) -> None:
    """Tell the host of messages that were delivered or read."""
    announcing.announce_statuses(_app(), [uuid.UUID(each) for each in message_ids])


@_piece
def announce_chunk(message_ids: Sequence[str]) -> tuple[Any, ...] | None:
    """Tell the host of some stored messages of one workspace."""
    ids = [uuid.UUID(each) for each in message_ids]
    left = announcing.announce(_app(), ids, budget_seconds=ANNOUNCE_SECONDS)
    return ([str(each) for each in left],) if left else None


@_piece
def announce_status_chunk(message_ids: Sequence[str]) -> tuple[Any, ...] | None:
    """Tell the host of some messages of one workspace that were delivered or read."""
    announcing.announce_statuses(_app(), [uuid.UUID(each) for each in message_ids])
    return None


@_piece
def work_on_data_request(request_id: str) -> tuple[Any, ...] | None:
    """Export or erase a person's data, a piece of it."""
    has_more = personal_data.work_on(_app(), uuid.UUID(request_id))
    return (request_id,) if has_more else None


def wake_data_request(workspace_id: str, request_id: uuid.UUID) -> None:
    """Ask for an export or an erasure to be worked on. Call it after the commit."""
    put_bulk(workspace_id, work_on_data_request, str(request_id), key=str(request_id))


def take_turns(group: str) -> None:
    """Do what waits in a group, a piece of each workspace in turn. What a ticket is for."""
    turns = Turns(state().get(redis.Redis), group)
    ends_at = time.monotonic() + TURNS_SECONDS
    cap = _share(group)
    while time.monotonic() < ends_at and not STOPPING.is_set():
        turn = turns.take(cap=cap)
        if turn is None:
            return
        _take_turn(turns, turn)
    if turns.has_waiting():
        _enqueue(group, take_turns, group)


def _take_turn(turns: Turns, turn: Turn) -> None:
    piece = turn.piece
    more: tuple[Any, ...] | None = None
    try:
        function = PIECES[piece.name]
        more = _job(function)(*piece.args)
    except BaseTimeoutException:
        raise
    except Exception as error:  # noqa: BLE001 - the next workspace's turn comes, whatever it is
        # The type only: what the database or the host's code says may quote a message.
        logger.error("piece_failed name=%s error=%s", piece.name, type(error).__name__)  # noqa: TRY400
    finally:
        turns.finish(turn)
    if more is not None:
        again = Piece(workspace_id=piece.workspace_id, name=piece.name, args=more, key=piece.key)
        turns.put([again])


def _share(group: str) -> int:
    """Return how many pieces of one workspace may be under way at once."""
    settings = state().settings
    workers = count_workers(state().get(redis.Redis), group)
    at_most = settings.bulk_jobs_per_workspace if group == "bulk" else workers
    return share_of(workers, share=settings.workspace_share, at_most=at_most)


def put_bulk(
    workspace_id: str,
    function: Callable[..., tuple[Any, ...] | None],
    *args: object,
    key: str = "",
) -> bool:
    """Let a piece of bulk work (made with `_piece`) wait for its workspace's turn.

    Call it after the commit. What must not be lost has a row in the database, and a part of the
    sweep that puts it here again: Redis may come back empty. Returns False where Redis is away.

    Args:
        workspace_id: whose work it is.
        function: what does it; returns the arguments of its next turn, or None.
        args: plain values: ids, names, numbers.
        key: where given, the piece is not put beside an equal one that waits or is under way.
    """
    name = function.__name__
    if name not in PIECES:
        raise LookupError(name)
    piece = Piece(workspace_id=workspace_id, name=name, args=args, key=key and f"{name}:{key}")
    return _put("bulk", [piece])


def _put_chunks(name: str, message_ids: Iterable[uuid.UUID]) -> None:
    _put_pieces(name, _by_workspace(message_ids))


def _put_pieces(name: str, by_workspace: Mapping[str, list[str]]) -> None:
    pieces = [
        Piece(workspace_id=workspace_id, name=name, args=(ids[start : start + ANNOUNCE_CHUNK],))
        for workspace_id, ids in by_workspace.items()
        for start in range(0, len(ids), ANNOUNCE_CHUNK)
    ]
    _put("default", pieces)


def _by_workspace(message_ids: Iterable[uuid.UUID]) -> dict[str, list[str]]:
    ids = list(message_ids)
    found: dict[str, list[str]] = defaultdict(list)
    if ids:
        statement = (
            select(Message.workspace_id, Message.id).where(Message.id.in_(ids)).order_by(Message.id)
        )
        for workspace_id, message_id in state().db.session.execute(statement):
            found[workspace_id].append(str(message_id))
        state().db.session.rollback()
    return found


def _put(group: str, pieces: Sequence[Piece]) -> bool:
    """Let pieces wait, with a ticket; where Redis is away the sweeper finds the work later."""
    if not pieces:
        return True
    client = state().get(redis.Redis)
    try:
        Turns(client, group).put(pieces)
        _issue_ticket(group)
    except redis.RedisError as error:
        logger.warning("put_failed group=%s error=%s", group, type(error).__name__)
        return False
    return True


def _issue_ticket(group: str) -> None:
    if Queue(QUEUES[group], connection=state().get(redis.Redis)).count < TICKETS:
        _enqueue(group, take_turns, group)


@_job
def run_lane(conversation_id: str) -> None:
    """Send what waits; of a lane that was woken before wakes went to the runner."""
    if RUNNING_OUTBOX.is_set():
        wake_lane(uuid.UUID(conversation_id))
    else:
        run_outbox(_app(), STOPPING.is_set, until_idle=True, threads=0)


@_job
def send_action(conversation_id: str, action: str) -> None:
    """Show the person that we type, or that we have read."""
    actions.send_action(_app(), uuid.UUID(conversation_id), action)


def _sweep_journal() -> None:
    if draining.has_pending(state().db.session) or spooling.has_spooled(_app()):
        schedule_drain(state().get(redis.Redis))


def _sweep_news() -> None:
    """Put what nobody was told of back among the turns, where its workspace has none waiting."""
    lost = announcing.find_unannounced(state().db.session, limit=SWEEP_LIMIT)
    turns = Turns(state().get(redis.Redis), "default")
    busy = turns.is_waiting(list(lost))
    for workspace_id, message_ids in lost.items():
        if workspace_id not in busy:
            _put_chunks("announce_chunk", message_ids)


def _sweep_turns() -> None:
    """Give a ticket to what waits without one: a worker died with it, or its share was full."""
    for group in ("default", "bulk"):
        if Turns(state().get(redis.Redis), group).has_waiting():
            _issue_ticket(group)


def _sweep_lanes() -> None:
    if reconcile.sweep(_app()):
        publish_wake(state().get(redis.Redis))


def _sweep_connections() -> None:
    upkeep.tidy(_app())


def _sweep_waiting() -> None:
    """Bring together what a drain left apart that died between its commit and its settling."""
    session = state().db.session
    changes = settle_all_waiting(session)
    forget_waiting(session, before=utc_now() - WAITING_KEPT)
    session.commit()
    publish(state().get(redis.Redis), changes)


def _sweep_data_requests() -> None:
    """Put requests that a worker died with back among the turns."""
    for workspace_id, request_id in personal_data.find_open(state().db.session):
        wake_data_request(workspace_id, request_id)


def _sweep_retention() -> None:
    retention.tidy(_app(), utc_now())
    personal_data.forget_exports(state().db.session, now=utc_now())


def _sweep_snoozes() -> None:
    session = state().db.session
    woken = inbox_actions.wake_snoozed(session, now=utc_now())
    session.commit()
    announce_updates(woken)


def wake_lane(conversation_id: uuid.UUID) -> None:
    """Tell the runners that a lane has something to send. Call it after the commit."""
    publish_wake(state().get(redis.Redis), conversation_id)


def wake_action(conversation_id: uuid.UUID, action: str) -> None:
    """Ask for a sender action. Call it after the commit."""
    _enqueue("outbox", send_action, str(conversation_id), action)


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


@_piece
def check_subscriptions(account_ids: Sequence[str]) -> tuple[Any, ...] | None:
    """Ask Meta what it sends us of some accounts of one workspace, and mend what is missing."""
    ids = [uuid.UUID(each) for each in account_ids]
    left = subscriptions.check_subscriptions(_app(), ids)
    return ([str(each) for each in left],) if left else None


def _sweep_subscriptions() -> None:
    """Have the accounts checked whose minute it is, or was since anybody looked."""
    period_seconds = state().settings.subscription_check_seconds
    minute = int(time.time()) // subscriptions.MINUTE_SECONDS
    last = cast("bytes | None", state().get(redis.Redis).getset(CHECKED_KEY, minute))
    longest = period_seconds // subscriptions.MINUTE_SECONDS
    first = max(int(last or minute - 1), minute - longest) + 1
    due = subscriptions.find_due(
        state().db.session, minutes=range(first, minute + 1), period_seconds=period_seconds
    )
    for workspace_id, account_ids in due.items():
        put_bulk(workspace_id, check_subscriptions, [str(each) for each in account_ids])


def _sweep_figures() -> None:
    """Measure what waits, for whoever asks."""
    client = state().get(redis.Redis)
    spooled = state().get(Spool).count()
    figures = measure(state().db.session, client, queues=QUEUES, spooled=spooled)
    save_figures(client, figures)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the schedule.

    A part that comes seldom is done by one host at a time: a key in Redis says when it was done
    last. That saves work and is no promise; parts may run twice at once and must not mind.
    """

    run: Callable[[], None]
    every_seconds: float = SWEEP_SECONDS

    @property
    def name(self) -> str:
        """The name it goes by in logs and in Redis."""
        return self.run.__name__.removeprefix("_")


SCHEDULE: Final[tuple[Part, ...]] = (
    Part(_sweep_journal),
    Part(_sweep_news),
    Part(_sweep_lanes),
    Part(_sweep_turns),
    Part(_sweep_snoozes),
    Part(_sweep_connections),
    Part(_sweep_figures),
    Part(_sweep_subscriptions, every_seconds=30),
    Part(_sweep_waiting, every_seconds=60),
    Part(_sweep_data_requests, every_seconds=60),
    Part(_sweep_retention, every_seconds=300),
)
"""What is looked after, and how often. A part is a few lines here; its service does the work."""


def sweep(parts: Collection[Part] = SCHEDULE) -> None:
    """Find what nobody was woken for. A part that fails does not keep the others from running."""
    for part in parts:
        try:
            _run_once(part.run)
        except BaseTimeoutException:
            raise
        except Exception as error:  # noqa: BLE001 - the schedule must go on, whatever it is
            logger.error(  # noqa: TRY400 - a database error's text may quote a message
                "sweep_failed part=%s error=%s", part.name, type(error).__name__
            )


def keep_schedule(app: Flask, stopping: threading.Event) -> None:
    """Run each part of the schedule when it is due, until `stopping`.

    Several hosts doing so do no harm.
    """
    due_at = dict.fromkeys(SCHEDULE, 0.0)
    while not stopping.wait(1.0):
        now = time.monotonic()
        due = [part for part in SCHEDULE if due_at[part] <= now]
        with app.app_context():
            sweep([part for part in due if _is_ours(part)])
        due_at |= {part: now + part.every_seconds for part in due}


def keep_outbox(app: Flask, stopping: threading.Event) -> None:
    """Send what waits, until `stopping`: the runner of this process."""
    RUNNING_OUTBOX.set()
    try:
        while not stopping.is_set():
            _run_outbox(app, stopping)
    finally:
        RUNNING_OUTBOX.clear()


def _run_outbox(app: Flask, stopping: threading.Event) -> None:
    with app.app_context():
        try:
            run_outbox(app, stopping.is_set)
        except Exception as error:  # noqa: BLE001 - the lanes must go on, whatever it is
            # The type only: a database error's text may quote a message.
            logger.error("outbox_failed error=%s", type(error).__name__)  # noqa: TRY400
            stopping.wait(1.0)
        finally:
            state().db.session.remove()


def _is_ours(part: Part) -> bool:
    """Say whether this host is the one to run a part that comes seldom."""
    if part.every_seconds <= SWEEP_SECONDS:
        return True
    key, milliseconds = f"messenger:schedule:{part.name}", int(part.every_seconds * 900)
    try:
        return bool(state().get(redis.Redis).set(key, "1", nx=True, px=milliseconds))
    except redis.RedisError:
        return True


def poll(group: str) -> None:
    """Look for a group's work in the tables and do it: how work goes on while Redis is away."""
    _job(POLLS[group])()


def _poll_ingest() -> None:
    draining.drain_all(_app(), news=_QueuedNews(), stopping=STOPPING.is_set)


def _poll_outbox() -> None:
    reconcile.sweep(_app())
    if not RUNNING_OUTBOX.is_set():
        run_outbox(_app(), STOPPING.is_set, until_idle=True, threads=0)


def _poll_default() -> None:
    lost = announcing.find_unannounced(
        state().db.session, limit=SWEEP_LIMIT, lost_after=POLL_LOST_AFTER
    )
    ids = [each for group in lost.values() for each in group[:ANNOUNCE_CHUNK]]
    # Several processes poll: each begins somewhere else, so that they seldom tell twice.
    random.shuffle(ids)
    announcing.announce(_app(), ids, budget_seconds=TURNS_SECONDS)


def _poll_bulk() -> None:
    """Bulk work waits for Redis: nobody is in a hurry for it."""


POLLS: Final = {
    "ingest": _poll_ingest,
    "outbox": _poll_outbox,
    "default": _poll_default,
    "bulk": _poll_bulk,
}
