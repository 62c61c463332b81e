"""A Page or an Instagram account as the one side of conversations."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from flask_messenger.simulator.constants import (
    INSTAGRAM,
    INSTAGRAM_INBOX_APP_ID,
    MESSENGER,
    PAGE_INBOX_APP_ID,
)


@dataclass(frozen=True, slots=True)
class Account:
    """One side of conversations. `page_id` is the Page itself, or the one it is linked to."""

    id: str
    channel: str
    name: str
    slug: str
    page_id: str | None
    allows_messages: bool = True
    about: str = ""

    @property
    def is_instagram(self) -> bool:
        """Whether its ids, limits and events are Instagram's."""
        return self.channel == INSTAGRAM

    @property
    def webhook_object(self) -> str:
        """What webhooks about it call their object."""
        return "instagram" if self.is_instagram else "page"

    @property
    def inbox_app_id(self) -> str:
        """The app of Meta's own inbox for it."""
        return INSTAGRAM_INBOX_APP_ID if self.is_instagram else PAGE_INBOX_APP_ID


def find_account(db: sqlite3.Connection, key: str) -> Account | None:
    """Return the Page or Instagram account by its id or its readable name."""
    row = db.execute("SELECT * FROM pages WHERE id = ? OR slug = ?", [key, key]).fetchone()
    if row is not None:
        return _page_of(row)
    row = db.execute(
        "SELECT * FROM instagram_accounts WHERE id = ? OR username = ?", [key, key]
    ).fetchone()
    return None if row is None else _instagram_of(row)


def linked_instagram(db: sqlite3.Connection, page_id: str) -> Account | None:
    """Return the Instagram account that is linked to the Page."""
    row = db.execute("SELECT * FROM instagram_accounts WHERE page_id = ?", [page_id]).fetchone()
    return None if row is None else _instagram_of(row)


def list_accounts(db: sqlite3.Connection) -> list[Account]:
    """Return every account that can have conversations, Pages first."""
    pages = db.execute("SELECT * FROM pages ORDER BY rowid").fetchall()
    instagram = db.execute(
        "SELECT * FROM instagram_accounts WHERE account_type <> 'PERSONAL' ORDER BY position"
    ).fetchall()
    return [_page_of(row) for row in pages] + [_instagram_of(row) for row in instagram]


def connected_ids(db: sqlite3.Connection) -> set[str]:
    """Return the accounts that some app has webhooks of."""
    rows = db.execute(
        "SELECT page_id AS id FROM page_subscriptions"
        " UNION SELECT a.id FROM instagram_accounts a"
        " JOIN page_subscriptions s ON s.page_id = a.page_id"
        " UNION SELECT instagram_id FROM instagram_subscriptions"
    ).fetchall()
    return {row["id"] for row in rows}


def _page_of(row: sqlite3.Row) -> Account:
    return Account(row["id"], MESSENGER, row["name"], row["slug"], row["id"], about=row["category"])


def _instagram_of(row: sqlite3.Row) -> Account:
    return Account(
        row["id"],
        INSTAGRAM,
        row["name"],
        row["username"],
        row["page_id"],
        bool(row["allows_messages"]),
        f"@{row['username']}",
    )
