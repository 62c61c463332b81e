"""Conversations between an account and a customer: what the business writes, what they hear.

What the customer does is in `acts`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from flask_messenger.simulator import events, ids
from flask_messenger.simulator.constants import INSTAGRAM, MESSENGER
from flask_messenger.simulator.seeds import scoped_id_of
from flask_messenger.simulator.telling import tell_event

DELIVERY_DELAY_MS = 120  # a message takes a moment to the person's phone
TYPING_MS = 20_000
HOUR_MS = 3_600_000


def open_thread(db: sqlite3.Connection, account_id: str, customer: str) -> sqlite3.Row:
    """Return the thread of a Page or an Instagram account with a customer; made the first time."""
    is_instagram = db.execute(
        "SELECT 1 FROM instagram_accounts WHERE id = ?", [account_id]
    ).fetchone()
    channel = INSTAGRAM if is_instagram else MESSENGER
    db.execute(
        "INSERT OR IGNORE INTO threads (account_id, channel, psid, conversation_id, customer)"
        " VALUES (?, ?, ?, ?, ?)",
        [
            account_id,
            channel,
            scoped_id_of(account_id, customer, channel),
            ids.conversation_id(account_id, customer, channel),
            customer,
        ],
    )
    row: sqlite3.Row = db.execute(
        "SELECT * FROM threads WHERE account_id = ? AND customer = ?", [account_id, customer]
    ).fetchone()
    return row


def find_thread(db: sqlite3.Connection, account_id: str, psid: str) -> sqlite3.Row | None:
    """Return the thread that the Page or Instagram account knows by `psid`."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM threads WHERE account_id = ? AND psid = ?", [account_id, psid]
    ).fetchone()
    return row


def write_as_page(
    db: sqlite3.Connection,
    thread: sqlite3.Row,
    *,
    app_id: str,
    text: str | None,
    content: Mapping[str, Any],
    metadata: str | None = None,
    reply_to: str | None = None,
    persona_id: str | None = None,
    private_reply_to: str | None = None,
) -> str:
    """Write a message of the business, with its echo and its delivery; return its id."""
    at_ms = next_ms(db, thread["psid"])
    mid = store(
        db,
        thread,
        direction="out",
        kind="message",
        text=text,
        content=content,
        reply_to=reply_to,
        at_ms=at_ms,
        app_id=app_id,
    )
    db.execute(
        "UPDATE messages SET persona_id = ?, private_reply_to = ? WHERE mid = ?",
        [persona_id, private_reply_to, mid],
    )
    db.execute("UPDATE threads SET business_typing_until = 0 WHERE psid = ?", [thread["psid"]])
    is_messenger = thread["channel"] == MESSENGER
    event = events.echo(
        thread["account_id"],
        thread["psid"],
        at_ms=at_ms,
        mid=mid,
        app_id=app_id if is_messenger else None,
        metadata=metadata if is_messenger else None,
        text=text,
        attachments=content.get("attachments", []),
        reply_to={"mid": reply_to} if reply_to else None,
    )
    tell_event(db, thread, "echo", event, at_ms=at_ms)
    _deliver(db, thread, mid, at_ms)
    return mid


def see_messages(db: sqlite3.Connection, thread: sqlite3.Row) -> bool:
    """Let the customer look at the thread; return whether there was anything new to see."""
    now = ids.now_ms()
    newest = db.execute(
        "SELECT mid, sent_at FROM messages WHERE psid = ? AND direction = 'out'"
        " AND read_at IS NULL ORDER BY sent_at DESC LIMIT 1",
        [thread["psid"]],
    ).fetchone()
    if newest is None:
        return False
    db.execute(
        "UPDATE messages SET read_at = ? WHERE psid = ? AND direction = 'out' AND read_at IS NULL",
        [now, thread["psid"]],
    )
    account_id, psid = thread["account_id"], thread["psid"]
    if thread["channel"] == MESSENGER:
        event = events.read(account_id, psid, at_ms=now, watermark=newest["sent_at"])
    else:
        event = events.seen(account_id, psid, at_ms=now, mid=newest["mid"])
    # After the delivery event of the same message: nobody reads what has not arrived.
    delay_ms = max(0, newest["sent_at"] + DELIVERY_DELAY_MS + 1 - now)
    tell_event(db, thread, "read", event, at_ms=now, delay_ms=delay_ms)
    touch(db, psid)
    return True


def show_typing(db: sqlite3.Connection, psid: str, *, is_typing: bool) -> None:
    """Show the customer that the Page writes, or that it stopped."""
    until = ids.now_ms() + TYPING_MS if is_typing else 0
    db.execute("UPDATE threads SET business_typing_until = ? WHERE psid = ?", [until, psid])
    touch(db, psid)


def mark_seen(db: sqlite3.Connection, psid: str) -> None:
    """Show the customer that the Page has read everything."""
    db.execute("UPDATE threads SET business_seen_at = last_at WHERE psid = ?", [psid])
    touch(db, psid)


def age_thread(db: sqlite3.Connection, psid: str, hours: float) -> None:
    """Move the whole conversation `hours` into the past."""
    shift = round(hours * HOUR_MS)
    db.execute(
        "UPDATE threads SET last_user_at = last_user_at - ?, last_at = last_at - ?,"
        " business_seen_at = max(0, business_seen_at - ?) WHERE psid = ?",
        [shift, shift, shift, psid],
    )
    db.execute("UPDATE messages SET sent_at = sent_at - ? WHERE psid = ?", [shift, psid])
    touch(db, psid)


def touch(db: sqlite3.Connection, psid: str) -> None:
    """Note that the thread looks different now, for the pages that show it."""
    db.execute("UPDATE threads SET revision = revision + 1 WHERE psid = ?", [psid])


def next_ms(db: sqlite3.Connection, psid: str, hours_ago: float = 0) -> int:
    """Return the time of what happens next in a thread: no two things at the same millisecond."""
    if hours_ago:
        return ids.now_ms() - round(hours_ago * HOUR_MS)
    last = db.execute("SELECT last_at FROM threads WHERE psid = ?", [psid]).fetchone()["last_at"]
    return max(ids.now_ms(), int(last) + 1)


def store(
    db: sqlite3.Connection,
    thread: sqlite3.Row,
    *,
    direction: str,
    kind: str,
    text: str | None,
    content: Mapping[str, Any],
    at_ms: int,
    reply_to: str | None = None,
    app_id: str | None = None,
) -> str:
    """Keep a message of either side; return its id."""
    mid = ids.new_mid(thread["channel"])
    db.execute(
        "INSERT INTO messages"
        " (mid, psid, direction, kind, text, content, app_id, reply_to, sent_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [mid, thread["psid"], direction, kind, text, json.dumps(content), app_id, reply_to, at_ms],
    )
    db.execute(
        "UPDATE threads SET last_at = max(last_at, ?), revision = revision + 1 WHERE psid = ?",
        [at_ms, thread["psid"]],
    )
    return mid


def _deliver(db: sqlite3.Connection, thread: sqlite3.Row, mid: str, at_ms: int) -> None:
    db.execute("UPDATE messages SET delivered_at = ? WHERE mid = ?", [at_ms, mid])
    event = events.delivery(
        thread["account_id"],
        thread["psid"],
        at_ms=at_ms + DELIVERY_DELAY_MS,
        mids=[mid],
        watermark=at_ms,
    )
    tell_event(db, thread, "delivery", event, at_ms=at_ms, delay_ms=DELIVERY_DELAY_MS)
