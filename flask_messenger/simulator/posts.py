"""What accounts publish, what people write below it, and telling the apps of both."""

from __future__ import annotations

import secrets
import sqlite3

from flask_messenger.simulator import comment_events, ids
from flask_messenger.simulator.accounts import Account
from flask_messenger.simulator.events_changes import ADD, EDITED, HIDE, REMOVE, UNHIDE

POST, STORY, LIVE, AD = "post", "story", "live", "ad"
KINDS = (POST, "photo", "video", "reel", STORY, LIVE, AD)
STORY_MS = 24 * 3_600_000  # a story ends by itself


def publish(
    db: sqlite3.Connection,
    account: Account,
    *,
    kind: str = POST,
    text: str | None = None,
    picture: str | None = None,
    customer: str | None = None,
    ad_title: str | None = None,
) -> sqlite3.Row:
    """Publish something; return its row.

    `customer` is the visitor who writes it on a Page: of that, the Page's apps are told.
    """
    now = ids.now_ms()
    number = ids.numeric_id(secrets.token_hex(8), length=17)
    post_id = number if account.is_instagram else f"{account.id}_{number}"
    is_ad = kind == AD
    db.execute(
        "INSERT INTO posts (id, account_id, kind, customer, text, picture, ad_id, ad_title,"
        " original_id, created_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            post_id,
            account.id,
            kind,
            customer,
            text,
            picture,
            ids.numeric_id("ad", post_id, prefix="238", length=17) if is_ad else None,
            (ad_title or "First month free") if is_ad else None,
            ids.numeric_id("original", post_id, length=17) if is_ad else None,
            now,
            now + STORY_MS if kind == STORY else None,
        ],
    )
    post = find(db, "posts", post_id)
    if customer is not None:
        comment_events.tell_post(db, post, ADD)
    _touch(db, account.id)
    return post


def find(db: sqlite3.Connection, table: str, row_id: str) -> sqlite3.Row:
    """Return the row of `posts` or `comments` by its id, which is known to exist."""
    row: sqlite3.Row = db.execute(
        f"SELECT * FROM {table} WHERE id = ?",  # noqa: S608  (our own names)
        [row_id],
    ).fetchone()
    return row


def find_post(db: sqlite3.Connection, post_id: str) -> sqlite3.Row | None:
    """Return a post that was not deleted."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM posts WHERE id = ? AND deleted_at IS NULL", [post_id]
    ).fetchone()
    return row


def find_comment(db: sqlite3.Connection, comment_id: str) -> sqlite3.Row | None:
    """Return a comment that was not deleted."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM comments WHERE id = ? AND deleted_at IS NULL", [comment_id]
    ).fetchone()
    return row


def is_live(post: sqlite3.Row) -> bool:
    """Say whether a live video still runs."""
    return bool(post["kind"] == LIVE and post["ended_at"] is None)


def write_comment(
    db: sqlite3.Connection,
    post: sqlite3.Row,
    *,
    text: str,
    customer: str | None = None,
    app_id: str | None = None,
    parent_id: str | None = None,
    picture: str | None = None,
    created_at: int | None = None,
) -> sqlite3.Row:
    """Write a comment of a customer, or without one of the account itself; return its row.

    An answer to an answer hangs on the same top-level comment, as Meta hangs it.
    """
    above = find_comment(db, parent_id) if parent_id is not None else None
    if above is not None and above["parent_id"] is not None:
        parent_id = above["parent_id"]
    number = ids.numeric_id(secrets.token_hex(8), length=17)
    is_page = post["id"].startswith(f"{post['account_id']}_")
    comment_id = f"{post['id'].rpartition('_')[2]}_{number}" if is_page else number
    db.execute(
        "INSERT INTO comments (id, post_id, account_id, parent_id, customer, app_id, text,"
        " picture, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            comment_id,
            post["id"],
            post["account_id"],
            parent_id,
            customer,
            app_id,
            text,
            picture,
            created_at or ids.now_ms(),
        ],
    )
    comment = find(db, "comments", comment_id)
    comment_events.tell(db, comment, ADD)
    return comment


def edit_comment(db: sqlite3.Connection, comment_id: str, text: str) -> sqlite3.Row:
    """Change a comment's text; return its row."""
    db.execute(
        "UPDATE comments SET text = ?, edited_at = ? WHERE id = ?",
        [text, ids.now_ms(), comment_id],
    )
    changed = find(db, "comments", comment_id)
    comment_events.tell(db, changed, EDITED)
    return changed


def hide_comment(db: sqlite3.Connection, comment_id: str, *, is_hidden: bool) -> sqlite3.Row:
    """Hide a comment from all but its writer, or show it again; return its row."""
    before = find(db, "comments", comment_id)
    db.execute("UPDATE comments SET is_hidden = ? WHERE id = ?", [int(is_hidden), comment_id])
    changed = find(db, "comments", comment_id)
    if bool(before["is_hidden"]) != is_hidden:
        comment_events.tell(db, changed, HIDE if is_hidden else UNHIDE)
    return changed


def delete_comment(db: sqlite3.Connection, comment_id: str) -> None:
    """Remove a comment, and the answers to it."""
    comment = find(db, "comments", comment_id)
    db.execute(
        "UPDATE comments SET deleted_at = ? WHERE (id = ? OR parent_id = ?) AND deleted_at IS NULL",
        [ids.now_ms(), comment_id, comment_id],
    )
    comment_events.tell(db, comment, REMOVE)


def end_post(db: sqlite3.Connection, account: Account, post: sqlite3.Row) -> None:
    """End a live video or a story; of a story, the account's apps get the figures."""
    db.execute("UPDATE posts SET ended_at = ? WHERE id = ?", [ids.now_ms(), post["id"]])
    if post["kind"] == STORY and account.is_instagram:
        comment_events.tell_story_insights(db, account, post["id"])
    _touch(db, account.id)


def _touch(db: sqlite3.Connection, account_id: str) -> None:
    """Note that the phones that look at this account show something else now."""
    db.execute("UPDATE threads SET revision = revision + 1 WHERE account_id = ?", [account_id])
