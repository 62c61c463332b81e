"""The blueprint of the pages, and what holds for every answer of it."""

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, Unauthorized

from flask_messenger.api.problems import ask_to_come_back, check_is_away, problem
from flask_messenger.api.security import protect_blueprint
from flask_messenger.errors import MessengerError, NotSignedInError
from flask_messenger.settings import Settings
from flask_messenger.state import state
from flask_messenger.ui.bundle import asset_url
from flask_messenger.ui.presenters.problems import DATABASE_AWAY, problem_page

FOREVER_SECONDS: Final = 365 * 24 * 3600
STATIC: Final = "messenger_ui.static"
PUBLIC: Final = ("static", "deletion_status")
"""Views that anybody may see: a person who asked Meta for a deletion has no account with us."""
PLAIN_PAGE: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Please try again</title>'
    f"<h1>{DATABASE_AWAY.title}</h1><p>{DATABASE_AWAY.text}</p></html>"
)

bp = Blueprint(
    "messenger_ui",
    __name__,
    url_prefix="/messenger",
    template_folder="templates",
    static_folder="static",
    static_url_path="/static",
)


@bp.context_processor
def page_words() -> dict[str, Any]:
    """Give templates what each of our pages needs; the names begin with ours, not the host's."""
    return {
        "fm_asset": asset_url,
        "fm_csrf": generate_csrf,
        "fm_oob": False,
        "messenger_base_template": state().settings.base_template,
    }


@bp.after_request
def add_headers(response: Response) -> Response:
    """Lock pages down; let bundles, whose names change with what is in them, be kept for ever.

    Registered before `protect_blueprint` adds its own, hence run after it.
    """
    if request.endpoint == STATIC and response.status_code < HTTPStatus.BAD_REQUEST:
        response.headers["Cache-Control"] = f"public, max-age={FOREVER_SECONDS}, immutable"
        return response
    headers = response.headers
    headers.setdefault("Content-Security-Policy", content_security_policy(state().settings))
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cache-Control", "no-store")
    return response


protect_blueprint(bp, public=PUBLIC)


@bp.errorhandler(MessengerError)
def answer_error(error: MessengerError) -> ResponseReturnValue:
    """Answer with a page where a person navigates, with a problem where our script asked."""
    if isinstance(error, NotSignedInError):
        # As Flask's own error, so that a host's handler for 401 can send people to its log-in.
        return current_app.handle_user_exception(Unauthorized())
    return _answer(error.status, title=error.title, detail=str(error))


@bp.errorhandler(HTTPException)
def answer_http_error(error: HTTPException) -> ResponseReturnValue:
    """Answer what Flask itself raised; redirects and ready-made responses pass unchanged."""
    if error.response is not None or error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error.get_response()
    return _answer(error.code, title=error.name, detail=error.description or error.name)


@bp.errorhandler(SQLAlchemyError)
def answer_database_error(error: SQLAlchemyError) -> ResponseReturnValue:
    """Ask to come back in a moment where the database does not answer."""
    check_is_away(error)
    status = HTTPStatus.SERVICE_UNAVAILABLE
    try:
        answer = _answer(status, title=status.phrase, detail="The database does not answer.")
    except SQLAlchemyError:
        # The host's own page around ours may need the database, too.
        answer = Response(PLAIN_PAGE, status, content_type="text/html; charset=utf-8")
    return ask_to_come_back(make_response(answer))


def _answer(status: int, *, title: str, detail: str) -> ResponseReturnValue:
    if asked_by_script():
        return problem(status, title=title, detail=detail)
    view = problem_page(status, title=title, detail=detail)
    return render_template("messenger/problem.html", fm_view=view), status


def asked_by_script() -> bool:
    """Say whether our script asked, and not a person who follows a link or sends a form."""
    return request.headers.get("HX-Request") == "true" or (
        request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
    )


def content_security_policy(settings: Settings) -> str:
    """Return the policy of our pages: nothing inline, of elsewhere only pictures and sounds.

    Pictures of people and of messages come from Meta's many hosts, hence any https address; the
    simulator's come from its own origin. The form that begins a connection is led on to Meta's
    login dialog, and browsers hold `form-action` against that, too.
    """
    simulator = _origin(settings.simulator_url) if settings.simulator_url else ""
    dialogs = sorted({_origin(settings.dialog_url), _origin(settings.instagram_dialog_url)})
    return "; ".join(
        [
            "default-src 'self'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' data: blob: https: {simulator}".rstrip(),
            f"media-src 'self' blob: https: {simulator}".rstrip(),
            "object-src 'none'",
            "base-uri 'self'",
            f"form-action 'self' {' '.join(dialogs)}",
            "frame-ancestors 'self'",
        ]
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
