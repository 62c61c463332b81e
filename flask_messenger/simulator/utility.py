"""Utility messages: an approved template of the Page, filled in."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Any

from flask_messenger.simulator import errors, shapes

PLACE = "message[template]"
PLACEHOLDER = re.compile(r"\{\{\s*([a-z0-9_]+)\s*\}\}", re.IGNORECASE)
APPROVED = "APPROVED"
POSITIONAL = "POSITIONAL"


def render(db: sqlite3.Connection, page_id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template payload that the person sees.

    Raises:
        GraphError: there is no such approved template, or the parameters do not fit it.
    """
    shapes.only(wanted, {"name", "language", "components"}, PLACE)
    name = shapes.needed_text(wanted, "name", PLACE, 512)
    language = shapes.thing(wanted.get("language"), f"{PLACE}[language]")
    code = shapes.needed_text(language, "code", f"{PLACE}[language]", 16)
    row = db.execute(
        "SELECT * FROM message_templates WHERE page_id = ? AND name = ? AND language = ?",
        [page_id, name, code],
    ).fetchone()
    if row is None:
        raise errors.invalid(f"Template name ({name}) does not exist in {code}")
    if row["status"] != APPROVED:
        raise errors.invalid(f"Template {name} is not approved: its status is {row['status']}")
    given = _read_components(wanted.get("components", []))
    return _fill(json.loads(row["components"]), given, row["parameter_format"])


def _read_components(value: Any) -> dict[str, list[Mapping[str, Any]]]:
    place = f"{PLACE}[components]"
    given: dict[str, list[Mapping[str, Any]]] = {}
    for position, item in enumerate(shapes.several(value, place, 0, 10)):
        here = f"{place}[{position}]"
        component = shapes.thing(item, here)
        shapes.only(component, {"type", "parameters"}, here)
        kind = shapes.needed_text(component, "type", here, 20).lower()
        if kind not in {"header", "body", "buttons"}:
            raise errors.invalid(f"Param {here}[type] must be one of {{header, body, buttons}}")
        parameters = shapes.several(component.get("parameters", []), f"{here}[parameters]", 0, 50)
        given[kind] = [shapes.thing(one, f"{here}[parameters]") for one in parameters]
    return given


def _fill(
    components: list[dict[str, Any]],
    given: Mapping[str, list[Mapping[str, Any]]],
    parameter_format: str,
) -> dict[str, Any]:
    filled: dict[str, Any] = {"template_type": "button", "text": ""}
    for component in components:
        kind = str(component["type"]).lower()
        if kind == "body":
            filled["text"] = fill_text(component["text"], given.get("body", []), parameter_format)
        elif kind == "header" and "text" in component:
            header = fill_text(component["text"], given.get("header", []), parameter_format)
            filled["header"] = header
        elif kind == "header":
            filled["image"] = [dict(one) for one in given.get("header", [])]
        elif kind == "buttons":
            filled["buttons"] = _fill_buttons(component["buttons"], given.get("buttons", []))
    return filled


def fill_text(text: str, parameters: list[Mapping[str, Any]], parameter_format: str) -> str:
    """Return `text` with its placeholders filled in.

    Raises:
        GraphError: there is a parameter too many, or one too few.
    """
    names = list(dict.fromkeys(PLACEHOLDER.findall(text)))
    values: dict[str, str] = {}
    for position, parameter in enumerate(parameters, start=1):
        name = str(parameter.get("parameter_name") or position)
        if parameter_format != POSITIONAL and "parameter_name" not in parameter:
            raise errors.missing(f"{PLACE}[components][parameters][parameter_name]")
        values[name] = str(parameter.get("text", ""))
    if set(values) != set(names):
        raise errors.invalid(
            f"Number of parameters does not match: expected {', '.join(names) or 'none'}"
        )
    return PLACEHOLDER.sub(lambda found: values[found[1]], text)


def _fill_buttons(
    buttons: list[dict[str, Any]], given: list[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    filled = []
    rest = list(given)
    for button in buttons:
        kind = str(button["type"]).upper()
        title = button.get("text", "")
        if kind == "POSTBACK":
            value = button.get("payload", title)
            filled.append({"type": "postback", "title": title, "payload": value})
            continue
        url = str(button.get("url", ""))
        if PLACEHOLDER.search(url):
            if not rest:
                raise errors.invalid("Number of parameters does not match: a button's url is open")
            url = PLACEHOLDER.sub(str(rest.pop(0).get("url", "")), url)
        filled.append({"type": "web_url", "title": title, "url": url})
    if rest:
        raise errors.invalid("Number of parameters does not match: too many for the buttons")
    return filled
