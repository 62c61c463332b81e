"""What messages and their states are called on the pages: one table for each."""

from dataclasses import replace
from typing import Any, Final

from flask_messenger.errors import GraphError
from flask_messenger.models import Attachment, Message
from flask_messenger.models.messages import (
    ATTACHMENT_EXPIRED,
    BY_BOT,
    BY_CUSTOMER,
    BY_PAGE_INBOX,
    CANCELLED,
    DELIVERED,
    FAILED,
    QUEUED,
    READ,
    SENDING,
    SENT,
    UNDELIVERED,
    UNKNOWN,
)
from flask_messenger.ui.presenters.inbox import AttachmentView, StateView
from flask_messenger.ui.presenters.people import safe_url
from flask_messenger.ui.presenters.reader import SOMEBODY, Reader

PAGE_INBOX: Final = "Page inbox"
BOT: Final = "Bot"
MESSAGE_DELETED: Final = "Message deleted"

STATES: Final = {
    QUEUED: StateView(word="Queued", icon="clock"),
    SENDING: StateView(word="Sending", icon="up"),
    SENT: StateView(word="Sent", icon="check"),
    DELIVERED: StateView(word="Delivered", icon="checks"),
    READ: StateView(word="Read", icon="checks", kind="read"),
    FAILED: StateView(word="Not sent", icon="warn", kind="bad"),
    UNKNOWN: StateView(word="Could not confirm", icon="question", kind="warn"),
    CANCELLED: StateView(word="Cancelled", icon="close"),
}
SCHEDULED: Final = StateView(word="Scheduled", icon="clock")

# Meta's word for an attachment: ours, with its article, and the shape beside it.
ATTACHMENTS: Final = {
    "image": ("Picture", "a picture", "image"),
    "sticker": ("Sticker", "a sticker", "image"),
    "video": ("Video", "a video", "play"),
    "audio": ("Voice message", "a voice message", "play"),
    "file": ("File", "a file", "file"),
    "location": ("Place", "a place", "pin"),
    "template": ("Card", "a card", "file"),
    "fallback": ("Link", "a link", "file"),
    "share": ("Shared post", "a post", "file"),
}
UNKNOWN_ATTACHMENT: Final = ("Attachment", "an attachment", "clip")


def _causes() -> dict[str, str]:
    """Collect what agents read about each way Graph refuses, from the errors themselves."""
    found: dict[str, str] = {}
    kinds: list[type[GraphError]] = [GraphError]
    while kinds:
        kind = kinds.pop()
        found[kind.slug] = kind.agent_text
        kinds.extend(kind.__subclasses__())
    return found


CAUSES: Final = {
    **_causes(),
    UNDELIVERED: "Meta took it, but it did not reach the person.",
    "window_closed": "The time to reply was over.",
    "plan_required": "Your plan does not have this channel.",
    "invalid_content": "The channel cannot carry this message.",
    "account_disconnected": "The account is disconnected.",
}


def cause(error_slug: str | None) -> str:
    """Say why a message was not sent, without a full stop: it stands in a line of its own."""
    return CAUSES.get(error_slug or "", GraphError.agent_text).rstrip(".")


def author(message: Message, reader: Reader) -> str:
    """Say who of our side wrote an outbound message, as this reader knows them."""
    if message.sent_by == BY_PAGE_INBOX:
        return PAGE_INBOX
    if message.sent_by == BY_BOT:
        return message.sent_by_name or BOT
    if message.sent_by == BY_CUSTOMER:
        return ""
    if message.sent_by_ref == reader.tenant.user_id:
        return reader.agent_name(message.sent_by_ref)
    return message.sent_by_name or reader.agent_name(message.sent_by_ref) or SOMEBODY


def attachment_words(type_: str) -> tuple[str, str, str]:
    """Return an attachment's name, its name with an article, and its icon."""
    return ATTACHMENTS.get(type_, UNKNOWN_ATTACHMENT)


def attachment_view(attachment: Attachment) -> AttachmentView:
    """Describe an attachment that arrived."""
    view = describe_attachment(attachment.type, attachment.url, attachment.title)
    if attachment.state == ATTACHMENT_EXPIRED:
        return replace(view, detail="No longer kept")
    return view


def sent_attachment_view(content: dict[str, Any]) -> AttachmentView | None:
    """Describe the attachment of a message we sent; None where it has none."""
    sent = content.get("attachment")
    if not isinstance(sent, dict):
        return None
    return describe_attachment(str(sent.get("type", "")), sent.get("url"), None)


def describe_attachment(type_: str, url: str | None, title: str | None) -> AttachmentView:
    """Describe an attachment by Meta's word for it, its address and its title."""
    label, _, icon = attachment_words(type_)
    address = safe_url(url)
    kind = "image" if type_ in ("image", "sticker") else type_
    return AttachmentView(
        kind=kind,
        label=title or label,
        detail=_detail(label if title else "", address),
        icon=icon,
        url=address,
    )


def _detail(label: str, address: str | None) -> str:
    where = "Opens in a new tab" if address else "Cannot be shown here"
    return f"{label} · {where}" if label else where
