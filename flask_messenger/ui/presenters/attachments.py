"""Files, pictures, sounds and shares of a message, and what became of them."""

from dataclasses import replace
from typing import Any, Final

from flask_messenger.inbox.messages import MessageRow
from flask_messenger.media.words import explain
from flask_messenger.models import Attachment
from flask_messenger.models.messages import (
    ATTACHMENT_EXPIRED,
    ATTACHMENT_FAILED,
    ATTACHMENT_PENDING,
    ATTACHMENT_REFUSED,
    ATTACHMENT_STORED,
)
from flask_messenger.ui.presenters.inbox import AttachmentView
from flask_messenger.ui.presenters.people import safe_url
from flask_messenger.ui.presenters.reader import Reader

# Meta's word for an attachment: ours, with its article, and the shape beside it.
ATTACHMENTS: Final = {
    "appointment_booking": ("Appointment", "an appointment", "clock"),
    "audio": ("Voice message", "a voice message", "play"),
    "ephemeral": ("Disappearing picture", "a disappearing picture", "image"),
    "fallback": ("Link", "a link", "file"),
    "file": ("File", "a file", "file"),
    "ig_post": ("Instagram post", "a post", "instagram"),
    "ig_reel": ("Reel", "a reel", "play"),
    "ig_story": ("Story", "a story", "image"),
    "image": ("Picture", "a picture", "image"),
    "like_heart": ("Heart", "a heart", "image"),
    "location": ("Place", "a place", "pin"),
    "media_share": ("Shared post", "a post", "file"),
    "post": ("Facebook post", "a post", "file"),
    "reel": ("Reel", "a reel", "play"),
    "share": ("Shared post", "a post", "file"),
    "sticker": ("Sticker", "a sticker", "image"),
    "story": ("Story", "a story", "image"),
    "story_mention": ("Mention in a story", "a mention in a story", "image"),
    "template": ("Card", "a card", "file"),
    "video": ("Video", "a video", "play"),
}
UNKNOWN_ATTACHMENT: Final = ("Attachment", "an attachment", "clip")

PLAYED: Final = {"audio": "audio", "image": "image", "sticker": "sticker", "video": "video"}
"""What is shown in its place, and how; all else is a line to open."""
HAND_SIGNS: Final = {"heart": "like_heart", "sticker": "sticker"}
KEPT_BY_TERMS: Final = "Instagram does not let us keep it"
MEGABYTE: Final = 1_000_000
AS_CARDS: Final = frozenset({"appointment_booking", "template"})
OPENS: Final = "Opens in a new tab"


def attachment_words(type_: str) -> tuple[str, str, str]:
    """Return an attachment's name, its name with an article, and its icon."""
    return ATTACHMENTS.get(type_, UNKNOWN_ATTACHMENT)


def attachments_of(row: MessageRow, reader: Reader) -> list[AttachmentView]:
    """Return what a message brings beside its words; templates are cards, and not here."""
    place = place_view(row.message.content or {})
    if place is not None:
        return [place]
    if row.attachments:
        found = [each for each in row.attachments if each.type not in AS_CARDS]
        return [attachment_view(each, reader) for each in found]
    return sent_attachment_views(row.message.kind, row.message.content or {})


def attachment_view(attachment: Attachment, reader: Reader) -> AttachmentView:
    """Describe an attachment as far as it has come."""
    label, _, icon = attachment_words(attachment.type)
    name = attachment.title or attachment.filename
    view = AttachmentView(kind="file", label=name or label, detail=label if name else "", icon=icon)
    look = _LOOKS.get(attachment.state, _remote)
    return look(view, attachment, reader)


def _stored(view: AttachmentView, attachment: Attachment, reader: Reader) -> AttachmentView:
    size = size_words(attachment.size_bytes)
    return replace(
        view,
        kind=PLAYED.get(attachment.type, "file"),
        detail=" · ".join(filter(None, (view.detail, size))) or OPENS,
        url=reader.file_link(attachment),
        picture_url=reader.thumbnail_link(attachment),
        width=attachment.width,
        height=attachment.height,
    )


