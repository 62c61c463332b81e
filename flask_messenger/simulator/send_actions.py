"""Sender actions: typing, seen, reactions."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask_messenger.simulator import errors, shapes, threads
from flask_messenger.simulator.endpoints import Call
from flask_messenger.simulator.send_recipients import BY_ID, Recipient

REACT, UNREACT = "react", "unreact"
INSTAGRAM_REACTIONS = ("love",)
MAX_REACTION = 16  # an emoji can be several characters


def act(db: sqlite3.Connection, call: Call, recipient: Recipient) -> dict[str, Any]:
    """Do what `sender_action` says."""
    action = call.word("sender_action")
    if recipient.way != BY_ID:
        raise errors.invalid("A sender_action needs recipient[id]")
    psid = recipient.thread["psid"]
    if action in {REACT, UNREACT}:
        _react(db, call, recipient)
    elif call.thing("payload") is not None:
        raise errors.invalid(f"The sender_action {action} takes no payload")
    elif action == "mark_seen":
        threads.mark_seen(db, psid)
    else:
        threads.show_typing(db, psid, is_typing=action == "typing_on")
    return {"recipient_id": psid}


def _react(db: sqlite3.Connection, call: Call, recipient: Recipient) -> None:
    payload = call.thing("payload")
    if payload is None:
        raise errors.missing("payload")
    is_reaction = call.word("sender_action") == REACT
    known = {"message_id", "reaction"} if is_reaction else {"message_id"}
    shapes.only(payload, known, "payload")
    mid = shapes.needed_text(payload, "message_id", "payload", 1000)
    reaction = None
    if is_reaction and recipient.account.is_instagram:
        reaction = shapes.word(payload, "reaction", "payload", INSTAGRAM_REACTIONS)
    elif is_reaction:
        reaction = shapes.needed_text(payload, "reaction", "payload", MAX_REACTION)
    changed = db.execute(
        "UPDATE messages SET business_reaction = ? WHERE mid = ? AND psid = ?"
        " AND deleted_at IS NULL",
        [reaction, mid, recipient.thread["psid"]],
    ).rowcount
    if not changed:
        raise errors.invalid("Invalid message_id: no such message in this conversation")
    threads.touch(db, recipient.thread["psid"])
