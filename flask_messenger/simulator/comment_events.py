"""Telling the apps of posts and comments, in the words of a Page's feed or of Instagram."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask_messenger.simulator import events_changes, ids
from flask_messenger.simulator.accounts import Account, find_account
from flask_messenger.simulator.constants import INSTAGRAM
from flask_messenger.simulator.events_changes import ADD, Comment
from flask_messenger.simulator.seeds import commenter_id_of
from flask_messenger.simulator.telling import tell_change

FEED, COMMENTS, LIVE_COMMENTS = "feed", "comments", "live_comments"
MENTIONS, STORY_INSIGHTS = "mentions", "story_insights"
LIVE = "live"


def tell(db: sqlite3.Connection, comment: sqlite3.Row, verb: str) -> None:
    """Tell what happened to a comment: `verb` is one of those of `events_changes`.

    Instagram tells of new comments only: nobody hears that one was hidden or removed.
    """
    account = find_account(db, comment["account_id"])
    post = db.execute("SELECT * FROM posts WHERE id = ?", [comment["post_id"]]).fetchone()
    if account is None or post is None:
        return
    described = _describe(db, account, post, comment)
    at_ms = ids.now_ms() if verb != ADD else comment["created_at"]
    if not account.is_instagram:
        value = events_changes.page_comment(described, verb)
        tell_change(db, account, FEED, value, at_ms=at_ms, lane_key=post["id"])
    elif verb == ADD:
        pair = (
            events_changes.instagram_comment(described, is_flat=False),
            events_changes.instagram_comment(described, is_flat=True),
        )
        field = LIVE_COMMENTS if post["kind"] == LIVE else COMMENTS
        tell_change(db, account, field, pair, at_ms=at_ms, lane_key=post["id"])


def tell_post(db: sqlite3.Connection, post: sqlite3.Row, verb: str) -> None:
    """Tell a Page of a post; Instagram has no such webhook."""
    account = find_account(db, post["account_id"])
    if account is None or account.is_instagram:
        return
    from_id, from_name = _who(db, account, post["customer"])
    value = events_changes.page_post(
        post_id=post["id"],
        verb=verb,
        from_id=from_id,
        from_name=from_name,
        text=post["text"] or "",
        at_ms=post["created_at"],
    )
    tell_change(db, account, FEED, value, at_ms=ids.now_ms(), lane_key=post["id"])


def tell_post_reaction(
    db: sqlite3.Connection, post: sqlite3.Row, *, customer: str, reaction: str, verb: str
) -> None:
    """Tell a Page that somebody reacted to a post of it."""
    account = find_account(db, post["account_id"])
    if account is None or account.is_instagram:
        return
    from_id, from_name = _who(db, account, customer)
    at_ms = ids.now_ms()
    value = events_changes.page_reaction(
        post_id=post["id"],
        from_id=from_id,
        from_name=from_name,
        reaction=reaction,
        verb=verb,
        at_ms=at_ms,
    )
    tell_change(db, account, FEED, value, at_ms=at_ms, lane_key=post["id"])


def tell_mention(
    db: sqlite3.Connection, account: Account, *, media_id: str, comment_id: str | None
) -> None:
    """Tell an Instagram account that somebody named it in a caption, or in a comment."""
    value = events_changes.mention(media_id, comment_id)
    tell_change(db, account, MENTIONS, value, at_ms=ids.now_ms(), lane_key=media_id)


def tell_story_insights(db: sqlite3.Connection, account: Account, media_id: str) -> None:
    """Tell the figures of a story that has ended."""
    seen = int(ids.numeric_id("story", media_id)) % 900 + 100
    figures = {
        "impressions": seen + seen // 5,
        "reach": seen,
        "taps_forward": seen // 4,
        "taps_back": seen // 20,
        "exits": seen // 9,
        "replies": seen // 50,
    }
    value = events_changes.story_insights(media_id, figures)
    tell_change(db, account, STORY_INSIGHTS, value, at_ms=ids.now_ms(), lane_key=media_id)


def _describe(
    db: sqlite3.Connection, account: Account, post: sqlite3.Row, comment: sqlite3.Row
) -> Comment:
    from_id, from_name = _who(db, account, comment["customer"])
    return Comment(
        id=comment["id"],
        post_id=post["id"],
        parent_id=comment["parent_id"],
        text=comment["text"],
        from_id=from_id,
        from_name=from_name,
        created_at_ms=comment["created_at"],
        kind=post["kind"],
        picture=comment["picture"],
        permalink=f"https://www.facebook.com/{post['id']}",
        ad_id=post["ad_id"],
        ad_title=post["ad_title"],
        original_id=post["original_id"],
        self_scoped_id=None if comment["customer"] else ids.numeric_id("self", account.id),
    )


def _who(db: sqlite3.Connection, account: Account, customer: str | None) -> tuple[str, str]:
    """Return id and name of who wrote it, as this account's webhooks call them."""
    if customer is None:
        return account.id, account.slug if account.is_instagram else account.name
    row: Any = db.execute("SELECT * FROM customers WHERE slug = ?", [customer]).fetchone()
    is_instagram = account.channel == INSTAGRAM
    name = row["username"] if is_instagram else f"{row['first_name']} {row['last_name']}"
    return commenter_id_of(account.id, customer, account.channel), name or customer
