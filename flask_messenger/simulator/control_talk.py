"""The part of the control API about conversations: what others than the app do in them."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, HTTPException, NotFound

from flask_messenger.simulator import (
    accounts,
    attaching,
    events,
    events_changes,
    ids,
    outbound_queue,
    requested,
    telling,
    threads,
)
from flask_messenger.simulator.accounts import Account
from flask_messenger.simulator.constants import APP_ID
from flask_messenger.simulator.state import simulator

bp = Blueprint("simulator_talk", __name__, url_prefix="/control/api")

OTHER_APP_ID = "1000000000000777"  # a tool of somebody else that the business uses, too
PASS, TAKE, REQUEST = "pass", "take", "request"
CONTROL_ACTS = (PASS, TAKE, REQUEST)
POLICY_ACTS = ("warning", "block", "unblock")
CONTROL_MS = 24 * threads.HOUR_MS


@bp.get("/accounts")
def list_all() -> ResponseReturnValue:
    """Answer with every Page and Instagram account."""
    with simulator().storage.reading() as db:
        connected = accounts.connected_ids(db)
        found = accounts.list_accounts(db)
    return jsonify(accounts=[_described(each, connected) for each in found])


@bp.get("/accounts/<account>")
def show_account(account: str) -> ResponseReturnValue:
    """Answer with one Page or Instagram account."""
    with simulator().storage.reading() as db:
        connected = accounts.connected_ids(db)
        return jsonify(_described(requested.find_account(db, account), connected))


@bp.post("/threads/<account>/<customer>/page-inbox")
def answer_from_inbox(account: str, customer: str) -> ResponseReturnValue:
    """Answer from Meta's own inbox: `text` or `attachment`, an echo with another app's id."""
    return _answer(account, customer, app_id=None)


@bp.post("/threads/<account>/<customer>/other-app")
def answer_from_other_app(account: str, customer: str) -> ResponseReturnValue:
    """Answer from another app of the business: `text` or `attachment`."""
    return _answer(account, customer, app_id=OTHER_APP_ID)


@bp.post("/threads/<account>/<customer>/control")
def move_control(account: str, customer: str) -> ResponseReturnValue:
    """Let another app `pass` (to `app_id`), `take` or `request` the control of a conversation."""
    sent = requested.body("action", "app_id", "metadata")
    action = requested.text(sent, "action", TAKE)
    if action not in CONTROL_ACTS:
        raise BadRequest(f"action must be one of {', '.join(CONTROL_ACTS)}.")
    metadata = sent.get("metadata")
    with simulator().storage.writing() as db:
        found = requested.find_account(db, account)
        thread = requested.find_thread(db, account, customer)
        app_id = requested.text(sent, "app_id", APP_ID if action == PASS else found.inbox_app_id)
        body: dict[str, Any] = {"metadata": str(metadata)} if metadata else {}
        if action == REQUEST:
            body["requested_owner_app_id"] = int(app_id)
        else:
            body |= _give_control(db, thread, app_id)
        _tell_control(db, thread, action, body)
    return jsonify(psid=thread["psid"], **body)


@bp.post("/accounts/<account>/roles")
def tell_roles(account: str) -> ResponseReturnValue:
    """Tell every app which part it plays, as the older Handover Protocol did."""
    requested.body()
    with simulator().storage.writing() as db:
        found = requested.find_account(db, account)
        event = {
            "recipient": {"id": found.id},
            "timestamp": ids.now_ms(),
            "app_roles": {APP_ID: ["primary_receiver"]},
        }
        telling.tell_account(db, found, "thread_control", event)
    return jsonify(account_id=found.id)


@bp.post("/accounts/<account>/policy")
def enforce_policy(account: str) -> ResponseReturnValue:
    """Let Meta act on a Page: `action` `warning`, `block` or `unblock`, and a `reason`."""
    sent = requested.body("action", "reason")
    action = requested.text(sent, "action", "warning")
    if action not in POLICY_ACTS:
        raise BadRequest(f"action must be one of {', '.join(POLICY_ACTS)}.")
    body = {"action": action}
    if action != "unblock":
        body["reason"] = requested.text(
            sent, "reason", "The Page sent messages that people marked as spam."
        )
    with simulator().storage.writing() as db:
        found = requested.find_account(db, account)
        event = events.policy(found.id, at_ms=ids.now_ms(), body=body)
        telling.tell_account(db, found, "policy_enforcement", event)
    return jsonify(account_id=found.id, **body)


@bp.post("/webhooks/test")
def send_test() -> ResponseReturnValue:
    """Do what the dashboard's Test button does: a sample of `field` of an `object`, fake ids."""
    sent = requested.body("object", "field", "app_id")
    kind = requested.text(sent, "object", events.INSTAGRAM_OBJECT)
    known = events_changes.TEST_VALUES.get(kind, {})
    field = requested.text(sent, "field", "messages")
    if field not in known:
        raise BadRequest(f"There are samples of {', '.join(known) or 'page and instagram'}.")
    app_id = requested.text(sent, "app_id", APP_ID)
    body = events_changes.test_event(kind, field, ids.now_ms())
    with simulator().storage.writing() as db:
        if db.execute("SELECT 1 FROM apps WHERE id = ?", [app_id]).fetchone() is None:
            raise NotFound("There is no such app.")
        outbound_queue.enqueue_body(
            db, app_id=app_id, page_id="0", lane_key="0", kind=kind, body=json.dumps(body)
        )
    return jsonify(queued=1), 201


