"""The page of saved replies: what agents put into the composer by a shortcut."""

import uuid

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from flask_messenger.errors import InvalidRequestError
from flask_messenger.replies.saved_replies import (
    SavedReplyValues,
    change_saved_reply,
    create_saved_reply,
    delete_saved_reply,
    list_saved_replies,
)
from flask_messenger.state import state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.presenters.replies import NO_DRAFT, Draft, saved_replies_page
from flask_messenger.ui.reading import current_reader

NAMES = ("shortcut", "title", "text", "location_id")


@bp.get("/settings/replies")
def saved_replies() -> str:
    """Show what is saved, with a form for one more."""
    return _show(notice=request.args.get("notice", ""))


@bp.post("/settings/replies")
def add_saved_reply() -> ResponseReturnValue:
    """Save one more reply."""
    tenant = require_permission("settings")
    draft = _draft()
    session = state().db.session
    try:
        values = SavedReplyValues(
            shortcut=draft.shortcut,
            title=draft.title,
            text=draft.text,
            location_id=draft.location_id or None,
        )
        create_saved_reply(session, state(), tenant=tenant, values=values)
    except InvalidRequestError as error:
        session.rollback()
        return _show(draft=draft, problem=str(error)), 422
    session.commit()
    return _back("saved")


@bp.post("/settings/replies/<uuid:saved_reply_id>")
def edit_saved_reply(saved_reply_id: uuid.UUID) -> ResponseReturnValue:
    """Change a saved reply."""
    tenant = require_permission("settings")
    draft = _draft(saved_reply_id)
    session = state().db.session
    try:
        change_saved_reply(
            session,
            tenant=tenant,
            saved_reply_id=saved_reply_id,
            shortcut=draft.shortcut,
            title=draft.title,
            text=draft.text,
        )
    except InvalidRequestError as error:
        session.rollback()
        return _show(draft=draft, problem=str(error)), 422
    session.commit()
    return _back("saved")


@bp.post("/settings/replies/<uuid:saved_reply_id>/delete")
def drop_saved_reply(saved_reply_id: uuid.UUID) -> ResponseReturnValue:
    """Remove a saved reply."""
    tenant = require_permission("settings")
    session = state().db.session
    delete_saved_reply(session, tenant=tenant, saved_reply_id=saved_reply_id)
    session.commit()
    return _back("deleted")


def _draft(saved_reply_id: uuid.UUID | None = None) -> Draft:
    given = {name: request.form.get(name, "") for name in NAMES}
    return Draft(id=str(saved_reply_id or ""), **given)


def _show(*, draft: Draft = NO_DRAFT, problem: str = "", notice: str = "") -> str:
    tenant = require_permission("settings")
    view = saved_replies_page(
        list_saved_replies(state().db.session, tenant=tenant),
        current_reader(),
        draft=draft,
        problem=problem,
        notice=notice,
    )
    return render_template("messenger/saved_replies.html", fm_view=view)


def _back(notice: str) -> ResponseReturnValue:
    return redirect(url_for("messenger_ui.saved_replies", notice=notice), code=303)
