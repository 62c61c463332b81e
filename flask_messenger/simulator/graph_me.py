"""The person node: who they are, what they granted, which Pages they manage."""

from __future__ import annotations

import base64
import binascii
import sqlite3
from typing import Any
from urllib.parse import urlencode

from flask_messenger.simulator import callbacks, errors, grants, pictures
from flask_messenger.simulator.endpoints import TABLE, Call, Endpoint, endpoint
from flask_messenger.simulator.fields import pick
from flask_messenger.simulator.grants import Grant, find_grant
from flask_messenger.simulator.graph_pages import find_page, page_values
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.tokens import USER
from flask_messenger.simulator.vocabulary import PERMISSIONS

DEFAULT_LIMIT, MAX_LIMIT = 25, 100
ACCOUNT_FIELDS = "access_token,category,category_list,name,id,tasks"


@endpoint("GET", "user", auth=USER, parameters=("fields",))
def show_me(call: Call) -> dict[str, Any]:
    """Answer with the person behind the token."""
    with simulator().storage.reading() as db:
        row = db.execute("SELECT * FROM people WHERE slug = ?", [call.token.person]).fetchone()
    first_name, _, last_name = row["name"].partition(" ")
    url = pictures.avatar_url(simulator().settings.base_url, row["slug"])
    values = {
        "id": call.node_id,
        "name": row["name"],
        "first_name": first_name,
        "last_name": last_name,
        "email": None,
        "client_business_id": None,
        "picture": {"data": {"url": url, "is_silhouette": False, "width": 128, "height": 128}},
    }
    return pick(values, call.wanted_fields("name,id"), "User")


@endpoint("GET", "user", "permissions", auth=USER, parameters=("permission", "status"))
def list_permissions(call: Call) -> dict[str, Any]:
    """Answer with what the person granted and declined."""
    with simulator().storage.reading() as db:
        grant = _grant(db, call)
    wanted_name, wanted_status = call.text("permission"), call.text("status")
    return {
        "data": [
            {"permission": name, "status": status}
            for name, status in grant.permissions.items()
            if wanted_name in {None, name} and wanted_status in {None, status}
        ]
    }


@endpoint("DELETE", "user", "permissions", auth=USER)
def remove_app(call: Call) -> dict[str, Any]:
    """Take back everything, which the app hears of by its deauthorize callback."""
    with simulator().storage.writing() as db:
        grants.remove_grant(db, call.token.person, call.token.app_id)
    callbacks.send_deauthorize_later(simulator(), call.token.person, call.token.app_id)
    return {"success": True}


def remove_permission(call: Call) -> dict[str, Any]:
    """Take back one permission, the last part of the path."""
    name = call.path.rpartition("/")[2]
    with simulator().storage.writing() as db:
        grant = _grant(db, call)
        if not grant.has(name):
            raise errors.invalid(f"Permission {name} was not granted")
        grants.decline_permission(db, grant, name)
    return {"success": True}


# DELETE /me/permissions/{permission}: one edge a permission, so that an unknown one is unknown.
for _name in PERMISSIONS:
    TABLE[("user", f"permissions/{_name}")] = {
        "DELETE": Endpoint(remove_permission, frozenset({USER}), frozenset())
    }


@endpoint("GET", "user", "accounts", auth=USER, parameters=("fields", "limit", "after", "before"))
def list_accounts(call: Call) -> dict[str, Any]:
    """Answer with the Pages that the person let this app see."""
    wanted = call.wanted_fields(ACCOUNT_FIELDS)
    limit = _limit(call)
    with simulator().storage.writing() as db:  # listing a Page may make its token
        grant = _grant(db, call)
        listed = _managed_pages(db, grant) if grant.has("pages_show_list") else []
        start, end = _slice(call, listed, limit)
        shown = listed[start:end]
        data = [
            pick(page_values(db, find_page(db, page_id), call.token, grant), wanted, "Page")
            for page_id in shown
        ]
    if not data:
        return {"data": []}
    paging: dict[str, Any] = {"cursors": {"before": _cursor(shown[0]), "after": _cursor(shown[-1])}}
    if end < len(listed):
        paging["next"] = _page_url(call, after=_cursor(shown[-1]), limit=limit)
    if start > 0:
        paging["previous"] = _page_url(call, before=_cursor(shown[0]), limit=limit)
    return {"data": data, "paging": paging}


def _grant(db: sqlite3.Connection, call: Call) -> Grant:
    grant = find_grant(db, call.token.person, call.token.app_id)
    if grant is None:  # it went away since the token was checked
        raise errors.dead_token(458)
    return grant


def _managed_pages(db: sqlite3.Connection, grant: Grant) -> list[str]:
    rows = db.execute(
        "SELECT page_id FROM page_roles WHERE person = ? ORDER BY position", [grant.person]
    ).fetchall()
    return [row["page_id"] for row in rows if row["page_id"] in grant.page_ids]


def _limit(call: Call) -> int:
    text = call.text("limit", str(DEFAULT_LIMIT)) or ""
    if not text.isdigit() or int(text) < 1:
        raise errors.invalid("Param limit must be an integer greater than or equal to 1")
    if int(text) > MAX_LIMIT:
        raise errors.invalid(f"Param limit must be less than or equal to {MAX_LIMIT}")
    return int(text)


def _slice(call: Call, listed: list[str], limit: int) -> tuple[int, int]:
    after, before = call.text("after"), call.text("before")
    if before is not None:
        end = _position(listed, before)
        return max(0, end - limit), end
    start = 0 if after is None else _position(listed, after) + 1
    return start, min(len(listed), start + limit)


def _position(listed: list[str], cursor: str) -> int:
    try:
        page_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        return listed.index(page_id)
    except (ValueError, binascii.Error) as error:
        raise errors.invalid("Invalid cursors values") from error


def _cursor(page_id: str) -> str:
    return base64.urlsafe_b64encode(page_id.encode()).rstrip(b"=").decode("ascii")


def _page_url(call: Call, **changes: Any) -> str:
    """Return the address of another page: with the token, as Graph writes it, but no proof."""
    kept = {
        name: value
        for name, value in call.parameters.items()
        if name not in {"after", "before", "limit", "appsecret_proof", "appsecret_time"}
    }
    query = urlencode({**kept, "access_token": call.token.value, **changes})
    return f"{simulator().settings.base_url}/{call.version}/{call.path}?{query}"
