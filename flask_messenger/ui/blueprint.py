"""The blueprint of the pages, and what holds for every answer of it."""

from typing import Any, Final

from flask import Blueprint, Response, request
from flask_wtf.csrf import CSRFError, generate_csrf, validate_csrf
from wtforms import ValidationError

from flask_messenger.errors import PermissionDeniedError
from flask_messenger.state import state
from flask_messenger.ui.bundle import asset_url

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FOREVER_SECONDS: Final = 365 * 24 * 3600
CSRF_HEADER: Final = "X-CSRFToken"

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
        "fm_csrf": generate_csrf(),
        "fm_oob": False,
        "messenger_base_template": state().settings.base_template,
    }


@bp.before_request
def refuse_forged_requests() -> None:
    """Check the token of whatever changes something, whether or not the host protects its forms.

    Raises:
        PermissionDeniedError: the token is missing, foreign or too old.
    """
    if request.method in SAFE_METHODS:
        return
    try:
        validate_csrf(request.headers.get(CSRF_HEADER) or request.form.get("csrf_token"))
    except (CSRFError, ValidationError) as error:
        raise PermissionDeniedError("This page is too old. Reload it and try again.") from error


@bp.after_request
def add_headers(response: Response) -> Response:
    """Lock pages down and keep them out of caches; what a host set itself stays."""
    if request.endpoint == "messenger_ui.static":
        response.cache_control.public = True
        response.cache_control.max_age = FOREVER_SECONDS
        response.cache_control.immutable = True
        response.cache_control.no_cache = None
        return response
    headers = response.headers
    headers.setdefault("Content-Security-Policy", content_security_policy(_simulator_origin()))
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cache-Control", "no-store")
    return response


def _simulator_origin() -> str | None:
    url = state().settings.simulator_url
    return "/".join(url.split("/")[:3]) if url else None


def content_security_policy(simulator_origin: str | None = None) -> str:
    """Return the policy of our pages: nothing inline, nothing from elsewhere but pictures.

    Pictures of people and of messages come from Meta's many hosts, hence any https address;
    the simulator's come from its own origin.
    """
    pictures = " ".join(["'self'", "data:", "https:", *filter(None, [simulator_origin])])
    return "; ".join(
        [
            "default-src 'self'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src {pictures}",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        ]
    )
