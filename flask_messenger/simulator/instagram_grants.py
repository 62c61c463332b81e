"""What an Instagram account allowed an app by Instagram Login: there, the account is the person."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping

from flask_messenger.simulator import ids
from flask_messenger.simulator.grants import GRANTED


def app_scoped_id(instagram_id: str, app_id: str) -> str:
    """Return the `id` by which the app knows the account; `user_id` is the professional one."""
    return ids.numeric_id("ig-asid", instagram_id, app_id, prefix="25", length=17)


def find_permissions(
    db: sqlite3.Connection, instagram_id: str, app_id: str
) -> dict[str, str] | None:
    """Return what the account granted and declined; `None` where it never connected."""
    row = db.execute(
        "SELECT permissions FROM instagram_grants WHERE instagram_id = ? AND app_id = ?",
        [instagram_id, app_id],
    ).fetchone()
    return None if row is None else dict(json.loads(row["permissions"]))


def granted_permissions(db: sqlite3.Connection, instagram_id: str, app_id: str) -> list[str]:
    """Return the names that the account granted."""
    found = find_permissions(db, instagram_id, app_id) or {}
    return [name for name, status in found.items() if status == GRANTED]


def record_grant(
    db: sqlite3.Connection, *, instagram_id: str, app_id: str, permissions: Mapping[str, str]
) -> None:
    """Write the account's answer; names that it was not asked for this time stay as they were."""
    merged = {**(find_permissions(db, instagram_id, app_id) or {}), **permissions}
    db.execute(
        "INSERT OR REPLACE INTO instagram_grants (instagram_id, app_id, permissions, granted_at)"
        " VALUES (?, ?, ?, ?)",
        [instagram_id, app_id, json.dumps(merged), int(time.time())],
    )


def remove_grant(db: sqlite3.Connection, instagram_id: str, app_id: str) -> bool:
    """Remove the app from the account: its tokens and webhooks end; return whether it was there."""
    removed = db.execute(
        "DELETE FROM instagram_grants WHERE instagram_id = ? AND app_id = ?",
        [instagram_id, app_id],
    ).rowcount
    db.execute(
        "UPDATE tokens SET dead_subcode = 458"
        " WHERE instagram_id = ? AND app_id = ? AND dead_subcode IS NULL",
        [instagram_id, app_id],
    )
    db.execute(
        "DELETE FROM instagram_subscriptions WHERE instagram_id = ? AND app_id = ?",
        [instagram_id, app_id],
    )
    return bool(removed)
