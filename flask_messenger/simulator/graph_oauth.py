"""Tokens by Graph: code exchange, long-lived tokens, app tokens, `debug_token`."""

from __future__ import annotations

import hmac
import json
import sqlite3
import time
from typing import Any

from flask_messenger.simulator import errors, tokens
from flask_messenger.simulator.accounts import linked_instagram
from flask_messenger.simulator.endpoints import NOBODY, Call, endpoint
from flask_messenger.simulator.grants import Grant, find_grant
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.tokens import APP, NEVER, Token
from flask_messenger.simulator.vocabulary import PERMISSIONS

EXCHANGE_PARAMETERS = (
    "client_id",
    "client_secret",
    "redirect_uri",
    "code",
    "grant_type",
    "fb_exchange_token",
)
# Permissions that a person can give for some Pages only.
GRANULAR = tuple(name for name in PERMISSIONS if name.startswith(("pages_", "page_")))


@endpoint("GET", "root", "oauth/access_token", auth=NOBODY, parameters=EXCHANGE_PARAMETERS)
@endpoint("POST", "root", "oauth/access_token", auth=NOBODY, parameters=EXCHANGE_PARAMETERS)
def exchange(call: Call) -> dict[str, Any]:
    """Give a token for a code, a longer-lived one for a token, or the app's own."""
    with simulator().storage.writing() as db:
        app = _authenticated_app(db, call)
        grant_type = call.text("grant_type", "authorization_code")
        if grant_type == "client_credentials":
            return {"access_token": f"{app['id']}|{app['secret']}", "token_type": "bearer"}
        if grant_type == "fb_exchange_token":
            token = _exchange_for_long_lived(db, call, app["id"])
        elif grant_type == "authorization_code":
            token = _redeem(db, call, app["id"])
        else:
            raise errors.GraphError(f"Unsupported grant_type: {grant_type}", code=100)
    return {
        "access_token": token.value,
        "token_type": "bearer",
        "expires_in": token.expires_at - int(time.time()),
    }


@endpoint("GET", "root", "debug_token", auth=APP, parameters=("input_token",))
def debug_token(call: Call) -> dict[str, Any]:
    """Say what a token is, whose, and whether it still works."""
    value = call.required_text("input_token")
    with simulator().storage.reading() as db:
        try:
            token = tokens.read_token(db, value)
        except errors.GraphError as error:
            return {"data": {**_failure(error), "scopes": []}}
        if token.app_id != call.token.app_id:
            raise errors.GraphError(
                "(#100) You must provide an app access token, or a user access token that is an"
                " owner or developer of the app",
                code=100,
            )
        return {"data": _describe(db, token)}


def _authenticated_app(db: sqlite3.Connection, call: Call) -> sqlite3.Row:
    client_id = call.text("client_id")
    if client_id is None:
        raise errors.GraphError("Missing client_id parameter.", code=101)
    app: sqlite3.Row | None = db.execute("SELECT * FROM apps WHERE id = ?", [client_id]).fetchone()
    if app is None:
        raise errors.GraphError(
            "Error validating application. Cannot get application info due to a system error.",
            code=101,
        )
    secret = call.text("client_secret")
    if secret is None:
        raise errors.GraphError("Missing client_secret parameter.", code=1)
    if not hmac.compare_digest(secret.encode(), app["secret"].encode()):
        raise errors.GraphError("Error validating client secret.", code=1)
    return app


def _redeem(db: sqlite3.Connection, call: Call, app_id: str) -> Token:
    redirect_uri = call.text("redirect_uri")
    if redirect_uri is None:
        raise errors.GraphError("Missing redirect_uri parameter.", code=191)
    code = call.text("code")
    if code is None:
        raise errors.GraphError("Missing authorization code", code=1)
    return tokens.redeem_code(db, app_id=app_id, code=code, redirect_uri=redirect_uri)


def _exchange_for_long_lived(db: sqlite3.Connection, call: Call, app_id: str) -> Token:
    value = call.text("fb_exchange_token")
    if value is None:
        raise errors.GraphError("Missing fb_exchange_token parameter.", code=100)
    token = tokens.read_token(db, value)
    tokens.check_alive(db, token)
    if token.app_id != app_id or token.kind != tokens.USER:
        raise errors.unreadable_token()
    return tokens.issue_user_token(
        db, app_id=app_id, person=token.person, life_seconds=tokens.LONG_LIFE_SECONDS
    )


def _describe(db: sqlite3.Connection, token: Token) -> dict[str, Any]:
    app = db.execute("SELECT name FROM apps WHERE id = ?", [token.app_id]).fetchone()
    described: dict[str, Any] = {
        "app_id": token.app_id,
        "type": token.kind,
        "application": app["name"],
    }
    try:
        tokens.check_alive(db, token)
        described["is_valid"] = True
    except errors.GraphError as error:
        described |= _failure(error)
    if token.kind == APP:
        return described | {"scopes": []}
    grant = find_grant(db, token.person, token.app_id)
    granted = grant.granted if grant else []
    described |= {
        "data_access_expires_at": grant.data_access_expires_at if grant else NEVER,
        "expires_at": token.expires_at,
        "issued_at": token.issued_at,
        "scopes": granted,
        "granular_scopes": [_granular(db, grant, name) for name in granted if grant is not None],
        "user_id": token.user_id,
    }
    if token.page_id is not None:
        described["profile_id"] = token.page_id
    return described


def _granular(db: sqlite3.Connection, grant: Grant, name: str) -> dict[str, Any]:
    """Return for which Pages or Instagram accounts a permission holds; without ids, for all."""
    if name in GRANULAR:
        return {"scope": name, "target_ids": list(grant.page_ids)}
    if name.startswith("instagram_"):
        linked = [linked_instagram(db, page_id) for page_id in grant.page_ids]
        return {"scope": name, "target_ids": [account.id for account in linked if account]}
    return {"scope": name}


def _failure(error: errors.GraphError) -> dict[str, Any]:
    failure: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.subcode is not None:
        failure["subcode"] = error.subcode
    return {"is_valid": False, "error": failure}


def registered_redirects(app: sqlite3.Row) -> list[str]:
    """Return the addresses that the app's dashboard lists."""
    return list(json.loads(app["redirect_uris"]))
