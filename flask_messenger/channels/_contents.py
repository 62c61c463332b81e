"""What a message of Messenger or Instagram holds: its kind, its attachments and the rest.

Source: https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/messages
"""

from collections.abc import Mapping
from typing import Any, Final

from flask_messenger.channels._frame import Frame, clean_content
from flask_messenger.channels._reading import as_id, as_list, as_mapping, as_text, clean_json
from flask_messenger.events import PENDING, REFUSED, REMOTE, STANDBY, ReceivedAttachment

FETCHED: Final = frozenset(
    {"animated_image", "audio", "file", "image", "media", "sticker", "video"}
)
"""Types of attachments that are a file of the sender's: kept before Meta's address of it ends."""
FORBIDDEN: Final = frozenset({"ephemeral", "ig_story", "story", "story_mention", "story_reply"})
"""Types that Meta's terms do not let anybody keep: they end when their owner, or a day, says so.

Source: https://developers.facebook.com/docs/messenger-platform/instagram/features/story-mention
"""
KIND_OF: Final = {
    "appointment_booking": "appointment",
    "ephemeral": "ephemeral",
    "fallback": "share",
    "ig_post": "share",
    "ig_reel": "share",
    "ig_story": "share",
    "location": "location",
    "media_share": "share",
    "post": "share",
    "reel": "share",
    "share": "share",
    "sticker": "sticker",
    "story": "share",
    "story_mention": "story_mention",
    "template": "template",
    "unsupported_type": "unsupported",
}
"""The kind of a message without text, by its first attachment; `media` where it is not here."""
FIRST: Final = frozenset({"ephemeral", "story_mention"})
"""Kinds that a message is of whether it has a text or not."""
MAX_TYPE_LENGTH: Final = 64


def read_attachments(message: Mapping[str, Any]) -> tuple[ReceivedAttachment, ...]:
    """Read the attachments, each once.

    For a time Meta tells a sticker twice, as an image and as itself, and a shared post, as `share`
    and as `ig_post`: the newer word stays.
    """
    given = [_attachment(each) for each in as_list(message.get("attachments"))]
    stickers = _marks(given, "sticker")
    posts = _marks(given, "ig_post")
    return tuple(
        each
        for each in given
        if not (each.type == "image" and _marks([each], "image") & stickers)
        and not (each.type == "share" and _marks([each], "share") & posts)
    )


def _marks(attachments: list[ReceivedAttachment], type_: str) -> set[str]:
    """Return what tells attachments of a type apart: their addresses, and stickers' numbers."""
    found = [each for each in attachments if each.type == type_]
    numbers = {as_id(each.payload.get("sticker_id")) for each in found}
    return {mark for mark in numbers | {each.url for each in found} if mark}


def _attachment(value: Any) -> ReceivedAttachment:
    attachment = as_mapping(value)
    payload = as_mapping(attachment.get("payload"))
    rest = {key: each for key, each in payload.items() if key not in {"url", "title"}}
    type_ = (as_id(attachment.get("type")) or "unknown")[:MAX_TYPE_LENGTH]
    url = as_text(payload.get("url")) or as_text(attachment.get("url"))
    return ReceivedAttachment(
        type=type_,
        url=url,
        title=as_text(payload.get("title")) or as_text(attachment.get("title")),
        payload=clean_json(rest),
        state=state_of_type(type_, url),
    )


def state_of_type(type_: str, url: str | None) -> str:
    """Say what is to become of an attachment."""
    if type_ in FORBIDDEN:
        return REFUSED
    return PENDING if url and type_ in FETCHED else REMOTE


def kind_of(message: Mapping[str, Any], attachments: tuple[ReceivedAttachment, ...]) -> str:
    """Return which of `MESSAGE_KINDS` a message is."""
    if isinstance(message.get("quick_reply"), Mapping):
        return "quick_reply"
    if _story_of(message):
        return "story_reply"
    kinds = [_kind_of_attachment(each) for each in attachments]
    special = next((each for each in kinds if each in FIRST), None)
    if special or as_text(message.get("text")):
        return special or "text"
    return kinds[0] if kinds else "unsupported"


def _kind_of_attachment(attachment: ReceivedAttachment) -> str:
    if attachment.payload.get("sticker_id") is not None:
        return "sticker"
    return KIND_OF.get(attachment.type, "media")


def content_of(
    message: Mapping[str, Any],
    event: Mapping[str, Any],
    attachments: tuple[ReceivedAttachment, ...],
    frame: Frame,
) -> dict[str, Any]:
    """Return what a message says beside its text and attachments."""
    by_type = {each.type: each for each in attachments}
    return clean_content(
        referral=message.get("referral") or event.get("referral"),
        story=_story_of(message),
        location=_location_of(by_type.get("location")),
        appointment=_payload_of(by_type.get("appointment_booking")),
        commands=message.get("commands"),
        prior_message=event.get("prior_message"),
        hop_context=event.get("hop_context"),
        standby=frame.is_standby or None,
        self=bool(message.get("is_self")) or None,
    ) | tapped(as_mapping(message.get("quick_reply")))


def tapped(tap: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was tapped; whoever only looks on is not told."""
    payload = tap.get("payload")
    return {} if payload is None else {"payload": clean_json(payload)}


def marked(content: dict[str, Any], frame: Frame) -> dict[str, Any]:
    """Return `content`, marked where another app has the thread."""
    return content | {STANDBY: True} if frame.is_standby else content


def _story_of(message: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the story that is answered: its id and address, which ends within a day."""
    story = as_mapping(message.get("reply_to")).get("story")
    return {"id": None, "url": None, **story} if isinstance(story, Mapping) else None


def _payload_of(attachment: ReceivedAttachment | None) -> Mapping[str, Any] | None:
    return attachment.payload if attachment else None


def _location_of(attachment: ReceivedAttachment | None) -> dict[str, Any] | None:
    if attachment is None:
        return None
    place = as_mapping(attachment.payload.get("coordinates"))
    return {
        "latitude": place.get("lat"),
        "longitude": place.get("long"),
        **({"title": attachment.title} if attachment.title else {}),
    }
