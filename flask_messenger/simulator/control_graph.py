"""The part of the control API about what Graph decides: routing, templates, tokens, Instagram."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, HTTPException, NotFound

from flask_messenger.simulator import (
    callbacks,
    error_table,
    graph_templates,
    ids,
    instagram_grants,
    requested,
    threads,
)
from flask_messenger.simulator.accounts import Account, find_account
from flask_messenger.simulator.constants import APP_ID
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.storage import set_switch

bp = Blueprint("simulator_control_graph", __name__, url_prefix="/control/api")

MODES = ("live", "development")
MAX_DAYS, MAX_HOURS = 400, 24 * 400
MAX_HISTORY = 1000
DIRECTIONS = ("in", "out")


@bp.get("/errors")
def list_errors() -> ResponseReturnValue:
    """Answer with every error of Graph's that can be asked for by name."""
    return jsonify(
        errors=[
            {
                "name": one.name,
                "code": one.code,
                "subcode": one.subcode,
                "message": one.message,
                "is_transient": one.is_transient,
            }
            for one in error_table.NAMED
        ]
    )


@bp.put("/accounts/<account>/routing")
def set_routing(account: str) -> ResponseReturnValue:
    """Make `default_app_id` the default app, which `may_take` threads; without one, nobody is."""
    sent = requested.body("default_app_id", "may_take")
    may_take = requested.flag(sent, "may_take", default=True)
    with simulator().storage.writing() as db:
        account_id = _account(db, account).id
        db.execute("DELETE FROM routing WHERE account_id = ?", [account_id])
        if sent.get("default_app_id"):
            app_id = requested.text(sent, "default_app_id")
            db.execute("INSERT INTO routing VALUES (?, ?, ?)", [account_id, app_id, int(may_take)])
    return jsonify(account_id=account_id, **sent)


@bp.patch("/instagram/<account>")
def change_instagram(account: str) -> ResponseReturnValue:
    """Set `allows_messages`, or `page_id` (null: the link to the Page is broken)."""
    sent = requested.body("allows_messages", "page_id")
    with simulator().storage.writing() as db:
        found = _account(db, account)
        if not found.is_instagram:
            raise BadRequest("This is no Instagram account.")
        allows = requested.flag(sent, "allows_messages", found.allows_messages)
        page_id = found.page_id
        if "page_id" in sent:
            key = sent["page_id"]
            page_id = None if key is None else requested.find_page(db, str(key))["id"]
            db.execute("UPDATE instagram_accounts SET page_id = NULL WHERE page_id = ?", [page_id])
        db.execute(
            "UPDATE instagram_accounts SET allows_messages = ?, page_id = ? WHERE id = ?",
            [int(allows), page_id, found.id],
        )
    return jsonify(id=found.id, allows_messages=allows, page_id=page_id)


@bp.post("/instagram/<account>/deauthorize")
def deauthorize_instagram(account: str) -> ResponseReturnValue:
    """Let an Instagram account remove the app, and tell the app unless `notify` is false."""
    sent = requested.body("app_id", "notify")
    app_id = requested.text(sent, "app_id", APP_ID)
    with simulator().storage.writing() as db:
        instagram_id = _account(db, account).id
        removed = instagram_grants.remove_grant(db, instagram_id, app_id)
    told = None
    if requested.flag(sent, "notify", default=True):
        told = callbacks.send_instagram_deauthorize(simulator(), instagram_id, app_id)
    return jsonify(removed=removed, callback=told)


@bp.post("/instagram/<account>/data-deletion")
def ask_for_instagram_deletion(account: str) -> ResponseReturnValue:
    """Let an Instagram account ask the app to delete its data; answer with its url and code."""
    app_id = requested.text(requested.body("app_id"), "app_id", APP_ID)
    with simulator().storage.reading() as db:
        instagram_id = _account(db, account).id
    told = callbacks.send_instagram_data_deletion(simulator(), instagram_id, app_id)
    return jsonify(callback=told)


@bp.post("/tokens/age")
def age_tokens() -> ResponseReturnValue:
    """Make every token, or one `token`, `hours` older."""
    sent = requested.body("token", "hours")
    hours = requested.number(sent, "hours", 25, lowest=0, highest=MAX_HOURS)
    seconds = round(hours * 3600)
    token = sent.get("token")
    with simulator().storage.writing() as db:
        aged = db.execute(
            "UPDATE tokens SET issued_at = issued_at - ?,"
            " expires_at = CASE expires_at WHEN 0 THEN 0 ELSE expires_at - ? END"
            " WHERE ? IS NULL OR token = ?",
            [seconds, seconds, token, token],
        ).rowcount
    return jsonify(aged=aged)


