"""The line that says that an account needs a person, above the inbox."""

from flask.typing import ResponseReturnValue

from flask_messenger.connect.doctor import list_warnings
from flask_messenger.state import state
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.fragments import fragment
from flask_messenger.ui.presenters.attention import warning_view
from flask_messenger.ui.presenters.inbox import WarningView
from flask_messenger.ui.presenters.reader import Reader
from flask_messenger.ui.reading import connect_url, current_reader


def read_warning(reader: Reader) -> WarningView | None:
    """Return what is to be said now."""
    warnings = list_warnings(state().db.session, tenant=reader.tenant)
    return warning_view(warnings, reader, connect_url)


@bp.get("/warnings")
def warnings() -> ResponseReturnValue:
    """Return the line alone, for an open page."""
    return fragment("_warnings.html", warning=read_warning(current_reader()))
