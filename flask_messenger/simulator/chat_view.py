"""A conversation as the customer's phone shows it."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from flask_messenger.simulator import ids
from flask_messenger.simulator.constants import PAGE_INBOX_APP_ID

SHOWN_MESSAGES = 100


def describe(db: sqlite3.Connection, thread: sqlite3.Row) -> dict[str, Any]:
    """Return everything that the chat page draws."""
    rows = db.execute(
        "SELECT * FROM (SELECT *, rowid AS place FROM messages WHERE psid = ?"
        " ORDER BY sent_at DESC, place DESC LIMIT ?) ORDER BY sent_at, place",
        [thread["psid"], SHOWN_MESSAGES],
    ).fetchall()
    messages = [_message(row, thread) for row in rows]
    last = messages[-1] if messages else None
    subscribed = db.execute(
        "SELECT 1 FROM page_subscriptions WHERE page_id = ?", [thread["account_id"]]
    ).fetchone()
    return {
        "revision": thread["revision"],
        "psid": thread["psid"],
        "is_connected": subscribed is not None,
        "is_blocked": bool(thread["is_blocked"]),
        "typing_ms": max(0, thread["business_typing_until"] - ids.now_ms()),
        "unseen": sum(1 for row in rows if row["direction"] == "out" and row["read_at"] is None),
        "messages": messages,
        # Quick replies go away with the next message, whoever writes it.
        "quick_replies": last["quick_replies"] if last else [],
    }


def _message(row: sqlite3.Row, thread: sqlite3.Row) -> dict[str, Any]:
    content = json.loads(row["content"])
    is_seen = row["direction"] == "in" and row["sent_at"] <= thread["business_seen_at"]
    attachments = content.get("attachments", [])
    return {
        "mid": row["mid"],
        "direction": row["direction"],
        "kind": row["kind"],
        "text": row["text"],
        "files": [item for item in attachments if item["type"] != "template"],
        "templates": [item["payload"] for item in attachments if item["type"] == "template"],
        "quick_replies": content.get("quick_replies", []),
        "is_tap": bool(content.get("quick_reply")) or row["kind"] == "postback",
        "is_from_page_inbox": row["app_id"] == PAGE_INBOX_APP_ID,
        "reply_to": row["reply_to"],
        "reaction": row["reaction"],
        "sent_at": row["sent_at"],
        "state": "seen" if is_seen else "sent",
    }
