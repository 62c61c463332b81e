"""Messages as the Conversations API shows them."""

from __future__ import annotations

import json
import mimetypes
import sqlite3
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from flask_messenger.simulator import ids
from flask_messenger.simulator.accounts import Account
from flask_messenger.simulator.fields import Field, pick
from flask_messenger.simulator.times import graph_time

NEWEST = 20  # older messages are listed, but cannot be read
DEFAULT_FIELDS = "id,created_time"
FILES = {"image": "image_data", "video": "video_data", "audio": "file_url", "file": "file_url"}
DEFAULT_TYPES = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "audio": "audio/mp4",
    "file": "application/octet-stream",
}
SHARES = {"ig_post", "ig_reel", "reel", "post", "share", "fallback", "MEDIA_SHARE"}


def list_messages(db: sqlite3.Connection, psid: str) -> list[sqlite3.Row]:
    """Return the messages of a thread that were not taken back, newest first."""
    rows: list[sqlite3.Row] = db.execute(
        "SELECT * FROM messages WHERE psid = ? AND deleted_at IS NULL"
        " ORDER BY sent_at DESC, rowid DESC",
        [psid],
    ).fetchall()
    return rows


def show_message(
    db: sqlite3.Connection,
    account: Account,
    thread: sqlite3.Row,
    row: sqlite3.Row,
    wanted: tuple[Field, ...],
) -> dict[str, Any]:
    """Return the fields of a message that are wanted."""
    content = json.loads(row["content"])
    attachments = content.get("attachments") or []
    customer, own = people(db, account, thread)
    is_inbound = row["direction"] == "in"
    values = {
        "id": row["mid"],
        "created_time": graph_time(row["sent_at"]),
        "from": customer if is_inbound else own,
        "to": {"data": [own if is_inbound else customer]},
        "message": row["text"] or "",
        "attachments": _list(_attachments(row, attachments)),
        "shares": _list(_shares(attachments)),
        "sticker": next((_url(one) for one in attachments if one["type"] == "sticker"), None),
        "story": _story(content, attachments),
        "tags": {"data": [{"name": name} for name in _tags(row)]},
        "reply_to": {"mid": row["reply_to"]} if row["reply_to"] else None,
        "reactions": _list(_reactions(row, customer, own)),
        "is_unsupported": True if content.get("is_unsupported") else None,
    }
    return pick(values, wanted, "Message")


def people(
    db: sqlite3.Connection, account: Account, thread: sqlite3.Row
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the customer and the account as the two participants of a conversation."""
    row = db.execute("SELECT * FROM customers WHERE slug = ?", [thread["customer"]]).fetchone()
    psid = thread["psid"]
    if account.is_instagram:
        return (
            {"username": row["username"] or row["slug"], "id": psid},
            {"username": account.slug, "id": account.id},
        )
    name = f"{row['first_name']} {row['last_name']}".strip()
    return (
        {"name": name, "email": f"{psid}@facebook.com", "id": psid},
        {"name": account.name, "email": f"{account.id}@facebook.com", "id": account.id},
    )


def _attachments(row: sqlite3.Row, attachments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    shown = []
    for position, one in enumerate(attachments):
        part: dict[str, Any] = {"id": ids.numeric_id(row["mid"], str(position), length=15)}
        if one["type"] == "template":
            part["generic_template"] = _template(one["payload"])
        elif one["type"] in FILES:
            part |= _file(one["type"], _url(one) or "")
        else:
            continue
        shown.append(part)
    return shown


def _file(kind: str, url: str) -> dict[str, Any]:
    name = PurePosixPath(urlsplit(url).path).name or kind
    part: dict[str, Any] = {
        "mime_type": mimetypes.guess_type(name)[0] or DEFAULT_TYPES[kind],
        "name": name,
        "size": 0,
    }
    if kind == "image":
        part["image_data"] = {"url": url, "preview_url": url, "width": 640, "height": 480}
    elif kind == "video":
        part["video_data"] = {"url": url, "preview_url": url, "width": 640, "height": 480}
    else:
        part["file_url"] = url
    return part


def _template(payload: dict[str, Any]) -> dict[str, Any]:
    elements = payload.get("elements") or [{}]
    first = elements[0] if isinstance(elements[0], dict) else {}
    title = first.get("title") or payload.get("title") or payload.get("text") or ""
    shown = {"title": title, "subtitle": first.get("subtitle") or payload.get("subtitle")}
    return {key: value for key, value in shown.items() if value is not None}


def _shares(attachments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    shown = []
    for one in attachments:
        if one["type"] in SHARES:
            payload = one.get("payload") or {}
            link = payload.get("url") or one.get("url") or payload.get("id")
            shown.append({"link": link, "name": payload.get("title") or one.get("title") or ""})
    return shown


def _story(content: dict[str, Any], attachments: list[dict[str, Any]]) -> dict[str, Any] | None:
    story = content.get("story")
    if story:
        return {"reply_to": {"link": story.get("url"), "id": story.get("id")}}
    for one in attachments:
        if one["type"] == "story_mention":
            return {"mention": {"link": _url(one), "id": ids.numeric_id(_url(one) or "")}}
    return None


def _tags(row: sqlite3.Row) -> list[str]:
    place = "inbox" if row["direction"] == "in" else "sent"
    return [place, *(["read"] if row["read_at"] else []), "source:web"]


def _reactions(
    row: sqlite3.Row, customer: dict[str, str], own: dict[str, str]
) -> list[dict[str, Any]]:
    given = [(row["reaction"], customer), (row["business_reaction"], own)]
    return [{"reaction": emoji, "users": [user]} for emoji, user in given if emoji]


def _url(attachment: dict[str, Any]) -> str | None:
    payload = attachment.get("payload") or {}
    url = payload.get("url")
    return None if url is None else str(url)


def _list(items: list[dict[str, Any]]) -> dict[str, Any] | None:
    return {"data": items} if items else None
