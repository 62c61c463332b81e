"""Going over an account's conversations: a call and a conversation at a time, resumed anywhere."""

import logging
import time
import uuid
from collections.abc import Mapping
from typing import Final

import redis
from flask import Flask
from sqlalchemy.orm import Session

from flask_messenger.connect.reach import reach_of
from flask_messenger.errors import (
    GraphError,
    InvalidGraphRequestError,
    RecipientUnavailableError,
)
from flask_messenger.graph.client import Graph
from flask_messenger.graph.conversations import list_conversations, read_conversation
from flask_messenger.history.held import (
    Task,
    add_counts,
    finish_run,
    lock_run,
    without_troubles,
)
from flask_messenger.history.pace import await_turn
from flask_messenger.history.reading import Ours, events_of, person_of
from flask_messenger.history.runs import OPEN_STATES
from flask_messenger.history.storing import Compared, store_history
from flask_messenger.history.trouble import note_trouble
from flask_messenger.ingest.drain import changes_of
from flask_messenger.models import Account, HistoryRun
from flask_messenger.models.accounts import ACTIVE
from flask_messenger.models.base import utc_now
from flask_messenger.models.history import BACKFILL, DONE, FAILED, RUNNING
from flask_messenger.realtime import publish
from flask_messenger.state import MessengerState, state_of

logger = logging.getLogger(__name__)

TURN_SECONDS: Final = 5.0
MAX_TRIES: Final = 5
"""Turns in a row that end with the worker, or in an error of ours, before a conversation is left
out, or the run has failed where there is none to blame."""
MAX_LOST: Final = 3
"""Conversations left out in a row: then it is not they who are to blame."""
LOST: Final = "worker_lost"
NOT_CONNECTED: Final = "account_not_connected"
UNREADABLE: Final = (InvalidGraphRequestError, RecipientUnavailableError)
"""What one conversation may be without costing the others."""


def work_on(app: Flask, run_id: uuid.UUID, *, turn_seconds: float = TURN_SECONDS) -> bool:
    """Do the next piece of a run; say whether there is more to do now. Commits by itself.

    In the system scope. May run twice at once and be killed anywhere. Could Meta not be asked,
    the schedule comes back to it.
    """
    held = state_of(app)
    session: Session = held.db.session
    if not _begin_turn(session, run_id):
        return False
    ends_at = time.monotonic() + turn_seconds
    while time.monotonic() < ends_at:
        task = _read(held, session, run_id)
        if task is None:
            return False
        try:
            if not _step(held, session, task):
                return False
        except GraphError as error:
            note_trouble(app, session, task, error)
            return False
    return True


def _begin_turn(session: Session, run_id: uuid.UUID) -> bool:
    """Count the try before it begins: a worker that is killed by it cannot do so afterwards."""
    run = lock_run(session, run_id)
    if run is None:
        return False
    if int(run.progress.get("tries", 0)) >= MAX_TRIES and not _leave_out(run):
        session.rollback()
        finish_run(session, run_id, state=FAILED, error=LOST)
        return False
    run.state, run.worked_at, run.retry_at = RUNNING, utc_now(), None
    run.progress = {**run.progress, "tries": int(run.progress.get("tries", 0)) + 1}
    session.commit()
    return True


def _leave_out(run: HistoryRun) -> bool:
    """Leave out the conversation that is next, which may be what ends the workers.

    Returns False where none is next, or the last few were left out already.
    """
    pending, lost = run.progress.get("pending", []), int(run.progress.get("lost", 0))
    if not pending or lost >= MAX_LOST:
        return False
    logger.error("conversation_lost run_id=%s", run.id)
    run.progress = {**without_troubles(run.progress), "pending": pending[1:], "lost": lost + 1}
    run.result = add_counts(run.result, {"skipped": 1})
    return True


def _read(held: MessengerState, session: Session, run_id: uuid.UUID) -> Task | None:
    session.expire_all()
    run = session.get(HistoryRun, run_id)
    if run is None or run.state not in OPEN_STATES:
        session.rollback()
        return None
    account = session.get(Account, run.account_id)
    reach = reach_of(held, account) if account and account.status == ACTIVE else None
    if account is None or reach is None:
        session.rollback()
        finish_run(session, run_id, state=FAILED, error=NOT_CONNECTED)
        return None
    session.expunge(run)
    session.expunge(account)
    session.rollback()
    return Task(run=run, account=account, reach=reach)


