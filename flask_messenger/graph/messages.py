"""Graph's Send API. Who builds the request bodies is the channel; here they only travel."""

from dataclasses import dataclass, field
from typing import Any, Final

from flask_messenger.graph.client import Graph
from flask_messenger.graph.request import GraphRequest
from flask_messenger.graph.usage import Usage
from flask_messenger.settings import MetaApp

LONGEST_ID: Final = 255
"""Beyond it a yes could not be written down; without its id the echo tells which it is."""


@dataclass(frozen=True, slots=True)
class SentMessage:
    """What Graph accepted.

    Attributes:
        message_id: Meta's own id, the one its webhooks name; None where Graph names none.
        recipient_id: None where the recipient was not named by id.
        usage: how near the account is to its rate limit after this call.
    """

    message_id: str | None = field(repr=False)
    recipient_id: str | None = field(repr=False)
    usage: Usage = field(default_factory=Usage)


def send_message(
    graph: Graph,
    *,
    app: MetaApp,
    token: str,
    request: GraphRequest,
) -> SentMessage:
    """Send one message; never repeats by itself.

    A comment has an `id` of its own where a message has its `message_id`.

    Source: https://developers.facebook.com/docs/messenger-platform/reference/send-api

    Raises:
        GraphTimeoutError: it may have been accepted.
        GraphError: or another kind of it; it was not accepted.
    """
    answer = graph.carry(request, app=app, token=token)
    return SentMessage(
        message_id=_text(answer.body.get("message_id") or answer.body.get("id")),
        recipient_id=_text(answer.body.get("recipient_id")),
        usage=answer.usage,
    )


def send_action(graph: Graph, *, app: MetaApp, token: str, request: GraphRequest) -> None:
    """Show a sender action or a reaction to a person. Nothing is lost where it fails.

    Raises:
        GraphError: Graph refused or did not answer.
    """
    graph.carry(request, app=app, token=token)


def _text(value: Any) -> str | None:
    """Return an id of Meta's; None where there is none, or none that a column can hold."""
    text = str(value) if value else ""
    return text if 0 < len(text) <= LONGEST_ID and "\0" not in text else None
