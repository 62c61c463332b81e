"""The schedule: what is looked after though nobody was woken for it."""

import logging
import threading
import time
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

import redis
from flask import Flask
from rq import Queue
from rq.timeouts import BaseTimeoutException, UnixSignalDeathPenalty

from flask_messenger.connect import renewal, subscriptions, upkeep
from flask_messenger.history import runs as history
from flask_messenger.history.retention import forget_runs
from flask_messenger.inbox import actions as inbox_actions
from flask_messenger.inbox.announce import announce_updates
from flask_messenger.ingest import announce as announcing
from flask_messenger.ingest import drain as draining
from flask_messenger.ingest import retention
from flask_messenger.ingest import spool as spooling
from flask_messenger.ingest.settle import settle_all_waiting
from flask_messenger.ingest.spool import Spool
from flask_messenger.ingest.waiting import WAITING_KEPT, forget_waiting
from flask_messenger.ingest.wake import INGEST_QUEUE, drain_started, schedule_drain
from flask_messenger.jobs.running import QUEUES, run_once
from flask_messenger.jobs.taking import issue_ticket, put_bulk
from flask_messenger.jobs.work import (
    QueuedNews,
    check_accounts,
    check_subscriptions,
    put_news,
    wake_data_request,
    wake_fetching,
    wake_history,
)
from flask_messenger.media import tidy as media_tidying
from flask_messenger.media.claim import find_waiting
from flask_messenger.models.base import utc_now
from flask_messenger.models.outage import name_error
from flask_messenger.monitor.beats import DOING
from flask_messenger.monitor.figures import measure, save_figures
from flask_messenger.outbox import reconcile
from flask_messenger.outbox.wake import publish_wake
from flask_messenger.privacy import work as personal_data
from flask_messenger.realtime import publish
from flask_messenger.state import current_application, state
from flask_messenger.turns import Turns

logger = logging.getLogger(__name__)

SWEEP_SECONDS: Final = 5.0
SWEEP_LIMIT: Final = 500
PART_SECONDS: Final = 120
"""A part that takes longer hangs: it is broken off, or nothing would be looked after any more."""


def _sweep_journal() -> None:
    """Have what waits in the journal drained, though a worker died with the job that would."""
    client = state().get(redis.Redis)
    if draining.has_pending(state().db.session) or spooling.has_spooled(current_application()):
        if Queue(INGEST_QUEUE, connection=client).is_empty():
            # A wake was noted and no job is there. Begun or lost: one drain more does no harm,
            # and whoever waits for the note to expire waits for nothing.
            drain_started(client)
        schedule_drain(client)


def _sweep_news() -> None:
    """Put what nobody was told of back among the turns, where its workspace has none waiting."""
    lost = announcing.find_unannounced(state().db.session, limit=SWEEP_LIMIT)
    turns = Turns(state().get(redis.Redis), "default")
    busy = turns.is_waiting(list(lost))
    put_news({workspace_id: ids for workspace_id, ids in lost.items() if workspace_id not in busy})


def _sweep_turns() -> None:
    """Give a ticket to what waits without one: a worker died with it, or its share was full."""
    for group in ("default", "bulk"):
        if Turns(state().get(redis.Redis), group).has_waiting():
            issue_ticket(group)


def _sweep_lanes() -> None:
    if reconcile.sweep(current_application()):
        publish_wake(state().get(redis.Redis))


def _sweep_connections() -> None:
    upkeep.tidy(current_application())


def _sweep_waiting() -> None:
    """Bring together what a drain left apart that died between its commit and its settling."""
    session = state().db.session
    settled = settle_all_waiting(session)
    forget_waiting(session, before=utc_now() - WAITING_KEPT)
    session.commit()
    publish(state().get(redis.Redis), settled.changes)
    news = QueuedNews()
    news.lifted(settled.lifted)
    news.changed(settled.changed)


def _sweep_data_requests() -> None:
    """Put requests that a worker died with back among the turns."""
    for workspace_id, request_id in personal_data.find_open(state().db.session):
        wake_data_request(workspace_id, request_id)


def _sweep_history() -> None:
    """Have what is new fetched and each night compared, and what was left lying gone on with."""
    session, now = state().db.session, utc_now()
    history.begin_backfills(session, now=now, days=state().settings.backfill_days)
    history.begin_comparisons(session, now=now)
    found = history.find_open(session, now=now)
    session.rollback()
    for workspace_id, run_id in found:
        wake_history(workspace_id, run_id)


def _sweep_retention() -> None:
    retention.tidy(current_application(), utc_now())
    personal_data.forget_exports(state().db.session, now=utc_now())
    forget_runs(state().db.session, now=utc_now())


