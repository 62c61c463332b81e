"""The Instagram account as a node: its fields, and its webhooks by Instagram Login."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from flask_messenger.simulator import callbacks, errors, ids, instagram_grants, pictures
from flask_messenger.simulator.access import BASIC, known_account, permits, require_access
from flask_messenger.simulator.endpoints import Call, endpoint
from flask_messenger.simulator.fields import Field, pick
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.times import graph_time
from flask_messenger.simulator.tokens import INSTAGRAM_USER, PAGE, USER
from flask_messenger.simulator.vocabulary import WEBHOOK_FIELDS

ANY_LOGIN = (PAGE, USER, INSTAGRAM_USER)
FIELD_PERMISSION = {
    "comments": "instagram_business_manage_comments",
    "live_comments": "instagram_business_manage_comments",
    "mentions": "instagram_business_manage_comments",
    "story_insights": "instagram_business_manage_insights",
}
MESSAGES_PERMISSION = "instagram_business_manage_messages"
UNFILLED_FIELDS = ("biography", "website", "shopping_review_status", "legacy_instagram_user_id")


@endpoint("GET", "instagram", auth=ANY_LOGIN, parameters=("fields",))
def show_account(call: Call) -> dict[str, Any]:
    """Answer with the fields of a professional account."""
    wanted = call.wanted_fields("id")
    with simulator().storage.reading() as db:
        account = known_account(db, call.node_id)
        require_access(db, call.token, account, BASIC)
        row = db.execute("SELECT * FROM instagram_accounts WHERE id = ?", [call.node_id]).fetchone()
        values = _values(db, row, by_instagram_login=call.token.kind == INSTAGRAM_USER)
        if call.token.kind == INSTAGRAM_USER:
            values["id"] = call.token.user_id
        values |= {
            field.name: _mentioned(db, row["id"], field)
            for field in wanted
            if field.name in {"mentioned_comment", "mentioned_media"}
        }
    return pick(values, wanted, "IGUser")


@endpoint("GET", "instagram", "subscribed_apps", auth=INSTAGRAM_USER, parameters=("fields",))
def list_subscriptions(call: Call) -> dict[str, Any]:
    """Answer with the app's subscription to the account, if it has one."""
    with simulator().storage.reading() as db:
        rows = db.execute(
            "SELECT s.fields, a.id, a.name FROM instagram_subscriptions s"
            " JOIN apps a ON a.id = s.app_id WHERE s.instagram_id = ? AND s.app_id = ?",
            [call.node_id, call.token.app_id],
        ).fetchall()
    return {
        "data": [
            {"name": row["name"], "id": row["id"], "subscribed_fields": json.loads(row["fields"])}
            for row in rows
        ]
    }


@endpoint(
    "POST",
    "instagram",
    "subscribed_apps",
    auth=INSTAGRAM_USER,
    parameters=("subscribed_fields",),
)
def subscribe(call: Call) -> dict[str, Any]:
    """Subscribe the app to the account; the fields replace those of before."""
    wanted = call.names("subscribed_fields")
    if not wanted:
        raise errors.missing("subscribed_fields")
    known = WEBHOOK_FIELDS["instagram"]
    for position, name in enumerate(wanted):
        if name not in known:
            raise errors.invalid(
                f"Param subscribed_fields[{position}] must be one of"
                f' {{{", ".join(sorted(known))}}} - got "{name}".'
            )
    with simulator().storage.writing() as db:
        for name in wanted:
            permission = FIELD_PERMISSION.get(name, MESSAGES_PERMISSION)
            if not permits(db, call.token, permission):
                raise errors.permission(
                    200, f"To subscribe to the {name} field, {permission} is needed."
                )
        db.execute(
            "INSERT OR REPLACE INTO instagram_subscriptions"
            " (instagram_id, app_id, fields, failing_since) VALUES (?, ?, ?, NULL)",
            [call.node_id, call.token.app_id, json.dumps(list(dict.fromkeys(wanted)))],
        )
    return {"success": True}