@bp.post("/uploads/age")
def age_uploads() -> ResponseReturnValue:
    """Make every kept file `days` older: after ninety, its attachment id is no good."""
    sent = requested.body("days")
    days = requested.number(sent, "days", 91, lowest=0, highest=MAX_DAYS)
    with simulator().storage.writing() as db:
        aged = db.execute(
            "UPDATE media SET created_at = created_at - ? WHERE created_at > 0",
            [round(days * 24 * threads.HOUR_MS)],
        ).rowcount
    return jsonify(aged=aged)


@bp.patch("/apps/<app_id>/mode")
def set_mode(app_id: str) -> ResponseReturnValue:
    """Put an app into `mode` `live` or `development`."""
    mode = requested.text(requested.body("mode"), "mode")
    if mode not in MODES:
        raise BadRequest(f"mode must be one of {', '.join(MODES)}.")
    with simulator().storage.writing() as db:
        if not db.execute("UPDATE apps SET mode = ? WHERE id = ?", [mode, app_id]).rowcount:
            raise NotFound("There is no such app.")
    return jsonify(id=app_id, mode=mode)


@bp.put("/template-review")
def set_review() -> ResponseReturnValue:
    """Let new message templates wait for a judgement (`by_hand`), or be judged at once."""
    by_hand = requested.flag(requested.body("by_hand"), "by_hand", default=True)
    with simulator().storage.writing() as db:
        set_switch(db, "template_review", by_hand)
    return jsonify(by_hand=by_hand)


@bp.patch("/templates/<template_id>")
def judge_template(template_id: str) -> ResponseReturnValue:
    """Give a message template a `status` and a `reason`; the apps of its Page hear of it."""
    sent = requested.body("status", "reason")
    status = requested.text(sent, "status")
    if status not in graph_templates.STATUSES:
        raise BadRequest(f"status must be one of {', '.join(graph_templates.STATUSES)}.")
    with simulator().storage.writing() as db:
        known = db.execute("SELECT 1 FROM message_templates WHERE id = ?", [template_id]).fetchone()
        if known is None:
            raise NotFound("There is no such template.")
        reason = sent.get("reason")
        graph_templates.set_status(db, template_id, status, None if reason is None else str(reason))
    return jsonify(id=template_id, status=status)


@bp.post("/threads/<account>/<customer>/history")
def write_history(account: str, customer: str) -> ResponseReturnValue:
    """Write `messages` (`direction`, `text`, `hours_ago`) of the past: no app hears of them."""
    listed = requested.body("messages").get("messages")
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_HISTORY:
        raise BadRequest(f"messages must be a list of 1 to {MAX_HISTORY}.")
    with simulator().storage.writing() as db:
        found = _account(db, account)
        slug = requested.find_customer(db, found.id, customer)["slug"]
        thread = threads.open_thread(db, found.id, slug)
        mids = [_write_past(db, thread, one) for one in listed]
    return jsonify(psid=thread["psid"], conversation_id=thread["conversation_id"], mids=mids), 201


bp.register_error_handler(HTTPException, requested.explain)


def _write_past(db: sqlite3.Connection, thread: sqlite3.Row, wanted: Any) -> str:
    if not isinstance(wanted, dict) or wanted.get("direction") not in DIRECTIONS:
        raise BadRequest("Each message must have a direction (in or out), text and hours_ago.")
    hours = requested.number(wanted, "hours_ago", 0, lowest=0, highest=MAX_HOURS)
    at_ms = ids.now_ms() - round(hours * threads.HOUR_MS)
    is_inbound = wanted["direction"] == "in"
    mid = ids.new_mid(thread["channel"])
    db.execute(
        "INSERT INTO messages (mid, psid, direction, kind, text, content, app_id, sent_at)"
        " VALUES (?, ?, ?, 'message', ?, ?, ?, ?)",
        [
            mid,
            thread["psid"],
            wanted["direction"],
            requested.text(wanted, "text"),
            json.dumps({"attachments": wanted.get("attachments", [])}),
            None if is_inbound else APP_ID,
            at_ms,
        ],
    )
    db.execute(
        "UPDATE threads SET last_at = max(last_at, ?), last_user_at ="
        " CASE WHEN ? THEN max(coalesce(last_user_at, 0), ?) ELSE last_user_at END"
        " WHERE psid = ?",
        [at_ms, is_inbound, at_ms, thread["psid"]],
    )
    threads.touch(db, thread["psid"])
    return mid


def _account(db: sqlite3.Connection, key: str) -> Account:
    account = find_account(db, key)
    if account is None:
        raise NotFound("There is no such account.")
    return account
