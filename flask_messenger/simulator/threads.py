"""Conversations between a Page and a customer: what either writes, and what the other hears."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from flask_messenger.simulator import events, ids
from flask_messenger.simulator.constants import INSTAGRAM, MESSENGER
from flask_messenger.simulator.outbound_queue import enqueue_event
from flask_messenger.simulator.seeds import scoped_id_of

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


def write_as_customer(
    db: sqlite3.Connection,
    thread: sqlite3.Row,
    *,
    text: str | None = None,
    attachments: list[dict[str, Any]] | None = None,
    quick_reply: str | None = None,
    reply_to: str | None = None,
    hours_ago: float = 0,
) -> str:
    """Write a customer's message and tell the subscribed apps; return its id."""
    see_messages(db, thread)  # who writes has looked
    at_ms = _next_ms(db, thread["psid"], hours_ago)
    content = {"attachments": attachments or [], "quick_reply": quick_reply}
    mid = _store(
        db,
        thread,
        direction="in",
        kind="message",
        text=text,
        content=content,
        reply_to=reply_to,
        at_ms=at_ms,
    )
    _note_user_action(db, thread["psid"], at_ms)
    event = events.message(
        thread["account_id"],
        thread["psid"],
        at_ms=at_ms,
        mid=mid,
        text=text,
        attachments=attachments or [],
        quick_reply=quick_reply,
        reply_to=reply_to,
    )
    _tell(db, thread, "messages", event, at_ms)
    return mid


def tap_postback(db: sqlite3.Connection, thread: sqlite3.Row, *, title: str, payload: str) -> str:
    """Tap a button as the customer; return the id of the event."""
    see_messages(db, thread)
    at_ms = _next_ms(db, thread["psid"])
    mid = _store(
        db,
        thread,
        direction="in",
        kind="postback",
        text=title,
        content={"payload": payload},
        at_ms=at_ms,
    )
    _note_user_action(db, thread["psid"], at_ms)
    event = events.postback(
        thread["account_id"], thread["psid"], at_ms=at_ms, mid=mid, title=title, payload=payload
    )
    _tell(db, thread, "messaging_postbacks", event, at_ms)
    return mid


def react_as_customer(
    db: sqlite3.Connection, thread: sqlite3.Row, *, mid: str, reaction: Mapping[str, str] | None
) -> None:
    """React to a message as the customer, or take the reaction back with `None`."""
    at_ms = _next_ms(db, thread["psid"])
    emoji = reaction["emoji"] if reaction else None
    db.execute("UPDATE messages SET reaction = ? WHERE mid = ?", [emoji, mid])
    _note_user_action(db, thread["psid"], at_ms)
    action = "react" if reaction else "unreact"
    body = {"mid": mid, "action": action, **(reaction or {})}
    event = events.reaction(thread["account_id"], thread["psid"], at_ms=at_ms, body=body)
    _tell(db, thread, "message_reactions", event, at_ms)
    touch(db, thread["psid"])


def write_as_page(
    db: sqlite3.Connection,
    thread: sqlite3.Row,
    *,
    app_id: str,
    text: str | None,
    content: Mapping[str, Any],
    metadata: str | None = None,
    reply_to: str | None = None,
) -> str:
    """Write a message of the Page, with its echo and its delivery; return its id."""
    at_ms = _next_ms(db, thread["psid"])
    mid = _store(
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
    db.execute("UPDATE threads SET business_typing_until = 0 WHERE psid = ?", [thread["psid"]])
    event = events.echo(
        thread["account_id"],
        thread["psid"],
        at_ms=at_ms,
        mid=mid,
        app_id=app_id,
        metadata=metadata,
        text=text,
        attachments=content.get("attachments", []),
        reply_to=reply_to,
    )
    _tell(db, thread, "message_echoes", event, at_ms)
    _deliver(db, thread, mid, at_ms)
    return mid


def see_messages(db: sqlite3.Connection, thread: sqlite3.Row) -> bool:
    """Let the customer look at the thread; return whether there was anything new to see."""
    now = ids.now_ms()
    newest = db.execute(
        "SELECT max(sent_at) AS sent_at FROM messages"
        " WHERE psid = ? AND direction = 'out' AND read_at IS NULL",
        [thread["psid"]],
    ).fetchone()["sent_at"]
    if newest is None:
        return False
    db.execute(
        "UPDATE messages SET read_at = ? WHERE psid = ? AND direction = 'out' AND read_at IS NULL",
        [now, thread["psid"]],
    )
    event = events.read(thread["account_id"], thread["psid"], at_ms=now, watermark=newest)
    # After the delivery event of the same message: nobody reads what has not arrived.
    delay_ms = max(0, newest + DELIVERY_DELAY_MS + 1 - now)
    _tell(db, thread, "message_reads", event, now, delay_ms=delay_ms)
    touch(db, thread["psid"])
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


def _deliver(db: sqlite3.Connection, thread: sqlite3.Row, mid: str, at_ms: int) -> None:
    db.execute("UPDATE messages SET delivered_at = ? WHERE mid = ?", [at_ms, mid])
    event = events.delivery(
        thread["account_id"],
        thread["psid"],
        at_ms=at_ms + DELIVERY_DELAY_MS,
        mids=[mid],
        watermark=at_ms,
    )
    _tell(db, thread, "message_deliveries", event, at_ms, delay_ms=DELIVERY_DELAY_MS)


def _tell(
    db: sqlite3.Connection,
    thread: sqlite3.Row,
    field: str,
    event: dict[str, Any],
    at_ms: int,
    *,
    delay_ms: int = 0,
) -> None:
    enqueue_event(
        db,
        page_id=thread["account_id"],
        psid=thread["psid"],
        field=field,
        event=event,
        at_ms=at_ms,
        delay_ms=delay_ms,
    )


def _next_ms(db: sqlite3.Connection, psid: str, hours_ago: float = 0) -> int:
    """Return the time of what happens next in a thread: no two things at the same millisecond."""
    if hours_ago:
        return ids.now_ms() - round(hours_ago * HOUR_MS)
    last = db.execute("SELECT last_at FROM threads WHERE psid = ?", [psid]).fetchone()["last_at"]
    return max(ids.now_ms(), int(last) + 1)


def _note_user_action(db: sqlite3.Connection, psid: str, at_ms: int) -> None:
    db.execute(
        "UPDATE threads SET last_user_at = max(coalesce(last_user_at, 0), ?) WHERE psid = ?",
        [at_ms, psid],
    )


def _store(
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
    mid = ids.new_mid()
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
