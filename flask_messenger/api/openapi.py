"""The OpenAPI document, made from the code that answers: spectree reads the routes and models.

Spectree checks requests as well, through a back end of our own: it reads a body strictly and says
what is wrong without repeating what was sent.
"""

import copy
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final, cast, get_args

from flask import Request, current_app, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from spectree import Response as Answers
from spectree import SpecTree
from spectree.models import Tag
from spectree.plugins.base import Context
from spectree.plugins.flask_plugin import FlaskPlugin
from spectree.utils import get_multidict_items
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from flask_messenger.api.problems import MIMETYPE, InvalidFieldsError
from flask_messenger.api.schemas.base import Question
from flask_messenger.api.schemas.problems import Problem

logger = logging.getLogger(__name__)

View = Callable[..., ResponseReturnValue]

FORM: Final = "multipart/form-data"
MALFORMED: Final = frozenset({"json_invalid", "json_type"})
PROBLEM_TEXTS: Final = {
    400: "The body is not what its type says, such as JSON.",
    401: "Nobody is signed in.",
    402: "The workspace's plan does not have this; the problem names the plan that does.",
    403: "A permission is missing, or the CSRF token.",
    404: "Not found. The same answer for what does not exist and for what belongs to others.",
    409: "This cannot be done now.",
    413: "The body is larger than a request of this kind may be.",
    415: "The body is of another type than the one named here.",
    416: "The file has no such bytes.",
    422: "The request is not valid; the problem names each wrong field.",
    429: "Meta would refuse another call now; `Retry-After` says when to try again.",
    502: "Meta did not accept the request, or did not answer; the problem says what to do.",
    503: "The database does not answer.",
}
DESCRIPTION: Final = """\
Accounts, conversations and messages of the signed-in workspace.

Lists come in pages: hand `next_cursor` back as `cursor`. Times are ISO 8601 in UTC, ids are UUIDs.
Errors are problem details (RFC 9457); their `type` ends in a stable name. A request that changes
something carries the CSRF token of the page in `X-CSRFToken`, unless it is authorised by a bearer
token that the host understands."""


class StrictBackend(FlaskPlugin):
    """Spectree's Flask back end with our way of reading a request."""

    def request_validation(  # noqa: PLR0917 - spectree calls it like this
        self, request: Request, query: Any, json: Any, form: Any, headers: Any, cookies: Any
    ) -> None:
        """Keep the checked parts on the request, for spectree to hand to the view.

        Raises:
            InvalidFieldsError: fields are missing, unknown or wrong.
            BadRequest: the body is not JSON.
            UnsupportedMediaType: the body says that it is something else.
        """
        del form, cookies  # no view of ours reads them
        checked_query = _read_query(request, query) if query else None
        checked_body = _read_body(request, json) if json else None
        checked_headers = _read_headers(request, headers) if headers else None
        cast("Any", request).context = Context(
            checked_query, checked_body, None, checked_headers, None
        )


def _read_query(request: Request, model: type[BaseModel]) -> BaseModel:
    try:
        return model.model_validate(get_multidict_items(request.args, model))
    except ValidationError as error:
        raise InvalidFieldsError(list(_field_errors(error, model))) from None


def _read_headers(request: Request, model: type[BaseModel]) -> BaseModel:
    names = [str(field.alias) for field in model.model_fields.values()]
    given = {name: request.headers[name] for name in names if name in request.headers}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise InvalidFieldsError(list(_field_errors(error, model))) from None


def _read_body(request: Request, model: type[BaseModel]) -> BaseModel:
    body = request.get_data()
    if not body and issubclass(model, Question) and model.may_be_left_out:
        return model()
    if not request.is_json:
        raise UnsupportedMediaType("Send JSON, as `Content-Type: application/json`.")
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        if any(each["type"] in MALFORMED for each in error.errors(include_input=False)):
            raise BadRequest("The body is not valid JSON.") from None
        raise InvalidFieldsError(list(_field_errors(error, model))) from None


def _field_errors(error: ValidationError, model: type[BaseModel]) -> Iterator[dict[str, str]]:
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        if each["type"] != "none_required":  # the other side of an optional field
            yield {"field": _field_name(each["loc"], model), "message": each["msg"]}


