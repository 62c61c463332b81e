"""Webhooks waiting to be sent, in the database: a restart goes on where the last run ended."""

from __future__ import annotations

import json
import random
import sqlite3
import zlib
from typing import Any

from flask_messenger.simulator import events, ids
from flask_messenger.simulator.storage import switch

LANES = 4  # events of one conversation share a lane, so they arrive in order
PENDING, HELD, DONE, DROPPED = "pending", "held", "done", "dropped"
MAX_UPDATES = 1000  # Meta's own limit for one POST
SHUFFLED, REVERSED, KEPT = "shuffled", "reversed", "kept"
ORDERS = (SHUFFLED, REVERSED, KEPT)


def enqueue_event(
    db: sqlite3.Connection,
    *,
    page_id: str,
    psid: str,
    field: str,
    event: dict[str, Any],
    at_ms: int,
    delay_ms: int = 0,
) -> None:
    """Queue an event for every app that is subscribed to `field` of the Page."""
    body = json.dumps(events.envelope(page_id, at_ms, event))
    for app_id in subscribers(db, page_id, field):
        for _ in range(2 if switch(db, "duplicate", default=False) else 1):
            enqueue_body(
                db, app_id=app_id, page_id=page_id, lane_key=psid, body=body, delay_ms=delay_ms
            )


def enqueue_body(
    db: sqlite3.Connection,
    *,
    app_id: str,
    page_id: str,
    lane_key: str,
    body: str,
    delay_ms: int = 0,
) -> None:
    """Queue a whole webhook body for one app."""
    now = ids.now_ms()
    state = HELD if switch(db, "hold", default=False) else PENDING
    db.execute(
        "INSERT INTO deliveries (app_id, page_id, lane, body, state, created_at, next_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            app_id,
            page_id,
            zlib.crc32(lane_key.encode()) % LANES,
            body,
            state,
            now,
            now + delay_ms,
        ],
    )


def subscribers(db: sqlite3.Connection, page_id: str, field: str) -> list[str]:
    """Return the apps that hear of `field`: subscribed as an app and for this Page."""
    rows = db.execute(
        "SELECT p.app_id, p.fields AS page_fields, a.fields AS app_fields"
        " FROM page_subscriptions p"
        " JOIN app_subscriptions a ON a.app_id = p.app_id AND a.object = 'page'"
        " WHERE p.page_id = ?",
        [page_id],
    ).fetchall()
    return [
        row["app_id"]
        for row in rows
        if field in json.loads(row["page_fields"]) and field in json.loads(row["app_fields"])
    ]


def release_held(db: sqlite3.Connection, *, order: str, batch: int) -> int:
    """Let the held webhooks go, up to `batch` entries in one POST; return how many entries."""
    rows = db.execute("SELECT * FROM deliveries WHERE state = ? ORDER BY id", [HELD]).fetchall()
    if order == SHUFFLED:
        random.shuffle(rows)
    elif order == REVERSED:
        rows.reverse()
    db.execute("DELETE FROM deliveries WHERE state = ?", [HELD])
    released = 0
    for app_id in dict.fromkeys(row["app_id"] for row in rows):
        entries = [
            (row["page_id"], entry)
            for row in rows
            if row["app_id"] == app_id
            for entry in json.loads(row["body"])["entry"]
        ]
        released += len(entries)
        for start in range(0, len(entries), batch):
            part = entries[start : start + batch]
            body = {"object": "page", "entry": [entry for _, entry in part]}
            # One lane: the order that was asked for is the order of arrival.
            _insert_pending(db, app_id, part[0][0], json.dumps(body))
    return released


def replay_done(db: sqlite3.Connection, count: int) -> int:
    """Send the last `count` delivered webhooks once more; return how many there were."""
    rows = db.execute(
        "SELECT * FROM deliveries WHERE state = ? ORDER BY id DESC LIMIT ?", [DONE, count]
    ).fetchall()
    for row in reversed(rows):
        _insert_pending(db, row["app_id"], row["page_id"], row["body"])
    return len(rows)


def queue_counts(db: sqlite3.Connection) -> dict[str, int]:
    """Return how many webhooks are in each state."""
    counts = dict.fromkeys((PENDING, HELD, DONE, DROPPED), 0)
    for row in db.execute("SELECT state, count(*) AS n FROM deliveries GROUP BY state").fetchall():
        counts[row["state"]] = row["n"]
    return counts


def _insert_pending(db: sqlite3.Connection, app_id: str, page_id: str, body: str) -> None:
    now = ids.now_ms()
    db.execute(
        "INSERT INTO deliveries (app_id, page_id, lane, body, state, created_at, next_at)"
        " VALUES (?, ?, 0, ?, ?, ?, ?)",
        [app_id, page_id, body, PENDING, now, now],
    )