bp.register_error_handler(HTTPException, requested.explain)


def _described(account: Account, connected: set[str]) -> dict[str, Any]:
    return {
        "id": account.id,
        "channel": account.channel,
        "name": account.name,
        "slug": account.slug,
        "page_id": account.page_id,
        "is_connected": account.id in connected,
    }


def _answer(account: str, customer: str, *, app_id: str | None) -> ResponseReturnValue:
    """Write as the business from elsewhere; Meta's own inbox where `app_id` is `None`."""
    sent = requested.body("text", "attachment")
    with simulator().storage.writing() as db:
        found = requested.find_account(db, account)
        thread = requested.find_thread(db, account, customer)
        attachments = []
        if sent.get("attachment"):
            options = {"kind": requested.text(sent, "attachment")}
            try:
                attachments = attaching.make_attachments(
                    simulator().settings.base_url, found.channel, options
                )
            except attaching.UnknownAttachmentError as error:
                raise BadRequest(str(error)) from error
        text = None if attachments else requested.text(sent, "text")
        if app_id is None:
            _let_inbox_take(db, found, thread)
        mid = threads.write_as_page(
            db,
            thread,
            app_id=app_id or found.inbox_app_id,
            text=text,
            content={"attachments": attachments},
        )
    return jsonify(mid=mid, psid=thread["psid"]), 201


def _let_inbox_take(db: sqlite3.Connection, account: Account, thread: sqlite3.Row) -> None:
    """Let the inbox control what a person answers in it, where conversations are routed at all."""
    owner = telling.find_owner(db, thread)
    if owner not in {None, account.inbox_app_id}:
        _tell_control(db, thread, TAKE, _give_control(db, thread, account.inbox_app_id))


def _give_control(db: sqlite3.Connection, thread: sqlite3.Row, app_id: str) -> dict[str, Any]:
    """Let an app control the conversation; return who did and who does, as webhooks say it."""
    before = telling.find_owner(db, thread)
    db.execute(
        "UPDATE threads SET owner_app_id = ?, owner_until = ? WHERE psid = ?",
        [app_id, ids.now_ms() + CONTROL_MS, thread["psid"]],
    )
    return {"previous_owner_app_id": before, "new_owner_app_id": app_id}


def _tell_control(
    db: sqlite3.Connection, thread: sqlite3.Row, action: str, body: dict[str, Any]
) -> None:
    at_ms = threads.next_ms(db, thread["psid"])
    event = events.notice(
        thread["account_id"],
        thread["psid"],
        at_ms=at_ms,
        key=f"{action}_thread_control",
        body=body,
    )
    telling.tell_event(db, thread, "thread_control", event, at_ms=at_ms)
    threads.touch(db, thread["psid"])