@endpoint("DELETE", "instagram", "subscribed_apps", auth=INSTAGRAM_USER)
def unsubscribe(call: Call) -> dict[str, Any]:
    """End the app's subscription to the account."""
    with simulator().storage.writing() as db:
        db.execute(
            "DELETE FROM instagram_subscriptions WHERE instagram_id = ? AND app_id = ?",
            [call.node_id, call.token.app_id],
        )
    return {"success": True}


@endpoint("DELETE", "instagram", "permissions", auth=INSTAGRAM_USER)
def remove_app(call: Call) -> dict[str, Any]:
    """Take back everything that the account granted the app."""
    with simulator().storage.writing() as db:
        instagram_grants.remove_grant(db, call.node_id, call.token.app_id)
    callbacks.send_instagram_deauthorize_later(simulator(), call.node_id, call.token.app_id)
    return {"success": True}


def _values(
    db: sqlite3.Connection, row: sqlite3.Row, *, by_instagram_login: bool
) -> dict[str, Any]:
    media_count = db.execute(
        "SELECT count(*) FROM posts WHERE account_id = ? AND deleted_at IS NULL", [row["id"]]
    ).fetchone()[0]
    values = {
        "id": row["id"],
        "ig_id": ids.numeric_id("ig-legacy", row["id"], length=10),
        "username": row["username"],
        "name": row["name"],
        "profile_picture_url": pictures.avatar_url(simulator().settings.base_url, row["id"]),
        "followers_count": row["followers_count"],
        "follows_count": row["followers_count"] // 10,
        "media_count": media_count,
        **dict.fromkeys(UNFILLED_FIELDS),
    }
    if by_instagram_login:
        return values | {"user_id": row["id"], "account_type": row["account_type"]}
    return values


def _mentioned(db: sqlite3.Connection, instagram_id: str, field: Field) -> Mapping[str, Any]:
    """Return a comment or a post of somebody else's that names the account."""
    elsewhere = _mentioned_elsewhere(db, instagram_id, field)
    if elsewhere is not None:
        return elsewhere
    if field.name == "mentioned_comment":
        row = db.execute(
            "SELECT * FROM comments WHERE id = ? AND text LIKE '%@' ||"
            " (SELECT username FROM instagram_accounts WHERE id = ?) || '%'",
            [field.modifiers.get("comment_id", ""), instagram_id],
        ).fetchone()
        if row is not None:
            return {
                "id": row["id"],
                "text": row["text"],
                "timestamp": graph_time(row["created_at"]),
                "like_count": 0,
                "media": {"id": row["post_id"]},
            }
    else:
        row = db.execute(
            "SELECT * FROM posts WHERE id = ?", [field.modifiers.get("media_id", "")]
        ).fetchone()
        if row is not None:
            return {
                "id": row["id"],
                "caption": row["text"] or "",
                "timestamp": graph_time(row["created_at"]),
                "media_type": "IMAGE",
                "media_url": row["picture"],
            }
    raise errors.unsupported_request("get", instagram_id)


def _mentioned_elsewhere(
    db: sqlite3.Connection, instagram_id: str, field: Field
) -> Mapping[str, Any] | None:
    """Return a mention below media of people who are no customers of anybody here."""
    is_comment = field.name == "mentioned_comment"
    named = field.modifiers.get("comment_id" if is_comment else "media_id", "")
    row = db.execute(
        "SELECT * FROM mentions WHERE id = ? AND account_id = ?", [named, instagram_id]
    ).fetchone()
    if row is None or is_comment == (row["id"] == row["media_id"]):
        return None
    said = {"id": row["id"], "timestamp": graph_time(row["created_at"]), "like_count": 0}
    if is_comment:
        return {**said, "text": row["text"], "media": {"id": row["media_id"]}}
    return {**said, "caption": row["text"], "media_type": "IMAGE", "username": "a.friend"}
