"""The control page and the part of its API about traffic: webhooks, faults, bursts, calls."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, HTTPException, NotFound

from flask_messenger.simulator import (
    accounts,
    error_table,
    faults,
    outbound_queue,
    pictures,
    requested,
    sender,
)
from flask_messenger.simulator.constants import APP_ID
from flask_messenger.simulator.errors import DEAD_TOKEN_REASONS, GraphError
from flask_messenger.simulator.events_changes import TEST_VALUES
from flask_messenger.simulator.graph_app import verify_callback
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.storage import set_switch, switch
from flask_messenger.simulator.vocabulary import PERMISSIONS

bp = Blueprint("simulator_control", __name__, url_prefix="/control")

WEBHOOK_SWITCHES = ("paused", "hold", "duplicate")
MAX_SPEED = 1_000_000
SHOWN_DELIVERIES = 50
FAULT_KEYS = (
    "kind",
    "error",
    "when",
    "method",
    "path",
    "count",
    "code",
    "subcode",
    "http_status",
    "message",
    "is_transient",
    "html",
    "seconds",
)


@bp.get("/")
def show() -> ResponseReturnValue:
    """Show the control page."""
    with simulator().storage.reading() as db:
        people = db.execute("SELECT slug, name FROM people ORDER BY position").fetchall()
        pages = db.execute("SELECT id, name FROM pages ORDER BY rowid").fetchall()
        everyone = accounts.list_accounts(db)
        apps = db.execute("SELECT id, name FROM apps ORDER BY rowid").fetchall()
        templates = db.execute("SELECT * FROM message_templates ORDER BY created_at").fetchall()
        customers = db.execute(
            "SELECT slug, first_name || ' ' || last_name AS name FROM customers"
            " WHERE is_seeded = 1 ORDER BY position"
        ).fetchall()
    return render_template(
        "simulator/control.html",
        people=people,
        pages=pages,
        accounts=everyone,
        apps=apps,
        templates=templates,
        errors=error_table.NAMED,
        test_fields=sorted({name for each in TEST_VALUES.values() for name in each}),
        customers=customers,
        permissions=PERMISSIONS,
        reasons=DEAD_TOKEN_REASONS,
        orders=outbound_queue.ORDERS,
        photos=pictures.PHOTOS,
    )


@bp.get("/api/state")
def show_state() -> ResponseReturnValue:
    """Answer with what is set and what goes on."""
    state = simulator()
    with state.storage.reading() as db:
        return jsonify(
            webhooks=_describe_webhooks(db),
            faults=_list_faults(db),
            subscriptions=_list_subscriptions(db),
            grants=_list_grants(db),
            usage=switch(db, "usage", {}),
            calls=list(state.calls)[:SHOWN_DELIVERIES],
        )


@bp.get("/api/webhooks")
def list_webhooks() -> ResponseReturnValue:
    """Answer with the latest webhooks, newest first, and their bodies."""
    with simulator().storage.reading() as db:
        rows = db.execute(
            "SELECT * FROM deliveries ORDER BY id DESC LIMIT ?", [SHOWN_DELIVERIES]
        ).fetchall()
    return jsonify(webhooks=[dict(row) | {"body": json.loads(row["body"])} for row in rows])


@bp.patch("/api/webhooks")
def set_webhooks() -> ResponseReturnValue:
    """Set `paused`, `hold`, `duplicate` or `speed`."""
    sent = requested.body(*WEBHOOK_SWITCHES, "speed")
    with simulator().storage.writing() as db:
        for name in WEBHOOK_SWITCHES:
            if name in sent:
                set_switch(db, name, requested.flag(sent, name, default=False))
        if "speed" in sent:
            speed = requested.number(sent, "speed", 1, lowest=0.001, highest=MAX_SPEED)
            set_switch(db, "speed", speed)
        return jsonify(_describe_webhooks(db))


@bp.post("/api/webhooks/release")
def release() -> ResponseReturnValue:
    """Let held webhooks go in an `order`, with up to `batch` entries a POST; hold no more."""
    sent = requested.body("order", "batch")
    order = requested.text(sent, "order", outbound_queue.SHUFFLED)
    if order not in outbound_queue.ORDERS:
        raise BadRequest(f"order must be one of {', '.join(outbound_queue.ORDERS)}.")
    batch = requested.number(sent, "batch", 1, lowest=1, highest=outbound_queue.MAX_UPDATES)
    with simulator().storage.writing() as db:
        set_switch(db, "hold", value=False)
        return jsonify(released=outbound_queue.release_held(db, order=order, batch=int(batch)))


@bp.post("/api/webhooks/replay")
def replay() -> ResponseReturnValue:
    """Send the last `count` delivered webhooks once more."""
    sent = requested.body("count")
    count = int(requested.number(sent, "count", 10, lowest=1, highest=1000))
    with simulator().storage.writing() as db:
        return jsonify(replayed=outbound_queue.replay_done(db, count))


@bp.post("/api/webhooks/send")
def send_raw() -> ResponseReturnValue:
    """Send any JSON as a rightly signed webhook of an app: `body`, `app_id`."""
    sent = requested.body("body", "app_id")
    if not isinstance(sent.get("body"), dict | list):
        raise BadRequest("body must be a JSON object or array.")
    app_id = requested.text(sent, "app_id", APP_ID)
    with simulator().storage.writing() as db:
        text = json.dumps(sent["body"])
        outbound_queue.enqueue_body(db, app_id=app_id, page_id="", lane_key="", body=text)
    return jsonify(queued=1), 201


@bp.post("/api/webhooks/disable")
def disable() -> ResponseReturnValue:
    """Do what Meta does after an hour of failing: unsubscribe the app from `page_id`."""
    sent = requested.body("page_id", "app_id")
    with simulator().storage.writing() as db:
        page_id = requested.find_page(db, requested.text(sent, "page_id"))["id"]
        app_id = requested.text(sent, "app_id", APP_ID)
        return jsonify(dropped=sender.disable_webhooks(db, page_id=page_id, app_id=app_id))


@bp.post("/api/webhooks/verify")
def verify() -> ResponseReturnValue:
    """Ask the callback for its challenge, as saving it in the dashboard does."""
    sent = requested.body("app_id")
    with simulator().storage.reading() as db:
        row = db.execute(
            "SELECT * FROM app_subscriptions WHERE app_id = ? AND object = 'page'",
            [requested.text(sent, "app_id", APP_ID)],
        ).fetchone()
    if row is None:
        raise NotFound("The app is subscribed to no Page webhooks.")
    try:
        verify_callback(row["callback_url"], row["verify_token"])
    except GraphError as error:
        return jsonify(verified=False, problem=error.message)
    return jsonify(verified=True)


@bp.get("/api/faults")
def list_faults() -> ResponseReturnValue:
    """Answer with the faults still to come."""
    with simulator().storage.reading() as db:
        return jsonify(faults=_list_faults(db))


@bp.post("/api/faults")
def add_fault() -> ResponseReturnValue:
    """Let the next `count` Graph calls that fit `method` and `path` go wrong."""
    sent = requested.body(*FAULT_KEYS)
    kind = requested.text(sent, "kind", faults.ERROR)
    if kind not in faults.KINDS:
        raise BadRequest(f"kind must be one of {', '.join(faults.KINDS)}.")
    if sent.get("when", faults.BEFORE) not in {faults.BEFORE, faults.AFTER}:
        raise BadRequest("when must be before or after.")
    count = int(requested.number(sent, "count", 1, lowest=1, highest=faults.MAX_COUNT))
    details = _read_details(sent)
    with simulator().storage.writing() as db:
        fault_id = db.execute(
            "INSERT INTO faults (kind, method, path, remaining, details) VALUES (?, ?, ?, ?, ?)",
            [
                kind,
                str(sent["method"]).upper() if sent.get("method") else None,
                requested.text(sent, "path", "*"),
                count,
                json.dumps(details),
            ],
        ).lastrowid
    return jsonify(id=fault_id), 201


@bp.delete("/api/faults")
@bp.delete("/api/faults/<int:fault_id>")
def remove_faults(fault_id: int | None = None) -> ResponseReturnValue:
    """Let everything, or one fault, be well again."""
    with simulator().storage.writing() as db:
        if fault_id is None:
            db.execute("DELETE FROM faults")
        else:
            db.execute("DELETE FROM faults WHERE id = ?", [fault_id])
    return "", 204


@bp.get("/api/calls")
def list_calls() -> ResponseReturnValue:
    """Answer with the latest Graph calls, newest first; never with their tokens."""
    return jsonify(calls=list(simulator().calls))


@bp.delete("/api/calls")
def forget_calls() -> ResponseReturnValue:
    """Forget the calls so far."""
    simulator().calls.clear()
    return "", 204


@bp.put("/api/usage")
def set_usage() -> ResponseReturnValue:
    """Say how full Graph's usage headers are: `per_cent` of `owner` (a Page, or all), `minutes`."""
    sent = requested.body("owner", "per_cent", "minutes")
    owner = requested.text(sent, "owner", "*")
    with simulator().storage.writing() as db:
        if sent.get("per_cent") is None:
            usage = {}
        else:
            per_cent = requested.number(sent, "per_cent", 0, lowest=0, highest=200)
            minutes = requested.number(sent, "minutes", 0, lowest=0, highest=1440)
            usage = {**switch(db, "usage", {}), owner: int(per_cent), "minutes": int(minutes)}
        set_switch(db, "usage", usage)
    return jsonify(usage=usage)


