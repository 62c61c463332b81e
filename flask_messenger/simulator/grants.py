"""What a person allowed an app: permissions, and for which Pages."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flask_messenger.simulator import ids

GRANTED, DECLINED = "granted", "declined"
DATA_ACCESS_SECONDS = 90 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Grant:
    """One person's answer to one app's login dialog."""

    person: str
    app_id: str
    permissions: dict[str, str]  # name -> granted | declined
    page_ids: tuple[str, ...]
    granted_at: int

    def has(self, permission: str) -> bool:
        """Say whether the person granted `permission`."""
        return self.permissions.get(permission) == GRANTED

    @property
    def granted(self) -> list[str]:
        """The permissions that the person granted."""
        return [name for name, status in self.permissions.items() if status == GRANTED]

    @property
    def data_access_expires_at(self) -> int:
        """When reading the person's data ends, in Unix seconds."""
        return self.granted_at + DATA_ACCESS_SECONDS


def app_scoped_id(person: str, app_id: str) -> str:
    """Return what the app calls the person: another app knows the same person by another id."""
    return ids.numeric_id("asid", person, app_id, prefix="122", length=17)


def find_grant(db: sqlite3.Connection, person: str, app_id: str) -> Grant | None:
    """Return the person's current grant to the app."""
    row = db.execute(
        "SELECT * FROM grants WHERE person = ? AND app_id = ?", [person, app_id]
    ).fetchone()
    if row is None:
        return None
    return Grant(
        person=row["person"],
        app_id=row["app_id"],
        permissions=json.loads(row["permissions"]),
        page_ids=tuple(json.loads(row["page_ids"])),
        granted_at=row["granted_at"],
    )


def record_grant(
    db: sqlite3.Connection,
    *,
    person: str,
    app_id: str,
    permissions: Mapping[str, str],
    page_ids: Iterable[str],
) -> None:
    """Write the person's answer; it replaces the Pages of an earlier one, as Meta's dialog does."""
    earlier = find_grant(db, person, app_id)
    merged = {**(earlier.permissions if earlier else {}), **permissions}
    db.execute(
        "INSERT OR REPLACE INTO grants (person, app_id, permissions, page_ids, granted_at)"
        " VALUES (?, ?, ?, ?, ?)",
        [person, app_id, json.dumps(merged), json.dumps(list(page_ids)), int(time.time())],
    )
    drop_uncovered_subscriptions(db, app_id)


def decline_permission(db: sqlite3.Connection, grant: Grant, permission: str) -> None:
    """Take one permission back."""
    merged = {**grant.permissions, permission: DECLINED}
    db.execute(
        "UPDATE grants SET permissions = ? WHERE person = ? AND app_id = ?",
        [json.dumps(merged), grant.person, grant.app_id],
    )
    drop_uncovered_subscriptions(db, grant.app_id)


def remove_grant(db: sqlite3.Connection, person: str, app_id: str) -> bool:
    """Remove the app from the person's account; return whether it was there."""
    removed = db.execute(
        "DELETE FROM grants WHERE person = ? AND app_id = ?", [person, app_id]
    ).rowcount
    db.execute(
        "UPDATE tokens SET dead_subcode = 458"
        " WHERE person = ? AND app_id = ? AND dead_subcode IS NULL",
        [person, app_id],
    )
    drop_uncovered_subscriptions(db, app_id)
    return bool(removed)


def drop_uncovered_subscriptions(db: sqlite3.Connection, app_id: str) -> None:
    """End the webhooks of every Page for which nobody's grant to the app holds any more."""
    covered = {
        page_id
        for row in db.execute("SELECT person FROM grants WHERE app_id = ?", [app_id]).fetchall()
        for grant in [find_grant(db, row["person"], app_id)]
        if grant is not None and grant.has("pages_messaging")
        for page_id in grant.page_ids
    }
    for row in db.execute(
        "SELECT page_id FROM page_subscriptions WHERE app_id = ?", [app_id]
    ).fetchall():
        if row["page_id"] not in covered:
            db.execute(
                "DELETE FROM page_subscriptions WHERE page_id = ? AND app_id = ?",
                [row["page_id"], app_id],
            )


def manages(db: sqlite3.Connection, person: str, page_id: str) -> bool:
    """Say whether the person has any role on the Page."""
    return bool(tasks_of(db, person, page_id))


def tasks_of(db: sqlite3.Connection, person: str, page_id: str) -> list[str]:
    """Return what the person may do on the Page."""
    row = db.execute(
        "SELECT tasks FROM page_roles WHERE person = ? AND page_id = ?", [person, page_id]
    ).fetchone()
    return list(json.loads(row["tasks"])) if row else []
