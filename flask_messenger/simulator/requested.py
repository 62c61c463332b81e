"""Reading the JSON that our own pages and tests send: chat and control, not Graph."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask import abort, jsonify, request
from werkzeug.exceptions import BadRequest, HTTPException
from werkzeug.wrappers import Response

from flask_messenger.simulator import accounts
from flask_messenger.simulator.accounts import Account
from flask_messenger.simulator.threads import open_thread


def body(*known: str) -> dict[str, Any]:
    """Return the JSON object of the request.

    Only JSON is taken: another site's form cannot send it, so it cannot steer the simulator.

    Raises:
        HTTPException: it is not JSON, no object, or has a key that is not in `known`.
    """
    sent = request.get_json() if request.content_length else {}
    if not isinstance(sent, dict):
        raise BadRequest("The body must be a JSON object.")
    unknown = sorted(set(sent) - set(known))
    if unknown:
        raise BadRequest(f"Unknown: {', '.join(unknown)}. Known: {', '.join(known)}.")
    return sent


def number(
    sent: dict[str, Any], name: str, default: float, *, lowest: float, highest: float
) -> float:
    """Return a number of the body, within its bounds."""
    value = sent.get(name, default)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError as error:
            raise BadRequest(f"{name} must be a number.") from error
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f"{name} must be a number.")
    if not lowest <= value <= highest:
        raise BadRequest(f"{name} must be between {lowest:g} and {highest:g}.")
    return float(value)


def text(sent: dict[str, Any], name: str, default: str | None = None) -> str:
    """Return a text of the body that is not empty."""
    value = sent.get(name, default)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{name} must be a text.")
    return value


def flag(sent: dict[str, Any], name: str, default: bool) -> bool:  # noqa: FBT001
    """Return a yes or no of the body."""
    value = sent.get(name, default)
    if not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false.")
    return value


def find_page(db: sqlite3.Connection, key: str) -> sqlite3.Row:
    """Return the Page by its id or its readable name; 404 where there is none."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM pages WHERE id = ? OR slug = ?", [key, key]
    ).fetchone()
    return row if row is not None else abort(404, "There is no such Page.")


def find_customer(db: sqlite3.Connection, account_id: str, key: str) -> sqlite3.Row:
    """Return the customer by readable name, or by what the account calls them; else 404."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM customers WHERE slug = ?"
        " OR slug = (SELECT customer FROM threads WHERE account_id = ? AND psid = ?)",
        [key, account_id, key],
    ).fetchone()
    return row if row is not None else abort(404, "There is no such customer.")


def find_account(db: sqlite3.Connection, key: str) -> Account:
    """Return the Page or Instagram account by id or readable name; 404 where there is none."""
    account = accounts.find_account(db, key)
    return account if account is not None else abort(404, "There is no such account.")


def find_thread(db: sqlite3.Connection, account: str, customer: str) -> sqlite3.Row:
    """Return the thread of an account and a customer, making it the first time."""
    account_id = find_account(db, account).id
    return open_thread(db, account_id, find_customer(db, account_id, customer)["slug"])


def explain(error: HTTPException) -> tuple[Response, int]:
    """Answer a refused request as JSON."""
    return jsonify(problem=error.description), error.code or 500


def explain_act(error: Exception) -> tuple[Response, int]:
    """Answer what the customer's own app would not let them do, as JSON."""
    return jsonify(problem=str(error)), 400
