"""The banner of what holds messages up, on every page that shows some."""

from flask import Response, make_response, render_template
from flask.typing import ResponseReturnValue

from flask_messenger.monitor.health import seconds_late
from flask_messenger.outbox.outages import outage_of_workspace
from flask_messenger.state import current_application, state
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.presenters.health import duration
from flask_messenger.ui.presenters.times import clock, moment
from flask_messenger.ui.reading import current_reader


def outage_words() -> list[str]:
    """Say what holds messages up, and what that means; nothing while they flow."""
    return [words for words in (_silence(), _lateness()) if words]


def _lateness() -> str:
    late = seconds_late(current_application())
    if not late:
        return ""
    return f"New messages arrive about {duration(late)} late at the moment. None of them is lost."


def _silence() -> str:
    reader = current_reader()
    outage = outage_of_workspace(state().db.session, state(), reader.tenant.workspace_id)
    if outage is None:
        return ""
    began, now = outage.began_at.astimezone(reader.zone), reader.now.astimezone(reader.zone)
    is_today = began.date() == now.date()
    since = (
        clock(began, reader.zone) if is_today else moment(began, now=reader.now, zone=reader.zone)
    )
    return (
        f"Meta is not answering since {since}."
        " Your messages wait and go out by themselves as soon as it does."
    )


@bp.context_processor
def outage_word() -> dict[str, object]:
    """Let templates ask for the words, where they have a place for them."""
    return {"fm_outage": outage_words}


@bp.get("/outage")
def outage() -> ResponseReturnValue:
    """Return the banner alone, for an open page."""
    response: Response = make_response(render_template("messenger/_outage.html"))
    return response