def _field_name(place: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """Return the dotted name of a field, without the names pydantic gives the sides of a union."""
    names: list[str] = []
    fields = model.model_fields
    for part in place:
        if part in fields:
            names.append(str(part))
            fields = _fields_inside(fields[str(part)].annotation)
    if place and not names:
        names.append(str(place[0])[:64])  # an unknown field: the caller's own text, cut short
    return ".".join(names) or "body"


def _fields_inside(annotation: Any) -> dict[str, FieldInfo]:
    """Return the fields of the model that an annotation such as `Model | None` holds, if any."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind.model_fields
    return {}


def _stay_silent(*_unused: Any) -> None:
    """Replace spectree's own logging, which prints what was sent."""


def _refuse_to_lie(_request: Any, _response: Any, error: Any, *_unused: Any) -> None:
    """Fail loudly where an answer is not what the document promises."""
    if error is not None:
        message = f"The answer of {request.endpoint} is not what its model says."
        raise TypeError(message) from None


TAGS: Final = {
    "accounts": "Connected Pages, Instagram accounts and WhatsApp numbers.",
    "conversations": "Threads between an account and a person.",
    "messages": "What was written, and sending.",
    "media": "Files of messages: serving, fetching again, uploading.",
    "templates": "Templates and saved replies: kept, changed, filled in for a conversation.",
    "profile": "How an account presents itself in a chat: its profile, and personas.",
    "workspace": "Who is asking, what they may do, what the workspace chose.",
    "events": "What changes, as it happens.",
    "journal": "What Meta sent, and having it applied again. For admins.",
    "privacy": "Personal data: exports, erasures, who did what. For admins.",
}


class _Document(SpecTree):
    """spectree, which would describe a model again for every operation that names it.

    Every process that imports us pays for that: most operations answer with the same problems.
    """

    def __init__(self, **options: Any) -> None:
        self._described: dict[tuple[Any, str], str] = {}
        super().__init__(**options)

    def _add_model(self, model: Any, mode: Any = "validation") -> str:
        key = (model, mode)
        if key not in self._described:
            self._described[key] = super()._add_model(model, mode)
        return self._described[key]


spec = _Document(
    backend=StrictBackend,
    mode="strict",
    before=_stay_silent,
    after=_refuse_to_lie,
    validation_error_model=Problem,
    naming_strategy=lambda model: model.__name__,
    nested_naming_strategy=lambda _parent, child: child,
    title="flask_messenger",
    description=DESCRIPTION,
    version=version("flask-messenger"),
    openapi_version="3.1.0",
)


def operation(
    operation_id: str,
    *,
    tag: str,
    answers: dict[int, tuple[type[BaseModel] | None, str]],
    problems: Sequence[int] = (),
) -> Callable[[Callable[..., BaseModel | ResponseReturnValue]], View]:
    """Declare a view: what it answers, and with which errors besides those of every view.

    The view's `query` and `json` parameters, annotated with models, are what it reads.

    Args:
        operation_id: stable name, for generated clients.
        tag: one of `TAGS`.
        answers: status -> model (None for an empty body) and description.
        problems: statuses of errors particular to this view.
    """
    models: dict[str, Any] = {f"HTTP_{status}": answer for status, answer in answers.items()}
    every_time = {401, 422, 503} | (
        {413} if HTTPStatus.UNSUPPORTED_MEDIA_TYPE in problems else set()
    )
    for status in sorted({*problems, *every_time}):
        models[f"HTTP_{status}"] = (Problem, PROBLEM_TEXTS[status])

    def decorate(view: Callable[..., BaseModel | ResponseReturnValue]) -> View:
        changes = not view.__name__.startswith(("list_", "get_", "stream_"))
        schemes = ("session", "csrf") if changes else ("session",)
        validate = spec.validate(
            resp=Answers(**models),
            tags=(Tag(name=tag, description=TAGS[tag]),),
            security=[{scheme: [] for scheme in schemes}, {"bearer": []}],
            operation_id=operation_id,
        )
        documented = cast("View", validate(view))
        return _unread(view, documented) if view.__name__.startswith("stream_") else documented

    return decorate


def _unread(view: Callable[..., Any], documented: View) -> View:
    """Keep the description of a view whose answer never ends, and leave the answer alone.

    spectree reads every answer to its end in order to look at it.
    """

    @wraps(documented)
    def stream(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        answer: ResponseReturnValue = view(*args, **kwargs)
        return answer

    return stream


def build_document() -> dict[str, Any]:
    """Return the OpenAPI document of the current application."""
    document: dict[str, Any] = copy.deepcopy(spec.spec)
    cookie_name = current_app.config["SESSION_COOKIE_NAME"]
    document["components"]["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": cookie_name},
        "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRFToken"},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    document.pop("security", None)  # each operation says its own
    for operations in document["paths"].values():
        for described in operations.values():
            _mend_operation(described)
    return document


def _mend_operation(described: dict[str, Any]) -> None:
    """Say what spectree has no words for: problems, optional bodies, no `null` in an address."""
    if body := described.get("requestBody"):
        if FORM in body["content"]:  # spectree lists every kind of form; a file goes in one only
            body["content"] = {FORM: body["content"][FORM]}
        reference = next(iter(body["content"].values()))["schema"]["$ref"]
        body["required"] = reference.rpartition("/")[2] not in _optional_bodies()
    for status, answer in described["responses"].items():
        content = answer.get("content", {})
        if int(status) >= 400 and "application/json" in content:  # noqa: PLR2004 - HTTP's own line
            answer["content"] = {MIMETYPE: content["application/json"]}
    for parameter in described["parameters"]:
        if parameter["schema"].get("default", 0) is None:
            del parameter["schema"]["default"]
        if not parameter["description"]:
            del parameter["description"]


def _optional_bodies() -> set[str]:
    return {model.__name__ for model in Question.__subclasses__() if model.may_be_left_out}
