"""An account's past, on its page: fetched on request, compared every night."""

import uuid
from datetime import timedelta

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from flask_messenger import jobs
from flask_messenger.errors import InvalidRequestError
from flask_messenger.history import runs
from flask_messenger.inbox.queries import get_account
from flask_messenger.models import Account
from flask_messenger.models.base import utc_now
from flask_messenger.state import state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.acting import CHANGED
from flask_messenger.ui.blueprint import asked_by_script, bp
from flask_messenger.ui.fragments import fragment
from flask_messenger.ui.presenters.history import SPANS, HistoryView, history_view
from flask_messenger.ui.presenters.reader import Reader
from flask_messenger.ui.reading import current_reader


def read_history(account: Account, reader: Reader) -> HistoryView:
    """Return what became of the account's runs."""
    found = runs.list_runs(state().db.session, tenant=reader.tenant, account_id=account.id)
    return history_view(account, found, reader)


@bp.get("/settings/accounts/<uuid:account_id>/history")
def history(account_id: uuid.UUID) -> ResponseReturnValue:
    """Return the runs alone, for an open page."""
    tenant = require_permission("connect")
    row = get_account(state().db.session, tenant=tenant, account_id=account_id)
    return fragment("_history.html", history=read_history(row.account, current_reader()))


@bp.post("/settings/accounts/<uuid:account_id>/history")
def fetch_history(account_id: uuid.UUID) -> ResponseReturnValue:
    """Begin to read the account's past."""
    tenant = require_permission("connect")
    days = request.form.get("days", "")
    if days not in dict(SPANS):
        raise InvalidRequestError("Choose how far back to go.", field="days")
    since = utc_now() - timedelta(days=int(days)) if days else None
    session = state().db.session
    run = runs.start_backfill(session, tenant=tenant, account_id=account_id, since=since)
    jobs.wake_history(run.workspace_id, run.id)
    return _back(account_id)


@bp.post("/settings/accounts/<uuid:account_id>/history/cancel")
def cancel_history(account_id: uuid.UUID) -> ResponseReturnValue:
    """End the run that is under way; what it stored stays."""
    tenant = require_permission("connect")
    runs.cancel_run(state().db.session, tenant=tenant, account_id=account_id)
    return _back(account_id)


def _back(account_id: uuid.UUID) -> ResponseReturnValue:
    if asked_by_script():
        return "", 204, CHANGED
    return redirect(url_for("messenger_ui.account", account_id=account_id), code=303)
