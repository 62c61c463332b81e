"""The customer's API for what is told in a conversation without being a message.

Source: https://developers.facebook.com/docs/messenger-platform/reference/webhook-events
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, HTTPException

from flask_messenger.simulator import acts, ids, requested
from flask_messenger.simulator.chat_writing import read_referral
from flask_messenger.simulator.constants import MESSENGER
from flask_messenger.simulator.state import simulator

bp = Blueprint("simulator_chat_notices", __name__, url_prefix="/chat/api/<account>/<customer>")

DAY_SECONDS = 86_400
LINKING_SECONDS = 300
MARKETING, ONE_TIME, PLUGIN = "notification_messages", "one_time_notif_req", "user_ref"
OPTIN_KINDS = (MARKETING, ONE_TIME, PLUGIN)
STOP, RESUME = "STOP NOTIFICATIONS", "RESUME NOTIFICATIONS"
FEEDBACK_KINDS = ("csat", "nps", "ces", "free_form")
ADDRESS = {
    "name": "Maya Okafor",
    "phone": "+1 555 0100",
    "address_line_1": "12 Harbour Street",
    "locality": "Oslo",
    "postal_code": "0150",
    "country": "NO",
}
CART = {
    "id": 1,
    "retailer_id": "GLOVES-M",
    "name": "Training gloves",
    "unit_price": 29,
    "currency": "EUR",
    "quantity": 1,
}


@bp.post("/referrals")
def refer(account: str, customer: str) -> ResponseReturnValue:
    """Come back to the conversation by a link or an ad: `referral` with `ref` or `ad`."""
    sent = requested.body("referral")
    with simulator().storage.writing() as db:
        thread = requested.find_thread(db, account, customer)
        referral = read_referral(db, requested.find_account(db, account), sent)
        if referral is None:
            raise BadRequest("referral must have ref, ad or product.")
        acts.give_notice(
            db, thread, kind="referral", key="referral", body=referral, opens_window=True
        )
    return jsonify(psid=thread["psid"], referral=referral), 201


@bp.post("/optins")
def opt_in(account: str, customer: str) -> ResponseReturnValue:
    """Allow more messages: `kind` `notification_messages`, `one_time_notif_req` or `user_ref`."""
    sent = requested.body("kind", "payload", "title", "ref")
    kind = requested.text(sent, "kind", MARKETING)
    if kind not in OPTIN_KINDS:
        raise BadRequest(f"kind must be one of {', '.join(OPTIN_KINDS)}.")
    with simulator().storage.writing() as db:
        thread = requested.find_thread(db, account, customer)
        token = _keep_token(db, thread, kind)
        acts.give_notice(db, thread, kind="optin", key="optin", body=_optin(kind, token, sent))
    return jsonify(psid=thread["psid"], token=token), 201


@bp.post("/optouts")
def opt_out(account: str, customer: str) -> ResponseReturnValue:
    """Stop marketing messages, or with `resume` let them come again."""
    resume = requested.flag(requested.body("resume"), "resume", default=False)
    with simulator().storage.writing() as db:
        thread = requested.find_thread(db, account, customer)
        body = {
            "type": MARKETING,
            "payload": "NEWS",
            "notification_messages_token": ids.numeric_id(MARKETING, thread["psid"]),
            "notification_messages_status": RESUME if resume else STOP,
        }
        acts.give_notice(db, thread, kind="optout", key="optin", body=body)
        # What was allowed before is not allowed while it is stopped.
        db.execute(
            "UPDATE optins SET used_at = ? WHERE account_id = ? AND customer = ? AND kind = ?",
            [
                None if resume else ids.now_ms() // 1000,
                thread["account_id"],
                thread["customer"],
                MARKETING,
            ],
        )
    return jsonify(psid=thread["psid"]), 201


@bp.post("/account-links")
def link_account(account: str, customer: str) -> ResponseReturnValue:
    """Tie the own account at the business to the conversation, or with `unlink` untie it."""
    sent = requested.body("authorization_code", "unlink")
    unlink = requested.flag(sent, "unlink", default=False)
    body = {"status": "unlinked"}
    if not unlink:
        code = requested.text(sent, "authorization_code", "linked-in-the-simulator")
        body = {"status": "linked", "authorization_code": code}
    with simulator().storage.writing() as db:
        thread = requested.find_thread(db, account, customer)
        linked_at = None if unlink else ids.now_ms()
        db.execute("UPDATE threads SET linked_at = ? WHERE psid = ?", [linked_at, thread["psid"]])
        acts.give_notice(db, thread, kind="account_linking", key="account_linking", body=body)
    return jsonify(psid=thread["psid"], **body), 201


@bp.post("/linking-tokens")
def begin_linking(account: str, customer: str) -> ResponseReturnValue:
    """Tap a log in button: answers with the `account_linking_token` that its page gets."""
    requested.body()
    with simulator().storage.writing() as db:
        thread = requested.find_thread(db, account, customer)
        token = _keep_token(db, thread, "account_linking", seconds=LINKING_SECONDS)
    return jsonify(account_linking_token=token), 201


@bp.post("/response-feedback")
def rate_response(account: str, customer: str) -> ResponseReturnValue:
    """Put a thumb up under the message `mid`, or with `good` false a thumb down."""
    sent = requested.body("mid", "good")
    good = requested.flag(sent, "good", default=True)
    body = {
        "feedback": "Good response" if good else "Bad response",
        "mid": requested.text(sent, "mid"),
    }
    return _give(account, customer, "response_feedback", body)


@bp.post("/feedback")
def answer_survey(account: str, customer: str) -> ResponseReturnValue:
    """Answer a survey of a customer feedback template: `score` and `text`."""
    sent = requested.body("kind", "question_id", "score", "text")
    kind = requested.text(sent, "kind", "csat")
    if kind not in FEEDBACK_KINDS:
        raise BadRequest(f"kind must be one of {', '.join(FEEDBACK_KINDS)}.")
    score = int(requested.number(sent, "score", 5, lowest=0, highest=10))
    question: dict[str, Any] = {"type": kind, "payload": str(score)}
    if sent.get("text"):
        question["follow_up"] = {"type": "free_form", "payload": requested.text(sent, "text")}
    questions = {requested.text(sent, "question_id", "q1"): question}
    body = {"feedback_screens": [{"screen_id": 0, "questions": questions}]}
    return _give(account, customer, "messaging_feedback", body)


@bp.post("/customer-information")
def fill_in_form(account: str, customer: str) -> ResponseReturnValue:
    """Fill in the form of a customer information template: `answers` by Meta's keys."""
    sent = requested.body("answers", "screen")
    answers = sent.get("answers") or ADDRESS
    if not isinstance(answers, dict):
        raise BadRequest("answers must be an object.")
    screen = {
        "screen_id": requested.text(sent, "screen", "Add address"),
        "responses": [{"key": key, "value": str(value)} for key, value in answers.items()],
    }
    return _give(account, customer, "messaging_customer_information", {"screens": [screen]})


