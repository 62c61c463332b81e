"""Message templates of a Page, for utility messages outside the window.

Source: https://developers.facebook.com/docs/messenger-platform/send-messages/utility-messages
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Any

from flask_messenger.simulator import errors, events_changes, ids, shapes
from flask_messenger.simulator.access import known_account, permits
from flask_messenger.simulator.endpoints import ANYBODY, Call, endpoint
from flask_messenger.simulator.fields import pick
from flask_messenger.simulator.paging import PAGING_PARAMETERS, take_part
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.storage import switch
from flask_messenger.simulator.telling import tell_change
from flask_messenger.simulator.template_library import LIBRARY, library_components
from flask_messenger.simulator.tokens import PAGE

PERMISSION = "page_utility_messaging"
APPROVED, PENDING, REJECTED = "APPROVED", "PENDING", "REJECTED"
STATUSES = (
    APPROVED,
    PENDING,
    REJECTED,
    "PAUSED",
    "DISABLED",
    "IN_APPEAL",
    "PENDING_DELETION",
    "DELETED",
    "LIMIT_EXCEEDED",
    "ARCHIVED",
)
# Words of advertising: a template with one is not of use to the customer but to the business.
MARKETING = re.compile(r"\b(sale|discount|promo\w*|\d+ ?% off|special offer)\b", re.IGNORECASE)
MARKETING_REASON = "TAG_SHOULD_BE_MARKETING"
NAME = re.compile(r"[a-z0-9_]{1,512}")
FORMATS = ("POSITIONAL", "NAMED")
MAX_BUTTONS, MAX_BODY, MAX_HEADER = 3, 1024, 60
FIELDS = "name,language,status,category,components,id"
CREATE_PARAMETERS = (
    "name",
    "language",
    "category",
    "parameter_format",
    "components",
    "library_template_name",
    "library_template_body_inputs",
    "library_template_button_inputs",
)
LIST_PARAMETERS = ("name", "status", "language", "category", "fields", *PAGING_PARAMETERS)


@endpoint("POST", "page", "message_templates", auth=PAGE, parameters=CREATE_PARAMETERS)
def create(call: Call) -> dict[str, Any]:
    """Propose a template; most are judged at once."""
    name, language = call.required_text("name"), call.required_text("language")
    if not NAME.fullmatch(name):
        raise errors.invalid("Param name must have lower-case letters, digits and underscores")
    if call.text("category", "UTILITY") != "UTILITY":
        raise errors.invalid("Param category must be one of {UTILITY}")
    style = call.text("parameter_format", FORMATS[0])
    if style not in FORMATS:
        raise errors.invalid(f"Param parameter_format must be one of {{{', '.join(FORMATS)}}}")
    components = _read_components(call)
    with simulator().storage.writing() as db:
        _check(db, call)
        status, reason = _judge(db, components)
        template_id = ids.numeric_id(ids.new_mid(), prefix="64", length=16)
        try:
            db.execute(
                "INSERT INTO message_templates (id, page_id, name, language, category,"
                " parameter_format, components, status, rejected_reason, created_at)"
                " VALUES (?, ?, ?, ?, 'UTILITY', ?, ?, ?, ?, ?)",
                [
                    template_id,
                    call.node_id,
                    name,
                    language,
                    style,
                    json.dumps(components),
                    status,
                    reason,
                    ids.now_ms(),
                ],
            )
        except sqlite3.IntegrityError as error:
            raise errors.invalid(f"There is a template {name} in {language} already") from error
    return {"id": template_id, "status": status, "category": "UTILITY"}


@endpoint("GET", "page", "message_templates", auth=PAGE, parameters=LIST_PARAMETERS)
def list_templates(call: Call) -> dict[str, Any]:
    """Answer with the templates of the Page."""
    status = call.text("status")
    if status is not None and status not in STATUSES:
        raise errors.invalid(f"Param status must be one of {{{', '.join(STATUSES)}}}")
    wanted = call.wanted_fields(FIELDS)
    with simulator().storage.reading() as db:
        _check(db, call)
        rows = db.execute(
            "SELECT * FROM message_templates WHERE page_id = ?"
            " AND (? IS NULL OR name = ?) AND (? IS NULL OR status = ?)"
            " AND (? IS NULL OR language = ?) ORDER BY created_at, rowid",
            [
                call.node_id,
                *(
                    one
                    for key in ("name", "status", "language")
                    for one in (call.text(key), call.text(key))
                ),
            ],
        ).fetchall()
    by_id = {row["id"]: row for row in rows}
    part = take_part(call, list(by_id))
    return part.answer([pick(_values(by_id[one]), wanted, "MessageTemplate") for one in part.shown])


@endpoint("GET", "template", auth=PAGE, parameters=("fields",))
def show(call: Call) -> dict[str, Any]:
    """Answer with one template."""
    with simulator().storage.reading() as db:
        _check(db, call)
        row = db.execute("SELECT * FROM message_templates WHERE id = ?", [call.node_id]).fetchone()
    return pick(_values(row), call.wanted_fields(FIELDS), "MessageTemplate")


@endpoint("DELETE", "page", "message_templates", auth=PAGE, parameters=("name", "template_id"))
def delete(call: Call) -> dict[str, Any]:
    """Delete a template in every language, or the one with this id."""
    name = call.required_text("name")
    with simulator().storage.writing() as db:
        _check(db, call)
        deleted = db.execute(
            "DELETE FROM message_templates WHERE page_id = ? AND name = ?"
            " AND (? IS NULL OR id = ?)",
            [call.node_id, name, call.text("template_id"), call.text("template_id")],
        ).rowcount
    if not deleted:
        raise errors.invalid(f"There is no template {name}")
    return {"success": True}


@endpoint(
    "GET",
    "root",
    "message_template_library",
    auth=ANYBODY,
    parameters=("name_or_content", "language", "name", *PAGING_PARAMETERS),
)
def list_library(call: Call) -> dict[str, Any]:
    """Answer with Meta's own templates, to be cloned."""
    word = (call.text("name_or_content") or call.text("name") or "").lower()
    language = call.text("language")
    fitting = {
        name: template
        for name, template in LIBRARY.items()
        if word in f"{name} {template['body']}".lower() and language in {None, template["language"]}
    }
    part = take_part(call, list(fitting))
    return part.answer([{"name": one, **fitting[one]} for one in part.shown])


