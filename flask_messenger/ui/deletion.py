"""The status of a deletion that somebody asked Meta for. Anybody with the code may look."""

from flask import render_template
from flask.typing import ResponseReturnValue

from flask_messenger.connect.callbacks import read_deletion
from flask_messenger.errors import NotFoundError
from flask_messenger.models.base import utc_now
from flask_messenger.state import state
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.presenters.deletion import deletion_view


@bp.get("/deletion/<code>")
def deletion_status(code: str) -> ResponseReturnValue:
    """Say how far a deletion has come."""
    deletion = read_deletion(state().db.session, code)
    if deletion is None:
        raise NotFoundError("There is no deletion with this code.")
    view = deletion_view(deletion, now=utc_now())
    return render_template("messenger/deletion_status.html", fm_view=view)
