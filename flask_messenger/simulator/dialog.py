"""The login dialog: who you are, which Pages, which permissions, yes or no."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from werkzeug.utils import redirect

from flask_messenger.simulator import grants, tokens
from flask_messenger.simulator.grants import DECLINED, GRANTED, find_grant
from flask_messenger.simulator.graph_oauth import registered_redirects
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.vocabulary import (
    ALWAYS_GRANTED,
    EXPIRED_VERSIONS,
    LIVE_VERSIONS,
    PERMISSIONS,
)

bp = Blueprint("simulator_dialog", __name__)

PARAMETERS = (
    "client_id",
    "redirect_uri",
    "state",
    "scope",
    "config_id",
    "auth_type",
    "response_type",
    "display",
    "override_default_response_type",
)
AUTH_TYPES = {"", "rerequest", "reauthenticate", "reauthorize"}
# No `form-action`: a browser would hold it against the redirect to the app's own address.
DENIED = {
    "error": "access_denied",
    "error_code": "200",
    "error_reason": "user_denied",
    "error_description": "Permissions error",
}


class DialogError(Exception):
    """The app asked for something that the dialog refuses to show."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an app asks a person for."""

    app: sqlite3.Row
    parameters: Mapping[str, str]
    permissions: tuple[str, ...]
    is_all_or_nothing: bool

    @property
    def redirect_uri(self) -> str:
        """Where the answer goes."""
        return self.parameters["redirect_uri"]

    @property
    def asks_again(self) -> bool:
        """Whether permissions that were declined before may be asked for again."""
        return self.parameters.get("auth_type") == "rerequest"


@bp.get("/<version>/dialog/oauth")
def show(version: str) -> ResponseReturnValue:
    """Show the people to choose from, then what the chosen one is asked."""
    try:
        with simulator().storage.reading() as db:
            asked = _read_request(db, version, request.args)
            person = request.args.get("person")
            if person is None:
                people = _list_people(db, asked)
                return render_template(
                    "simulator/dialog_person.html", asked=asked, people=people, version=version
                )
            shown = _describe_choice(db, asked, person)
    except DialogError as error:
        return render_template("simulator/dialog_error.html", problem=str(error)), 400
    return render_template("simulator/dialog_choice.html", asked=asked, version=version, **shown)


@bp.post("/<version>/dialog/oauth")
def answer(version: str) -> ResponseReturnValue:
    """Take the person's answer back to the app."""
    form = request.form
    try:
        with simulator().storage.writing() as db:
            asked = _read_request(db, version, form)
            if form.get("answer") != "continue":
                return redirect(_with_query(asked, DENIED))
            person = _find_person(db, form.get("person", ""))["slug"]
            _record(db, asked, person, form)
            code = tokens.issue_code(
                db, app_id=asked.app["id"], person=person, redirect_uri=asked.redirect_uri
            )
            answered = {"code": code} | _granted_scopes(db, asked, person)
    except DialogError as error:
        return render_template("simulator/dialog_error.html", problem=str(error)), 400
    return redirect(_with_query(asked, answered))


def _read_request(db: sqlite3.Connection, version: str, values: MultiDict[str, str]) -> Asked:
    """Return what is asked.

    Raises:
        DialogError: Meta would show a page about it and not come back to the app.
    """
    if version not in LIVE_VERSIONS + EXPIRED_VERSIONS:
        raise DialogError(f"Unknown version: {version}")
    unknown = sorted(set(values) - set(PARAMETERS) - {"person", "answer", "page", "permission"})
    if unknown:
        raise DialogError(f"Unknown parameter: {', '.join(unknown)}")
    parameters = {name: values[name] for name in PARAMETERS if values.get(name)}
    app = db.execute(
        "SELECT * FROM apps WHERE id = ?", [parameters.get("client_id", "")]
    ).fetchone()
    if app is None:
        raise DialogError("Invalid App ID: The provided app ID does not look like a valid app ID.")
    if parameters.get("redirect_uri") not in registered_redirects(app):
        raise DialogError(
            "URL blocked: this redirect failed because the redirect URI is not white-listed in"
            " the app's client OAuth settings. (1349048)"
        )
    if parameters.get("auth_type", "") not in AUTH_TYPES:
        raise DialogError(f"Invalid auth_type: {parameters['auth_type']}")
    if not set(parameters.get("response_type", "code").replace(" ", ",").split(",")) <= {
        "code",
        "granted_scopes",
    }:
        raise DialogError("This dialog only answers with response_type=code.")
    return Asked(app, parameters, _read_permissions(db, app, parameters), "config_id" in parameters)


