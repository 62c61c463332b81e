"""What Facebook and Instagram share when sending: the bodies of the Send API.

Source: https://developers.facebook.com/docs/messenger-platform/reference/send-api
"""

from typing import Any, Final

from flask_messenger.channels._limits import Limits
from flask_messenger.channels.sending import Recipient, SendOptions
from flask_messenger.content import Content, Text
from flask_messenger.errors import ContentError

ACTIONS: Final = ("mark_seen", "typing_off", "typing_on")


def check_content(content: Content, limits: Limits) -> None:
    """Pass where the Send API takes `content`.

    Raises:
        ContentError: the text is too long; says by how much.
    """
    if not isinstance(content, Text):
        return
    length = limits.length_of(content.text)
    if length > limits.text:
        message = (
            f"A message can have {limits.text} {limits.text_unit}; this one has {length}."
            " Shorten it or send it in parts."
        )
        raise ContentError(message, field="text")


def build_message(
    content: Content, *, recipient: Recipient, options: SendOptions
) -> dict[str, Any]:
    """Return the body of a send request; `metadata` comes back in the echo."""
    request: dict[str, Any] = {
        "recipient": recipient.as_dict(),
        "messaging_type": "MESSAGE_TAG" if options.tag else "RESPONSE",
        "message": _message(content),
    }
    if options.metadata:
        request["message"]["metadata"] = options.metadata
    if options.tag:
        request["tag"] = options.tag
    if options.reply_to_external_id:
        request["reply_to"] = {"mid": options.reply_to_external_id}
    if options.persona_id:
        request["persona_id"] = options.persona_id
    if options.notification_type:
        request["notification_type"] = options.notification_type
    if options.thread_control:
        request["thread_control"] = options.thread_control.as_dict()
    return request


def _message(content: Content) -> dict[str, Any]:
    if isinstance(content, Text):
        return {"text": content.text}
    # Not reusable: a kept file has a life of its own at Meta, which nothing here would end.
    payload = {"url": content.url, "is_reusable": False}
    return {"attachment": {"type": content.type, "payload": payload}}


def build_comment(content: Content) -> dict[str, Any]:
    """Return the body of a public answer to a comment: words only.

    Raises:
        ContentError: it is something else.
    """
    if not isinstance(content, Text):
        raise ContentError("A public answer is plain text.", field="content")
    return {"message": content.text}


def build_action(action: str, *, recipient: Recipient) -> dict[str, Any]:
    """Return the body for one of `ACTIONS`. Meta takes it alone, never beside a message.

    Raises:
        ContentError: no such action.
    """
    if action not in ACTIONS:
        raise ContentError(f"An action is one of {', '.join(ACTIONS)}.", field="action")
    return {"recipient": recipient.as_dict(), "sender_action": action}


def build_reaction(
    message_external_id: str, reaction: str | None, *, recipient: Recipient
) -> dict[str, Any]:
    """Return the body that reacts to a message, or takes the reaction back."""
    payload = {"message_id": message_external_id}
    if reaction is not None:
        payload["reaction"] = reaction
    return {
        "recipient": recipient.as_dict(),
        "sender_action": "unreact" if reaction is None else "react",
        "payload": payload,
    }
