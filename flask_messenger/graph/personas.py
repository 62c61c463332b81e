"""Graph's personas: names and faces that messages of a Page may carry."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from flask_messenger.errors import GraphError
from flask_messenger.graph.client import Graph, node
from flask_messenger.settings import MetaApp

FIELDS: Final = "id,name,profile_picture_url"
PAGE_LIMIT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphPersona:
    """A persona as Meta has it. Picture addresses expire after some days."""

    id: str
    name: str = field(repr=False)
    picture_url: str | None = field(default=None, repr=False)


def create_persona(
    graph: Graph, *, app: MetaApp, token: str, page_id: str, name: str, picture_url: str
) -> str:
    """Make a persona; return Meta's id of it. Meta fetches the picture.

    Source: https://developers.facebook.com/docs/messenger-platform/send-messages/personas

    Raises:
        GraphError: Meta refused or did not answer.
    """
    body = {"name": name, "profile_picture_url": picture_url}
    answer = graph.post(f"{node(page_id)}/personas", app=app, token=token, json=body)
    persona_id = str(answer.get("id") or "")
    if not persona_id:
        raise GraphError("Graph made a persona and did not say which.")
    return persona_id


def list_personas(
    graph: Graph, *, app: MetaApp, token: str, page_id: str
) -> Iterator[GraphPersona]:
    """Yield the personas of a Page."""
    params = {"fields": FIELDS, "limit": PAGE_LIMIT}
    for item in graph.pages(f"{node(page_id)}/personas", app=app, token=token, params=params):
        if item.get("id"):
            picture = item.get("profile_picture_url")
            yield GraphPersona(
                id=str(item["id"]),
                name=str(item.get("name") or ""),
                picture_url=str(picture) if picture else None,
            )


def delete_persona(graph: Graph, *, app: MetaApp, token: str, persona_id: str) -> None:
    """Take a persona away; what it signed stays."""
    graph.delete(node(persona_id), app=app, token=token)
