"""The customer's API for messages: writing, tapping, reacting, changing, taking back, looking."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, HTTPException

from flask_messenger.simulator import acts, attaching, pictures, requested, samples, threads
from flask_messenger.simulator.accounts import Account
from flask_messenger.simulator.referring import make_referral
from flask_messenger.simulator.state import simulator

bp = Blueprint("simulator_chat_writing", __name__, url_prefix="/chat/api/<account>/<customer>")

MAX_TEXT = 20_000  # a person may write more than a business may
MAX_ATTACHMENTS = 30
REACTIONS = {
    "love": "\u2764\ufe0f",
    "like": "\U0001f44d",
    "dislike": "\U0001f44e",
    "smile": "\U0001f606",
    "wow": "\U0001f62e",
    "sad": "\U0001f622",
    "angry": "\U0001f620",
}
OTHER = "other"  # what Meta calls any emoji beside these
WRITING_KEYS = (
    "text",
    "photo",
    "attachments",
    "quick_reply",
    "reply_to",
    "story",
    "referral",
    "is_unsupported",
    "more",
    "hours_ago",
)


@bp.post("/messages")
def write(account: str, customer: str) -> ResponseReturnValue:
    """Write as the customer: `text`, a `photo`, `attachments`, a tapped `quick_reply`."""
    sent = requested.body(*WRITING_KEYS)
    hours_ago = requested.number(sent, "hours_ago", 0, lowest=0, highest=24 * 365)
    with simulator().storage.writing() as db:
        thread = requested.find_thread(db, account, customer)
        writing = _read_writing(db, requested.find_account(db, account), thread, sent)
        mid = acts.write(db, thread, writing, hours_ago=hours_ago)
    return jsonify(mid=mid, psid=thread["psid"]), 201


@bp.post("/postbacks")
def tap(account: str, customer: str) -> ResponseReturnValue:
    """Tap a button, a menu or an ice breaker: `title` and `payload`, and a `referral`."""
    sent = requested.body("title", "payload", "referral")
    title, payload = requested.text(sent, "title"), requested.text(sent, "payload")
    with simulator().storage.writing() as db:
        thread = requested.find_thread(db, account, customer)
        referral = read_referral(db, requested.find_account(db, account), sent)
        mid = acts.tap(db, thread, title=title, payload=payload, referral=referral)
    return jsonify(mid=mid, psid=thread["psid"]), 201


@bp.post("/reactions")
def react(account: str, customer: str) -> ResponseReturnValue:
    """React to `mid` with one of our `reaction` words or any `emoji`; without, take it back."""
    sent = requested.body("mid", "reaction", "emoji")
    name = sent.get("reaction")
    if name is not None and name not in REACTIONS:
        raise BadRequest(f"reaction must be one of {', '.join(REACTIONS)}.")
    mid = requested.text(sent, "mid")
    reaction = {"reaction": name, "emoji": REACTIONS[name]} if name else None
    if sent.get("emoji"):
        reaction = {"reaction": OTHER, "emoji": requested.text(sent, "emoji")}
    with simulator().storage.writing() as db:
        acts.react(db, requested.find_thread(db, account, customer), mid=mid, reaction=reaction)
    return jsonify(mid=mid)


@bp.post("/edits")
def edit(account: str, customer: str) -> ResponseReturnValue:
    """Change the `text` of the own message `mid`."""
    sent = requested.body("mid", "text")
    mid, text = requested.text(sent, "mid"), requested.text(sent, "text")
    with simulator().storage.writing() as db:
        count = acts.edit(db, requested.find_thread(db, account, customer), mid=mid, text=text)
    return jsonify(mid=mid, edits=count)


@bp.post("/unsends")
def unsend(account: str, customer: str) -> ResponseReturnValue:
    """Take the own message `mid` back."""
    mid = requested.text(requested.body("mid"), "mid")
    with simulator().storage.writing() as db:
        acts.unsend(db, requested.find_thread(db, account, customer), mid=mid)
    return jsonify(mid=mid)


@bp.post("/seen")
def see(account: str, customer: str) -> ResponseReturnValue:
    """Look at the conversation."""
    requested.body()
    with simulator().storage.writing() as db:
        seen = threads.see_messages(db, requested.find_thread(db, account, customer))
    return jsonify(seen=seen)


bp.register_error_handler(HTTPException, requested.explain)
bp.register_error_handler(acts.ActError, requested.explain_act)


def read_referral(
    db: sqlite3.Connection, account: Account, sent: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the referral that the body asks for, if it does."""
    wanted = sent.get("referral")
    if wanted is None:
        return None
    if not isinstance(wanted, dict) or not wanted:
        raise BadRequest("referral must have ref, ad or product.")
    return make_referral(db, simulator().settings.base_url, account, wanted)


