"""Personas: names and pictures under which a Page may write."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask_messenger.simulator import errors, ids, shapes
from flask_messenger.simulator.access import MESSAGES, known_account, require_access
from flask_messenger.simulator.endpoints import Call, endpoint
from flask_messenger.simulator.fields import pick
from flask_messenger.simulator.paging import PAGING_PARAMETERS, take_part
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.tokens import PAGE

MAX_NAME = 50
DEFAULT_FIELDS = "id,name,profile_picture_url"


@endpoint("POST", "page", "personas", auth=PAGE, parameters=("name", "profile_picture_url"))
def create(call: Call) -> dict[str, Any]:
    """Make a persona."""
    name = call.required_text("name")
    if len(name) > MAX_NAME:
        raise errors.invalid(f"Length of param name must be less than or equal to {MAX_NAME}")
    picture = call.required_text("profile_picture_url")
    if not shapes.is_link(picture):
        raise errors.invalid("Param profile_picture_url should represent a valid URL")
    with simulator().storage.writing() as db:
        _check(db, call, call.node_id)
        persona_id = ids.numeric_id(ids.new_mid(), prefix="38", length=16)
        db.execute(
            "INSERT INTO personas (id, page_id, name, profile_picture_url) VALUES (?, ?, ?, ?)",
            [persona_id, call.node_id, name, picture],
        )
    return {"id": persona_id}


@endpoint("GET", "page", "personas", auth=PAGE, parameters=("fields", *PAGING_PARAMETERS))
def list_personas(call: Call) -> dict[str, Any]:
    """Answer with the personas of the Page."""
    wanted = call.wanted_fields(DEFAULT_FIELDS)
    with simulator().storage.reading() as db:
        _check(db, call, call.node_id)
        rows = db.execute(
            "SELECT * FROM personas WHERE page_id = ? AND deleted_at IS NULL ORDER BY rowid",
            [call.node_id],
        ).fetchall()
    by_id = {row["id"]: row for row in rows}
    part = take_part(call, list(by_id))
    return part.answer([pick(_values(by_id[one]), wanted, "Persona") for one in part.shown])


@endpoint("GET", "persona", auth=PAGE, parameters=("fields",))
def show(call: Call) -> dict[str, Any]:
    """Answer with one persona."""
    with simulator().storage.reading() as db:
        row = _find(db, call)
    return pick(_values(row), call.wanted_fields(DEFAULT_FIELDS), "Persona")


@endpoint("DELETE", "persona", auth=PAGE)
def delete(call: Call) -> dict[str, Any]:
    """Take a persona away: it signs nothing more, what it signed stays."""
    with simulator().storage.writing() as db:
        _find(db, call)
        db.execute("UPDATE personas SET deleted_at = ? WHERE id = ?", [ids.now_ms(), call.node_id])
    return {"success": True}


def _find(db: sqlite3.Connection, call: Call) -> sqlite3.Row:
    row: sqlite3.Row = db.execute("SELECT * FROM personas WHERE id = ?", [call.node_id]).fetchone()
    _check(db, call, row["page_id"])
    return row


def _check(db: sqlite3.Connection, call: Call, page_id: str) -> None:
    require_access(db, call.token, known_account(db, page_id), MESSAGES, task="MESSAGING")


def _values(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "profile_picture_url": row["profile_picture_url"],
    }