bp.register_error_handler(HTTPException, requested.explain)


def _read_details(sent: dict[str, Any]) -> dict[str, Any]:
    details: dict[str, Any] = _named_error(sent)
    details |= {
        name: sent[name] for name in ("when", "message", "is_transient", "html") if name in sent
    }
    bounds = {
        "code": 10**7,
        "subcode": 10**7,
        "http_status": 599,
        "seconds": faults.MAX_LATENCY_SECONDS,
    }
    for name, highest in bounds.items():
        if sent.get(name) not in {None, ""}:
            value = requested.number(sent, name, 0, lowest=0, highest=highest)
            details[name] = value if name == "seconds" else int(value)
    return details


def _named_error(sent: dict[str, Any]) -> dict[str, Any]:
    """Return what a fault by the name of an error of Graph's stands for."""
    if not sent.get("error"):
        return {}
    named = error_table.find_named(requested.text(sent, "error"))
    if named is None:
        raise BadRequest("error must be a name, a code or a code/subcode of the error table.")
    details: dict[str, Any] = {
        "code": named.code,
        "message": f"(#{named.code}) {named.message}",
        "is_transient": named.is_transient,
    }
    return details if named.subcode is None else details | {"subcode": named.subcode}


def _describe_webhooks(db: sqlite3.Connection) -> dict[str, Any]:
    described: dict[str, Any] = {
        name: bool(switch(db, name, default=False)) for name in WEBHOOK_SWITCHES
    }
    described["speed"] = switch(db, "speed", simulator().settings.speed)
    return described | {"counts": outbound_queue.queue_counts(db)}


def _list_faults(db: sqlite3.Connection) -> list[dict[str, Any]]:
    return [
        {
            "id": row["id"],
            "kind": row["kind"],
            "method": row["method"],
            "path": row["path"],
            "remaining": row["remaining"],
            **json.loads(row["details"]),
        }
        for row in db.execute("SELECT * FROM faults ORDER BY id").fetchall()
    ]


def _list_subscriptions(db: sqlite3.Connection) -> list[dict[str, Any]]:
    rows = db.execute(
        "SELECT s.*, p.name FROM page_subscriptions s JOIN pages p ON p.id = s.page_id"
        " ORDER BY p.rowid"
    ).fetchall()
    return [dict(row) | {"fields": json.loads(row["fields"])} for row in rows]


def _list_grants(db: sqlite3.Connection) -> list[dict[str, Any]]:
    return [
        {
            "person": row["person"],
            "app_id": row["app_id"],
            "permissions": json.loads(row["permissions"]),
            "page_ids": json.loads(row["page_ids"]),
        }
        for row in db.execute("SELECT * FROM grants ORDER BY person").fetchall()
    ]
