"""The webhook events of Messenger, as values: no database, no clock, no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]


def envelope(page_id: str, at_ms: int, event: Json) -> Json:
    """Return the body of a webhook that carries one event of one Page."""
    return {"object": "page", "entry": [{"id": page_id, "time": at_ms, "messaging": [event]}]}


def message(
    page_id: str,
    psid: str,
    *,
    at_ms: int,
    mid: str,
    text: str | None,
    attachments: Sequence[Json],
    quick_reply: str | None,
    reply_to: str | None,
) -> Json:
    """Return what a Page hears when a person writes."""
    body = _body(mid, text, attachments, reply_to)
    if quick_reply is not None:
        body["quick_reply"] = {"payload": quick_reply}
    return {**_between(psid, page_id, at_ms), "message": body}


def echo(
    page_id: str,
    psid: str,
    *,
    at_ms: int,
    mid: str,
    app_id: str,
    metadata: str | None,
    text: str | None,
    attachments: Sequence[Json],
    reply_to: str | None,
) -> Json:
    """Return what an app hears when the Page writes, whoever did it."""
    body: Json = {"is_echo": True, "app_id": int(app_id)}
    if metadata is not None:
        body["metadata"] = metadata
    body |= _body(mid, text, attachments, reply_to)
    return {**_between(page_id, psid, at_ms), "message": body}


def postback(page_id: str, psid: str, *, at_ms: int, mid: str, title: str, payload: str) -> Json:
    """Return what a Page hears when a person taps a button."""
    body = {"mid": mid, "title": title, "payload": payload}
    return {**_between(psid, page_id, at_ms), "postback": body}


def delivery(page_id: str, psid: str, *, at_ms: int, mids: Sequence[str], watermark: int) -> Json:
    """Return what a Page hears when its messages reach the person's device."""
    body = {"mids": list(mids), "watermark": watermark}
    return {**_between(psid, page_id, at_ms), "delivery": body}


def read(page_id: str, psid: str, *, at_ms: int, watermark: int) -> Json:
    """Return what a Page hears when the person looks: all up to the watermark is read."""
    return {**_between(psid, page_id, at_ms), "read": {"watermark": watermark}}


def reaction(page_id: str, psid: str, *, at_ms: int, body: Mapping[str, Any]) -> Json:
    """Return what a Page hears when a person reacts to a message, or takes it back."""
    return {**_between(psid, page_id, at_ms), "reaction": dict(body)}


def _between(sender: str, recipient: str, at_ms: int) -> Json:
    return {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": at_ms}


def _body(mid: str, text: str | None, attachments: Sequence[Json], reply_to: str | None) -> Json:
    body: Json = {"mid": mid}
    if text is not None:
        body["text"] = text
    if attachments:
        body["attachments"] = list(attachments)
    if reply_to is not None:
        body["reply_to"] = {"mid": reply_to}
    return body
