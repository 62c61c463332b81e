"""What a Page may put into a message: shapes and limits of the Send API, checked one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_messenger.simulator import errors
from flask_messenger.simulator.vocabulary import ATTACHMENT_TYPES

MESSAGE_KEYS = {"text", "attachment", "attachments", "quick_replies", "metadata"}
MAX_TEXT, MAX_METADATA, MAX_PAYLOAD = 2000, 1000, 1000
MAX_QUICK_REPLIES, MAX_IMAGES = 13, 30
QUICK_REPLY_KEYS = {"content_type", "title", "payload", "image_url"}
QUICK_REPLY_TYPES = ("text", "user_phone_number", "user_email")
MAX_BUTTONS, MAX_BUTTON_TITLE, MAX_BUTTON_TEXT = 3, 20, 640
BUTTON_KEYS = {
    "postback": {"type", "title", "payload"},
    "web_url": {"type", "title", "url", "webview_height_ratio"},
    "phone_number": {"type", "title", "payload"},
}
MAX_ELEMENTS, MAX_ELEMENT_TEXT = 10, 80
ELEMENT_KEYS = {"title", "subtitle", "image_url", "default_action", "buttons"}


@dataclass(frozen=True, slots=True)
class File:
    """A file to send: an address to fetch, or the id of one kept before."""

    kind: str
    url: str | None
    attachment_id: str | None
    is_reusable: bool


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that has the right shape."""

    text: str | None = field(repr=False, default=None)
    files: tuple[File, ...] = ()
    template: Mapping[str, Any] | None = None
    quick_replies: tuple[Mapping[str, Any], ...] = ()
    metadata: str | None = None


def read_message(message: Mapping[str, Any]) -> Outgoing:
    """Return the message that `message` describes.

    Raises:
        GraphError: it has a key, a type or a length that the Send API refuses.
    """
    _only(message, MESSAGE_KEYS, "message")
    text = _text(message, "text", "message[text]", MAX_TEXT)
    if "text" in message and not text:
        raise errors.invalid("Message cannot be empty, must provide valid attachment or text")
    if "attachment" in message and "attachments" in message:
        raise errors.invalid("Cannot provide both attachment and attachments in a message")
    has_file = "attachment" in message or "attachments" in message
    if text is not None and has_file:
        raise errors.invalid("Cannot provide both text and attachment in a message")
    if text is None and not has_file:
        raise errors.invalid("Message cannot be empty, must provide valid attachment or text")
    files, template = _read_attachments(message)
    return Outgoing(
        text=text,
        files=files,
        template=template,
        quick_replies=_read_quick_replies(message),
        metadata=_text(message, "metadata", "message[metadata]", MAX_METADATA),
    )


def _read_attachments(
    message: Mapping[str, Any],
) -> tuple[tuple[File, ...], Mapping[str, Any] | None]:
    if "attachments" in message:
        several = _list(message["attachments"], "message[attachments]", 1, MAX_IMAGES)
        files = tuple(_read_file(item, "message[attachments]") for item in several)
        if any(file.kind != "image" for file in files):
            raise errors.invalid("Only images can be sent together in one message")
        return files, None
    if "attachment" not in message:
        return (), None
    attachment = _dict(message["attachment"], "message[attachment]")
    if attachment.get("type") == "template":
        _only(attachment, {"type", "payload"}, "message[attachment]")
        payload = _dict(attachment.get("payload"), "message[attachment][payload]")
        return (), _read_template(payload)
    return (_read_file(attachment, "message[attachment]"),), None


def _read_file(value: Any, place: str) -> File:
    attachment = _dict(value, place)
    _only(attachment, {"type", "payload"}, place)
    kind = attachment.get("type")
    if kind not in ATTACHMENT_TYPES or kind == "template":
        known = ", ".join(ATTACHMENT_TYPES)
        raise errors.invalid(f'Param {place}[type] must be one of {{{known}}} - got "{kind}".')
    payload = _dict(attachment.get("payload"), f"{place}[payload]")
    _only(payload, {"url", "attachment_id", "is_reusable"}, f"{place}[payload]")
    url = _text(payload, "url", f"{place}[payload][url]", 2048)
    attachment_id = _text(payload, "attachment_id", f"{place}[payload][attachment_id]", 64)
    if (url is None) == (attachment_id is None):
        raise errors.invalid(f"Param {place}[payload] must have either url or attachment_id")
    return File(kind, url, attachment_id, payload.get("is_reusable") in {True, "true"})


