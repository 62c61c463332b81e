"""The customer's side: a list of chats, and a phone to write from."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, HTTPException
from werkzeug.wrappers import Response

from flask_messenger.simulator import pictures, requested, threads
from flask_messenger.simulator.chat_view import describe
from flask_messenger.simulator.state import SimulatorState, simulator

bp = Blueprint("simulator_chat", __name__, url_prefix="/chat")

MAX_TEXT = 20_000  # a person may write more than a Page may
KEEP_ALIVE_SECONDS = 15.0
REACTIONS = {
    "love": "\u2764\ufe0f",
    "like": "\U0001f44d",
    "smile": "\U0001f606",
    "wow": "\U0001f62e",
    "sad": "\U0001f622",
    "angry": "\U0001f620",
}


@bp.get("/")
def index() -> ResponseReturnValue:
    """List every customer of every Page, the connected Pages first."""
    with simulator().storage.reading() as db:
        pages = _list_pages(db)
        customers = db.execute(
            "SELECT slug, first_name || ' ' || last_name AS name FROM customers"
            " WHERE is_seeded = 1 ORDER BY position"
        ).fetchall()
        lines = _last_lines(db)
    return render_template(
        "simulator/chat_index.html",
        connected=[page for page in pages if page["is_connected"]],
        others=[page for page in pages if not page["is_connected"]],
        customers=customers,
        lines=lines,
    )


@bp.get("/<page>/<customer>")
def show(page: str, customer: str) -> ResponseReturnValue:
    """Show one conversation as the customer's phone."""
    with simulator().storage.reading() as db:
        page_row = requested.find_page(db, page)
        customer_row = requested.find_customer(db, page_row["id"], customer)
    return render_template(
        "simulator/chat.html",
        page=page_row,
        customer=customer_row,
        photos=pictures.PHOTOS,
        reactions=REACTIONS,
    )


@bp.get("/api/<page>/<customer>")
def snapshot(page: str, customer: str) -> ResponseReturnValue:
    """Answer with the conversation."""
    with simulator().storage.writing() as db:
        return jsonify(describe(db, requested.find_thread(db, page, customer)))


