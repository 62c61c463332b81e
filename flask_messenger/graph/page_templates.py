"""Graph's message templates of a Page: what Meta approves for utility messages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flask_messenger.errors import GraphError
from flask_messenger.graph.client import Graph, node
from flask_messenger.settings import MetaApp

FIELDS: Final = "id,name,language,status,category,components,parameter_format,rejected_reason"
PAGE_LIMIT: Final = 100
MOST_OF_LIBRARY: Final = 200
NO_REASON: Final = "none"
POSITIONAL: Final = "POSITIONAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTemplate:
    """A template as Meta has it. Status, category and reason are Meta's words in lower case."""

    id: str
    name: str
    language: str
    status: str
    category: str | None = None
    reason: str | None = None
    parameter_format: str = POSITIONAL
    components: Sequence[Mapping[str, Any]] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryTemplate:
    """One of Meta's own, to be cloned. `raw` is all that Meta says of it."""

    name: str
    language: str | None
    category: str | None
    body: str | None = field(repr=False)
    raw: Mapping[str, Any] = field(repr=False)


def create_template(
    graph: Graph, *, app: MetaApp, token: str, page_id: str, proposal: Mapping[str, Any]
) -> PageTemplate:
    """Propose a template; return what Meta says of it at once. Its words are the proposal's own.

    Source: https://developers.facebook.com/docs/messenger-platform/send-messages/utility-messages

    Raises:
        GraphError: Meta refused or did not answer.
    """
    path = f"{node(page_id)}/message_templates"
    answer = graph.post(path, app=app, token=token, json=proposal)
    if not answer.get("id"):
        raise GraphError("Graph took a template and did not say which.")
    return _read({**proposal, "status": "PENDING", **answer})


def list_templates(
    graph: Graph, *, app: MetaApp, token: str, page_id: str, name: str | None = None
) -> Iterator[PageTemplate]:
    """Yield the templates of a Page, or those of one name in every language."""
    params = {"fields": FIELDS, "limit": PAGE_LIMIT, **({"name": name} if name else {})}
    path = f"{node(page_id)}/message_templates"
    for item in graph.pages(path, app=app, token=token, params=params):
        if item.get("id") and item.get("name"):
            yield _read(item)


def delete_template(
    graph: Graph, *, app: MetaApp, token: str, page_id: str, name: str, template_id: str
) -> None:
    """Delete a template in one language; `name` alone would delete all of them."""
    params = {"name": name, "template_id": template_id}
    graph.delete(f"{node(page_id)}/message_templates", app=app, token=token, params=params)


def search_library(
    graph: Graph, *, app: MetaApp, token: str, words: str | None, language: str | None
) -> Iterator[LibraryTemplate]:
    """Yield Meta's own templates that fit."""
    wanted = {"name_or_content": words, "language": language}
    params = {name: value for name, value in wanted.items() if value}
    found = graph.pages("message_template_library", app=app, token=token, params=params)
    for count, item in enumerate(found):
        if count >= MOST_OF_LIBRARY:
            return
        if item.get("name"):
            yield LibraryTemplate(
                name=str(item["name"]),
                language=_text(item.get("language")),
                category=_text(item.get("category")),
                body=_text(item.get("body")),
                raw=item,
            )


def _read(item: Mapping[str, Any]) -> PageTemplate:
    reason = _text(item.get("rejected_reason"))
    components = item.get("components")
    listed = components if isinstance(components, list | tuple) else ()
    return PageTemplate(
        id=str(item["id"]),
        name=str(item.get("name") or ""),
        language=str(item.get("language") or ""),
        status=str(item.get("status") or "PENDING").lower()[:64],
        category=(_text(item.get("category")) or "").lower()[:64] or None,
        reason=reason if reason and reason.lower() != NO_REASON else None,
        parameter_format=str(item.get("parameter_format") or POSITIONAL).upper(),
        components=tuple(each for each in listed if isinstance(each, Mapping)),
    )


def _text(value: Any) -> str | None:
    return str(value) if value else None
