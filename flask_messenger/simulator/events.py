"""The messaging events of Messenger and Instagram, as values: no database, no clock, no network.

Source: https://developers.facebook.com/docs/messenger-platform/webhooks
Source: https://developers.facebook.com/docs/instagram-platform/webhooks
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

MESSAGING, STANDBY = "messaging", "standby"
PAGE_OBJECT, INSTAGRAM_OBJECT = "page", "instagram"


def envelope(
    account_id: str, at_ms: int, event: Json, *, kind: str = PAGE_OBJECT, key: str = MESSAGING
) -> Json:
    """Return the body of a webhook that carries one event of one Page or Instagram account.

    Args:
        account_id: whose event it is.
        at_ms: when it happened.
        event: what the other functions here make.
        kind: the webhook's object, `page` or `instagram`.
        key: `standby` for an app that does not control the conversation.
    """
    return {"object": kind, "entry": [{"id": account_id, "time": at_ms, key: [event]}]}


def message(
    account_id: str,
    psid: str,
    *,
    at_ms: int,
    mid: str,
    text: str | None = None,
    attachments: Sequence[Json] = (),
    reply_to: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Json:
    """Return what an account hears when a person writes.

    `more` are the rarer keys of a message: `quick_reply`, `referral`, `is_unsupported`, …
    """
    body = _body(mid, text, attachments, reply_to) | dict(more or {})
    return {**between(psid, account_id, at_ms), "message": body}


def deletion(account_id: str, psid: str, *, at_ms: int, mid: str) -> Json:
    """Return what an account hears when a person takes a message back: its id, not its text."""
    return {**between(psid, account_id, at_ms), "message": {"mid": mid, "is_deleted": True}}


def echo(
    account_id: str,
    psid: str,
    *,
    at_ms: int,
    mid: str,
    text: str | None,
    attachments: Sequence[Json],
    reply_to: Mapping[str, Any] | None,
    app_id: str | None = None,
    metadata: str | None = None,
) -> Json:
    """Return what an app hears when the business writes, whoever did it.

    Instagram's echoes name no app and bring no metadata.
    """
    body: Json = {"is_echo": True}
    if app_id is not None:
        body["app_id"] = int(app_id)
    if metadata is not None:
        body["metadata"] = metadata
    body |= _body(mid, text, attachments, reply_to)
    return {**between(account_id, psid, at_ms), "message": body}


def postback(
    account_id: str,
    psid: str,
    *,
    at_ms: int,
    mid: str,
    title: str,
    payload: str,
    referral: Mapping[str, Any] | None = None,
) -> Json:
    """Return what an account hears when a person taps a button, a menu or an ice breaker."""
    body: Json = {"mid": mid, "title": title, "payload": payload}
    if referral is not None:
        body["referral"] = dict(referral)
    return {**between(psid, account_id, at_ms), "postback": body}


def delivery(
    account_id: str, psid: str, *, at_ms: int, mids: Sequence[str], watermark: int
) -> Json:
    """Return what a Page hears when its messages reach the person's device."""
    body = {"mids": list(mids), "watermark": watermark}
    return {**between(psid, account_id, at_ms), "delivery": body}


def read(account_id: str, psid: str, *, at_ms: int, watermark: int) -> Json:
    """Return what a Page hears when the person looks: all up to the watermark is read."""
    return {**between(psid, account_id, at_ms), "read": {"watermark": watermark}}


def seen(account_id: str, psid: str, *, at_ms: int, mid: str) -> Json:
    """Return what an Instagram account hears when the person looks: the message that was read."""
    return {**between(psid, account_id, at_ms), "read": {"mid": mid}}


def reaction(account_id: str, psid: str, *, at_ms: int, body: Mapping[str, Any]) -> Json:
    """Return what an account hears when a person reacts to a message, or takes it back."""
    return {**between(psid, account_id, at_ms), "reaction": dict(body)}


def edit(account_id: str, psid: str, *, at_ms: int, mid: str, text: str, count: int) -> Json:
    """Return what an account hears when a person changes a message for the `count`th time."""
    body = {"mid": mid, "text": text, "num_edit": count}
    return {**between(psid, account_id, at_ms), "message_edit": body}


def notice(account_id: str, psid: str, *, at_ms: int, key: str, body: Mapping[str, Any]) -> Json:
    """Return an event that is told in the conversation under a key of its own."""
    return {**between(psid, account_id, at_ms), key: dict(body)}


def policy(account_id: str, *, at_ms: int, body: Mapping[str, Any]) -> Json:
    """Return Meta's own word on a Page: it has no sender."""
    return {"recipient": {"id": account_id}, "timestamp": at_ms, "policy_enforcement": dict(body)}


def for_standby(event: Json) -> Json:
    """Return an event as an app hears it that does not control the conversation.

    What a button carries is only for the app that sent the button.
    """
    if "postback" not in event:
        return event
    body = {name: value for name, value in event["postback"].items() if name != "payload"}
    return event | {"postback": body}


def between(sender: str, recipient: str, at_ms: int) -> Json:
    """Return what every event of a conversation begins with."""
    return {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": at_ms}


def _body(
    mid: str,
    text: str | None,
    attachments: Sequence[Json],
    reply_to: Mapping[str, Any] | None,
) -> Json:
    body: Json = {"mid": mid}
    if text is not None:
        body["text"] = text
    if attachments:
        body["attachments"] = list(attachments)
    if reply_to is not None:
        body["reply_to"] = dict(reply_to)
    return body
