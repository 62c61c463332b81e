"""The Page node: its fields, its picture, its subscription to webhooks."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from flask import redirect
from werkzeug.wrappers import Response

from flask_messenger.simulator import errors, graph_people, pictures, routing, tokens
from flask_messenger.simulator.accounts import linked_instagram
from flask_messenger.simulator.endpoints import (
    ANYBODY,
    OPTIONAL,
    Call,
    endpoint,
    require_permission,
)
from flask_messenger.simulator.fields import pick
from flask_messenger.simulator.grants import Grant, find_grant, tasks_of
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.tokens import PAGE, USER, Token
from flask_messenger.simulator.vocabulary import MESSAGING_FIELDS, PAGE_FIELDS

PICTURE_PARAMETERS = ("type", "width", "height", "redirect")
AVATAR_WIDTH = 128
SUBSCRIBING_TASKS = {"MODERATE", "MANAGE"}

# Fields that a Page has on Meta, and that these Pages left empty.
UNFILLED_FIELDS = (
    "about",
    "bio",
    "business",
    "cover",
    "description",
    "emails",
    "global_brand_page_name",
    "hours",
    "location",
    "phone",
    "single_line_address",
    "store_number",
    "website",
    "whatsapp_number",
)


@endpoint("GET", "page", auth=ANYBODY, parameters=("fields", "account_linking_token"))
def show_page(call: Call) -> dict[str, Any]:
    """Answer with the fields of one Page."""
    with simulator().storage.writing() as db:  # asking for its token may make it
        page = find_page(db, call.node_id)
        grant = find_grant(db, call.token.person, call.token.app_id)
        if grant is None or not (
            grant.has("pages_show_list") or grant.has("pages_read_engagement")
        ):
            raise errors.permission(
                10,
                "This endpoint requires the 'pages_read_engagement' permission or the 'Page"
                " Public Content Access' feature.",
            )
        values = page_values(db, page, call.token, grant)
        linking = call.text("account_linking_token")
        if linking is not None:
            values["recipient"] = graph_people.find_linking(db, page["id"], linking)
        return pick(values, call.wanted_fields("name,id"), "Page")


@endpoint("GET", "page", "picture", auth=OPTIONAL, parameters=PICTURE_PARAMETERS)
def show_picture(call: Call) -> Response | dict[str, Any]:
    """Redirect to the Page's picture, or say where it is."""
    picture = _picture(call.node_id)
    if call.text("redirect", "true") in {"false", "0"}:
        return picture
    answer: Response = redirect(picture["data"]["url"])
    return answer


@endpoint("GET", "page", "subscribed_apps", auth=PAGE, parameters=("fields",))
def list_subscriptions(call: Call) -> dict[str, Any]:
    """Answer with the app's subscription to this Page, if it has one."""
    with simulator().storage.reading() as db:
        _require_metadata(db, call.token)
        rows = db.execute(
            "SELECT s.fields, a.id, a.name FROM page_subscriptions s JOIN apps a ON a.id = s.app_id"
            " WHERE s.page_id = ? AND s.app_id = ?",
            [call.node_id, call.token.app_id],
        ).fetchall()
    return {
        "data": [
            {"name": row["name"], "id": row["id"], "subscribed_fields": json.loads(row["fields"])}
            for row in rows
        ]
    }


@endpoint("POST", "page", "subscribed_apps", auth=PAGE, parameters=("subscribed_fields",))
def subscribe(call: Call) -> dict[str, Any]:
    """Subscribe the app to the Page; the fields replace those of before."""
    wanted = call.names("subscribed_fields")
    if not wanted:
        raise errors.missing("subscribed_fields")
    _check_fields(wanted)
    with simulator().storage.writing() as db:
        _require_metadata(db, call.token)
        _require_subscribing_task(db, call.token)
        _require_messaging(db, call.token, wanted)
        db.execute(
            "INSERT OR REPLACE INTO page_subscriptions (page_id, app_id, fields, failing_since)"
            " VALUES (?, ?, ?, NULL)",
            [call.node_id, call.token.app_id, json.dumps(list(dict.fromkeys(wanted)))],
        )
    return {"success": True}