def _pending(view: AttachmentView, attachment: Attachment, reader: Reader) -> AttachmentView:
    """Meta's own address serves until the file is ours."""
    shown = _remote(view, attachment, reader)
    return replace(shown, detail="Being fetched") if shown.kind == "file" else shown


def _remote(view: AttachmentView, attachment: Attachment, reader: Reader) -> AttachmentView:
    del reader
    url = safe_url(attachment.url)
    kind = PLAYED.get(attachment.type, "file") if url else "file"
    where = OPENS if url else "Cannot be shown here"
    return replace(view, kind=kind, detail=" · ".join(filter(None, (view.detail, where))), url=url)


def _failed(view: AttachmentView, attachment: Attachment, reader: Reader) -> AttachmentView:
    may = reader.tenant.may("reply")
    return replace(
        view,
        detail=explain(attachment.error_slug),
        is_broken=True,
        retry_url=(
            reader.link("messenger_ui.fetch_again", attachment_id=attachment.id) if may else None
        ),
    )


def _refused(view: AttachmentView, attachment: Attachment, reader: Reader) -> AttachmentView:
    del reader
    url = safe_url(attachment.url)
    if attachment.error_slug:
        return replace(view, detail=explain(attachment.error_slug), is_broken=True)
    detail = f"{KEPT_BY_TERMS}; it may be gone" if url else KEPT_BY_TERMS
    return replace(view, detail=detail, url=url)


def _expired(view: AttachmentView, attachment: Attachment, reader: Reader) -> AttachmentView:
    del attachment, reader
    return replace(view, detail="No longer kept")


_LOOKS: Final = {
    ATTACHMENT_EXPIRED: _expired,
    ATTACHMENT_FAILED: _failed,
    ATTACHMENT_PENDING: _pending,
    ATTACHMENT_REFUSED: _refused,
    ATTACHMENT_STORED: _stored,
}


def sent_attachment_views(kind: str, content: dict[str, Any]) -> list[AttachmentView]:
    """Describe what a message of ours carries of which there are no rows."""
    if kind in HAND_SIGNS:
        label, _, icon = attachment_words(HAND_SIGNS[kind])
        return [AttachmentView(kind="file", label=label, detail="", icon=icon)]
    if kind == "images":
        pictures = content.get("images")
        given = pictures if isinstance(pictures, list) else []
        return [_sent_view("image", each.get("url")) for each in given if isinstance(each, dict)]
    sent = content.get("attachment")
    if not isinstance(sent, dict):
        return []
    return [_sent_view(str(sent.get("type", "")), sent.get("url"))]


def _sent_view(type_: str, address: Any) -> AttachmentView:
    label, _, icon = attachment_words(type_)
    url = safe_url(address if isinstance(address, str) else None)
    shown = PLAYED.get(type_, "file") if url else "file"
    return AttachmentView(kind=shown, label=label, detail=OPENS if url else "", icon=icon, url=url)


def place_view(content: dict[str, Any]) -> AttachmentView | None:
    """Describe a place; it opens on a map that needs no key."""
    place = content.get("location")
    if not isinstance(place, dict):
        return None
    label, _, icon = attachment_words("location")
    latitude, longitude = place.get("latitude"), place.get("longitude")
    url = safe_url(place.get("url"))
    if url is None and isinstance(latitude, int | float) and isinstance(longitude, int | float):
        url = f"https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}#map=16/{latitude}/{longitude}"
    title = place.get("title")
    return AttachmentView(
        kind="file",
        label=title if isinstance(title, str) and title else label,
        detail=OPENS if url else "",
        icon=icon,
        url=url,
    )


def size_words(size: int | None) -> str:
    """Return a file's size as people say it: "640 kB", "2.4 MB"; "" where nobody knows."""
    if size is None:
        return ""
    if size < MEGABYTE:
        return f"{max(1, round(size / 1000))} kB"
    return f"{size / MEGABYTE:.1f} MB"
