"""Posts and comments as Graph shows them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from flask_messenger.simulator.accounts import Account
from flask_messenger.simulator.fields import (
    Field,
    expand,
    limit_of,
    parse_fields,
    pick,
    require_names,
)
from flask_messenger.simulator.seeds import commenter_id_of
from flask_messenger.simulator.times import graph_time

DEFAULT_LIMIT = 25
PAGE_COMMENT = "created_time,from,message,id"
INSTAGRAM_COMMENT = "timestamp,text,id"
PAGE_POST = "created_time,message,id"
MEDIA = "id"
PAGE_COMMENT_NAMES = (
    "id,message,created_time,from,is_hidden,can_hide,can_remove,can_comment,can_reply_privately,"
    "is_private,like_count,comment_count,parent,object,attachment,permalink_url,comments"
)
INSTAGRAM_COMMENT_NAMES = (
    "id,text,timestamp,username,from,hidden,like_count,media,parent_id,user,replies"
)
POST_NAMES = (
    "id,message,created_time,updated_time,from,permalink_url,full_picture,picture,status_type,"
    "is_published,is_hidden,can_reply_privately,promotion_status,shares,likes,comments"
)
MEDIA_NAMES = (
    "id,caption,media_type,media_product_type,media_url,thumbnail_url,permalink,timestamp,username,"
    "owner,like_count,comments_count,is_comment_enabled,shortcode,comments"
)
MEDIA_TYPES = {"photo": "IMAGE", "post": "IMAGE", "ad": "IMAGE"}
PRODUCT_TYPES = {"reel": "REELS", "story": "STORY", "ad": "AD", "live": "LIVE"}


def show_comment(
    db: sqlite3.Connection, account: Account, row: sqlite3.Row, wanted: tuple[Field, ...]
) -> dict[str, Any]:
    """Return the fields of a comment that are wanted."""
    if account.is_instagram:
        values = _instagram_comment(db, account, row)
        edge, kind = "replies", "IGComment"
    else:
        values = _page_comment(db, account, row)
        edge, kind = "comments", "Comment"

    def answers(field: Field) -> dict[str, Any]:
        rows = list_answers(db, row["id"])[: limit_of(field, DEFAULT_LIMIT)]
        inner = field.children or parse_fields(default_comment_fields(account))
        return {"data": [show_comment(db, account, one, inner) for one in rows]}

    left = expand(values, wanted, {edge: answers})
    return pick(values, left, kind)


def show_post(
    db: sqlite3.Connection, account: Account, row: sqlite3.Row, wanted: tuple[Field, ...]
) -> dict[str, Any]:
    """Return the fields of a post or a media that are wanted."""
    values = _media(db, account, row) if account.is_instagram else _page_post(db, account, row)

    def comments(field: Field) -> dict[str, Any]:
        rows = list_comments(db, row["id"])
        inner = field.children or parse_fields(default_comment_fields(account))
        shown = rows[: limit_of(field, DEFAULT_LIMIT)]
        told: dict[str, Any] = {"data": [show_comment(db, account, one, inner) for one in shown]}
        if "summary" in field.modifiers:
            told["summary"] = {"order": "ranked", "total_count": len(rows), "can_comment": True}
        return told

    left = expand(values, wanted, {"comments": comments})
    return pick(values, left, "IGMedia" if account.is_instagram else "Post")


def check_comment_fields(account: Account, wanted: tuple[Field, ...]) -> None:
    """Pass where comments have every wanted field."""
    names, node = (
        (INSTAGRAM_COMMENT_NAMES, "IGComment")
        if account.is_instagram
        else (PAGE_COMMENT_NAMES, "Comment")
    )
    require_names(wanted, names.split(","), node)


def check_post_fields(account: Account, wanted: tuple[Field, ...]) -> None:
    """Pass where posts or media have every wanted field."""
    names, node = (MEDIA_NAMES, "IGMedia") if account.is_instagram else (POST_NAMES, "Post")
    require_names(wanted, names.split(","), node)


def default_comment_fields(account: Account) -> str:
    """Return what a comment shows without being asked."""
    return INSTAGRAM_COMMENT if account.is_instagram else PAGE_COMMENT


def default_post_fields(account: Account) -> str:
    """Return what a post or a media shows without being asked."""
    return MEDIA if account.is_instagram else PAGE_POST


def list_comments(
    db: sqlite3.Connection, post_id: str, *, is_stream: bool = False
) -> list[sqlite3.Row]:
    """Return the comments of a post, oldest first: the top level, or all with `is_stream`."""
    rows: list[sqlite3.Row] = db.execute(
        "SELECT * FROM comments WHERE post_id = ? AND deleted_at IS NULL"
        " AND (parent_id IS NULL OR ?) ORDER BY created_at, rowid",
        [post_id, is_stream],
    ).fetchall()
    return rows


def list_answers(db: sqlite3.Connection, comment_id: str) -> list[sqlite3.Row]:
    """Return the answers to a comment, oldest first."""
    rows: list[sqlite3.Row] = db.execute(
        "SELECT * FROM comments WHERE parent_id = ? AND deleted_at IS NULL"
        " ORDER BY created_at, rowid",
        [comment_id],
    ).fetchall()
    return rows


def who(db: sqlite3.Connection, account: Account, customer: str | None) -> Mapping[str, str]:
    """Return who wrote something, as the account sees them."""
    key = "username" if account.is_instagram else "name"
    if customer is None:
        return {"id": account.id, key: account.slug if account.is_instagram else account.name}
    row = db.execute("SELECT * FROM customers WHERE slug = ?", [customer]).fetchone()
    name = row["username"] if account.is_instagram else f"{row['first_name']} {row['last_name']}"
    return {"id": commenter_id_of(account.id, customer, account.channel), key: name or customer}


def _page_comment(db: sqlite3.Connection, account: Account, row: sqlite3.Row) -> dict[str, Any]:
    is_own = row["customer"] is None
    attachment = None
    if row["picture"]:
        attachment = {"type": "photo", "media": {"image": {"src": row["picture"]}}}
    return {
        "id": row["id"],
        "message": row["text"],
        "created_time": graph_time(row["created_at"]),
        "from": who(db, account, row["customer"]),
        "is_hidden": bool(row["is_hidden"]),
        "can_hide": not is_own,
        "can_remove": True,
        "can_comment": True,
        "can_reply_privately": not is_own and row["private_reply_mid"] is None,
        "is_private": False,
        "like_count": 0,
        "comment_count": len(list_answers(db, row["id"])),
        "parent": {"id": row["parent_id"]} if row["parent_id"] else None,
        "object": {"id": row["post_id"]},
        "attachment": attachment,
        "permalink_url": f"https://www.facebook.com/{row['post_id']}?comment_id={row['id']}",
        "comments": None,
    }


def _instagram_comment(
    db: sqlite3.Connection, account: Account, row: sqlite3.Row
) -> dict[str, Any]:
    author = who(db, account, row["customer"])
    return {
        "id": row["id"],
        "text": row["text"],
        "timestamp": graph_time(row["created_at"]),
        "username": author["username"],
        "from": author,
        "hidden": bool(row["is_hidden"]),
        "like_count": 0,
        "media": {"id": row["post_id"]},
        "parent_id": row["parent_id"],
        "user": {"id": account.id} if row["customer"] is None else None,
        "replies": None,
    }


def _page_post(db: sqlite3.Connection, account: Account, row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "message": row["text"],
        "created_time": graph_time(row["created_at"]),
        "updated_time": graph_time(row["created_at"]),
        "from": who(db, account, row["customer"]),
        "permalink_url": f"https://www.facebook.com/{row['id']}",
        "full_picture": row["picture"],
        "picture": row["picture"],
        "status_type": "mobile_status_update" if row["picture"] is None else "added_photos",
        "is_published": row["kind"] != "ad",
        "is_hidden": False,
        "can_reply_privately": row["customer"] is not None and row["private_reply_mid"] is None,
        "promotion_status": "active" if row["ad_id"] else "inactive",
        "shares": None,
        "likes": None,
        "comments": None,
    }


def _media(db: sqlite3.Connection, account: Account, row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "caption": row["text"],
        "media_type": MEDIA_TYPES.get(row["kind"], "VIDEO" if row["kind"] != "story" else "IMAGE"),
        "media_product_type": PRODUCT_TYPES.get(row["kind"], "FEED"),
        "media_url": row["picture"],
        "thumbnail_url": row["picture"] if row["kind"] in {"video", "reel"} else None,
        "permalink": f"https://www.instagram.com/p/{row['id']}/",
        "timestamp": graph_time(row["created_at"]),
        "username": account.slug,
        "owner": {"id": account.id},
        "like_count": 0,
        "comments_count": len(list_comments(db, row["id"], is_stream=True)),
        "is_comment_enabled": True,
        "shortcode": row["id"],
        "comments": None,
    }
