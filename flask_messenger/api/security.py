"""Who may call: a signed-in tenant, and only on purpose (no request forged by another site)."""

from collections.abc import Collection
from typing import Any, Final

from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from flask_wtf.csrf import validate_csrf
from wtforms import ValidationError

from flask_messenger.api.problems import handle_errors
from flask_messenger.errors import CsrfError
from flask_messenger.state import state
from flask_messenger.tenancy import current_tenant

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADERS: Final = ("X-CSRFToken", "X-CSRF-Token")
CSRF_FIELD: Final = "csrf_token"
MAX_BODY_BYTES: Final = 1024 * 1024
AROUND_BYTES: Final = 64 * 1024
"""What a form has beside its file."""


def protect_blueprint(bp: Blueprint, *, public: Collection[str] = ()) -> None:
    """Give `bp` what every JSON route of ours has.

    Every error becomes a problem (RFC 9457), nobody gets in who is not signed in, every
    state-changing request has to carry a CSRF token, no body is larger than MAX_BODY_BYTES, and no
    answer is kept by a cache.

    Args:
        bp: not yet registered on an application.
        public: names of views that ask for none of this, such as what Meta calls, signed, or a
            page that anybody may read.
    """
    handle_errors(bp)

    def guard() -> None:
        _limit_body()
        if _view_name() in public:
            return
        current_tenant()
        check_csrf()

    bp.before_request(guard)
    bp.after_request(forbid_caching)
    bp.record_once(_replace_host_check)


def check_csrf() -> None:
    """Pass a request that changes nothing, or that our own pages (or a token) made.

    A request with `Authorization: Bearer` passes: no browser adds that by itself, so another site
    cannot forge it. `WTF_CSRF_ENABLED = False` switches the check off, as it does the host's.

    Raises:
        CsrfError: the token is missing, too old, or of another session.
    """
    if request.method in SAFE_METHODS or not current_app.config.get("WTF_CSRF_ENABLED", True):
        return
    if request.authorization is not None and request.authorization.type == "bearer":
        return
    try:
        validate_csrf(_csrf_token(), time_limit=_token_seconds())
    except ValidationError as error:
        message = f"{error.args[0]} Reload the page and try again."
        raise CsrfError(message) from error


def forbid_caching(response: Response) -> Response:
    """Keep answers about people out of every cache, but for files that say how long they last."""
    if not (response.cache_control.private and response.cache_control.max_age):
        response.headers["Cache-Control"] = "no-store"
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response


def allow_file() -> None:
    """Let the body of this request be as large as a file that can be sent; a host may allow less.

    Before the form is read, in a view that takes one.
    """
    most = max(state().settings.media.uploaded_bytes.values()) + AROUND_BYTES
    request.max_content_length = min(current_app.config["MAX_CONTENT_LENGTH"] or most, most)


def _limit_body() -> None:
    """Refuse to read more than a request of ours ever needs; a host may allow less."""
    allowed = request.max_content_length
    request.max_content_length = min(allowed or MAX_BODY_BYTES, MAX_BODY_BYTES)


def _csrf_token() -> str | None:
    for name in CSRF_HEADERS:
        if token := request.headers.get(name):
            return token
    return request.form.get(current_app.config.get("WTF_CSRF_FIELD_NAME", CSRF_FIELD))


def _token_seconds() -> int:
    """Let a token live as long as its session: an inbox stays open for a whole day."""
    return int(current_app.permanent_session_lifetime.total_seconds())


def _view_name() -> str:
    return (request.endpoint or "").rpartition(".")[2]


def _replace_host_check(setup: BlueprintSetupState) -> None:
    """Keep a host's Flask-WTF `CSRFProtect` away from this blueprint, which checks by itself.

    It would look for the token in a form only where ours is, and refuse what Meta signs. The host
    may set it up before us or after us, so this looks when the first request comes.
    """
    app, bp = setup.app, setup.blueprint
    looked: list[bool] = []

    def exempt() -> None:
        if not looked:
            protect: Any = app.extensions.get("csrf")
            if protect is not None:
                protect.exempt(bp)
            looked.append(True)

    # First in line, or the host's check has run already.
    app.before_request_funcs.setdefault(None, []).insert(0, exempt)
