"""Work beside the queues: the runner of the outbox, and each group's look into the tables."""

import logging
import random
import threading
from datetime import timedelta
from typing import Final

from flask import Flask

from flask_messenger.ingest import announce as announcing
from flask_messenger.ingest import drain as draining
from flask_messenger.jobs.running import RUNNING_OUTBOX, STOPPING, as_job
from flask_messenger.jobs.schedule import SWEEP_LIMIT
from flask_messenger.jobs.taking import TURNS_SECONDS
from flask_messenger.jobs.work import ANNOUNCE_CHUNK, QueuedNews
from flask_messenger.media.claim import find_waiting
from flask_messenger.media.fetch import fetch_files
from flask_messenger.models.base import utc_now
from flask_messenger.models.outage import name_error
from flask_messenger.outbox import reconcile
from flask_messenger.outbox.runner import run_outbox
from flask_messenger.privacy import work as personal_data
from flask_messenger.state import current_application, state

logger = logging.getLogger(__name__)

POLL_LOST_AFTER: Final = timedelta(seconds=3)


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
            logger.error("outbox_failed error=%s", name_error(error))  # noqa: TRY400
            stopping.wait(1.0)
        finally:
            state().db.session.remove()


def poll(group: str) -> None:
    """Look for a group's work in the tables and do it: how work goes on while Redis is away."""
    as_job(POLLS[group])()


def _poll_ingest() -> None:
    draining.drain_all(current_application(), news=QueuedNews(), stopping=STOPPING.is_set)


def _poll_outbox() -> None:
    app = current_application()
    reconcile.sweep(app)
    if not RUNNING_OUTBOX.is_set():
        run_outbox(app, STOPPING.is_set, until_idle=True, threads=0)


def _poll_default() -> None:
    lost = announcing.find_unannounced(
        state().db.session, limit=SWEEP_LIMIT, lost_after=POLL_LOST_AFTER
    )
    ids = [each for group in lost.values() for each in group[:ANNOUNCE_CHUNK]]
    # Several processes poll: each begins somewhere else, so that they seldom tell twice.
    random.shuffle(ids)
    announcing.announce(current_application(), ids, budget_seconds=TURNS_SECONDS)


def _poll_bulk() -> None:
    """Go on with one request for personal data, and with one workspace's files.

    People have a right to the one, and Meta's addresses of the others end, queue or no queue. The
    rest of the bulk work, asking about subscriptions, is done late when Redis is back.
    """
    found = personal_data.find_open(state().db.session)
    state().db.session.rollback()
    if found:
        # Several processes poll: each takes any one, so that they seldom wait for each other.
        _, request_id = random.choice(found)  # noqa: S311 - nobody gains by guessing it
        personal_data.work_on(current_application(), request_id)
    waiting = find_waiting(state().db.session, now=utc_now())
    state().db.session.rollback()
    if waiting:
        fetch_files(current_application(), random.choice(waiting))  # noqa: S311 - as above


POLLS: Final = {
    "ingest": _poll_ingest,
    "outbox": _poll_outbox,
    "default": _poll_default,
    "bulk": _poll_bulk,
}
