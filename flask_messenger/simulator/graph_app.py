"""The app node: its webhook subscriptions, checked against the callback as Meta does."""

from __future__ import annotations

import json
import secrets
import sqlite3
from typing import Any
from urllib.parse import urlsplit

import requests

from flask_messenger.simulator import errors
from flask_messenger.simulator.endpoints import Call, endpoint
from flask_messenger.simulator.fields import pick
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.tokens import APP
from flask_messenger.simulator.vocabulary import PERMISSIONS, WEBHOOK_FIELDS

VERIFY_SECONDS = 10
SUBSCRIBE_PARAMETERS = ("object", "callback_url", "verify_token", "fields", "include_values")


@endpoint("GET", "app", auth=APP, parameters=("fields",))
def show_app(call: Call) -> dict[str, Any]:
    """Answer with the app itself."""
    with simulator().storage.reading() as db:
        row = db.execute("SELECT * FROM apps WHERE id = ?", [call.node_id]).fetchone()
    values = {
        "id": row["id"],
        "name": row["name"],
        "link": f"https://www.facebook.com/games/?app_id={row['id']}",
        "category": "Business and Pages",
    }
    return pick(values, call.wanted_fields("category,link,name,id"), "Application")


@endpoint("GET", "app", "permissions", auth=APP, parameters=("permission", "status"))
def list_permissions(call: Call) -> dict[str, Any]:
    """Answer with what the app was approved for: nothing, while it is in development."""
    with simulator().storage.reading() as db:
        row = db.execute("SELECT mode FROM apps WHERE id = ?", [call.node_id]).fetchone()
    status = "live" if row["mode"] == "live" else "unapproved"
    return {
        "data": [
            {"permission": name, "status": status}
            for name in PERMISSIONS
            if call.text("permission") in {None, name} and call.text("status") in {None, status}
        ]
    }


@endpoint("GET", "app", "subscriptions", auth=APP)
def list_subscriptions(call: Call) -> dict[str, Any]:
    """Answer with what the app is subscribed to."""
    with simulator().storage.reading() as db:
        rows = db.execute(
            "SELECT * FROM app_subscriptions WHERE app_id = ? ORDER BY object", [call.node_id]
        ).fetchall()
    return {
        "data": [
            {
                "object": row["object"],
                "callback_url": row["callback_url"],
                "active": True,
                "fields": [
                    {"name": name, "version": call.version} for name in json.loads(row["fields"])
                ],
            }
            for row in rows
        ]
    }


@endpoint("POST", "app", "subscriptions", auth=APP, parameters=SUBSCRIBE_PARAMETERS)
def subscribe(call: Call) -> dict[str, Any]:
    """Subscribe the app, once the callback has shown that it knows the verify token."""
    kind = call.required_text("object")
    if kind not in WEBHOOK_FIELDS:
        known = ", ".join(sorted(WEBHOOK_FIELDS))
        raise errors.invalid(f'Param object must be one of {{{known}}} - got "{kind}".')
    callback_url = call.required_text("callback_url")
    if urlsplit(callback_url).scheme not in {"http", "https"}:
        raise errors.invalid("Param callback_url must be a valid URL")
    verify_token = call.required_text("verify_token")
    fields = call.names("fields")
    if not fields:
        raise errors.missing("fields")
    unknown = [name for name in fields if name not in WEBHOOK_FIELDS[kind]]
    if unknown:
        raise errors.invalid(f"Invalid fields for object {kind}: {', '.join(unknown)}")
    verify_callback(callback_url, verify_token)
    with simulator().storage.writing() as db:
        db.execute(
            "INSERT OR REPLACE INTO app_subscriptions VALUES (?, ?, ?, ?, ?)",
            [call.node_id, kind, callback_url, verify_token, json.dumps(fields)],
        )
    return {"success": True}


@endpoint("DELETE", "app", "subscriptions", auth=APP, parameters=("object", "fields"))
def unsubscribe(call: Call) -> dict[str, Any]:
    """End everything, one object, or some fields of one object."""
    kind, fields = call.text("object"), call.names("fields")
    with simulator().storage.writing() as db:
        if kind is None:
            db.execute("DELETE FROM app_subscriptions WHERE app_id = ?", [call.node_id])
        else:
            _remove_fields(db, call.node_id, kind, fields)
    return {"success": True}


def verify_callback(callback_url: str, verify_token: str) -> None:
    """Ask the callback to echo a challenge.

    Raises:
        GraphError: it cannot be reached, refuses, or answers something else.
    """
    challenge = str(secrets.randbelow(10**10))
    query = {"hub.mode": "subscribe", "hub.verify_token": verify_token, "hub.challenge": challenge}
    try:
        answer = requests.get(
            callback_url, params=query, timeout=VERIFY_SECONDS, allow_redirects=False
        )
    except requests.RequestException as error:
        raise _verification_failed("The URL couldn't be reached") from error
    if answer.status_code != requests.codes.ok:
        raise _verification_failed(
            f"HTTP Status Code = {answer.status_code}; HTTP Message = {answer.reason}"
        )
    if answer.text != challenge:
        raise _verification_failed("The challenge was not echoed")


def _verification_failed(reason: str) -> errors.GraphError:
    return errors.GraphError(
        f"(#2200) Callback verification failed with the following errors: {reason}", code=2200
    )


def _remove_fields(
    db: sqlite3.Connection, app_id: str, kind: str, fields: list[str] | None
) -> None:
    row = db.execute(
        "SELECT fields FROM app_subscriptions WHERE app_id = ? AND object = ?", [app_id, kind]
    ).fetchone()
    kept = [name for name in json.loads(row["fields"]) if name not in (fields or [])] if row else []
    if fields and kept:
        db.execute(
            "UPDATE app_subscriptions SET fields = ? WHERE app_id = ? AND object = ?",
            [json.dumps(kept), app_id, kind],
        )
        return
    db.execute("DELETE FROM app_subscriptions WHERE app_id = ? AND object = ?", [app_id, kind])
