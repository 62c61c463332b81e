"""What Facebook and Instagram share: the `messaging` events of an entry.

Source: https://developers.facebook.com/docs/messenger-platform/reference/webhook-events
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from flask_messenger.channels._reading import (
    as_id,
    as_list,
    as_mapping,
    as_text,
    as_time,
    clean_json,
)
from flask_messenger.events import (
    DeletionEvent,
    EditEvent,
    Event,
    MessageEvent,
    ReactionEvent,
    ReceiptEvent,
    ReceivedAttachment,
    ReferralEvent,
    UnhandledEvent,
)

METADATA_PREFIX: Final = "fm:"
"""Marks the metadata of messages we sent; what follows is the message's id."""

# Keys of an event that say what it is, most telling first. What else an event may carry
# (`prior_message`, `hop_context`, `referral` beside a message) does not change its kind.
EVENT_KEYS: Final = (
    "message",
    "postback",
    "delivery",
    "read",
    "reaction",
    "message_edit",
    "optin",
    "referral",
    "pass_thread_control",
    "take_thread_control",
    "request_thread_control",
    "app_roles",
    "policy_enforcement",
    "account_linking",
    "response_feedback",
    "messaging_feedback",
    "messaging_customer_information",
    "order",
    "template",
    "form",
    "game_play",
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


def parse_entry(entry: Mapping[str, Any]) -> Iterator[Event]:
    """Yield every event of one entry. The account is the entry's own `id`."""
    account = as_id(entry.get("id")) or ""
    entry_time = as_time(entry.get("time"))
    for event in _messaging_events(entry):
        yield _parse_one(event, account=account, entry_time=entry_time)
    for _ in as_list(entry.get("standby")):
        yield UnhandledEvent(account_external_id=account, kind="standby")
    for field in _plain_changes(entry):
        yield UnhandledEvent(account_external_id=account, kind=field)


def _messaging_events(entry: Mapping[str, Any]) -> Iterator[Any]:
    """Yield what is under `messaging`, and samples of the dashboard's Test button.

    That button puts a messaging event into `changes[].value`.
    """
    yield from as_list(entry.get("messaging"))
    for change in as_list(entry.get("changes")):
        if _is_messaging_change(change):
            yield as_mapping(change).get("value")


def _is_messaging_change(change: Any) -> bool:
    value = as_mapping(as_mapping(change).get("value"))
    return "sender" in value and "recipient" in value


def _plain_changes(entry: Mapping[str, Any]) -> Iterator[str]:
    for change in as_list(entry.get("changes")):
        if not _is_messaging_change(change):
            yield as_id(as_mapping(change).get("field")) or "change"


def _parse_one(value: Any, *, account: str, entry_time: datetime | None) -> Event:
    """Parse one event; one that is nested deeper than we go costs none beside it."""
    try:
        return _parse_event(value, account=account, entry_time=entry_time)
    except RecursionError:
        return UnhandledEvent(account_external_id=account, kind="too_deep")


def _parse_event(value: Any, *, account: str, entry_time: datetime | None) -> Event:
    event = as_mapping(value)
    kind = next((key for key in EVENT_KEYS if isinstance(event.get(key), Mapping)), None)
    sent_at = as_time(event.get("timestamp")) or entry_time
    if sent_at is None:
        # Without any time of Meta's an event cannot be placed in its thread; the journal has it.
        return UnhandledEvent(account_external_id=account, kind="without_time")
    parse = PARSERS.get(kind or "")
    if parse is None:
        return UnhandledEvent(account_external_id=account, kind=kind or _unknown_kind(event))
    return parse(event, account, sent_at)


def _unknown_kind(event: Mapping[str, Any]) -> str:
    names = sorted(set(event) - {"sender", "recipient", "timestamp"})
    return (as_id(names[0]) or "unknown")[:64] if names else "empty"


def _parse_message(event: Mapping[str, Any], account: str, sent_at: datetime) -> Event:
    message = as_mapping(event.get("message"))
    is_echo = bool(message.get("is_echo"))
    person = _person(event, is_echo=is_echo)
    if message.get("is_deleted"):
        return _parse_deletion(message, person=person, account=account, at=sent_at)
    if person is None and not is_echo:
        return UnhandledEvent(account_external_id=account, kind="message_without_sender")
    attachments = _attachments(message)
    return MessageEvent(
        account_external_id=account,
        identity_external_id=person,
        external_id=as_id(message.get("mid")) or _derived_id("message", account, event),
        sent_at=sent_at,
        kind=_message_kind(message, attachments),
        text=as_text(message.get("text")) or None,
        content=_message_content(message, event),
        attachments=attachments,
        reply_to_external_id=as_id(as_mapping(message.get("reply_to")).get("mid")),
        is_echo=is_echo,
        echo_of=_own_message_id(message.get("metadata")) if is_echo else None,
        app_id=as_id(message.get("app_id")) if is_echo else None,
    )


def _person(event: Mapping[str, Any], *, is_echo: bool) -> str | None:
    side = as_mapping(event.get("recipient" if is_echo else "sender"))
    return as_id(side.get("id")) or as_id(side.get("user_ref"))


def _message_kind(message: Mapping[str, Any], attachments: tuple[ReceivedAttachment, ...]) -> str:
    if isinstance(message.get("quick_reply"), Mapping):
        return "quick_reply"
    if as_text(message.get("text")):
        return "text"
    return "media" if attachments else "unsupported"


def _message_content(message: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    payload = as_mapping(message.get("quick_reply")).get("payload")
    return _tap_content(payload, message.get("referral") or event.get("referral"))


def _tap_content(payload: Any, referral: Any) -> dict[str, Any]:
    """Return what was tapped, and the link or ad that led to it."""
    content = {"payload": clean_json(payload)} if payload is not None else {}
    if as_mapping(referral):
        content["referral"] = clean_json(referral)
    return content


def _own_message_id(metadata: Any) -> str | None:
    text = as_text(metadata) or ""
    return text.removeprefix(METADATA_PREFIX) if text.startswith(METADATA_PREFIX) else None


def _attachments(message: Mapping[str, Any]) -> tuple[ReceivedAttachment, ...]:
    """Read the attachments; a sticker that comes twice, as `image` and as itself, once."""
    given = [_attachment(each) for each in as_list(message.get("attachments"))]
    sticker_urls = {each.url for each in given if each.type == "sticker" and each.url}
    return tuple(each for each in given if not (each.type == "image" and each.url in sticker_urls))


def _attachment(value: Any) -> ReceivedAttachment:
    attachment = as_mapping(value)
    payload = as_mapping(attachment.get("payload"))
    rest = {key: each for key, each in payload.items() if key not in {"url", "title"}}
    return ReceivedAttachment(
        type=(as_id(attachment.get("type")) or "unknown")[:64],
        url=as_text(payload.get("url")) or as_text(attachment.get("url")),
        title=as_text(payload.get("title")) or as_text(attachment.get("title")),
        payload=clean_json(rest),
    )


def _parse_postback(event: Mapping[str, Any], account: str, sent_at: datetime) -> Event:
    postback = as_mapping(event.get("postback"))
    person = _person(event, is_echo=False)
    if person is None:
        return UnhandledEvent(account_external_id=account, kind="postback_without_sender")
    title = as_text(postback.get("title"))
    payload = postback.get("payload")
    return MessageEvent(
        account_external_id=account,
        identity_external_id=person,
        external_id=as_id(postback.get("mid")) or _derived_id("postback", account, event),
        sent_at=sent_at,
        kind="postback",
        text=title or None,
        content=_tap_content(payload, postback.get("referral") or event.get("referral")),
    )


def _parse_receipt(key: str, event: Mapping[str, Any], account: str, sent_at: datetime) -> Event:
    receipt = as_mapping(event.get(key))
    person = _person(event, is_echo=False)
    if person is None:
        return UnhandledEvent(account_external_id=account, kind=f"{key}_without_sender")
    watermark = as_time(receipt.get("watermark"))
    mids = [as_id(each) for each in (*as_list(receipt.get("mids")), receipt.get("mid"))]
    return ReceiptEvent(
        account_external_id=account,
        identity_external_id=person,
        kind="delivered" if key == "delivery" else "read",
        at=watermark or sent_at,
        message_external_ids=tuple(dict.fromkeys(mid for mid in mids if mid)),
        is_watermark=watermark is not None,
    )


def _parse_deletion(
    message: Mapping[str, Any], *, person: str | None, account: str, at: datetime
) -> Event:
    """Read that a message was taken back; Meta repeats nothing of it but its id."""
    message_id = as_id(message.get("mid"))
    if message_id is None:
        return UnhandledEvent(account_external_id=account, kind="message_deleted_without_id")
    return DeletionEvent(
        account_external_id=account,
        identity_external_id=person,
        message_external_id=message_id,
        at=at,
    )


def _parse_reaction(event: Mapping[str, Any], account: str, at: datetime) -> Event:
    reaction = as_mapping(event.get("reaction"))
    actor, message_id = _person(event, is_echo=False), as_id(reaction.get("mid"))
    is_echo = actor == account
    person = _person(event, is_echo=is_echo)
    if actor is None or person is None or message_id is None:
        return UnhandledEvent(account_external_id=account, kind="reaction_incomplete")
    is_removed = reaction.get("action") == "unreact"
    name = (as_text(reaction.get("reaction")) or "")[:64] or None
    emoji = (as_text(reaction.get("emoji")) or EMOJI_OF.get(name or "", ""))[:MAX_EMOJI_LENGTH]
    return ReactionEvent(
        account_external_id=account,
        identity_external_id=person,
        message_external_id=message_id,
        actor=actor,
        at=at,
        emoji=None if is_removed else emoji or None,
        name=None if is_removed else name,
        is_removed=is_removed,
        is_echo=is_echo,
    )


def _parse_edit(event: Mapping[str, Any], account: str, at: datetime) -> Event:
    edit = as_mapping(event.get("message_edit"))
    message_id, text = as_id(edit.get("mid")), as_text(edit.get("text"))
    if message_id is None or text is None:
        return UnhandledEvent(account_external_id=account, kind="message_edit_incomplete")
    sender = _person(event, is_echo=False)
    return EditEvent(
        account_external_id=account,
        identity_external_id=_person(event, is_echo=True) if sender == account else sender,
        message_external_id=message_id,
        at=at,
        text=text,
        number=_edit_number(edit.get("num_edit")),
    )


def _edit_number(value: Any) -> int:
    """Return Meta's count of edits, which comes as a number or as text; 0 where it is neither."""
    text = as_id(value) or ""
    number = int(text) if text.isascii() and text.isdecimal() else 0
    return min(number, MAX_EDIT_NUMBER)


def _parse_referral(event: Mapping[str, Any], account: str, at: datetime) -> Event:
    person = _person(event, is_echo=False)
    if person is None or person == account:
        return UnhandledEvent(account_external_id=account, kind="referral_without_sender")
    return ReferralEvent(
        account_external_id=account,
        identity_external_id=person,
        at=at,
        content=clean_json(as_mapping(event.get("referral"))),
    )


def _derived_id(kind: str, account: str, event: Mapping[str, Any]) -> str:
    """Return the same id for the same event, where Meta gives it none.

    The sorted event is hashed with the account, so a repeated delivery meets itself.
    """
    canonical = json.dumps(event, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(f"{account}\x00{canonical}".encode()).hexdigest()
    return f"{kind}:{digest[:40]}"


PARSERS: Final[Mapping[str, Callable[[Mapping[str, Any], str, datetime], Event]]] = {
    "message": _parse_message,
    "postback": _parse_postback,
    "delivery": partial(_parse_receipt, "delivery"),
    "read": partial(_parse_receipt, "read"),
    "reaction": _parse_reaction,
    "message_edit": _parse_edit,
    "referral": _parse_referral,
}
"""Per key of an event what reads it: from the event, its account and its time."""