def _read_writing(
    db: sqlite3.Connection, account: Account, thread: sqlite3.Row, sent: Mapping[str, Any]
) -> acts.Writing:
    """Return what the customer sends."""
    more = sent.get("more") or {}
    if not isinstance(more, dict):
        raise BadRequest("more must be an object of keys of the event's message.")
    referral = read_referral(db, account, sent)
    if referral is not None:
        more = more | {"referral": referral}
    if sent.get("is_unsupported"):
        return acts.Writing(more=more | {"is_unsupported": True})
    text, payload = _read_words(sent)
    attachments = _read_attachments(account, sent)
    if text is None and not attachments:
        raise BadRequest("text must be a text, or there must be attachments.")
    return acts.Writing(
        text=text,
        attachments=attachments,
        quick_reply=payload,
        reply_to=_read_reply_to(db, thread, sent),
        story=_read_story(db, account, sent),
        more=more,
    )


def _read_words(sent: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the text, and the payload of a tapped quick reply."""
    quick_reply = sent.get("quick_reply")
    if quick_reply is not None:
        if not isinstance(quick_reply, dict):
            raise BadRequest("quick_reply must have title and payload.")
        title = requested.text(quick_reply, "title")
        return title, requested.text(quick_reply, "payload")
    if "text" not in sent:
        return None, None
    text = requested.text(dict(sent), "text")
    if len(text) > MAX_TEXT:
        raise BadRequest(f"text can have {MAX_TEXT} characters.")
    return text, None


def _read_attachments(account: Account, sent: Mapping[str, Any]) -> list[dict[str, Any]]:
    wanted = sent.get("attachments", [])
    if sent.get("photo") is not None:
        if sent["photo"] not in pictures.PHOTOS:
            raise BadRequest(f"photo must be one of {', '.join(pictures.PHOTOS)}.")
        wanted = [{"kind": "image", "photo": sent["photo"]}]
    if not isinstance(wanted, list) or len(wanted) > MAX_ATTACHMENTS:
        raise BadRequest(f"attachments must be a list of up to {MAX_ATTACHMENTS}.")
    made: list[dict[str, Any]] = []
    for item in wanted:
        options = {"kind": item} if isinstance(item, str) else item
        if not isinstance(options, dict):
            raise BadRequest("An attachment is a kind, or an object with one.")
        try:
            base_url = simulator().settings.base_url
            made += attaching.make_attachments(base_url, account.channel, options)
        except attaching.UnknownAttachmentError as error:
            raise BadRequest(str(error)) from error
    return made


def _read_reply_to(
    db: sqlite3.Connection, thread: sqlite3.Row, sent: Mapping[str, Any]
) -> str | None:
    mid = sent.get("reply_to")
    if mid is None:
        return None
    known = db.execute(
        "SELECT 1 FROM messages WHERE mid = ? AND psid = ?", [str(mid), thread["psid"]]
    ).fetchone()
    if known is None:
        raise BadRequest("There is no such message in this conversation.")
    return str(mid)


def _read_story(
    db: sqlite3.Connection, account: Account, sent: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the story of the account that this message answers."""
    story_id = sent.get("story")
    if story_id is None:
        return None
    row = db.execute(
        "SELECT id FROM posts WHERE id = ? AND account_id = ? AND kind = 'story'",
        [str(story_id), account.id],
    ).fetchone()
    if row is None:
        raise BadRequest("The account has no such story.")
    url = samples.story_url(simulator().settings.base_url, row["id"])
    return {"url": url, "id": row["id"]}