@endpoint("DELETE", "page", "subscribed_apps", auth=PAGE)
def unsubscribe(call: Call) -> dict[str, Any]:
    """End the app's subscription to the Page."""
    with simulator().storage.writing() as db:
        _require_metadata(db, call.token)
        db.execute(
            "DELETE FROM page_subscriptions WHERE page_id = ? AND app_id = ?",
            [call.node_id, call.token.app_id],
        )
    return {"success": True}


def find_page(db: sqlite3.Connection, page_id: str) -> sqlite3.Row:
    """Return the row of a Page that is known to exist."""
    row: sqlite3.Row = db.execute("SELECT * FROM pages WHERE id = ?", [page_id]).fetchone()
    return row


def page_values(
    db: sqlite3.Connection, page: sqlite3.Row, token: Token, grant: Grant
) -> dict[str, Any]:
    """Return every field of a Page as this caller may see it; `None` where it has none."""
    page_token = token.value
    if token.kind == USER:
        page_token = tokens.page_token(db, token, page["id"]).value
    instagram = _instagram(db, page["id"]) if grant.has("instagram_basic") else None
    return {
        "id": page["id"],
        "name": page["name"],
        "access_token": page_token,
        "category": page["category"],
        "category_list": [{"id": "2214", "name": page["category"]}],
        "tasks": tasks_of(db, token.person, page["id"]),
        "link": f"https://www.facebook.com/{page['id']}",
        "username": page["slug"].replace("-", "."),
        "picture": _picture(page["id"]),
        "instagram_business_account": instagram,
        "connected_instagram_account": instagram,
        "messaging_feature_status": _feature_status(db, page["id"]),
        "subject_to_new_eu_privacy_rules": False,
        "has_transitioned_to_new_page_experience": True,
        "is_published": True,
        "fan_count": 0,
        "followers_count": 0,
        "verification_status": "not_verified",
        **dict.fromkeys(UNFILLED_FIELDS),
    }


def _feature_status(db: sqlite3.Connection, page_id: str) -> dict[str, bool]:
    """Return which of the routing features are on: several apps share the threads."""
    is_routed = routing.default_app(db, page_id) is not None
    linked = linked_instagram(db, page_id)
    return {
        "hop_v2": False,
        "msgr_multi_app": is_routed,
        "ig_multi_app": linked is not None and routing.default_app(db, linked.id) is not None,
    }


def _picture(page_id: str) -> dict[str, Any]:
    return {
        "data": {
            "height": AVATAR_WIDTH,
            "is_silhouette": False,
            "url": pictures.avatar_url(simulator().settings.base_url, page_id),
            "width": AVATAR_WIDTH,
        }
    }


def _instagram(db: sqlite3.Connection, page_id: str) -> dict[str, Any] | None:
    row = db.execute("SELECT * FROM instagram_accounts WHERE page_id = ?", [page_id]).fetchone()
    if row is None:
        return None
    base_url = simulator().settings.base_url
    return {
        "id": row["id"],
        "username": row["username"],
        "name": row["name"],
        "profile_picture_url": pictures.avatar_url(base_url, row["id"]),
    }


def _check_fields(wanted: list[str]) -> None:
    for position, name in enumerate(wanted):
        if name not in PAGE_FIELDS:
            known = ", ".join(sorted(PAGE_FIELDS))
            raise errors.invalid(
                f'Param subscribed_fields[{position}] must be one of {{{known}}} - got "{name}".'
            )


def _require_metadata(db: sqlite3.Connection, token: Token) -> None:
    error = errors.permission(200, "Requires pages_manage_metadata permission to manage the object")
    require_permission(db, token, "pages_manage_metadata", error)


def _require_subscribing_task(db: sqlite3.Connection, token: Token) -> None:
    if not SUBSCRIBING_TASKS & set(tasks_of(db, token.person, token.page_id or "")):
        raise errors.permission(
            200, "User does not have sufficient administrative permission for this action."
        )


def _require_messaging(db: sqlite3.Connection, token: Token, wanted: list[str]) -> None:
    for name in wanted:
        if name in MESSAGING_FIELDS:
            error = errors.permission(
                200,
                f"To subscribe to the {name} field, one of these permissions is needed:"
                " pages_messaging.",
            )
            require_permission(db, token, "pages_messaging", error)
