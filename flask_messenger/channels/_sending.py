"""What Facebook and Instagram share when sending: the bodies of the Send API.

Source: https://developers.facebook.com/docs/messenger-platform/reference/send-api
"""

from typing import Any, Final

from flask_messenger.channels._bodies import message_of
from flask_messenger.channels._limits import Limits
from flask_messenger.channels.sending import Recipient, SendOptions
from flask_messenger.content import Content, Media, Text, UtilityTemplate
from flask_messenger.errors import ContentError
from flask_messenger.graph.client import node
from flask_messenger.graph.request import GRAPH, GraphRequest

THREAD_OWNER: Final = "thread_owner"
ACTIONS: Final = ("mark_seen", "typing_off", "typing_on")


def build_message(
    content: Content, *, recipient: Recipient, options: SendOptions
) -> dict[str, Any]:
    """Return the body of a send request; `metadata` comes back in the echo."""
    request: dict[str, Any] = {
        "recipient": recipient.as_dict(),
        "messaging_type": _messaging_type(content, options),
        "message": message_of(content),
    }
    if options.metadata:
        request["message"]["metadata"] = options.metadata
    if request["messaging_type"] == "MESSAGE_TAG":
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


def _messaging_type(content: Content, options: SendOptions) -> str:
    if isinstance(content, UtilityTemplate):
        return "UTILITY"
    return "MESSAGE_TAG" if options.tag else "RESPONSE"


def check_comment(content: Content, limits: Limits) -> None:
    """Pass where `content` can be a public comment: words, and where the channel has it a picture.

    Raises:
        ContentError: it cannot.
    """
    is_picture = isinstance(content, Media) and content.type == "image" and content.url is not None
    if is_picture and limits.has_comment_pictures:
        return
    if not isinstance(content, Text) or content.quick_replies:
        raise ContentError("A public answer is plain text.", field="kind")
    if len(content.text) > limits.comment:
        length = len(content.text)
        message = f"A comment can have {limits.comment} characters; this one has {length}."
        raise ContentError(f"{message} Shorten it.", field="text")


def build_comment(content: Content, limits: Limits) -> dict[str, Any]:
    """Return the body of a public answer to a comment.

    Raises:
        ContentError: it cannot be a comment.
    """
    check_comment(content, limits)
    return (
        {"attachment_url": content.url}
        if isinstance(content, Media)
        else {"message": content.words}
    )


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


def build_upload(type_: str) -> dict[str, Any]:
    """Return the body that gives Meta a file to keep; the file goes beside it.

    Source: https://developers.facebook.com/docs/messenger-platform/reference/attachment-upload-api
    """
    return {"message": {"attachment": {"type": type_, "payload": {"is_reusable": True}}}}


def build_control(
    edge: str, owner: str, *, recipient: Recipient, host: str = GRAPH, **fields: Any
) -> GraphRequest:
    """Return the request to an edge of conversation routing; whose a thread is, is read.

    Source: https://developers.facebook.com/docs/messenger-platform/conversation-routing
    """
    path = f"{node(owner)}/{edge}"
    if edge == THREAD_OWNER:
        return GraphRequest(method="GET", host=host, path=path, body={"recipient": recipient.id})
    given = {name: value for name, value in fields.items() if value is not None}
    body = {"recipient": recipient.as_dict(), **given}
    return GraphRequest(method="POST", host=host, path=path, body=body)
