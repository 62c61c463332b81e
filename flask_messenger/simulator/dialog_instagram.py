"""Instagram's own login dialog: which account you are, which permissions, yes or no."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from werkzeug.utils import redirect

from flask_messenger.simulator import instagram_grants, tokens
from flask_messenger.simulator.dialog import DialogError
from flask_messenger.simulator.grants import DECLINED, GRANTED
from flask_messenger.simulator.graph_oauth import registered_redirects
from flask_messenger.simulator.instagram_oauth import find_app
from flask_messenger.simulator.seeds import PERSONAL
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.vocabulary import INSTAGRAM_BASIC, INSTAGRAM_PERMISSIONS

bp = Blueprint("simulator_dialog_instagram", __name__)

PATH = "/www.instagram.com/oauth/authorize"
PARAMETERS = (
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "enable_fb_login",
    "force_reauth",
    "force_authentication",
)
DENIED = {
    "error": "access_denied",
    "error_reason": "user_denied",
    "error_description": "The user denied your request",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What an app asks an Instagram account for."""

    app: sqlite3.Row
    parameters: Mapping[str, str]
    permissions: tuple[str, ...]

    @property
    def redirect_uri(self) -> str:
        """Where the answer goes."""
        return self.parameters["redirect_uri"]


@bp.get(PATH)
def show() -> ResponseReturnValue:
    """Show the accounts to choose from, then what the chosen one is asked."""
    try:
        with simulator().storage.reading() as db:
            asked = _read_request(db, request.args)
            chosen = request.args.get("account")
            account = None if chosen is None else _find_account(db, chosen)
            accounts = db.execute("SELECT * FROM instagram_accounts ORDER BY position").fetchall()
    except DialogError as error:
        return render_template("simulator/dialog_error.html", problem=str(error)), 400
    return render_template(
        "simulator/dialog_instagram.html",
        asked=asked,
        path=PATH,
        account=account,
        accounts=accounts,
        permissions=[(name, INSTAGRAM_PERMISSIONS[name]) for name in asked.permissions],
        basic=INSTAGRAM_BASIC,
    )


@bp.post(PATH)
def answer() -> ResponseReturnValue:
    """Take the account's answer back to the app."""
    form = request.form
    try:
        with simulator().storage.writing() as db:
            asked = _read_request(db, form)
            if form.get("answer") != "continue":
                return redirect(_with_query(asked, DENIED))
            account_id = _find_account(db, form.get("account", ""))["id"]
            ticked = {INSTAGRAM_BASIC, *form.getlist("permission")}
            instagram_grants.record_grant(
                db,
                instagram_id=account_id,
                app_id=asked.app["id"],
                permissions={
                    name: GRANTED if name in ticked else DECLINED for name in asked.permissions
                },
            )
            code = tokens.issue_code(
                db,
                app_id=asked.app["id"],
                instagram_id=account_id,
                redirect_uri=asked.redirect_uri,
            )
    except DialogError as error:
        return render_template("simulator/dialog_error.html", problem=str(error)), 400
    return redirect(_with_query(asked, {"code": code}))


def _read_request(db: sqlite3.Connection, values: MultiDict[str, str]) -> Asked:
    """Return what is asked.

    Raises:
        DialogError: Instagram would show a page about it and not come back to the app.
    """
    unknown = sorted(set(values) - set(PARAMETERS) - {"account", "answer", "permission"})
    if unknown:
        raise DialogError(f"Unknown parameter: {', '.join(unknown)}")
    parameters = {name: values[name] for name in PARAMETERS if values.get(name)}
    app = find_app(db, parameters.get("client_id", ""))
    if app is None:
        raise DialogError("Invalid Request: Request parameters are invalid: Invalid platform app")
    if parameters.get("redirect_uri") not in registered_redirects(app):
        raise DialogError("Invalid Request: Request parameters are invalid: Invalid redirect_uri")
    if parameters.get("response_type") != "code":
        raise DialogError("Invalid Request: response_type must be code")
    names = parameters.get("scope", "").replace(",", " ").split()
    invalid = [name for name in names if name not in INSTAGRAM_PERMISSIONS]
    if invalid or INSTAGRAM_BASIC not in names:
        raise DialogError(f"Invalid scope: {', '.join(invalid) or f'{INSTAGRAM_BASIC} is missing'}")
    return Asked(app, parameters, tuple(dict.fromkeys(names)))


def _find_account(db: sqlite3.Connection, key: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM instagram_accounts WHERE id = ? OR username = ?", [key, key]
    ).fetchone()
    if row is None:
        raise DialogError("There is no such account.")
    if row["account_type"] == PERSONAL:
        raise DialogError(
            f"{row['username']} is a personal account: switch to a professional account to"
            " continue."
        )
    return row


def _with_query(asked: Asked, answered: Mapping[str, str]) -> str:
    """Return the app's address with the answer and its state, ending in `#_` as Instagram's do."""
    state = {"state": asked.parameters["state"]} if "state" in asked.parameters else {}
    parts = urlsplit(asked.redirect_uri)
    query = "&".join(filter(None, [parts.query, urlencode({**answered, **state})]))
    return urlunsplit(parts._replace(query=query, fragment="_"))
