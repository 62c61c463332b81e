"""Webhooks waiting to be sent, in the database: a restart goes on where the last run ended."""

from __future__ import annotations

import json
import random
import sqlite3
import zlib

from flask_messenger.simulator import ids
from flask_messenger.simulator.events import PAGE_OBJECT
from flask_messenger.simulator.storage import switch

LANES = 4  # events of one conversation share a lane, so they arrive in order
PENDING, HELD, DONE, DROPPED = "pending", "held", "done", "dropped"
MAX_UPDATES = 1000  # Meta's own limit for one POST
SHUFFLED, REVERSED, KEPT = "shuffled", "reversed", "kept"
ORDERS = (SHUFFLED, REVERSED, KEPT)
# A webhook, and whether the app gets it by Instagram Login: that is signed with another secret.
DELIVERIES = (
    "SELECT d.*, x.app_id IS NOT NULL AS by_instagram_login FROM deliveries d"
    " LEFT JOIN instagram_subscriptions x ON x.instagram_id = d.page_id AND x.app_id = d.app_id"
)


def enqueue_body(
    db: sqlite3.Connection,
    *,
    app_id: str,
    page_id: str,
    lane_key: str,
    body: str,
    kind: str = PAGE_OBJECT,
    delay_ms: int = 0,
) -> None:
    """Queue a whole webhook body about an object of this `kind` for one app."""
    now = ids.now_ms()
    state = HELD if switch(db, "hold", default=False) else PENDING
    db.execute(
        "INSERT INTO deliveries (app_id, page_id, object, lane, body, state, created_at, next_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            app_id,
            page_id,
            kind,
            zlib.crc32(lane_key.encode()) % LANES,
            body,
            state,
            now,
            now + delay_ms,
        ],
    )


def release_held(db: sqlite3.Connection, *, order: str, batch: int) -> int:
    """Let the held webhooks go, up to `batch` entries in one POST; return how many entries."""
    rows = db.execute(f"{DELIVERIES} WHERE d.state = ? ORDER BY d.id", [HELD]).fetchall()
    if order == SHUFFLED:
        random.shuffle(rows)
    elif order == REVERSED:
        rows.reverse()
    db.execute("DELETE FROM deliveries WHERE state = ?", [HELD])
    released = 0
    for group in dict.fromkeys(_group_of(row) for row in rows):
        app_id, kind, _ = group
        entries = [
            (row["page_id"], entry)
            for row in rows
            if _group_of(row) == group
            for entry in json.loads(row["body"])["entry"]
        ]
        released += len(entries)
        for start in range(0, len(entries), batch):
            part = entries[start : start + batch]
            body = {"object": kind, "entry": [entry for _, entry in part]}
            # One lane: the order that was asked for is the order of arrival.
            _insert_pending(db, app_id, part[0][0], kind, json.dumps(body))
    return released


def replay_done(db: sqlite3.Connection, count: int) -> int:
    """Send the last `count` delivered webhooks once more; return how many there were."""
    rows = db.execute(
        "SELECT * FROM deliveries WHERE state = ? ORDER BY id DESC LIMIT ?", [DONE, count]
    ).fetchall()
    for row in reversed(rows):
        _insert_pending(db, row["app_id"], row["page_id"], row["object"], row["body"])
    return len(rows)


def queue_counts(db: sqlite3.Connection) -> dict[str, int]:
    """Return how many webhooks are in each state."""
    counts = dict.fromkeys((PENDING, HELD, DONE, DROPPED), 0)
    for row in db.execute("SELECT state, count(*) AS n FROM deliveries GROUP BY state").fetchall():
        counts[row["state"]] = row["n"]
    return counts


def _group_of(row: sqlite3.Row) -> tuple[str, str, bool]:
    """Return what may share a POST: one app's, about one kind of object, under one signature."""
    return row["app_id"], row["object"], bool(row["by_instagram_login"])


def _insert_pending(
    db: sqlite3.Connection, app_id: str, page_id: str, kind: str, body: str
) -> None:
    now = ids.now_ms()
    db.execute(
        "INSERT INTO deliveries (app_id, page_id, object, lane, body, state, created_at, next_at)"
        " VALUES (?, ?, ?, 0, ?, ?, ?, ?)",
        [app_id, page_id, kind, body, PENDING, now, now],
    )
