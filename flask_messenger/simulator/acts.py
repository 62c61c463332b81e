"""What a customer does in a conversation, and what the account's apps hear of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_messenger.simulator import events, ids, threads
from flask_messenger.simulator.telling import find_owner, tell_event

MAX_EDITS = 5  # Meta's own
CONTROL_MS = 24 * threads.HOUR_MS  # how long an app controls a conversation after the last word


class ActError(Exception):
    """The customer's own app would not let them do this; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """A message a customer is about to send.

    `more` are the rarer keys of its event, as Meta writes them: `referral`, `is_unsupported`, …
    """

    text: str | None = field(default=None, repr=False)
    attachments: Sequence[Mapping[str, Any]] = ()
    quick_reply: str | None = None
    reply_to: str | None = None
    story: Mapping[str, Any] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


def write(
    db: sqlite3.Connection, thread: sqlite3.Row, writing: Writing, *, hours_ago: float = 0
) -> str:
    """Write a customer's message and tell the subscribed apps; return its id."""
    threads.see_messages(db, thread)  # who writes has looked
    at_ms = threads.next_ms(db, thread["psid"], hours_ago)
    more = dict(writing.more)
    if writing.quick_reply is not None:
        more["quick_reply"] = {"payload": writing.quick_reply}
    attachments = [dict(item) for item in writing.attachments]
    content = {
        "attachments": attachments,
        "quick_reply": writing.quick_reply,
        "story": writing.story,
        **writing.more,
    }
    mid = threads.store(
        db,
        thread,
        direction="in",
        kind="message",
        text=writing.text,
        content=content,
        reply_to=writing.reply_to,
        at_ms=at_ms,
    )
    event = events.message(
        thread["account_id"],
        thread["psid"],
        at_ms=at_ms,
        mid=mid,
        text=writing.text,
        attachments=attachments,
        reply_to=_reply_to(writing),
        more=more,
    )
    note_action(db, thread, at_ms)
    tell_event(db, thread, "message", event, at_ms=at_ms)
    return mid


def _reply_to(writing: Writing) -> dict[str, Any] | None:
    if writing.story is not None:
        return {"story": dict(writing.story)}
    return {"mid": writing.reply_to} if writing.reply_to else None


def tap(
    db: sqlite3.Connection,
    thread: sqlite3.Row,
    *,
    title: str,
    payload: str,
    referral: Mapping[str, Any] | None = None,
) -> str:
    """Tap a button, a menu or an ice breaker; return the id of the event."""
    threads.see_messages(db, thread)
    at_ms = threads.next_ms(db, thread["psid"])
    mid = threads.store(
        db,
        thread,
        direction="in",
        kind="postback",
        text=title,
        content={"payload": payload, "referral": referral},
        at_ms=at_ms,
    )
    event = events.postback(
        thread["account_id"],
        thread["psid"],
        at_ms=at_ms,
        mid=mid,
        title=title,
        payload=payload,
        referral=referral,
    )
    note_action(db, thread, at_ms)
    tell_event(db, thread, "postback", event, at_ms=at_ms)
    return mid


def react(
    db: sqlite3.Connection, thread: sqlite3.Row, *, mid: str, reaction: Mapping[str, str] | None
) -> None:
    """React to a message, or take the reaction back with `None`."""
    _require(db, thread, mid)
    at_ms = threads.next_ms(db, thread["psid"])
    emoji = reaction["emoji"] if reaction else None
    db.execute("UPDATE messages SET reaction = ? WHERE mid = ?", [emoji, mid])
    note_action(db, thread, at_ms)
    action = "react" if reaction else "unreact"
    body = {"mid": mid, "action": action, **(reaction or {})}
    event = events.reaction(thread["account_id"], thread["psid"], at_ms=at_ms, body=body)
    tell_event(db, thread, "reaction", event, at_ms=at_ms)
    threads.touch(db, thread["psid"])


def edit(db: sqlite3.Connection, thread: sqlite3.Row, *, mid: str, text: str) -> int:
    """Change the text of an own message; return how often it was changed now.

    Raises:
        ActError: it is not theirs, has no text, or was changed five times already.
    """
    message = _require(db, thread, mid, own=True)
    if message["text"] is None:
        raise ActError("Only a message with a text can be changed.")
    if message["edits"] >= MAX_EDITS:
        raise ActError(f"A message can be changed {MAX_EDITS} times.")
    count = int(message["edits"]) + 1
    db.execute("UPDATE messages SET text = ?, edits = ? WHERE mid = ?", [text, count, mid])
    at_ms = threads.next_ms(db, thread["psid"])
    event = events.edit(
        thread["account_id"], thread["psid"], at_ms=at_ms, mid=mid, text=text, count=count
    )
    tell_event(db, thread, "edit", event, at_ms=at_ms)
    threads.touch(db, thread["psid"])
    return count


def unsend(db: sqlite3.Connection, thread: sqlite3.Row, *, mid: str) -> None:
    """Take an own message back.

    Raises:
        ActError: it is not theirs.
    """
    _require(db, thread, mid, own=True)
    at_ms = threads.next_ms(db, thread["psid"])
    db.execute(
        "UPDATE messages SET deleted_at = ?, text = NULL, content = ?, reaction = NULL"
        " WHERE mid = ?",
        [at_ms, json.dumps({"attachments": []}), mid],
    )
    event = events.deletion(thread["account_id"], thread["psid"], at_ms=at_ms, mid=mid)
    tell_event(db, thread, "message", event, at_ms=at_ms)
    threads.touch(db, thread["psid"])


def give_notice(
    db: sqlite3.Connection,
    thread: sqlite3.Row,
    *,
    kind: str,
    key: str,
    body: Mapping[str, Any],
    opens_window: bool = False,
) -> None:
    """Do what is told in the conversation without being a message.

    Args:
        db: inside a transaction.
        thread: the conversation.
        kind: a key of `telling.FIELDS`.
        key: the event's own key.
        body: what stands under it.
        opens_window: whether Meta counts it as a word of the customer's.
    """
    at_ms = threads.next_ms(db, thread["psid"])
    event = events.notice(thread["account_id"], thread["psid"], at_ms=at_ms, key=key, body=body)
    if opens_window:
        note_action(db, thread, at_ms)
    tell_event(db, thread, kind, event, at_ms=at_ms)
    threads.touch(db, thread["psid"])


def note_action(db: sqlite3.Connection, thread: sqlite3.Row, at_ms: int) -> None:
    """Note when the customer last did something: it opens the window and keeps the thread's owner.

    An idle conversation of an account with a default app becomes that app's.
    """
    owner = find_owner(db, thread)
    until = max(at_ms, ids.now_ms()) + CONTROL_MS if owner else 0
    db.execute(
        "UPDATE threads SET last_user_at = max(coalesce(last_user_at, 0), ?),"
        " owner_app_id = ?, owner_until = max(owner_until, ?) WHERE psid = ?",
        [at_ms, owner, until, thread["psid"]],
    )


def _require(
    db: sqlite3.Connection, thread: sqlite3.Row, mid: str, *, own: bool = False
) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM messages WHERE mid = ? AND psid = ? AND deleted_at IS NULL",
        [mid, thread["psid"]],
    ).fetchone()
    if row is None:
        raise ActError("There is no such message in this conversation.")
    if own and (row["direction"] != "in" or row["kind"] != "message"):
        raise ActError("Only an own message can be changed or taken back.")
    return row
