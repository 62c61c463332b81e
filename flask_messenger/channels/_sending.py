"""What Facebook and Instagram share when sending: limits, and the bodies of the Send API.

Source: https://developers.facebook.com/docs/messenger-platform/reference/send-api
"""

from typing import Any, Final

from flask_messenger.content import Content, Text
from flask_messenger.errors import ContentError

MAX_TEXT_LENGTH: Final = 2000
ACTIONS: Final = ("mark_seen", "typing_off", "typing_on")


def check_content(content: Content) -> None:
    """Pass where the Send API takes `content`.

    Raises:
        ContentError: the text is too long; says by how much.
    """
    if not isinstance(content, Text):
        return
    length = len(content.text)
    if length > MAX_TEXT_LENGTH:
        message = (
            f"A message can have {MAX_TEXT_LENGTH} characters; this one has {length}."
            " Shorten it or send it in parts."
        )
        raise ContentError(message, field="text")


def build_message(
    content: Content,
    *,
    recipient_id: str,
    metadata: str,
    tag: str | None,
    reply_to_external_id: str | None,
) -> dict[str, Any]:
    """Return the body of a send request; `metadata` comes back in the echo."""
    request: dict[str, Any] = {
        "recipient": {"id": recipient_id},
        "messaging_type": "MESSAGE_TAG" if tag else "RESPONSE",
        "message": {**_message(content), "metadata": metadata},
    }
    if tag:
        request["tag"] = tag
    if reply_to_external_id:
        request["reply_to"] = {"mid": reply_to_external_id}
    return request


def _message(content: Content) -> dict[str, Any]:
    if isinstance(content, Text):
        return {"text": content.text}
    # Not reusable: a kept file has a life of its own at Meta, which nothing here would end.
    payload = {"url": content.url, "is_reusable": False}
    return {"attachment": {"type": content.type, "payload": payload}}


def build_action(action: str, *, recipient_id: str) -> dict[str, Any]:
    """Return the body for one of `ACTIONS`. Meta takes it alone, never beside a message.

    Raises:
        ContentError: no such action.
    """
    if action not in ACTIONS:
        raise ContentError(f"An action is one of {', '.join(ACTIONS)}.", field="action")
    return {"recipient": {"id": recipient_id}, "sender_action": action}
