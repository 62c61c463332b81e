"""The part of the control API about the world: threads, tokens, people, apps, bursts, reset."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, Conflict, HTTPException, NotFound

from flask_messenger.simulator import callbacks, grants, requested, seeds, threads, tokens
from flask_messenger.simulator.bursts import (
    MAX_CUSTOMERS,
    MAX_MESSAGES,
    MAX_PER_SECOND,
    Burst,
)
from flask_messenger.simulator.constants import APP_ID, VERIFY_TOKEN
from flask_messenger.simulator.errors import DEAD_TOKEN_REASONS
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.vocabulary import PAGE_FIELDS

bp = Blueprint("simulator_world", __name__, url_prefix="/control/api")

MAX_HOURS = 24 * 365
PAST_WINDOW_HOURS = 25
WORLD = (
    "deliveries",
    "comments",
    "mentions",
    "posts",
    "messages",
    "threads",
    "media",
    "personas",
    "profile_properties",
    "message_templates",
    "optins",
    "labels",
    "routing",
    "faults",
    "switches",
    "page_subscriptions",
    "instagram_subscriptions",
    "instagram_grants",
    "instagram_accounts",
    "tokens",
    "codes",
    "grants",
    "login_configs",
    "app_subscriptions",
    "page_roles",
    "customers",
    "apps",
)


@bp.get("/threads")
def list_threads() -> ResponseReturnValue:
    """Answer with every conversation."""
    with simulator().storage.reading() as db:
        rows = db.execute(
            "SELECT t.*, (SELECT count(*) FROM messages m WHERE m.psid = t.psid) AS messages"
            " FROM threads t ORDER BY t.last_at DESC LIMIT 1000"
        ).fetchall()
    return jsonify(threads=[dict(row) for row in rows])


@bp.post("/threads/<page>/<customer>/age")
def age(page: str, customer: str) -> ResponseReturnValue:
    """Move a conversation `hours` into the past: at 25 its window is closed."""
    sent = requested.body("hours")
    hours = requested.number(sent, "hours", PAST_WINDOW_HOURS, lowest=0, highest=MAX_HOURS)
    with simulator().storage.writing() as db:
        thread = requested.find_thread(db, page, customer)
        threads.age_thread(db, thread["psid"], hours)
    return jsonify(psid=thread["psid"], hours=hours)


@bp.post("/threads/<page>/<customer>/block")
def block(page: str, customer: str) -> ResponseReturnValue:
    """Let the customer block the Page, or with `blocked` false let it in again."""
    blocked = requested.flag(requested.body("blocked"), "blocked", default=True)
    with simulator().storage.writing() as db:
        thread = requested.find_thread(db, page, customer)
        db.execute(
            "UPDATE threads SET is_blocked = ? WHERE psid = ?", [int(blocked), thread["psid"]]
        )
        threads.touch(db, thread["psid"])
    return jsonify(psid=thread["psid"], blocked=blocked)


@bp.post("/tokens/revoke")
def revoke_tokens() -> ResponseReturnValue:
    """End the tokens of a `person`, of a `page_id`, or one `token`; `subcode` says why."""
    sent = requested.body("person", "page_id", "token", "subcode")
    subcode = int(requested.number(sent, "subcode", 460, lowest=1, highest=10**7))
    if subcode not in DEAD_TOKEN_REASONS:
        known = ", ".join(map(str, DEAD_TOKEN_REASONS))
        raise BadRequest(f"subcode must be one of {known}.")
    with simulator().storage.writing() as db:
        if "token" in sent:
            ended = tokens.kill_token(db, requested.text(sent, "token"), subcode)
        elif "page_id" in sent:
            page_id = requested.find_page(db, requested.text(sent, "page_id"))["id"]
            ended = _kill_where(db, "page_id", page_id, subcode)
        else:
            person = _find_person(db, requested.text(sent, "person"))
            ended = _kill_where(db, "person", person, subcode)
    return jsonify(ended=ended)


@bp.post("/people/<person>/deauthorize")
def deauthorize(person: str) -> ResponseReturnValue:
    """Let a person remove the app, and tell the app unless `notify` is false."""
    sent = requested.body("app_id", "notify")
    app_id = requested.text(sent, "app_id", APP_ID)
    notify = requested.flag(sent, "notify", default=True)
    with simulator().storage.writing() as db:
        removed = grants.remove_grant(db, _find_person(db, person), app_id)
    callback = callbacks.send_deauthorize(simulator(), person, app_id) if notify else None
    return jsonify(removed=removed, callback=callback)


@bp.post("/people/<person>/data-deletion")
def ask_for_deletion(person: str) -> ResponseReturnValue:
    """Let a person ask the app to delete their data; answer with its url and code."""
    app_id = requested.text(requested.body("app_id"), "app_id", APP_ID)
    with simulator().storage.reading() as db:
        _find_person(db, person)
    return jsonify(callback=callbacks.send_data_deletion(simulator(), person, app_id))


@bp.post("/people/<person>/decline")
def decline(person: str) -> ResponseReturnValue:
    """Let a person take back one `permission`."""
    sent = requested.body("permission", "app_id")
    with simulator().storage.writing() as db:
        grant = grants.find_grant(db, person, requested.text(sent, "app_id", APP_ID))
        if grant is None:
            raise NotFound("This person granted nothing to the app.")
        grants.decline_permission(db, grant, requested.text(sent, "permission"))
    return jsonify(person=person, permission=sent["permission"])


@bp.post("/people/<person>/roles")
def set_role(person: str) -> ResponseReturnValue:
    """Give a person `tasks` on a Page, or with none take the role away."""
    sent = requested.body("page_id", "tasks")
    wanted = sent.get("tasks", [])
    if not isinstance(wanted, list) or not set(wanted) <= set(seeds.ALL_TASKS):
        raise BadRequest(f"tasks must be a list out of {', '.join(seeds.ALL_TASKS)}.")
    with simulator().storage.writing() as db:
        slug = _find_person(db, person)
        page_id = requested.find_page(db, requested.text(sent, "page_id"))["id"]
        db.execute("DELETE FROM page_roles WHERE person = ? AND page_id = ?", [slug, page_id])
        if wanted:
            db.execute(
                "INSERT INTO page_roles VALUES (?, ?, ?, 1000)", [slug, page_id, json.dumps(wanted)]
            )
    return jsonify(person=slug, page_id=page_id, tasks=wanted)


@bp.post("/apps")
def add_app() -> ResponseReturnValue:
    """Register one more app, as a second deployment would have."""
    sent = requested.body("id", "name", "secret", "redirect_uris", "callback_url", "verify_token")
    app_id = requested.text(sent, "id")
    redirect_uris = sent.get("redirect_uris", [])
    if not app_id.isdigit() or not isinstance(redirect_uris, list):
        raise BadRequest("id must be digits, and redirect_uris a list.")
    with simulator().storage.writing() as db:
        if db.execute("SELECT 1 FROM apps WHERE id = ?", [app_id]).fetchone():
            raise Conflict("There is an app by this id.")
        db.execute(
            "INSERT INTO apps (id, name, secret, redirect_uris) VALUES (?, ?, ?, ?)",
            [
                app_id,
                requested.text(sent, "name", "Another app"),
                requested.text(sent, "secret"),
                json.dumps(redirect_uris),
            ],
        )
        if sent.get("callback_url"):
            fields = json.dumps(sorted(PAGE_FIELDS))
            verify_token = requested.text(sent, "verify_token", VERIFY_TOKEN)
            row = [app_id, "page", requested.text(sent, "callback_url"), verify_token, fields]
            db.execute("INSERT INTO app_subscriptions VALUES (?, ?, ?, ?, ?)", row)
    return jsonify(id=app_id), 201


@bp.patch("/apps/<app_id>")
def change_app(app_id: str) -> ResponseReturnValue:
    """Set `require_proof` or `has_human_agent` of an app."""
    sent = requested.body("require_proof", "has_human_agent")
    with simulator().storage.writing() as db:
        app = db.execute("SELECT * FROM apps WHERE id = ?", [app_id]).fetchone()
        if app is None:
            raise NotFound("There is no such app.")
        proof = requested.flag(sent, "require_proof", bool(app["require_proof"]))
        human = requested.flag(sent, "has_human_agent", bool(app["has_human_agent"]))
        db.execute(
            "UPDATE apps SET require_proof = ?, has_human_agent = ? WHERE id = ?",
            [int(proof), int(human), app_id],
        )
    return jsonify(id=app_id, require_proof=proof, has_human_agent=human)


@bp.post("/burst")
def start_burst() -> ResponseReturnValue:
    """Write `messages` at `per_second` from `customers` to `page_ids` (default: the connected)."""
    sent = requested.body("messages", "per_second", "customers", "page_ids", "text")
    state = simulator()
    if state.burst is not None and state.burst.ended_at is None:
        raise Conflict("A burst is running.")
    burst = Burst(
        storage=state.storage,
        page_ids=_burst_pages(sent),
        messages=int(requested.number(sent, "messages", 100, lowest=1, highest=MAX_MESSAGES)),
        per_second=requested.number(sent, "per_second", 10, lowest=0.1, highest=MAX_PER_SECOND),
        customers=int(requested.number(sent, "customers", 10, lowest=1, highest=MAX_CUSTOMERS)),
        text=requested.text(sent, "text", "Load message"),
    )
    state.burst = burst
    burst.start()
    return jsonify(burst.progress()), 202


@bp.get("/burst")
def show_burst() -> ResponseReturnValue:
    """Answer with how far the burst is."""
    burst = simulator().burst
    return jsonify(burst.progress() if burst else {"is_running": False})


@bp.delete("/burst")
def stop_burst() -> ResponseReturnValue:
    """End the burst early."""
    burst = simulator().burst
    if burst is not None:
        burst.stop()
    return "", 204


@bp.post("/reset")
def reset() -> ResponseReturnValue:
    """Forget everything and plant the seeds again."""
    requested.body()
    state = simulator()
    if state.burst is not None:
        state.burst.stop()
    with state.storage.writing() as db:
        for table in WORLD:
            db.execute(f"DELETE FROM {table}")  # noqa: S608  (our own names)
        seeds.plant(db, state.settings)
    state.calls.clear()
    state.turns.clear()
    return "", 204


bp.register_error_handler(HTTPException, requested.explain)


def _burst_pages(sent: dict[str, Any]) -> list[str]:
    with simulator().storage.reading() as db:
        if "page_ids" in sent:
            wanted = sent["page_ids"]
            if not isinstance(wanted, list) or not wanted:
                raise BadRequest("page_ids must be a list of Pages.")
            return [requested.find_page(db, str(key))["id"] for key in wanted]
        rows = db.execute("SELECT DISTINCT page_id FROM page_subscriptions").fetchall()
    if not rows:
        raise Conflict("No Page is connected: name some in page_ids.")
    return [row["page_id"] for row in rows]


def _find_person(db: sqlite3.Connection, slug: str) -> str:
    row = db.execute("SELECT slug FROM people WHERE slug = ?", [slug]).fetchone()
    if row is None:
        raise NotFound("There is no such person.")
    return str(row["slug"])


def _kill_where(db: sqlite3.Connection, column: str, value: str, subcode: int) -> int:
    return db.execute(
        f"UPDATE tokens SET dead_subcode = ? WHERE {column} = ? AND dead_subcode IS NULL",  # noqa: S608
        [subcode, value],
    ).rowcount
