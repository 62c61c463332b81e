"""One account: how it is, by the connection doctor, and what can be done about it."""

import uuid

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from flask_messenger.channels.registry import CHANNELS
from flask_messenger.connect.doctor import diagnose, read_diagnosis
from flask_messenger.inbox.queries import get_account
from flask_messenger.models import Account
from flask_messenger.models.accounts import DISCONNECTED
from flask_messenger.presence.personas import list_personas
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.history import read_history
from flask_messenger.ui.presenters.accounts import account_page
from flask_messenger.ui.presenters.personas import PersonaDraft, PersonasView, personas_view
from flask_messenger.ui.presenters.reader import Reader
from flask_messenger.ui.reading import connect_url, current_reader


@bp.get("/settings/accounts/<uuid:account_id>")
def account(account_id: uuid.UUID) -> ResponseReturnValue:
    """Show what the last examination of an account found."""
    return show_account(account_id, notice=request.args.get("notice", ""))


def show_account(
    account_id: uuid.UUID,
    *,
    notice: str = "",
    persona: PersonaDraft | None = None,
    persona_problem: str = "",
) -> str:
    """Return the account's page, with what was refused there."""
    reader = current_reader()
    may_connect = reader.tenant.may("connect")
    if not may_connect:
        require_permission("settings")
    session = state().db.session
    row = get_account(session, tenant=reader.tenant, account_id=account_id)
    view = account_page(
        row,
        read_diagnosis(session, tenant=reader.tenant, account_id=account_id),
        reader,
        history=read_history(row.account, reader) if may_connect else None,
        personas=_personas(
            row.account, reader, draft=persona or PersonaDraft(), problem=persona_problem
        ),
        connect=connect_url,
        notice=notice,
    )
    return render_template("messenger/account.html", fm_view=view)


def _personas(
    account: Account, reader: Reader, *, draft: PersonaDraft, problem: str
) -> PersonasView | None:
    """Return the account's personas; None where there can be none, or others look after them."""
    channel = CHANNELS.get(account.channel)
    is_live = channel is not None and channel.has_personas and account.status != DISCONNECTED
    if not is_live or not reader.tenant.may("settings"):
        return None
    found = list_personas(state().db.session, tenant=reader.tenant, account_id=account.id)
    return personas_view(account, found, reader, draft=draft, problem=problem)


@bp.post("/settings/accounts/<uuid:account_id>/check")
def check_account(account_id: uuid.UUID) -> ResponseReturnValue:
    """Ask Meta now how the account is."""
    tenant = require_permission("connect")
    diagnose(current_application(), tenant=tenant, account_id=account_id)
    return redirect(
        url_for("messenger_ui.account", account_id=account_id, notice="checked"), code=303
    )
