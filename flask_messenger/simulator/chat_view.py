"""A conversation as the customer's phone shows it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from flask_messenger.simulator import accounts, ids, samples
from flask_messenger.simulator.constants import INSTAGRAM_INBOX_APP_ID, PAGE_INBOX_APP_ID
from flask_messenger.simulator.telling import find_owner

SHOWN_MESSAGES = 100
DEFAULT_LOCALE = "default"
INBOXES = {PAGE_INBOX_APP_ID, INSTAGRAM_INBOX_APP_ID}


def describe(db: sqlite3.Connection, thread: sqlite3.Row, base_url: str) -> dict[str, Any]:
    """Return everything that the chat page draws."""
    rows = db.execute(
        "SELECT * FROM (SELECT m.*, m.rowid AS place, p.name AS persona FROM messages m"
        " LEFT JOIN personas p ON p.id = m.persona_id WHERE m.psid = ?"
        " ORDER BY m.sent_at DESC, place DESC LIMIT ?) ORDER BY sent_at, place",
        [thread["psid"], SHOWN_MESSAGES],
    ).fetchall()
    messages = [_message(row, thread) for row in rows]
    last = messages[-1] if messages else None
    return {
        "revision": thread["revision"],
        "psid": thread["psid"],
        "channel": thread["channel"],
        "is_connected": thread["account_id"] in accounts.connected_ids(db),
        "is_blocked": bool(thread["is_blocked"]),
        "is_linked": thread["linked_at"] is not None,
        "owner_app_id": find_owner(db, thread),
        "typing_ms": max(0, thread["business_typing_until"] - ids.now_ms()),
        "unseen": sum(1 for row in rows if row["direction"] == "out" and row["read_at"] is None),
        "messages": messages,
        # Quick replies go away with the next message, whoever writes it.
        "quick_replies": last["quick_replies"] if last else [],
        "profile": _profile(db, thread),
        "stories": list_stories(db, thread["account_id"], base_url),
    }


def list_stories(db: sqlite3.Connection, account_id: str, base_url: str) -> list[dict[str, Any]]:
    """Return the stories of an account that have not ended."""
    rows = db.execute(
        "SELECT id, text FROM posts WHERE account_id = ? AND kind = 'story'"
        " AND deleted_at IS NULL AND (ended_at IS NULL OR ended_at > ?) ORDER BY created_at",
        [account_id, ids.now_ms()],
    ).fetchall()
    return [
        {"id": row["id"], "text": row["text"], "url": samples.story_url(base_url, row["id"])}
        for row in rows
    ]


def _message(row: sqlite3.Row, thread: sqlite3.Row) -> dict[str, Any]:
    content = json.loads(row["content"])
    is_seen = row["direction"] == "in" and row["sent_at"] <= thread["business_seen_at"]
    attachments = content.get("attachments", [])
    templates = [_template(item) for item in attachments if item["type"] == "template"]
    return {
        "mid": row["mid"],
        "direction": row["direction"],
        "kind": row["kind"],
        "text": row["text"],
        "files": [item for item in attachments if item["type"] != "template"],
        "templates": templates,
        "quick_replies": content.get("quick_replies", []),
        "is_tap": bool(content.get("quick_reply")) or row["kind"] == "postback",
        "is_from_page_inbox": row["app_id"] in INBOXES,
        "is_unsupported": bool(content.get("is_unsupported")),
        "is_unsent": row["deleted_at"] is not None,
        "is_private_reply": row["private_reply_to"] is not None,
        "edits": row["edits"],
        "persona": row["persona"],
        "story": content.get("story"),
        "referral": content.get("referral"),
        "reply_to": row["reply_to"],
        "reaction": row["reaction"],
        "business_reaction": row["business_reaction"],
        "sent_at": row["sent_at"],
        "state": "seen" if is_seen else "sent",
    }


def _template(attachment: Mapping[str, Any]) -> Mapping[str, Any]:
    payload: Mapping[str, Any] = attachment.get("payload") or {}
    return payload


def _profile(db: sqlite3.Connection, thread: sqlite3.Row) -> dict[str, Any]:
    """Return what the business set up for an open conversation: greeting, menu, ice breakers."""
    rows = db.execute(
        "SELECT name, value FROM profile_properties WHERE account_id = ?", [thread["account_id"]]
    ).fetchall()
    found = {row["name"]: json.loads(row["value"]) for row in rows}
    own_menu = db.execute(
        "SELECT persistent_menu FROM user_menus WHERE psid = ?", [thread["psid"]]
    ).fetchone()
    menus = json.loads(own_menu["persistent_menu"]) if own_menu else found.get("persistent_menu")
    menu = _for_locale(menus)
    return {
        "greeting": _for_locale(found.get("greeting")).get("text", ""),
        "get_started": (found.get("get_started") or {}).get("payload"),
        "menu": menu.get("call_to_actions", []),
        "is_composer_off": bool(menu.get("composer_input_disabled")),
        "ice_breakers": _ice_breakers(found.get("ice_breakers")),
        "commands": _for_locale(found.get("commands")).get("commands", []),
    }


def _ice_breakers(value: Any) -> list[Any]:
    """Return the questions, of the form with locales or of the older one without."""
    if isinstance(value, list) and value and "question" in value[0]:
        return value
    return list(_for_locale(value).get("call_to_actions", []))


def _for_locale(value: Any) -> Mapping[str, Any]:
    """Return what everybody sees who speaks no language of the list."""
    items: list[Mapping[str, Any]] = value if isinstance(value, list) else []
    for item in items:
        if item.get("locale", DEFAULT_LOCALE) == DEFAULT_LOCALE:
            return item
    return items[0] if items else {}
