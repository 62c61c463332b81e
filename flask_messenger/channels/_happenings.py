"""What happens to messages after they were written: receipts, reactions, edits, deletions.

Source: https://developers.facebook.com/docs/messenger-platform/reference/webhook-events
"""

from collections.abc import Mapping
from typing import Any, Final

from flask_messenger.channels._frame import Frame, is_ours, person_of
from flask_messenger.channels._reading import as_id, as_list, as_mapping, as_text, as_time
from flask_messenger.events import (
    DeletionEvent,
    EditEvent,
    Event,
    ReactionEvent,
    ReceiptEvent,
)

EMOJI_OF: Final = {
    "angry": "\N{ANGRY FACE}",
    "dislike": "\N{THUMBS DOWN SIGN}",
    "like": "\N{THUMBS UP SIGN}",
    "love": "\N{HEAVY BLACK HEART}",
    "sad": "\N{CRYING FACE}",
    "smile": "\N{SMILING FACE WITH OPEN MOUTH AND TIGHTLY-CLOSED EYES}",
    "wow": "\N{FACE WITH OPEN MOUTH}",
}
"""What a reaction looks like that Meta only names."""
MAX_EMOJI_LENGTH: Final = 64
MAX_EDIT_NUMBER: Final = 1_000_000


def parse_receipt(key: str, event: Mapping[str, Any], frame: Frame) -> Event:
    """Read how far messages of ours came.

    Instagram names the message that was read last, and means all before it, too.
    """
    receipt = as_mapping(event.get(key))
    person = person_of(event, is_echo=False)
    if person is None:
        return frame.unhandled(f"{key}_without_sender")
    watermark = as_time(receipt.get("watermark"))
    mids = [as_id(each) for each in (*as_list(receipt.get("mids")), receipt.get("mid"))]
    is_up_to_message = key == "read" and watermark is None
    return ReceiptEvent(
        **frame.address,
        identity_external_id=person,
        kind="delivered" if key == "delivery" else "seen" if is_up_to_message else "read",
        at=watermark or frame.at,
        message_external_ids=tuple(dict.fromkeys(mid for mid in mids if mid)),
        is_watermark=watermark is not None,
    )


def parse_deletion(message: Mapping[str, Any], *, person: str | None, frame: Frame) -> Event:
    """Read that a message was taken back; Meta repeats nothing of it but its id."""
    message_id = as_id(message.get("mid"))
    if message_id is None:
        return frame.unhandled("message_deleted_without_id")
    return DeletionEvent(
        **frame.address,
        identity_external_id=person,
        message_external_id=message_id,
        at=frame.at,
    )


def parse_reaction(event: Mapping[str, Any], frame: Frame) -> Event:
    reaction = as_mapping(event.get("reaction"))
    actor, message_id = person_of(event, is_echo=False), as_id(reaction.get("mid"))
    is_echo = actor in {frame.account, frame.alias} and actor is not None
    person = person_of(event, is_echo=is_echo)
    if actor is None or person is None or message_id is None:
        return frame.unhandled("reaction_incomplete")
    is_removed = reaction.get("action") == "unreact"
    name = (as_text(reaction.get("reaction")) or "")[:64] or None
    emoji = (as_text(reaction.get("emoji")) or EMOJI_OF.get(name or "", ""))[:MAX_EMOJI_LENGTH]
    return ReactionEvent(
        **frame.address,
        identity_external_id=person,
        message_external_id=message_id,
        actor=actor,
        at=frame.at,
        emoji=None if is_removed else emoji or None,
        name=None if is_removed else name,
        is_removed=is_removed,
        is_echo=is_echo,
    )


def parse_edit(event: Mapping[str, Any], frame: Frame) -> Event:
    edit = as_mapping(event.get("message_edit"))
    message_id, text = as_id(edit.get("mid")), as_text(edit.get("text"))
    if message_id is None or text is None:
        return frame.unhandled("message_edit_incomplete")
    return EditEvent(
        **frame.address,
        identity_external_id=person_of(event, is_echo=is_ours(event, frame.account)),
        message_external_id=message_id,
        at=frame.at,
        text=text,
        number=_edit_number(edit.get("num_edit")),
    )


def _edit_number(value: Any) -> int:
    """Return Meta's count of edits, which comes as a number or as text; 0 where it is neither."""
    text = as_id(value) or ""
    number = int(text) if text.isascii() and text.isdecimal() else 0
    return min(number, MAX_EDIT_NUMBER)