@bp.get("/api/<page>/<customer>/events")
def stream(page: str, customer: str) -> ResponseReturnValue:
    """Send the conversation each time it changes, as server-sent events."""
    state = simulator()
    with state.storage.writing() as db:
        psid = requested.find_thread(db, page, customer)["psid"]
    response = Response(_changes(state, psid), content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/api/<page>/<customer>/messages")
def write(page: str, customer: str) -> ResponseReturnValue:
    """Write as the customer: `text`, or a `photo`, or a tapped `quick_reply`."""
    sent = requested.body("text", "photo", "quick_reply", "reply_to", "hours_ago")
    hours_ago = requested.number(sent, "hours_ago", 0, lowest=0, highest=24 * 365)
    text, attachments, payload = _read_writing(sent)
    with simulator().storage.writing() as db:
        thread = requested.find_thread(db, page, customer)
        reply_to = sent.get("reply_to")
        if reply_to is not None:
            _require_message(db, thread, str(reply_to))
        mid = threads.write_as_customer(
            db,
            thread,
            text=text,
            attachments=attachments,
            quick_reply=payload,
            reply_to=reply_to,
            hours_ago=hours_ago,
        )
    return jsonify(mid=mid, psid=thread["psid"]), 201


@bp.post("/api/<page>/<customer>/postbacks")
def tap(page: str, customer: str) -> ResponseReturnValue:
    """Tap a button as the customer: `title` and `payload`."""
    sent = requested.body("title", "payload")
    title, payload = requested.text(sent, "title"), requested.text(sent, "payload")
    with simulator().storage.writing() as db:
        thread = requested.find_thread(db, page, customer)
        mid = threads.tap_postback(db, thread, title=title, payload=payload)
    return jsonify(mid=mid, psid=thread["psid"]), 201


@bp.post("/api/<page>/<customer>/reactions")
def react(page: str, customer: str) -> ResponseReturnValue:
    """React to the message `mid` with one of our `reaction` words; without one, take it back."""
    sent = requested.body("mid", "reaction")
    name = sent.get("reaction")
    if name is not None and name not in REACTIONS:
        raise BadRequest(f"reaction must be one of {', '.join(REACTIONS)}.")
    mid = requested.text(sent, "mid")
    with simulator().storage.writing() as db:
        thread = requested.find_thread(db, page, customer)
        _require_message(db, thread, mid)
        reaction = {"reaction": name, "emoji": REACTIONS[name]} if name else None
        threads.react_as_customer(db, thread, mid=mid, reaction=reaction)
    return jsonify(mid=mid)


@bp.post("/api/<page>/<customer>/seen")
def see(page: str, customer: str) -> ResponseReturnValue:
    """Look at the conversation as the customer."""
    requested.body()
    with simulator().storage.writing() as db:
        seen = threads.see_messages(db, requested.find_thread(db, page, customer))
    return jsonify(seen=seen)


bp.register_error_handler(HTTPException, requested.explain)


def _changes(state: SimulatorState, psid: str) -> Iterator[bytes]:
    """Yield the conversation now and after each change, until the reader leaves."""
    sent: tuple[Any, ...] | None = None
    while not state.is_closed:
        seen = state.storage.pulse.count()
        with state.storage.reading() as db:
            thread = db.execute("SELECT * FROM threads WHERE psid = ?", [psid]).fetchone()
            if thread is None:  # reset
                return
            subscribed = db.execute(
                "SELECT count(*) FROM page_subscriptions WHERE page_id = ?", [thread["account_id"]]
            ).fetchone()[0]
            current = (thread["revision"], subscribed)
            shown = describe(db, thread) if current != sent else None
        if shown is not None:
            sent = current
            yield b"data: " + json.dumps(shown).encode() + b"\n\n"
        elif state.storage.pulse.wait(seen, KEEP_ALIVE_SECONDS):
            continue
        else:
            yield b": still here\n\n"


def _read_writing(
    sent: dict[str, Any],
) -> tuple[str | None, list[dict[str, Any]], str | None]:
    """Return text, attachments and quick-reply payload of what the customer sends."""
    quick_reply = sent.get("quick_reply")
    if quick_reply is not None:
        if not isinstance(quick_reply, dict):
            raise BadRequest("quick_reply must have title and payload.")
        title = requested.text(quick_reply, "title")
        return title, [], requested.text(quick_reply, "payload")
    photo = sent.get("photo")
    if photo is not None:
        if photo not in pictures.PHOTOS:
            raise BadRequest(f"photo must be one of {', '.join(pictures.PHOTOS)}.")
        url = pictures.photo_url(simulator().settings.base_url, photo)
        return None, [{"type": "image", "payload": {"url": url}}], None
    text = requested.text(sent, "text")
    if len(text) > MAX_TEXT:
        raise BadRequest(f"text can have {MAX_TEXT} characters.")
    return text, [], None


def _require_message(db: sqlite3.Connection, thread: sqlite3.Row, mid: str) -> None:
    known = db.execute(
        "SELECT 1 FROM messages WHERE mid = ? AND psid = ?", [mid, thread["psid"]]
    ).fetchone()
    if known is None:
        raise BadRequest("There is no such message in this conversation.")


def _list_pages(db: sqlite3.Connection) -> list[sqlite3.Row]:
    rows: list[sqlite3.Row] = db.execute(
        "SELECT p.*, group_concat(DISTINCT who.name) AS managers,"
        " EXISTS (SELECT 1 FROM page_subscriptions s WHERE s.page_id = p.id) AS is_connected"
        " FROM pages p JOIN page_roles r ON r.page_id = p.id JOIN people who ON who.slug = r.person"
        " GROUP BY p.id ORDER BY min(who.position), min(r.position)"
    ).fetchall()
    return rows


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