def set_status(
    db: sqlite3.Connection, template_id: str, status: str, reason: str | None
) -> sqlite3.Row:
    """Judge a template anew, and tell the apps of the Page."""
    db.execute(
        "UPDATE message_templates SET status = ?, rejected_reason = ? WHERE id = ?",
        [status, reason, template_id],
    )
    row: sqlite3.Row = db.execute(
        "SELECT * FROM message_templates WHERE id = ?", [template_id]
    ).fetchone()
    value = events_changes.template_status(
        template_id=template_id,
        name=row["name"],
        language=row["language"],
        status=status,
        reason=reason,
    )
    tell_change(
        db,
        known_account(db, row["page_id"]),
        "message_template_status_update",
        value,
        at_ms=ids.now_ms(),
        lane_key=template_id,
    )
    return row


def _check(db: sqlite3.Connection, call: Call) -> None:
    if not permits(db, call.token, PERMISSION):
        raise errors.permission(10, f"Requires {PERMISSION} permission to manage the object")


def _read_components(call: Call) -> list[Mapping[str, Any]]:
    cloned = call.text("library_template_name")
    if cloned is not None:
        if cloned not in LIBRARY:
            raise errors.invalid(f"There is no template {cloned} in the library")
        return library_components(cloned)
    value = call.parameters.get("components")
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise errors.invalid("Param components must be valid JSON") from error
    components = shapes.several(value, "components", 1, 3)
    kinds = [
        _read_component(shapes.thing(one, f"components[{position}]"), f"components[{position}]")
        for position, one in enumerate(components)
    ]
    if kinds.count("BODY") != 1 or len(set(kinds)) != len(kinds):
        raise errors.invalid("Param components must have exactly one BODY, and no kind twice")
    return components


def _read_component(component: Mapping[str, Any], place: str) -> str:
    shapes.only(component, {"type", "format", "text", "example", "buttons"}, place)
    kind = shapes.word(
        {"type": str(component.get("type")).upper()}, "type", place, ("HEADER", "BODY", "BUTTONS")
    )
    if kind == "BODY":
        shapes.needed_text(component, "text", place, MAX_BODY)
    elif kind == "HEADER":
        if shapes.word(component, "format", place, ("TEXT", "IMAGE")) == "TEXT":
            shapes.needed_text(component, "text", place, MAX_HEADER)
    else:
        for one in shapes.several(component.get("buttons"), f"{place}[buttons]", 1, MAX_BUTTONS):
            button = shapes.thing(one, f"{place}[buttons]")
            known = {"type", "text", "url", "payload", "example"}
            shapes.only(button, known, f"{place}[buttons]")
            shapes.word(button, "type", f"{place}[buttons]", ("URL", "POSTBACK"))
            shapes.needed_text(button, "text", f"{place}[buttons]", 20)
    return kind


def _judge(db: sqlite3.Connection, components: list[Mapping[str, Any]]) -> tuple[str, str | None]:
    if MARKETING.search(json.dumps(components)):
        return REJECTED, MARKETING_REASON
    return (PENDING if switch(db, "template_review", default=False) else APPROVED), None


def _values(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "language": row["language"],
        "category": row["category"],
        "parameter_format": row["parameter_format"],
        "status": row["status"],
        "rejected_reason": row["rejected_reason"] or "NONE",
        "components": json.loads(row["components"]),
    }
