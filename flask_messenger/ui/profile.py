"""How an account presents itself in a chat: written here, read back from Meta and set there."""

import uuid

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from flask_messenger.errors import GraphError, InvalidRequestError, TooManyRequestsError
from flask_messenger.inbox.queries import get_account
from flask_messenger.presence.profile import apply_profile, refresh_profile, stored_profile
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.presenters.profile import (
    ProfileForm,
    document_of,
    form_of,
    profile_page,
    read_form,
)
from flask_messenger.ui.reading import current_reader


@bp.get("/settings/accounts/<uuid:account_id>/profile")
def profile(account_id: uuid.UUID) -> str:
    """Show what the account shows, as far as it is known."""
    return _show(account_id, notice=request.args.get("notice", ""))


@bp.post("/settings/accounts/<uuid:account_id>/profile/read")
def read_profile(account_id: uuid.UUID) -> ResponseReturnValue:
    """Ask Meta what the account shows now."""
    tenant = require_permission("settings")
    try:
        refresh_profile(current_application(), tenant=tenant, account_id=account_id)
    except (GraphError, TooManyRequestsError) as error:
        state().db.session.rollback()
        return _show(account_id, problem=_words(error)), 502
    return _back(account_id, "read")


@bp.post("/settings/accounts/<uuid:account_id>/profile")
def set_profile(account_id: uuid.UUID) -> ResponseReturnValue:
    """Have the account show what the form says; what the form does not know of stays."""
    tenant = require_permission("settings")
    form = read_form(request.form)
    known = stored_profile(state().db.session, tenant=tenant, account_id=account_id)
    document = document_of(form, known)
    state().db.session.rollback()
    try:
        apply_profile(
            current_application(), tenant=tenant, account_id=account_id, document=document
        )
    except InvalidRequestError as error:
        state().db.session.rollback()
        return _show(account_id, form=form, problem=str(error)), 422
    except (GraphError, TooManyRequestsError) as error:
        state().db.session.rollback()
        return _show(account_id, form=form, problem=_words(error)), 502
    return _back(account_id, "applied")


def _words(error: GraphError | TooManyRequestsError) -> str:
    return error.agent_text if isinstance(error, GraphError) else str(error)


def _show(
    account_id: uuid.UUID, *, form: ProfileForm | None = None, problem: str = "", notice: str = ""
) -> str:
    tenant = require_permission("settings")
    session = state().db.session
    known = stored_profile(session, tenant=tenant, account_id=account_id)
    view = profile_page(
        get_account(session, tenant=tenant, account_id=account_id).account,
        known,
        current_reader(),
        form=form or form_of(known),
        problem=problem,
        notice=notice,
    )
    return render_template("messenger/profile.html", fm_view=view)


def _back(account_id: uuid.UUID, notice: str) -> ResponseReturnValue:
    return redirect(url_for("messenger_ui.profile", account_id=account_id, notice=notice), code=303)
