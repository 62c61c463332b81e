"""Messages of the Conversations API, turned into what a webhook would have said of them.

They go through the parser of the webhooks, so a message is the same whichever way it came.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_messenger.channels.base import Channel
from flask_messenger.events import MessageEvent
from flask_messenger.graph.conversations import Participant, ReadConversation, read_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What our side of a conversation goes by.

    Instagram may call an account by another id than the one it is connected with; its username is
    the same everywhere.
    """

    ids: frozenset[str]
    username: str | None = None

    def covers(self, id_: str, username: Any) -> bool:
        """Say whether this is our side."""
        if id_ in self.ids:
            return True
        known = self.username
        return bool(known) and isinstance(username, str) and username.lower() == str(known).lower()


def person_of(conversation: ReadConversation, ours: Ours) -> Participant | None:
    """Return whom the account talks with; None where that cannot be told for sure."""
    others = {
        each.id: each
        for each in conversation.participants
        if not ours.covers(each.id, each.username)
    }
    return next(iter(others.values())) if len(others) == 1 else None


def events_of(
    channel: Channel,
    account_external_id: str,
    person_id: str,
    conversation: ReadConversation,
    *,
    ours: Ours,
) -> list[MessageEvent]:
    """Return the messages of a conversation as their webhooks would tell them. Pure.

    A message of which Meta does not say who wrote it, or when, is left out.
    """
    given = [_event(each, account_external_id, person_id, ours) for each in conversation.messages]
    entry = {"id": account_external_id, "messaging": [each for each in given if each]}
    return [each for each in channel.parse(entry) if isinstance(each, MessageEvent)]


def _event(
    message: Mapping[str, Any], account: str, person: str, ours: Ours
) -> dict[str, Any] | None:
    sender = _mapping(message.get("from"))
    sender_id, at = str(sender.get("id") or ""), read_time(message.get("created_time"))
    is_ours = sender_id != person and ours.covers(sender_id, sender.get("username"))
    if at is None or not message.get("id") or (sender_id != person and not is_ours):
        return None
    own, other = {"id": account}, {"id": person}
    return {
        "sender": own if is_ours else other,
        "recipient": other if is_ours else own,
        "timestamp": round(at.timestamp() * 1000),
        "message": _message(message, is_ours=is_ours),
    }


def _message(given: Mapping[str, Any], *, is_ours: bool) -> dict[str, Any]:
    message: dict[str, Any] = {
        "mid": str(given["id"]),
        "text": given.get("message") or None,
        "attachments": _attachments(given),
        "reply_to": _reply_of(given),
    }
    if is_ours:
        message["is_echo"] = True
    return message


def _reply_of(given: Mapping[str, Any]) -> dict[str, Any] | None:
    story = _mapping(_mapping(given.get("story")).get("reply_to"))
    if story:
        return {"story": {"id": story.get("id"), "url": story.get("link")}}
    reply = _mapping(given.get("reply_to"))
    mid = reply.get("mid") or reply.get("id")
    return {"mid": mid} if mid else None


def _attachments(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = [_file(each) for each in _items(given.get("attachments"))]
    found += [
        _attachment("share", each.get("link"), title=each.get("name"))
        for each in _items(given.get("shares"))
    ]
    sticker = given.get("sticker")
    if isinstance(sticker, str):
        found.append(_attachment("sticker", sticker))
    mention = _mapping(_mapping(given.get("story")).get("mention"))
    if mention:
        found.append(_attachment("story_mention", mention.get("link")))
    return found


def _file(given: Mapping[str, Any]) -> dict[str, Any]:
    mime_type = str(given.get("mime_type") or "")
    template = _mapping(given.get("generic_template"))
    if template:
        return _attachment("template", None, title=template.get("title"), generic=dict(template))
    image, video = _mapping(given.get("image_data")), _mapping(given.get("video_data"))
    if image:
        kind = "sticker" if image.get("render_as_sticker") else "image"
        return _attachment(kind, image.get("url"))
    if video:
        return _attachment("video", video.get("url"))
    kind = mime_type.partition("/")[0]
    return _attachment(
        kind if kind in {"audio", "image", "video"} else "file",
        given.get("file_url"),
        title=given.get("name"),
    )


def _attachment(type_: str, url: Any, *, title: Any = None, **rest: Any) -> dict[str, Any]:
    said = {"url": url, "title": title or None, **rest}
    payload = {name: each for name, each in said.items() if each is not None}
    return {"type": type_, "payload": payload}


def _items(value: Any) -> list[Mapping[str, Any]]:
    data = _mapping(value).get("data")
    return [each for each in data if isinstance(each, Mapping)] if isinstance(data, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
