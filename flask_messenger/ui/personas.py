"""Personas, on an account's page: made at Meta, given to agents, taken away."""

import uuid

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from flask_messenger.errors import GraphError, InvalidRequestError
from flask_messenger.presence import personas
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.accounts import show_account
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.presenters.personas import PersonaDraft


@bp.post("/settings/accounts/<uuid:account_id>/personas")
def add_persona(account_id: uuid.UUID) -> ResponseReturnValue:
    """Make a persona at Meta."""
    tenant = require_permission("settings")
    names = ("name", "picture_url", "user_ref")
    draft = PersonaDraft(**{name: request.form.get(name, "").strip() for name in names})
    try:
        personas.create_persona(
            current_application(),
            tenant=tenant,
            account_id=account_id,
            name=draft.name,
            picture_url=draft.picture_url,
            user_ref=draft.user_ref or None,
        )
    except InvalidRequestError as error:
        return _refused(account_id, str(error), draft), 422
    except GraphError as error:
        return _refused(account_id, error.agent_text, draft), 502
    return _back(account_id)


@bp.post("/settings/accounts/<uuid:account_id>/personas/read")
def read_personas(account_id: uuid.UUID) -> ResponseReturnValue:
    """Ask Meta which personas the account has."""
    tenant = require_permission("settings")
    try:
        personas.sync_personas(current_application(), tenant=tenant, account_id=account_id)
    except GraphError as error:
        return _refused(account_id, error.agent_text), 502
    return _back(account_id)


@bp.post("/settings/personas/<uuid:persona_id>")
def give_persona(persona_id: uuid.UUID) -> ResponseReturnValue:
    """Say whose answers carry a persona."""
    tenant = require_permission("settings")
    session = state().db.session
    row = personas.change_persona(
        session,
        tenant=tenant,
        persona_id=persona_id,
        user_ref=request.form.get("user_ref") or None,
    )
    account_id = row.account_id
    session.commit()
    return _back(account_id)


@bp.post("/settings/personas/<uuid:persona_id>/delete")
def drop_persona(persona_id: uuid.UUID) -> ResponseReturnValue:
    """Take a persona away at Meta; what it signed stays."""
    tenant = require_permission("settings")
    session = state().db.session
    account_id = personas.get_persona(session, tenant=tenant, persona_id=persona_id).account_id
    try:
        personas.remove_persona(current_application(), tenant=tenant, persona_id=persona_id)
    except GraphError as error:
        return _refused(account_id, error.agent_text), 502
    return _back(account_id)


def _refused(account_id: uuid.UUID, problem: str, draft: PersonaDraft | None = None) -> str:
    state().db.session.rollback()
    return show_account(account_id, persona=draft or PersonaDraft(), persona_problem=problem)


def _back(account_id: uuid.UUID) -> ResponseReturnValue:
    url = url_for("messenger_ui.account", account_id=account_id, notice="personas")
    return redirect(url, code=303)
