"""The person node: who they are, what they granted, which Pages they manage."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask_messenger.simulator import callbacks, errors, grants, pictures
from flask_messenger.simulator.endpoints import TABLE, Call, Endpoint, endpoint
from flask_messenger.simulator.fields import pick
from flask_messenger.simulator.grants import Grant, find_grant
from flask_messenger.simulator.graph_pages import find_page, page_values
from flask_messenger.simulator.paging import PAGING_PARAMETERS, take_part
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.tokens import USER
from flask_messenger.simulator.vocabulary import PERMISSIONS

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


@endpoint("GET", "user", "accounts", auth=USER, parameters=("fields", *PAGING_PARAMETERS))
def list_accounts(call: Call) -> dict[str, Any]:
    """Answer with the Pages that the person let this app see."""
    wanted = call.wanted_fields(ACCOUNT_FIELDS)
    with simulator().storage.writing() as db:  # listing a Page may make its token
        grant = _grant(db, call)
        listed = _managed_pages(db, grant) if grant.has("pages_show_list") else []
        part = take_part(call, listed)
        return part.answer(
            [
                pick(page_values(db, find_page(db, page_id), call.token, grant), wanted, "Page")
                for page_id in part.shown
            ]
        )


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
