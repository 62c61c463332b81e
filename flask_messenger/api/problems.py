"""Errors as answers: RFC 9457 problem details, `application/problem+json`."""

import logging
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Flask, Response, current_app, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from flask_messenger.errors import (
    InvalidRequestError,
    MessengerError,
    RateLimitedError,
    TooManyRequestsError,
)
from flask_messenger.models.outage import is_database_away

logger = logging.getLogger(__name__)

MIMETYPE: Final = "application/problem+json"
MEMBERS: Final = ("field", "reason", "remedy", "feature", "plan", "needed_plan", "errors")
"""Attributes of our errors that a problem shows as members of its own."""
UNAVAILABLE_RETRY_SECONDS: Final = 5


class InvalidFieldsError(InvalidRequestError):
    """A request does not have the shape that the OpenAPI document asks for.

    Attributes:
        errors: what is wrong, as `{"field": …, "message": …}`; never with what was sent.
    """

    def __init__(self, errors: list[dict[str, str]]) -> None:
        first = errors[0]
        super().__init__(f"{first['field']}: {first['message']}", field=first["field"])
        self.errors = errors


def handle_errors(bp: Blueprint) -> None:
    """Turn whatever a view of `bp` raises into a problem."""
    bp.register_error_handler(MessengerError, _answer_messenger_error)
    bp.register_error_handler(HTTPException, _answer_http_exception)
    bp.register_error_handler(SQLAlchemyError, _answer_database_error)


def handle_unmatched(app: Flask, prefix: str) -> None:
    """Answer with a problem where no route of `app` matches below `prefix`.

    No blueprint is concerned with such a request, so its handlers are not asked, and the host's
    own pages for 404 and 405 must stay what they are elsewhere.
    """

    def rewrite(response: Response) -> Response:
        error = request.routing_exception
        if error is None or isinstance(error, RequestRedirect):
            return response
        if not request.path.startswith(prefix):
            return response
        answer = current_app.make_response(_answer_http_exception(error))
        answer.headers["Cache-Control"] = "no-store"
        return answer

    app.after_request(rewrite)


def _answer_messenger_error(error: MessengerError) -> ResponseReturnValue:
    members = {name: getattr(error, name, None) for name in MEMBERS}
    shown = {name: value for name, value in members.items() if value is not None}
    detail = str(error)
    if error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        # These speak to whoever runs the server, and so does the log.
        logger.error("api_failed problem=%s endpoint=%s", error.slug, request.endpoint)
        detail = "Please try again. If it happens again, tell whoever runs this server."
    answer = problem(
        error.status,
        title=error.title,
        detail=detail,
        type_url=url_for("messenger_api.show_docs", _anchor=f"problem-{error.slug}"),
        **shown,
    )
    if isinstance(error, RateLimitedError | TooManyRequestsError):
        wait = error.retry_after_seconds
        if wait is not None:
            answer.headers["Retry-After"] = str(max(1, round(wait)))
    return answer


def _answer_http_exception(error: HTTPException) -> ResponseReturnValue:
    """Answer what Flask itself raised. Redirects and ready-made responses pass unchanged."""
    if error.response is not None or error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error
    answer = problem(error.code, title=_title(error.code), detail=_detail(error))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


def _answer_database_error(error: SQLAlchemyError) -> ResponseReturnValue:
    check_is_away(error)
    return ask_to_come_back(
        problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            title=HTTPStatus.SERVICE_UNAVAILABLE.phrase,
            detail="The database does not answer. Please try again in a moment.",
        )
    )


def check_is_away(error: SQLAlchemyError) -> None:
    """Pass, and log it, where a moment later all may be well; raise the error again if not."""
    if not (isinstance(error, OperationalError) or is_database_away(error)):
        raise error
    # Not the error itself: it prints the statement with its values.
    name = type(getattr(error, "orig", None) or error).__name__
    logger.error("database_unavailable endpoint=%s error=%s", request.endpoint, name)


def ask_to_come_back(answer: Response) -> Response:
    """Return `answer`, which says when to try again."""
    answer.headers["Retry-After"] = str(UNAVAILABLE_RETRY_SECONDS)
    return answer


def problem(
    status: int, *, title: str, detail: str, type_url: str = "about:blank", **members: Any
) -> Response:
    """Return a problem as a response."""
    body = {"type": type_url, "title": title, "status": int(status), "detail": detail, **members}
    answer = current_app.make_response(current_app.json.response(body))
    answer.status_code = int(status)
    answer.mimetype = MIMETYPE
    return answer


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _detail(error: HTTPException) -> str:
    if isinstance(error, NotFound):
        return "There is nothing at this address."
    if isinstance(error, MethodNotAllowed):
        return f"This address does not know the method {request.method}."
    if (error.code or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "Please try again. If it happens again, tell whoever runs this server."
    return error.description or _title(error.code or 0)
