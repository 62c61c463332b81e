"""Templates that Meta approves: proposed on a page of their own, read back into the list."""

import uuid

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from flask_messenger.channels.registry import CHANNELS
from flask_messenger.errors import ConflictError, GraphError, InvalidRequestError
from flask_messenger.inbox.queries import list_accounts
from flask_messenger.models import Account
from flask_messenger.replies.utility import create_utility_template, sync_utility_templates
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.kept_templates import show_templates
from flask_messenger.ui.presenters.proposing import (
    ProposalDraft,
    proposal_of,
    proposal_page,
    read_proposal,
)
from flask_messenger.ui.reading import current_reader


@bp.get("/settings/templates/propose")
def new_proposal() -> str:
    """Show an empty proposal."""
    return _show(ProposalDraft(account_id=request.args.get("account_id", "")))


@bp.post("/settings/templates/propose")
def propose_template() -> ResponseReturnValue:
    """Have Meta approve a template."""
    tenant = require_permission("settings")
    draft = read_proposal(request.form)
    session = state().db.session
    try:
        account_id, proposal = able_account_id(draft.account_id), proposal_of(draft)
        session.rollback()
        create_utility_template(
            current_application(), tenant=tenant, account_id=account_id, proposal=proposal
        )
    except (InvalidRequestError, ConflictError) as error:
        session.rollback()
        return _show(draft, problem=str(error)), error.status
    except GraphError as error:
        session.rollback()
        return _show(draft, problem=error.agent_text), 502
    return redirect(url_for("messenger_ui.templates", notice="proposed"), code=303)


@bp.post("/settings/accounts/<uuid:account_id>/templates/read")
def read_templates(account_id: uuid.UUID) -> ResponseReturnValue:
    """Ask Meta which templates an account has."""
    tenant = require_permission("settings")
    try:
        sync_utility_templates(current_application(), tenant=tenant, account_id=account_id)
    except GraphError as error:
        state().db.session.rollback()
        return show_templates(problem=error.agent_text), 502
    return redirect(url_for("messenger_ui.templates", notice="read"), code=303)


def able_accounts() -> list[Account]:
    """Return the accounts whose channel has such templates."""
    tenant = require_permission("settings")
    rows = list_accounts(state().db.session, tenant=tenant)
    able = {name for name, each in CHANNELS.items() if each.has_utility_templates}
    return [row.account for row in rows if row.account.channel in able]


def able_account_id(text: str) -> uuid.UUID:
    """Return the id of such an account.

    Raises:
        InvalidRequestError: the person sees none of this id.
    """
    for each in able_accounts():
        if str(each.id) == text:
            return each.id
    raise InvalidRequestError("Choose an account.", field="account_id")


def _show(draft: ProposalDraft, *, problem: str = "") -> str:
    view = proposal_page(draft, able_accounts(), current_reader(), problem=problem)
    return render_template("messenger/propose_template.html", fm_view=view)
