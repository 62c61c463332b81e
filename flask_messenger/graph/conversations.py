"""The Conversations API: an account's conversations, and the newest messages of each.

Source: https://developers.facebook.com/docs/messenger-platform/conversations
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask_messenger.graph.client import Graph
from flask_messenger.graph.names import as_name
from flask_messenger.graph.request import GraphRequest
from flask_messenger.settings import MetaApp


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedConversation:
    """A conversation of a listing; `updated_at` is None where Meta gives no time."""

    id: str
    updated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """One side of a conversation."""

    id: str = field(repr=False)
    name: str | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadConversation:
    """A conversation with those of its messages that can be read, as Meta describes them."""

    participants: tuple[Participant, ...]
    messages: tuple[Mapping[str, Any], ...] = field(repr=False)


def list_conversations(
    graph: Graph, request: GraphRequest, *, app: MetaApp, token: str
) -> tuple[list[ListedConversation], str | None]:
    """Return a part of an account's conversations, and where the next begins; None at the end."""
    answer = graph.carry(request, app=app, token=token).body
    found = [
        ListedConversation(id=str(each["id"]), updated_at=read_time(each.get("updated_time")))
        for each in _items(answer)
        if each.get("id")
    ]
    return found, _next(answer, request)


def read_conversation(
    graph: Graph, request: GraphRequest, *, app: MetaApp, token: str
) -> ReadConversation:
    """Return one conversation."""
    answer = graph.carry(request, app=app, token=token).body
    people = [
        Participant(
            id=str(each["id"]),
            name=as_name(each.get("name")),
            username=as_name(each.get("username")),
        )
        for each in _items(answer.get("participants"))
        if each.get("id")
    ]
    messages = _items(answer.get("messages"))
    return ReadConversation(participants=tuple(people), messages=tuple(messages))


def read_time(value: Any) -> datetime | None:
    """Return a time as Graph writes it, aware and in UTC; None where it is none."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if at is None:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def _items(value: Any) -> list[Mapping[str, Any]]:
    data = value.get("data") if isinstance(value, Mapping) else None
    return [each for each in data if isinstance(each, Mapping)] if isinstance(data, list) else []


def _next(answer: Mapping[str, Any], request: GraphRequest) -> str | None:
    """Return the cursor of the next part; of `paging.next`, which carries the token, no more."""
    paging = answer.get("paging")
    if not isinstance(paging, Mapping) or not paging.get("next"):
        return None
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, Mapping) else None
    after = after or _cursor_in(paging["next"])
    return str(after) if after and after != request.body.get("after") else None


def _cursor_in(address: Any) -> str | None:
    try:
        query = urlsplit(address).query if isinstance(address, str) else ""
    except ValueError:
        return None
    return next(iter(parse_qs(query).get("after", [])), None)