def _step(held: MessengerState, session: Session, task: Task) -> bool:
    """Read a conversation, or list more of them; False at the end."""
    if task.pending:
        _read_one(held, session, task, task.pending[0])
        return True
    if task.run.progress.get("is_listed"):
        finish_run(session, task.run.id, state=DONE)
        return False
    _list_more(held, session, task)
    return True


def _list_more(held: MessengerState, session: Session, task: Task) -> None:
    reach, since = task.reach, task.run.since
    began_after = task.run.progress.get("after")
    request = reach.of_channel.build_conversations(reach.endpoint, after=began_after)
    await_turn(held.get(redis.Redis), task.account.id)
    found, after = list_conversations(held.get(Graph), request, app=reach.app, token=reach.token)
    due = [
        each
        for each in found
        if since is None or each.updated_at is None or each.updated_at >= since
    ]
    # The latest come first: what follows an old one is older still. A place that is followed by
    # itself would be listed for ever.
    is_listed = after is None or after == began_after or len(due) < len(found)
    progress = {"pending": [each.id for each in due], "after": after, "is_listed": is_listed}
    run = lock_run(session, task.run.id)
    if run is None:
        return
    # Another worker may have listed it meanwhile, and read some of it since.
    if run.progress.get("after") == began_after and not run.progress.get("is_listed"):
        run.progress, run.error = progress, None
    run.worked_at = utc_now()
    session.commit()


def _read_one(held: MessengerState, session: Session, task: Task, conversation_id: str) -> None:
    reach = task.reach
    channel = reach.of_channel
    request = channel.build_conversation(conversation_id, endpoint=reach.endpoint)
    await_turn(held.get(redis.Redis), task.account.id)
    try:
        read = read_conversation(held.get(Graph), request, app=reach.app, token=reach.token)
    except UNREADABLE as error:
        logger.info("conversation_unreadable run_id=%s error=%s", task.run.id, error.slug)
        _advance(session, task.run.id, conversation_id, {"skipped": 1})
        return
    own_ids = frozenset(each for each in (reach.external_id, reach.page_external_id) if each)
    ours = Ours(ids=own_ids, username=task.account.username)
    person = person_of(read, ours)
    if person is None:
        _advance(session, task.run.id, conversation_id, {"skipped": 1})
        return
    events = events_of(channel, reach.external_id, person.id, read, ours=ours)
    if not _advance(session, task.run.id, conversation_id, {}, is_committing=False):
        return
    compared = store_history(
        session,
        task.account,
        person,
        events,
        since=task.run.since,
        is_read=task.run.kind == BACKFILL,
    )
    _count(session, task.run, compared)
    session.commit()
    if compared.outcome is not None:
        publish(held.get(redis.Redis), changes_of(compared.outcome))


def _advance(
    session: Session,
    run_id: uuid.UUID,
    conversation_id: str,
    counts: Mapping[str, int],
    *,
    is_committing: bool = True,
) -> bool:
    """Take a conversation off the list; False where another worker did, or the run has ended."""
    run = lock_run(session, run_id)
    if run is None:
        return False
    pending = [each for each in run.progress.get("pending", []) if each != conversation_id]
    if len(pending) == len(run.progress.get("pending", [])):
        session.rollback()
        return False
    run.progress = {**without_troubles(run.progress), "pending": pending}
    run.result = add_counts(run.result, counts)
    run.error, run.worked_at = None, utc_now()
    session.flush()
    if is_committing:
        session.commit()
    return True


def _count(session: Session, run: HistoryRun, compared: Compared) -> None:
    counts: dict[str, int] = (
        {"conversations": 1, "messages": compared.checked, "new": compared.repaired}
        if run.kind == BACKFILL
        else {
            "conversations": 1,
            "checked": compared.checked,
            "missing": compared.missing,
            "repaired": compared.repaired,
        }
    )
    row = session.get_one(HistoryRun, run.id)
    row.result = add_counts(row.result, counts)
