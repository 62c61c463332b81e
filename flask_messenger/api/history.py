"""An account's past at Meta: fetched on request, compared every night."""

import uuid

from flask_messenger import jobs
from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.history import HistoryChange, HistoryRun, HistoryRuns
from flask_messenger.history import runs
from flask_messenger.state import state
from flask_messenger.tenancy import current_tenant, require_permission


@bp.get("/accounts/<uuid:account_id>/history")
@operation(
    "listHistoryRuns",
    tag="accounts",
    answers={200: (HistoryRuns, "The latest runs, newest first.")},
    problems=(404,),
)
def list_history_runs(account_id: uuid.UUID) -> HistoryRuns:
    """Say how far reading an account's past is, and what the nightly comparisons found."""
    session = state().db.session
    found = runs.list_runs(session, tenant=current_tenant(), account_id=account_id)
    return HistoryRuns(items=[HistoryRun.of(each) for each in found])


@bp.post("/accounts/<uuid:account_id>/history")
@operation(
    "changeHistory",
    tag="accounts",
    answers={200: (HistoryRun, "The run, begun or cancelled.")},
    problems=(400, 403, 404, 409, 415),
)
def change_history(account_id: uuid.UUID, json: HistoryChange) -> HistoryRun:
    """Begin to read an account's past, or end the run that is under way.

    Needs `connect`.
    """
    tenant = require_permission("connect")
    session = state().db.session
    if json.action == "cancel":
        cancelled = runs.cancel_run(session, tenant=tenant, account_id=account_id)
        return HistoryRun.of(cancelled)
    run = runs.start_backfill(session, tenant=tenant, account_id=account_id, since=json.since)
    jobs.wake_history(run.workspace_id, run.id)
    return HistoryRun.of(run)
