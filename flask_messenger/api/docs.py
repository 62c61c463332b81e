"""The OpenAPI document, and a page of it to read."""

from collections.abc import Iterator
from typing import Any, Final

from flask import Response, current_app, render_template, url_for
from flask.typing import ResponseReturnValue

from flask_messenger import errors
from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import TAGS, build_document

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


@bp.get("/openapi.json")
def show_document() -> Response:
    """Return the OpenAPI 3.1 document of this API."""
    return current_app.make_response(current_app.json.response(build_document()))


@bp.get("/docs")
def show_docs() -> ResponseReturnValue:
    """Show the document as a page: no script, nothing from other hosts."""
    document = build_document()
    page = render_template(
        "messenger_api/docs.html",
        document=document,
        groups=_group_by_tag(document),
        tags=TAGS,
        problems=sorted(_known_problems(errors.MessengerError), key=lambda kind: kind.status),
        document_url=url_for("messenger_api.show_document"),
    )
    return Response(page, headers={"Content-Security-Policy": POLICY})


def _group_by_tag(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {tag: [] for tag in TAGS}
    for path, operations in document["paths"].items():
        for method, described in operations.items():
            groups[described["tags"][0]].append({"path": path, "method": method, **described})
    return groups


def _known_problems(kind: type[errors.MessengerError]) -> Iterator[type[errors.MessengerError]]:
    """Yield every error with a name of its own, from the one tree there is."""
    if "slug" in vars(kind):
        yield kind
    for each in kind.__subclasses__():
        yield from _known_problems(each)
