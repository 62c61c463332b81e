"""The customer's side: a list of chats, and a phone to write from."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from flask_messenger.simulator import accounts, pictures, requested
from flask_messenger.simulator.accounts import Account
from flask_messenger.simulator.attaching import MAKERS
from flask_messenger.simulator.chat_view import describe
from flask_messenger.simulator.chat_writing import REACTIONS
from flask_messenger.simulator.state import SimulatorState, simulator

bp = Blueprint("simulator_chat", __name__, url_prefix="/chat")

KEEP_ALIVE_SECONDS = 15.0


@bp.get("/")
def index() -> ResponseReturnValue:
    """List every customer of every account, the connected ones first."""
    with simulator().storage.reading() as db:
        connected = accounts.connected_ids(db)
        everyone = accounts.list_accounts(db)
        customers = list_customers(db)
        lines = _last_lines(db)
        managers = _managers(db)
    return render_template(
        "simulator/chat_index.html",
        connected=[account for account in everyone if account.id in connected],
        others=_by_manager([item for item in everyone if item.id not in connected], managers),
        customers=customers,
        lines=lines,
    )


@bp.get("/<account>/<customer>")
def show(account: str, customer: str) -> ResponseReturnValue:
    """Show one conversation as the customer's phone."""
    with simulator().storage.reading() as db:
        found = requested.find_account(db, account)
        customer_row = requested.find_customer(db, found.id, customer)
    return render_template(
        "simulator/chat.html",
        account=found,
        customer=customer_row,
        photos=pictures.PHOTOS,
        reactions=REACTIONS,
        kinds=list(MAKERS[found.channel]),
    )


@bp.get("/api/<account>/<customer>")
def snapshot(account: str, customer: str) -> ResponseReturnValue:
    """Answer with the conversation."""
    with simulator().storage.writing() as db:
        thread = requested.find_thread(db, account, customer)
        return jsonify(describe(db, thread, simulator().settings.base_url))


@bp.get("/api/<account>/<customer>/events")
def stream(account: str, customer: str) -> ResponseReturnValue:
    """Send the conversation each time it changes, as server-sent events."""
    state = simulator()
    with state.storage.writing() as db:
        psid = requested.find_thread(db, account, customer)["psid"]
    response = Response(_changes(state, psid), content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    return response


bp.register_error_handler(HTTPException, requested.explain)


def list_customers(db: sqlite3.Connection) -> list[sqlite3.Row]:
    """Return the customers that live here, those of a burst left out."""
    rows: list[sqlite3.Row] = db.execute(
        "SELECT slug, username, first_name || ' ' || last_name AS name FROM customers"
        " WHERE is_seeded = 1 ORDER BY position"
    ).fetchall()
    return rows


def _changes(state: SimulatorState, psid: str) -> Iterator[bytes]:
    """Yield the conversation now and after each change, until the reader leaves."""
    sent: tuple[Any, ...] | None = None
    while not state.is_closed:
        seen = state.storage.pulse.count()
        with state.storage.reading() as db:
            thread = db.execute("SELECT * FROM threads WHERE psid = ?", [psid]).fetchone()
            if thread is None:  # reset
                return
            current = (thread["revision"], _around(db, thread["account_id"]))
            shown = describe(db, thread, state.settings.base_url) if current != sent else None
        if shown is not None:
            sent = current
            yield b"data: " + json.dumps(shown).encode() + b"\n\n"
        elif state.storage.pulse.wait(seen, KEEP_ALIVE_SECONDS):
            continue
        else:
            yield b": still here\n\n"


def _around(db: sqlite3.Connection, account_id: str) -> tuple[Any, ...]:
    """Return what changes a phone's picture besides the conversation: apps, menus, stories."""
    profile = db.execute(
        "SELECT group_concat(name || value) FROM profile_properties WHERE account_id = ?",
        [account_id],
    ).fetchone()[0]
    stories = db.execute(
        "SELECT count(*), max(ended_at) FROM posts WHERE account_id = ? AND kind = 'story'",
        [account_id],
    ).fetchone()
    return account_id in accounts.connected_ids(db), profile, *stories


def _managers(db: sqlite3.Connection) -> dict[str, str]:
    """Return who manages each Page."""
    rows = db.execute(
        "SELECT r.page_id, who.name FROM page_roles r JOIN people who ON who.slug = r.person"
        " ORDER BY who.position DESC"
    ).fetchall()
    return {row["page_id"]: row["name"] for row in rows}


def _by_manager(unheard: list[Account], managers: dict[str, str]) -> dict[str, list[Account]]:
    """Return accounts by who manages them; those without a Page by the login they need."""
    found: dict[str, list[Account]] = {}
    for account in unheard:
        manager = managers.get(account.page_id or "", "Instagram Login")
        found.setdefault(manager, []).append(account)
    return found


def _last_lines(db: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """Return the last line of each thread that has one."""
    rows = db.execute(
        "SELECT t.account_id, t.customer, m.direction, m.text, max(m.sent_at) FROM threads t"
        " JOIN messages m ON m.psid = t.psid GROUP BY t.psid"
    ).fetchall()
    return {
        (row["account_id"], row["customer"]): ("You: " if row["direction"] == "in" else "")
        + (row["text"] or "Attachment")
        for row in rows
    }
