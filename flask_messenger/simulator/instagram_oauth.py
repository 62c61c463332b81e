"""Tokens by Instagram Login: the code's exchange, long-lived tokens, their renewal."""

from __future__ import annotations

import hmac
import sqlite3
import time
from typing import Any

from flask import Blueprint, request
from werkzeug.wrappers import Response

from flask_messenger.simulator import errors, faults, instagram_grants, tokens, wire
from flask_messenger.simulator.endpoints import NOBODY, Call, endpoint
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.tokens import INSTAGRAM_USER, Token

bp = Blueprint("simulator_instagram_oauth", __name__)

REFRESH_AFTER_SECONDS = 24 * 3600
CODE_PARAMETERS = {"client_id", "client_secret", "grant_type", "redirect_uri", "code"}
PATH = "api.instagram.com/oauth/access_token"


class LoginError(Exception):
    """What api.instagram.com answers instead of a token; its shape is not Graph's."""

    def body(self) -> dict[str, Any]:
        """Return the JSON answer."""
        return {"error_type": "OAuthException", "code": 400, "error_message": str(self)}


@bp.post("/" + PATH)
def exchange_code() -> Response:
    """Give a short-lived token for a code."""
    try:
        hits = faults.take_faults(simulator().storage, request.method, PATH)
        struck = faults.strike(hits, faults.BEFORE)
        if struck is not None:
            return struck
        with simulator().storage.writing() as db:
            body = _exchange(db, dict(request.form.items()))
        return faults.strike(hits, faults.AFTER) or _answer(body, 200)
    except LoginError as error:
        return _answer(error.body(), 400)
    except errors.GraphError as error:
        return _answer(error.body(), error.status)


@endpoint(
    "GET",
    "instagram_root",
    "access_token",
    auth=NOBODY,
    parameters=("grant_type", "client_secret"),
)
def lengthen(call: Call) -> dict[str, Any]:
    """Give a token of 60 days for one of an hour."""
    _require_grant_type(call, "ig_exchange_token")
    with simulator().storage.writing() as db:
        token = _living_token(db, call)
        app = db.execute("SELECT * FROM apps WHERE id = ?", [token.app_id]).fetchone()
        secret = call.required_text("client_secret")
        if not hmac.compare_digest(secret.encode(), app["instagram_app_secret"].encode()):
            raise errors.GraphError("Error validating client secret.", code=1)
        if token.is_long_lived:
            raise errors.GraphError(
                "Unsupported request: the token is a long-lived one already", code=100
            )
        longer = tokens.issue_instagram_token(
            db,
            app_id=token.app_id,
            instagram_id=token.instagram_id or "",
            life_seconds=tokens.LONG_LIFE_SECONDS,
        )
    return _described(longer)


@endpoint("GET", "instagram_root", "refresh_access_token", auth=NOBODY, parameters=("grant_type",))
def refresh(call: Call) -> dict[str, Any]:
    """Give another 60 days to a long-lived token that is at least a day old."""
    _require_grant_type(call, "ig_refresh_token")
    with simulator().storage.writing() as db:
        token = _living_token(db, call)
        if not token.is_long_lived:
            raise errors.GraphError("Only a long-lived token can be refreshed", code=100)
        if time.time() - token.issued_at < REFRESH_AFTER_SECONDS:
            raise errors.GraphError(
                "The access token can be refreshed when it is at least 24 hours old", code=100
            )
        newer = tokens.issue_instagram_token(
            db,
            app_id=token.app_id,
            instagram_id=token.instagram_id or "",
            life_seconds=tokens.LONG_LIFE_SECONDS,
        )
        granted = instagram_grants.granted_permissions(db, token.instagram_id or "", token.app_id)
    return _described(newer) | {"permissions": ",".join(granted)}


def find_app(db: sqlite3.Connection, client_id: str) -> sqlite3.Row | None:
    """Return the app whose Instagram product has this id."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM apps WHERE instagram_app_id = ?", [client_id]
    ).fetchone()
    return row


def _exchange(db: sqlite3.Connection, form: dict[str, str]) -> dict[str, Any]:
    unknown = sorted(set(form) - CODE_PARAMETERS)
    if unknown:
        raise LoginError(f"Unknown parameter: {', '.join(unknown)}")
    app = find_app(db, form.get("client_id", ""))
    if app is None:
        raise LoginError("Invalid platform app")
    if not hmac.compare_digest(
        form.get("client_secret", "").encode(), app["instagram_app_secret"].encode()
    ):
        raise LoginError("Error validating client secret.")
    if form.get("grant_type") != "authorization_code":
        raise LoginError("Invalid grant_type")
    # An app that does not strip what the redirect ends with has another code.
    row = db.execute(
        "SELECT * FROM codes WHERE code = ? AND app_id = ? AND instagram_id IS NOT NULL",
        [form.get("code", ""), app["id"]],
    ).fetchone()
    if row is None or row["used_at"] is not None:
        raise LoginError("Matching code was not found or was already used")
    if row["redirect_uri"] != form.get("redirect_uri"):
        raise LoginError(
            "Error validating verification code. Please make sure your redirect_uri is identical"
            " to the one you used in the OAuth dialog request"
        )
    if row["expires_at"] < time.time():
        raise LoginError("This authorization code has expired")
    db.execute("UPDATE codes SET used_at = ? WHERE code = ?", [int(time.time()), row["code"]])
    token = tokens.issue_instagram_token(
        db,
        app_id=app["id"],
        instagram_id=row["instagram_id"],
        life_seconds=tokens.INSTAGRAM_SHORT_SECONDS,
    )
    granted = instagram_grants.granted_permissions(db, row["instagram_id"], app["id"])
    return {
        "data": [
            {
                "access_token": token.value,
                "user_id": row["instagram_id"],
                "permissions": ",".join(granted),
            }
        ]
    }


def _require_grant_type(call: Call, wanted: str) -> None:
    grant_type = call.required_text("grant_type")
    if grant_type != wanted:
        raise errors.GraphError(f"Unsupported grant_type: {grant_type}", code=100)


def _living_token(db: sqlite3.Connection, call: Call) -> Token:
    value = call.bearer()
    if value is None:
        raise errors.no_token()
    token = tokens.read_token(db, value)
    if token.kind != INSTAGRAM_USER:
        raise errors.unreadable_token()
    tokens.check_alive(db, token)
    return token


def _described(token: Token) -> dict[str, Any]:
    return {
        "access_token": token.value,
        "token_type": "bearer",
        "expires_in": token.expires_at - int(time.time()),
    }


def _answer(body: Any, status: int) -> Response:
    return Response(
        wire.to_bytes(body), status=status, content_type="application/json; charset=UTF-8"
    )