@bp.post("/orders")
def order(account: str, customer: str) -> ResponseReturnValue:
    """Send a cart: `products`, and a `note`."""
    sent = requested.body("products", "note")
    products = sent.get("products") or [CART]
    if not isinstance(products, list):
        raise BadRequest("products must be a list.")
    body: dict[str, Any] = {"products": products}
    if sent.get("note"):
        body["note"] = requested.text(sent, "note")
    return _give(account, customer, "order", body, opens_window=True)


@bp.post("/coupons")
def reveal_coupon(account: str, customer: str) -> ResponseReturnValue:
    """Reveal the code of a coupon template."""
    sent = requested.body("coupon_code", "payload")
    body = {
        "type": "coupon",
        "payload": requested.text(sent, "payload", "COUPON"),
        "coupon_code": requested.text(sent, "coupon_code", "SUMMER10"),
    }
    return _give(account, customer, "template", body, opens_window=True)


@bp.post("/forms")
def submit_form(account: str, customer: str) -> ResponseReturnValue:
    """Send in a form of the conversation."""
    form_id = requested.text(requested.body("id"), "id", "998877665544")
    return _give(account, customer, "form", {"id": form_id}, opens_window=True)


bp.register_error_handler(HTTPException, requested.explain)


def _give(
    account: str,
    customer: str,
    kind: str,
    body: Mapping[str, Any],
    *,
    opens_window: bool = False,
) -> ResponseReturnValue:
    """Give a notice of which Messenger alone has words."""
    with simulator().storage.writing() as db:
        thread = requested.find_thread(db, account, customer)
        if thread["channel"] != MESSENGER:
            raise BadRequest("Instagram has no such thing.")
        acts.give_notice(db, thread, kind=kind, key=kind, body=body, opens_window=opens_window)
    return jsonify(psid=thread["psid"]), 201


def _optin(kind: str, token: str, sent: Mapping[str, Any]) -> dict[str, Any]:
    payload = str(sent.get("payload") or "NEWS")
    if kind == PLUGIN:
        return {"ref": str(sent.get("ref") or "newsletter"), "user_ref": token}
    if kind == ONE_TIME:
        return {"type": kind, "payload": payload, "one_time_notif_token": token}
    expires_at_ms = ids.now_ms() + 365 * DAY_SECONDS * 1000
    return {
        "type": kind,
        "payload": payload,
        "title": str(sent.get("title") or "News of the shop"),
        "notification_messages_token": token,
        "notification_messages_timezone": "Europe/Oslo",
        "token_expiry_timestamp": str(expires_at_ms),
        "user_token_status": "NOT_REFRESHED",
    }


def _keep_token(
    db: sqlite3.Connection, thread: sqlite3.Row, kind: str, seconds: int = 365 * DAY_SECONDS
) -> str:
    """Keep what Graph will take instead of a person's id."""
    token = ids.numeric_id(secrets.token_hex(8))
    db.execute(
        "INSERT INTO optins (token, kind, account_id, customer, expires_at) VALUES (?, ?, ?, ?, ?)",
        [
            token,
            kind,
            thread["account_id"],
            thread["customer"],
            ids.now_ms() // 1000 + seconds,
        ],
    )
    return token