def _read_permissions(
    db: sqlite3.Connection, app: sqlite3.Row, parameters: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the permissions asked for: those of a configuration, or those of the scope."""
    if "config_id" in parameters:
        row = db.execute(
            "SELECT permissions FROM login_configs WHERE id = ? AND app_id = ?",
            [parameters["config_id"], app["id"]],
        ).fetchone()
        if row is None:
            raise DialogError("Invalid configuration: the app has none by this config_id.")
        return tuple(json.loads(row["permissions"]))
    names = parameters.get("scope", "").replace(",", " ").split()
    unknown = [name for name in names if name not in PERMISSIONS]
    if unknown:
        raise DialogError(
            f"Invalid Scopes: {', '.join(unknown)}. This message is only shown to developers."
        )
    return tuple(name for name in dict.fromkeys(names) if name != ALWAYS_GRANTED)


def _list_people(db: sqlite3.Connection, asked: Asked) -> list[dict[str, Any]]:
    rows = db.execute(
        "SELECT p.slug, p.name, count(r.page_id) AS pages FROM people p"
        " LEFT JOIN page_roles r ON r.person = p.slug GROUP BY p.slug ORDER BY p.position"
    ).fetchall()
    return [
        dict(row) | {"is_known": find_grant(db, row["slug"], asked.app["id"]) is not None}
        for row in rows
    ]


def _find_person(db: sqlite3.Connection, slug: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute("SELECT * FROM people WHERE slug = ?", [slug]).fetchone()
    if row is None:
        raise DialogError("There is no such person.")
    return row


def _describe_choice(db: sqlite3.Connection, asked: Asked, person: str) -> dict[str, Any]:
    """Return what the second step shows: the Pages, and the permissions still open."""
    row = _find_person(db, person)
    earlier = find_grant(db, person, asked.app["id"])
    pages = db.execute(
        "SELECT p.* FROM page_roles r JOIN pages p ON p.id = r.page_id"
        " WHERE r.person = ? ORDER BY r.position",
        [person],
    ).fetchall()
    offered = _offered(db, asked, person)
    return {
        "person": row,
        "pages": [
            dict(page) | {"is_chosen": earlier is None or page["id"] in earlier.page_ids}
            for page in pages
        ],
        "permissions": [(name, PERMISSIONS[name]) for name in offered],
        "withheld": [PERMISSIONS[name] for name in asked.permissions if name not in offered],
        "is_known": earlier is not None,
    }


def _offered(db: sqlite3.Connection, asked: Asked, person: str) -> list[str]:
    """Return what may be asked: what was declined once is asked again only by `rerequest`."""
    earlier = find_grant(db, person, asked.app["id"])
    if earlier is None or asked.asks_again or asked.is_all_or_nothing:
        return list(asked.permissions)
    return [name for name in asked.permissions if earlier.permissions.get(name) != DECLINED]


def _record(db: sqlite3.Connection, asked: Asked, person: str, form: MultiDict[str, str]) -> None:
    offered = _offered(db, asked, person)
    ticked = set(offered) if asked.is_all_or_nothing else set(form.getlist("permission"))
    permissions = {name: GRANTED if name in ticked else DECLINED for name in offered}
    managed = db.execute(
        "SELECT page_id FROM page_roles WHERE person = ? ORDER BY position", [person]
    ).fetchall()
    chosen = set(form.getlist("page"))
    grants.record_grant(
        db,
        person=person,
        app_id=asked.app["id"],
        permissions={ALWAYS_GRANTED: GRANTED} | permissions,
        page_ids=[row["page_id"] for row in managed if row["page_id"] in chosen],
    )


def _granted_scopes(db: sqlite3.Connection, asked: Asked, person: str) -> dict[str, str]:
    if "granted_scopes" not in asked.parameters.get("response_type", ""):
        return {}
    grant = find_grant(db, person, asked.app["id"])
    statuses = grant.permissions if grant else {}
    return {
        "granted_scopes": ",".join(name for name, s in statuses.items() if s == GRANTED),
        "denied_scopes": ",".join(name for name, s in statuses.items() if s == DECLINED),
    }


def _with_query(asked: Asked, answered: Mapping[str, str]) -> str:
    """Return the app's address with the answer and its state, unchanged."""
    state = {"state": asked.parameters["state"]} if "state" in asked.parameters else {}
    parts = urlsplit(asked.redirect_uri)
    query = "&".join(filter(None, [parts.query, urlencode({**answered, **state})]))
    return urlunsplit(parts._replace(query=query, fragment="_=_"))
