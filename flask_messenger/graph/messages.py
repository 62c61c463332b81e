"""Graph's Send API. Who builds the request bodies is the channel; here they only travel."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flask_messenger.graph.client import Graph, node
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
    account_external_id: str,
    request: Mapping[str, Any],
) -> SentMessage:
    """Send one message from an account; never repeats by itself.

    Source: https://developers.facebook.com/docs/messenger-platform/reference/send-api

    Raises:
        GraphTimeoutError: it may have been accepted.
        GraphError: or another kind of it; it was not accepted.
    """
    answer = graph.call(
        "POST", f"{node(account_external_id)}/messages", app=app, token=token, json=request
    )
    return SentMessage(
        message_id=_text(answer.body.get("message_id")),
        recipient_id=_text(answer.body.get("recipient_id")),
        usage=answer.usage,
    )


def send_action(
    graph: Graph,
    *,
    app: MetaApp,
    token: str,
    account_external_id: str,
    recipient_id: str,
    action: str,
) -> None:
    """Show `typing_on`, `typing_off` or `mark_seen` to a person. Nothing is lost where it fails.

    Raises:
        GraphError: Graph refused or did not answer.
    """
    request = {"recipient": {"id": recipient_id}, "sender_action": action}
    graph.post(f"{node(account_external_id)}/messages", app=app, token=token, json=request)


def _text(value: Any) -> str | None:
    """Return an id of Meta's; None where there is none, or none that a column can hold."""
    text = str(value) if value else ""
    return text if 0 < len(text) <= LONGEST_ID and "\0" not in text else None
