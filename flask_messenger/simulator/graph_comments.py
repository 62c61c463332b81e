"""Comments by Graph: read, written, hidden, deleted; on a Page's posts and Instagram's media."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask_messenger.simulator import errors, posts, shapes
from flask_messenger.simulator.access import BASIC, COMMENTS, known_account, require_access
from flask_messenger.simulator.accounts import Account
from flask_messenger.simulator.comment_views import (
    check_comment_fields,
    default_comment_fields,
    list_answers,
    list_comments,
    show_comment,
)
from flask_messenger.simulator.endpoints import Call, endpoint
from flask_messenger.simulator.graph_instagram import ANY_LOGIN
from flask_messenger.simulator.paging import PAGING_PARAMETERS, take_part
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.tokens import INSTAGRAM_USER, PAGE

LIST_PARAMETERS = ("fields", *PAGING_PARAMETERS)
FILTERS, ORDERS = ("toplevel", "stream"), ("chronological", "reverse_chronological", "ranked")
MAX_TEXT, MAX_INSTAGRAM_TEXT = 8000, 2200
WRITERS = (PAGE, INSTAGRAM_USER)


@endpoint("GET", "post", "comments", auth=PAGE, parameters=(*LIST_PARAMETERS, "filter", "order"))
@endpoint("GET", "media", "comments", auth=ANY_LOGIN, parameters=LIST_PARAMETERS)
def list_of_post(call: Call) -> dict[str, Any]:
    """Answer with the comments of a post or a media."""
    chosen = call.text("filter", FILTERS[0])
    order = call.text("order", ORDERS[0])
    if chosen not in FILTERS or order not in ORDERS:
        raise errors.invalid("Param filter or order has an unknown value")
    with simulator().storage.reading() as db:
        post = posts.find(db, "posts", call.node_id)
        rows = list_comments(db, post["id"], is_stream=chosen == "stream")
        if order == "reverse_chronological":
            rows.reverse()
        return _listed(db, call, post["account_id"], rows)


@endpoint("GET", "comment", "comments", auth=PAGE, parameters=LIST_PARAMETERS)
@endpoint("GET", "reply", "replies", auth=ANY_LOGIN, parameters=LIST_PARAMETERS)
def list_of_comment(call: Call) -> dict[str, Any]:
    """Answer with the answers to a comment."""
    with simulator().storage.reading() as db:
        comment = posts.find(db, "comments", call.node_id)
        return _listed(db, call, comment["account_id"], list_answers(db, call.node_id))


@endpoint("GET", "comment", auth=PAGE, parameters=("fields",))
@endpoint("GET", "reply", auth=ANY_LOGIN, parameters=("fields",))
def show(call: Call) -> dict[str, Any]:
    """Answer with one comment."""
    with simulator().storage.reading() as db:
        row = posts.find(db, "comments", call.node_id)
        account = _readable(db, call, row["account_id"])
        return show_comment(db, account, row, call.wanted_fields(default_comment_fields(account)))


@endpoint("POST", "post", "comments", auth=PAGE, parameters=("message", "attachment_url"))
@endpoint("POST", "media", "comments", auth=WRITERS, parameters=("message",))
def write_on_post(call: Call) -> dict[str, Any]:
    """Comment on a post as the account."""
    with simulator().storage.writing() as db:
        post = posts.find(db, "posts", call.node_id)
        return _write(db, call, post, None)


@endpoint("POST", "comment", "comments", auth=PAGE, parameters=("message", "attachment_url"))
@endpoint("POST", "reply", "replies", auth=WRITERS, parameters=("message",))
def answer_comment(call: Call) -> dict[str, Any]:
    """Answer a comment in public, as the account."""
    with simulator().storage.writing() as db:
        comment = posts.find(db, "comments", call.node_id)
        post = posts.find(db, "posts", comment["post_id"])
        return _write(db, call, post, comment["id"])


@endpoint(
    "POST", "instagram", "mentions", auth=WRITERS, parameters=("media_id", "comment_id", "message")
)
def answer_mention(call: Call) -> dict[str, Any]:
    """Comment where somebody else named the account: below their media, or their comment there."""
    media_id, comment_id = call.required_text("media_id"), call.text("comment_id")
    with simulator().storage.writing() as db:
        post = db.execute("SELECT * FROM posts WHERE id = ?", [media_id]).fetchone()
        known = (
            comment_id is None
            or db.execute(
                "SELECT 1 FROM comments WHERE id = ? AND post_id = ?", [comment_id, media_id]
            ).fetchone()
        )
        if post is None or not known:
            raise errors.invalid("The media or comment does not mention the account")
        return _write(db, call, post, comment_id)


@endpoint("POST", "comment", auth=PAGE, parameters=("is_hidden", "message", "attachment_url"))
def change(call: Call) -> dict[str, Any]:
    """Hide a comment or show it again; change the text of an own one."""
    hidden, text = _flag(call, "is_hidden"), call.text("message")
    if (hidden is None) == (text is None):
        raise errors.invalid("Exactly one of is_hidden and message is required")
    with simulator().storage.writing() as db:
        row = _writable(db, call)
        if hidden is not None:
            _require_foreign(row)
            posts.hide_comment(db, row["id"], is_hidden=hidden)
        elif row["customer"] is not None:
            raise errors.permission(200, "Only the author can change the text of a comment")
        else:
            posts.edit_comment(db, row["id"], str(text))
    return {"success": True}


@endpoint("POST", "reply", auth=WRITERS, parameters=("hide",))
def hide(call: Call) -> dict[str, Any]:
    """Hide a comment on Instagram, or show it again."""
    hidden = _flag(call, "hide")
    if hidden is None:
        raise errors.missing("hide")
    with simulator().storage.writing() as db:
        row = _writable(db, call)
        _require_foreign(row)
        posts.hide_comment(db, row["id"], is_hidden=hidden)
    return {"success": True}


@endpoint("DELETE", "comment", auth=PAGE)
@endpoint("DELETE", "reply", auth=WRITERS)
def delete(call: Call) -> dict[str, Any]:
    """Delete a comment."""
    with simulator().storage.writing() as db:
        posts.delete_comment(db, _writable(db, call)["id"])
    return {"success": True}


def _listed(
    db: sqlite3.Connection, call: Call, account_id: str, rows: list[sqlite3.Row]
) -> dict[str, Any]:
    account = _readable(db, call, account_id)
    wanted = call.wanted_fields(default_comment_fields(account))
    check_comment_fields(account, wanted)
    by_id = {row["id"]: row for row in rows}
    part = take_part(call, list(by_id))
    return part.answer([show_comment(db, account, by_id[one], wanted) for one in part.shown])


def _readable(db: sqlite3.Connection, call: Call, account_id: str) -> Account:
    """Return the account whose comments the caller may read."""
    account = known_account(db, account_id)
    require_access(db, call.token, account, COMMENTS if account.is_instagram else BASIC)
    return account


def _writable(db: sqlite3.Connection, call: Call) -> sqlite3.Row:
    row = posts.find(db, "comments", call.node_id)
    account = known_account(db, row["account_id"])
    require_access(db, call.token, account, COMMENTS, task="MODERATE")
    return row


def _write(
    db: sqlite3.Connection, call: Call, post: sqlite3.Row, parent_id: str | None
) -> dict[str, Any]:
    account = known_account(db, post["account_id"])
    require_access(db, call.token, account, COMMENTS, task="MODERATE")
    picture = call.text("attachment_url")
    if picture is not None and not shapes.is_link(picture):
        raise errors.invalid("Param attachment_url should represent a valid URL")
    text = call.text("message") if picture is not None else call.required_text("message")
    limit = MAX_INSTAGRAM_TEXT if account.is_instagram else MAX_TEXT
    if len(text or "") > limit:
        raise errors.invalid(f"Length of param message must be less than or equal to {limit}")
    row = posts.write_comment(
        db,
        post,
        text=text or "",
        app_id=call.token.app_id,
        parent_id=parent_id,
        picture=picture,
    )
    return {"id": row["id"]}


def _require_foreign(row: sqlite3.Row) -> None:
    if row["customer"] is None:
        raise errors.invalid("The account's own comment cannot be hidden")


def _flag(call: Call, name: str) -> bool | None:
    value = call.parameters.get(name)
    if value in {None, ""}:
        return None
    if value in {True, "true", "1"}:
        return True
    if value in {False, "false", "0"}:
        return False
    raise errors.invalid(f"Param {name} must be a boolean")
