"""Conversation routing: which app controls a thread, and how control changes hands.

Source: https://developers.facebook.com/docs/messenger-platform/conversation-routing
"""

from __future__ import annotations

import sqlite3
from typing import Any

from flask_messenger.simulator import errors, events, ids, threads
from flask_messenger.simulator.telling import find_owner, tell_event

CONTROL_MS = 24 * threads.HOUR_MS
MAX_EXTEND_SECONDS = 7 * 24 * 3600
PASS, TAKE, REQUEST = "pass_thread_control", "take_thread_control", "request_thread_control"


def default_app(db: sqlite3.Connection, account_id: str) -> sqlite3.Row | None:
    """Return the account's routing: its default app, and whether that may take control."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM routing WHERE account_id = ?", [account_id]
    ).fetchone()
    return row


def holder(thread: sqlite3.Row) -> str | None:
    """Return the app that controls the thread right now; `None` where it is idle."""
    if thread["owner_app_id"] and thread["owner_until"] > ids.now_ms():
        return str(thread["owner_app_id"])
    return None


def check_may_send(db: sqlite3.Connection, thread: sqlite3.Row, app_id: str) -> None:
    """Pass where the app may write into the thread now.

    Raises:
        GraphError: another app controls it, or it is idle and another one is the default.
    """
    owner = find_owner(db, thread)
    if owner not in {None, app_id}:
        raise errors.not_the_owner(is_instagram=thread["channel"] == "instagram")


def pass_control(
    db: sqlite3.Connection,
    thread: sqlite3.Row,
    *,
    from_app_id: str,
    to_app_id: str,
    metadata: str | None = None,
) -> None:
    """Hand the thread to another app, and tell both."""
    previous = holder(thread)
    set_owner(db, thread["psid"], to_app_id)
    body = _with_metadata(
        {"previous_owner_app_id": previous or from_app_id, "new_owner_app_id": to_app_id}, metadata
    )
    _tell(db, thread, PASS, body, [from_app_id, to_app_id])


def take_control(
    db: sqlite3.Connection, thread: sqlite3.Row, *, app_id: str, metadata: str | None = None
) -> None:
    """Take the thread from whoever has it, and tell them."""
    previous = holder(thread)
    set_owner(db, thread["psid"], app_id)
    body = _with_metadata({"previous_owner_app_id": previous, "new_owner_app_id": app_id}, metadata)
    _tell(db, thread, TAKE, body, [app_id, *filter(None, [previous])])


def request_control(
    db: sqlite3.Connection, thread: sqlite3.Row, *, app_id: str, metadata: str | None = None
) -> None:
    """Ask the owner for the thread: only the owner hears of it."""
    owner = find_owner(db, thread)
    body = _with_metadata({"requested_owner_app_id": int(app_id)}, metadata)
    _tell(db, thread, REQUEST, body, [owner] if owner else None)


def set_owner(
    db: sqlite3.Connection, psid: str, app_id: str | None, *, control_ms: int = CONTROL_MS
) -> None:
    """Make the app control the thread for a day, or nobody."""
    until = ids.now_ms() + control_ms if app_id else 0
    db.execute(
        "UPDATE threads SET owner_app_id = ?, owner_until = ? WHERE psid = ?", [app_id, until, psid]
    )
    threads.touch(db, psid)


def _tell(
    db: sqlite3.Connection,
    thread: sqlite3.Row,
    key: str,
    body: dict[str, Any],
    app_ids: list[str] | None,
) -> None:
    at_ms = ids.now_ms()
    event = events.notice(thread["account_id"], thread["psid"], at_ms=at_ms, key=key, body=body)
    tell_event(db, thread, "thread_control", event, at_ms=at_ms, app_ids=app_ids)


def _with_metadata(body: dict[str, Any], metadata: str | None) -> dict[str, Any]:
    return body if metadata is None else body | {"metadata": metadata}