def _read_template(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    kind = payload.get("template_type")
    if kind == "button":
        _only(payload, {"template_type", "text", "buttons"}, "payload")
        if not _text(payload, "text", "payload[text]", MAX_BUTTON_TEXT):
            raise errors.missing("payload[text]")
        _check_buttons(payload.get("buttons"), "payload[buttons]")
    elif kind == "generic":
        _only(payload, {"template_type", "elements", "image_aspect_ratio", "sharable"}, "payload")
        elements = _list(payload.get("elements"), "payload[elements]", 1, MAX_ELEMENTS)
        for position, element in enumerate(elements):
            _check_element(element, f"payload[elements][{position}]")
    else:
        raise errors.invalid(
            f'Param payload[template_type] must be one of {{button, generic}} - got "{kind}".'
        )
    return payload


def _check_element(value: Any, place: str) -> None:
    element = _dict(value, place)
    _only(element, ELEMENT_KEYS, place)
    if not _text(element, "title", f"{place}[title]", MAX_ELEMENT_TEXT):
        raise errors.missing(f"{place}[title]")
    _text(element, "subtitle", f"{place}[subtitle]", MAX_ELEMENT_TEXT)
    if not set(element) - {"title"}:
        raise errors.invalid(f"Param {place} must have at least one field besides title")
    if "buttons" in element:
        _check_buttons(element["buttons"], f"{place}[buttons]")


def _check_buttons(value: Any, place: str) -> None:
    for position, item in enumerate(_list(value, place, 1, MAX_BUTTONS)):
        here = f"{place}[{position}]"
        button = _dict(item, here)
        keys = BUTTON_KEYS.get(str(button.get("type")))
        if keys is None:
            known = ", ".join(BUTTON_KEYS)
            raise errors.invalid(
                f'Param {here}[type] must be one of {{{known}}} - got "{button.get("type")}".'
            )
        _only(button, keys, here)
        if not _text(button, "title", f"{here}[title]", MAX_BUTTON_TITLE):
            raise errors.missing(f"{here}[title]")
        needed = "url" if button["type"] == "web_url" else "payload"
        if not _text(button, needed, f"{here}[{needed}]", MAX_PAYLOAD):
            raise errors.missing(f"{here}[{needed}]")


def _read_quick_replies(message: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    if "quick_replies" not in message:
        return ()
    place = "message[quick_replies]"
    replies = _list(message["quick_replies"], place, 1, MAX_QUICK_REPLIES)
    for position, item in enumerate(replies):
        here = f"{place}[{position}]"
        reply = _dict(item, here)
        _only(reply, QUICK_REPLY_KEYS, here)
        if reply.get("content_type") not in QUICK_REPLY_TYPES:
            known = ", ".join(QUICK_REPLY_TYPES)
            raise errors.invalid(f"Param {here}[content_type] must be one of {{{known}}}")
        payload = _text(reply, "payload", f"{here}[payload]", MAX_PAYLOAD)
        if reply["content_type"] == "text" and not (reply.get("title") and payload):
            raise errors.missing(f"{here}[{'payload' if reply.get('title') else 'title'}]")
    return tuple(replies)


def _only(value: Mapping[str, Any], known: Iterable[str], place: str) -> None:
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise errors.unknown_keys(unknown, place)


def _dict(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise errors.invalid(f"Param {place} must be a JSON object")
    return value


def _list(value: Any, place: str, lowest: int, highest: int) -> list[Any]:
    if not isinstance(value, list):
        raise errors.invalid(f"Param {place} must be an array.")
    if not lowest <= len(value) <= highest:
        raise errors.invalid(f"Param {place} must have between {lowest} and {highest} items")
    return value


def _text(value: Mapping[str, Any], key: str, place: str, highest: int) -> str | None:
    """Return a text of `value`, no longer than `highest` characters."""
    text = value.get(key)
    if text is None:
        return None
    if not isinstance(text, str):
        raise errors.invalid(f"Param {place} must be a string")
    if len(text) > highest:
        raise errors.invalid(f"Length of param {place} must be less than or equal to {highest}")
    return text
