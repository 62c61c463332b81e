"""What an account may put into a message: shapes and limits of the Send API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_messenger.simulator import errors, shapes
from flask_messenger.simulator.constants import INSTAGRAM, MESSENGER
from flask_messenger.simulator.send_buttons import read_quick_replies
from flask_messenger.simulator.send_templates import read_template

MESSAGE_KEYS = {
    MESSENGER: {
        "text",
        "attachment",
        "attachments",
        "quick_replies",
        "metadata",
        "template",
        "sticker_id",
    },
    INSTAGRAM: {"text", "attachment", "attachments", "quick_replies", "metadata"},
}
MAX_TEXT = {MESSENGER: 2000, INSTAGRAM: 1000}  # Messenger counts characters, Instagram bytes
MAX_IMAGES = {MESSENGER: 30, INSTAGRAM: 10}
MAX_METADATA = 1000
FILES = ("image", "audio", "video", "file")
HEART, SHARE, TEMPLATE = "like_heart", "MEDIA_SHARE", "template"
ATTACHMENTS = {MESSENGER: (*FILES, TEMPLATE), INSTAGRAM: (*FILES, TEMPLATE, HEART, SHARE)}
BAD_INSTAGRAM_MESSAGE = 2534015


@dataclass(frozen=True, slots=True)
class File:
    """A file to send: an address to fetch, the id of one kept before, or the upload itself."""

    kind: str
    url: str | None
    attachment_id: str | None
    is_reusable: bool


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that has the right shape."""

    text: str | None = field(repr=False, default=None)
    files: tuple[File, ...] = ()
    template: Mapping[str, Any] | None = field(repr=False, default=None)
    quick_replies: tuple[Mapping[str, Any], ...] = ()
    metadata: str | None = None
    utility: Mapping[str, Any] | None = field(repr=False, default=None)
    sticker_id: str | None = None
    is_heart: bool = False
    shared_id: str | None = None

    @property
    def template_type(self) -> str | None:
        """What kind of template it is, if it is one."""
        return None if self.template is None else str(self.template["template_type"])


def read_message(message: Mapping[str, Any], channel: str, *, has_upload: bool = False) -> Outgoing:
    """Return the message that `message` describes.

    Raises:
        GraphError: it has a key, a type or a length that the Send API refuses.
    """
    if channel == INSTAGRAM and (set(message) & {"template", "sticker_id"}):
        raise errors.invalid("Invalid message data for Instagram", BAD_INSTAGRAM_MESSAGE)
    shapes.only(message, MESSAGE_KEYS[channel], "message")
    parts = [
        key
        for key in ("text", "attachment", "attachments", "template", "sticker_id")
        if key in message
    ]
    if len(parts) > 1:
        raise errors.invalid(f"Cannot provide both {parts[0]} and {parts[1]} in a message")
    if not parts or (parts == ["text"] and not message["text"]):
        raise errors.invalid("Message cannot be empty, must provide valid attachment or text")
    if has_upload and parts != ["attachment"]:
        raise errors.invalid("filedata is only taken with message[attachment]")
    return Outgoing(
        text=_read_text(message, channel),
        quick_replies=read_quick_replies(message, channel),
        metadata=shapes.text(message, "metadata", "message", MAX_METADATA),
        **_read_part(message, channel, has_upload=has_upload),
    )


def read_file(value: Any, place: str, *, has_upload: bool = False) -> File:
    """Return the file that an attachment names."""
    attachment = shapes.thing(value, place)
    shapes.only(attachment, {"type", "payload"}, place)
    kind = shapes.word(attachment, "type", place, FILES)
    payload = shapes.thing(
        attachment.get("payload", {} if has_upload else None), f"{place}[payload]"
    )
    shapes.only(payload, {"url", "attachment_id", "is_reusable"}, f"{place}[payload]")
    url = shapes.text(payload, "url", f"{place}[payload]", 2048)
    attachment_id = _read_id(payload, "attachment_id", f"{place}[payload]")
    given = [one for one in (url, attachment_id, has_upload or None) if one is not None]
    if len(given) != 1:
        raise errors.invalid(f"Param {place}[payload] must have either url or attachment_id")
    is_reusable = payload.get("is_reusable") in {True, "true", "1"}
    return File(kind, url, attachment_id, is_reusable)


def _read_text(message: Mapping[str, Any], channel: str) -> str | None:
    limit = MAX_TEXT[channel]
    found = shapes.text(message, "text", "message", limit)
    if found is not None and channel == INSTAGRAM and len(found.encode()) > limit:
        raise errors.invalid(f"Length of param message[text] must be less than {limit} bytes")
    return found


def _read_part(message: Mapping[str, Any], channel: str, *, has_upload: bool) -> dict[str, Any]:
    if "attachments" in message:
        return {"files": _read_images(message["attachments"], channel)}
    if "attachment" in message:
        return _read_attachment(message["attachment"], channel, has_upload=has_upload)
    if "template" in message:
        return {"utility": shapes.thing(message["template"], "message[template]")}
    if "sticker_id" in message:
        return {"sticker_id": _read_id(message, "sticker_id", "message")}
    return {}


def _read_images(value: Any, channel: str) -> tuple[File, ...]:
    place = "message[attachments]"
    several = shapes.several(value, place, 1, MAX_IMAGES[channel])
    files = tuple(read_file(item, f"{place}[{position}]") for position, item in enumerate(several))
    if any(file.kind != "image" for file in files):
        raise errors.invalid("Only images can be sent together in one message")
    return files


def _read_attachment(value: Any, channel: str, *, has_upload: bool) -> dict[str, Any]:
    place = "message[attachment]"
    attachment = shapes.thing(value, place)
    kind = shapes.word(attachment, "type", place, ATTACHMENTS[channel])
    if kind == HEART:
        shapes.only(attachment, {"type"}, place)
        return {"is_heart": True}
    if kind in FILES:
        return {"files": (read_file(attachment, place, has_upload=has_upload),)}
    shapes.only(attachment, {"type", "payload"}, place)
    payload = shapes.thing(attachment.get("payload"), f"{place}[payload]")
    if kind == TEMPLATE:
        return {"template": read_template(payload, channel)}
    shapes.only(payload, {"id"}, f"{place}[payload]")
    return {"shared_id": _read_id(payload, "id", f"{place}[payload]", is_needed=True)}


def _read_id(
    value: Mapping[str, Any], key: str, place: str, *, is_needed: bool = False
) -> str | None:
    found = value.get(key)
    if found is None and not is_needed:
        return None
    if isinstance(found, bool) or not isinstance(found, str | int) or not str(found):
        raise errors.invalid(f"Param {place}[{key}] must be a valid ID string")
    return str(found)
