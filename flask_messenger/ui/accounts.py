"""One account: how it is, by the connection doctor, and what can be done about it."""

import uuid

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from flask_messenger.connect.doctor import diagnose, read_diagnosis
from flask_messenger.inbox.queries import get_account
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.history import read_history
from flask_messenger.ui.presenters.accounts import account_page
from flask_messenger.ui.reading import connect_url, current_reader


@bp.get("/settings/accounts/<uuid:account_id>")
def account(account_id: uuid.UUID) -> ResponseReturnValue:
    """Show what the last examination of an account found."""
    tenant, reader = require_permission("connect"), current_reader()
    session = state().db.session
    row = get_account(session, tenant=tenant, account_id=account_id)
    view = account_page(
        row,
        read_diagnosis(session, tenant=tenant, account_id=account_id),
        reader,
        history=read_history(row.account, reader),
        connect=connect_url,
        notice=request.args.get("notice"),
    )
    return render_template("messenger/account.html", fm_view=view)


@bp.post("/settings/accounts/<uuid:account_id>/check")
def check_account(account_id: uuid.UUID) -> ResponseReturnValue:
    """Ask Meta now how the account is."""
    tenant = require_permission("connect")
    diagnose(current_application(), tenant=tenant, account_id=account_id)
    return redirect(
        url_for("messenger_ui.account", account_id=account_id, notice="checked"), code=303
    )
