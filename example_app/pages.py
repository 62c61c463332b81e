"""What every page shares: the way in, the headers, and answers to what went wrong."""

from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy import text
from werkzeug.exceptions import Forbidden, HTTPException, NotFound, Unauthorized

from example_app.database import db
from example_app.models import STAGES

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self';"
    " frame-ancestors 'none'"
)

LINE_ICONS = {
    "conversation_assigned": "user",
    "conversation_closed": "check",
    "conversation_reopened": "inbox",
    "conversation_snoozed": "moon",
    "conversation_unassigned": "people",
    "lead_created": "plus",
    "message_failed": "warn",
    "message_received": "down",
    "message_sent": "up",
    "owner_changed": "user",
    "stage_changed": "flag",
}
CHANNELS = {"facebook": "Messenger", "instagram": "Instagram", "whatsapp": "WhatsApp"}

bp = Blueprint("pages", __name__)


@bp.get("/")
def home() -> ResponseReturnValue:
    """Begin in the inbox."""
    return redirect("/messenger/inbox")


@bp.get("/healthz")
def health() -> ResponseReturnValue:
    """Say that the application runs and its database answers."""
    db.session.execute(text("SELECT 1"))
    return {"status": "ok"}


def prepare(app: Flask) -> None:
    """Add the words of the templates, the headers and the error pages to `app`."""
    app.jinja_env.globals.update(stages=STAGES, line_icons=LINE_ICONS, channels=CHANNELS)
    app.before_request(_use_one_name)
    app.after_request(_add_headers)
    app.register_error_handler(Unauthorized, _ask_to_log_in)
    app.register_error_handler(Forbidden, _show_problem)
    app.register_error_handler(NotFound, _show_problem)
    app.register_error_handler(CSRFError, _show_problem)


def _use_one_name() -> ResponseReturnValue | None:
    """Send people from localhost to 127.0.0.1, where a login at Meta brings them back to.

    Browsers keep cookies by name: without this the log-in would be lost on the way.
    """
    public = urlsplit(current_app.config["MESSENGER_PUBLIC_URL"])
    is_other_name = request.host == f"localhost:{public.port}" and public.hostname == "127.0.0.1"
    if request.method != "GET" or not is_other_name:
        return None
    return redirect(f"{public.scheme}://{public.netloc}{request.full_path.rstrip('?')}")


def _add_headers(response: Response) -> Response:
    """Forbid what no page of ours does. The messenger's pages bring stricter or wider ones."""
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _ask_to_log_in(_error: HTTPException) -> ResponseReturnValue:
    return redirect(url_for("auth.log_in", next=request.full_path.rstrip("?")))


def _show_problem(error: HTTPException) -> ResponseReturnValue:
    return render_template("problem.html", error=error), error.code or 500