def _sweep_snoozes() -> None:
    session = state().db.session
    woken = inbox_actions.wake_snoozed(session, now=utc_now())
    session.commit()
    announce_updates(woken)


def _sweep_subscriptions() -> None:
    """Have the accounts checked whose minute it is, or was since anybody looked."""
    due = subscriptions.take_due(
        state().db.session,
        state().get(redis.Redis),
        period_seconds=state().settings.subscription_check_seconds,
    )
    for workspace_id, account_ids in due.items():
        put_bulk(workspace_id, check_subscriptions, [str(each) for each in account_ids])


def _sweep_accounts() -> None:
    """Have the accounts examined whose minute of the day it is, or was since anybody looked."""
    due = subscriptions.take_due(
        state().db.session,
        state().get(redis.Redis),
        period_seconds=state().settings.token_check_seconds,
        key=renewal.CHECKED_KEY,
    )
    for workspace_id, account_ids in due.items():
        put_bulk(workspace_id, check_accounts, [str(each) for each in account_ids])


def _sweep_media() -> None:
    """Have files fetched whose next try is due, or that nobody was woken for."""
    session = state().db.session
    found = find_waiting(session, now=utc_now())
    session.rollback()
    wake_fetching(found)


def _sweep_files() -> None:
    media_tidying.tidy(current_application(), now=utc_now())


def _sweep_figures() -> None:
    """Measure what waits, for whoever asks."""
    client = state().get(redis.Redis)
    spooled = state().get(Spool).count()
    figures = measure(state().db.session, client, queues=QUEUES, spooled=spooled)
    save_figures(client, figures)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the schedule.

    A part that is shared is done by one host at a time: a key in Redis says when it was done
    last. That saves work and is no promise; parts may run twice at once and must not mind.
    """

    run: Callable[[], None]
    every_seconds: float = SWEEP_SECONDS
    is_shared: bool = True

    @property
    def name(self) -> str:
        """The name it goes by in logs and in Redis."""
        return self.run.__name__.removeprefix("_")


SCHEDULE: Final[tuple[Part, ...]] = (
    Part(_sweep_journal, is_shared=False),
    Part(_sweep_news, is_shared=False),
    Part(_sweep_lanes, is_shared=False),
    Part(_sweep_turns, is_shared=False),
    Part(_sweep_snoozes, is_shared=False),
    Part(_sweep_connections, is_shared=False),
    Part(_sweep_media),
    Part(_sweep_files, every_seconds=60),
    Part(_sweep_figures),
    Part(_sweep_subscriptions, every_seconds=30),
    Part(_sweep_accounts, every_seconds=30),
    Part(_sweep_waiting, every_seconds=60),
    Part(_sweep_data_requests, every_seconds=60),
    Part(_sweep_history, every_seconds=30),
    Part(_sweep_retention, every_seconds=300),
)
"""What is looked after, and how often. A part is a few lines here; its service does the work."""


class PartTimeoutError(BaseTimeoutException):
    """A part of the schedule took too long."""


def sweep(parts: Collection[Part] = SCHEDULE, *, limit_seconds: int = 0) -> None:
    """Find what nobody was woken for. A part that fails does not keep the others from running.

    Args:
        parts: what to look after.
        limit_seconds: how long a part may take before it is broken off, which works in the main
            thread only; 0 for as long as it likes.
    """
    penalty: Any = UnixSignalDeathPenalty
    limit = penalty(limit_seconds, PartTimeoutError) if limit_seconds else nullcontext()
    for part in parts:
        DOING.begin(part.name)
        try:
            with limit:
                run_once(part.run)
        except Exception as error:  # noqa: BLE001 - the schedule must go on, whatever it is
            logger.error(  # noqa: TRY400 - a database error's text may quote a message
                "sweep_failed part=%s error=%s", part.name, name_error(error)
            )
        finally:
            DOING.end()


def keep_schedule(app: Flask, stopping: threading.Event) -> None:
    """Run each part of the schedule when it is due, until `stopping`.

    Several hosts doing so do no harm.
    """
    due_at = dict.fromkeys(SCHEDULE, 0.0)
    while not stopping.wait(1.0):
        now = time.monotonic()
        due = [part for part in SCHEDULE if due_at[part] <= now]
        with app.app_context():
            sweep([part for part in due if _is_ours(part)], limit_seconds=PART_SECONDS)
        due_at |= {part: now + part.every_seconds for part in due}


def _is_ours(part: Part) -> bool:
    """Say whether this host is the one to run a part that hosts share."""
    if not part.is_shared:
        return True
    key, milliseconds = f"messenger:schedule:{part.name}", int(part.every_seconds * 900)
    try:
        return bool(state().get(redis.Redis).set(key, "1", nx=True, px=milliseconds))
    except redis.RedisError:
        return True
