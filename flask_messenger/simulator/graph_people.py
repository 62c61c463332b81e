"""What a business does about people: labels, blocking, and linking them to accounts of its own."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from flask_messenger.simulator import acts, errors, events_changes, ids, shapes, threads
from flask_messenger.simulator.access import MESSAGES, known_account, require_access
from flask_messenger.simulator.endpoints import Call, endpoint
from flask_messenger.simulator.fields import pick
from flask_messenger.simulator.paging import PAGING_PARAMETERS, take_part
from flask_messenger.simulator.send_recipients import accounts_of
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.telling import tell_change
from flask_messenger.simulator.tokens import INSTAGRAM_USER, PAGE

MODERATION = {
    "block_user": ("is_blocked_by_business", 1),
    "unblock_user": ("is_blocked_by_business", 0),
    "ban_user": ("is_banned", 1),
    "unban_user": ("is_banned", 0),
    "move_to_spam": ("is_spam", 1),
}
MAX_USERS, MAX_LABEL = 10, 80
LINKING = "account_linking"


@endpoint("POST", "page", "moderate_conversations", auth=PAGE, parameters=("user_ids", "actions"))
@endpoint(
    "POST",
    "instagram",
    "moderate_conversations",
    auth=(PAGE, INSTAGRAM_USER),
    parameters=("user_ids", "actions"),
)
def moderate(call: Call) -> dict[str, Any]:
    """Block, ban or file away people, or take that back."""
    actions = [name.lower() for name in call.names("actions") or []]
    if not actions or not set(actions) <= set(MODERATION):
        raise errors.invalid(f"Param actions must be out of {{{', '.join(MODERATION)}}}")
    people = shapes.several(call.items("user_ids"), "user_ids", 1, MAX_USERS)
    with simulator().storage.writing() as db:
        for one in people:
            thread = _thread(db, call, str(shapes.thing(one, "user_ids").get("id", "")))
            for action in actions:
                column, value = MODERATION[action]
                db.execute(
                    f"UPDATE threads SET {column} = ? WHERE psid = ?",  # noqa: S608
                    [value, thread["psid"]],
                )
            threads.touch(db, thread["psid"])
    return {"success": True}


@endpoint("POST", "page", "custom_labels", auth=PAGE, parameters=("page_label_name", "name"))
def create_label(call: Call) -> dict[str, Any]:
    """Make a label."""
    name = call.text("page_label_name") or call.required_text("name")
    if len(name) > MAX_LABEL:
        raise errors.invalid(f"Length of param page_label_name must be at most {MAX_LABEL}")
    with simulator().storage.writing() as db:
        _check_page(db, call)
        label_id = ids.numeric_id("label", call.node_id, name, prefix="71", length=16)
        try:
            db.execute("INSERT INTO labels VALUES (?, ?, ?)", [label_id, call.node_id, name])
        except sqlite3.IntegrityError as error:
            raise errors.invalid("There is a label by this name") from error
    return {"id": label_id}


@endpoint("GET", "page", "custom_labels", auth=PAGE, parameters=("fields", *PAGING_PARAMETERS))
def list_labels(call: Call) -> dict[str, Any]:
    """Answer with the labels of the Page."""
    with simulator().storage.reading() as db:
        _check_page(db, call)
        rows = db.execute(
            "SELECT * FROM labels WHERE page_id = ? ORDER BY rowid", [call.node_id]
        ).fetchall()
    return _show_labels(call, rows)


@endpoint("GET", "psid", "custom_labels", auth=PAGE, parameters=("fields", *PAGING_PARAMETERS))
def list_labels_of_person(call: Call) -> dict[str, Any]:
    """Answer with the labels that a person carries."""
    with simulator().storage.reading() as db:
        rows = db.execute(
            "SELECT l.* FROM labels l JOIN label_people p ON p.label_id = l.id WHERE p.psid = ?"
            " ORDER BY l.rowid",
            [call.node_id],
        ).fetchall()
    return _show_labels(call, rows)


@endpoint("GET", "label", auth=PAGE, parameters=("fields",))
def show_label(call: Call) -> dict[str, Any]:
    """Answer with one label."""
    with simulator().storage.reading() as db:
        row = _find_label(db, call)
    return pick(_label_values(row), call.wanted_fields("id"), "PageUserMessageThreadLabel")


@endpoint("DELETE", "label", auth=PAGE)
def delete_label(call: Call) -> dict[str, Any]:
    """Delete a label, from whoever carries it too."""
    with simulator().storage.writing() as db:
        db.execute("DELETE FROM labels WHERE id = ?", [_find_label(db, call)["id"]])
    return {"success": True}


@endpoint("POST", "label", "label", auth=PAGE, parameters=("user",))
def add_label(call: Call) -> dict[str, Any]:
    """Put a label on a person."""
    return _label(call, "add")


@endpoint("DELETE", "label", "label", auth=PAGE, parameters=("user",))
def remove_label(call: Call) -> dict[str, Any]:
    """Take a label off a person."""
    return _label(call, "remove")


@endpoint("POST", "page", "unlink_accounts", auth=PAGE, parameters=("psid",))
def unlink(call: Call) -> dict[str, Any]:
    """End the link between a person and an account of the business's own."""
    psid = call.required_text("psid")
    with simulator().storage.writing() as db:
        thread = _thread(db, call, psid)
        if thread["linked_at"] is None:
            raise errors.invalid("The person is not linked to an account")
        db.execute("UPDATE threads SET linked_at = NULL WHERE psid = ?", [psid])
        body = {"status": "unlinked"}
        acts.give_notice(db, thread, kind=LINKING, key=LINKING, body=body)
    return {"result": "unlink account success"}


def find_linking(db: sqlite3.Connection, page_id: str, token: str) -> str:
    """Return the person who is just logging in, by the token that the login page got.

    Raises:
        GraphError: the token is none of this Page, or has expired.
    """
    row = db.execute(
        "SELECT * FROM optins WHERE token = ? AND kind = ? AND account_id = ? AND expires_at > ?",
        [token, LINKING, page_id, int(time.time())],
    ).fetchone()
    if row is None:
        raise errors.GraphError("(#10303) Invalid account_linking_token", code=10303)
    return str(threads.open_thread(db, page_id, row["customer"])["psid"])


def _label(call: Call, action: str) -> dict[str, Any]:
    psid = call.required_text("user")
    with simulator().storage.writing() as db:
        label = _find_label(db, call)
        if threads.find_thread(db, label["page_id"], psid) is None:
            raise errors.no_such_person()
        if action == "add":
            changed = db.execute(
                "INSERT OR IGNORE INTO label_people VALUES (?, ?)", [label["id"], psid]
            ).rowcount
        else:
            changed = db.execute(
                "DELETE FROM label_people WHERE label_id = ? AND psid = ?", [label["id"], psid]
            ).rowcount
        if changed:
            value = events_changes.label(
                psid, label_id=label["id"], name=label["name"], action=action
            )
            account = known_account(db, label["page_id"])
            tell_change(db, account, "inbox_labels", value, at_ms=ids.now_ms(), lane_key=psid)
    return {"success": True}


def _find_label(db: sqlite3.Connection, call: Call) -> sqlite3.Row:
    row: sqlite3.Row = db.execute("SELECT * FROM labels WHERE id = ?", [call.node_id]).fetchone()
    require_access(db, call.token, known_account(db, row["page_id"]), MESSAGES)
    return row


def _show_labels(call: Call, rows: list[sqlite3.Row]) -> dict[str, Any]:
    wanted = call.wanted_fields("id")
    by_id = {row["id"]: row for row in rows}
    part = take_part(call, list(by_id))
    kind = "PageUserMessageThreadLabel"
    return part.answer([pick(_label_values(by_id[one]), wanted, kind) for one in part.shown])


def _label_values(row: sqlite3.Row) -> dict[str, Any]:
    return {"id": row["id"], "page_label_name": row["name"], "name": row["name"]}


def _check_page(db: sqlite3.Connection, call: Call) -> None:
    require_access(db, call.token, known_account(db, call.node_id), MESSAGES, task="MESSAGING")


def _thread(db: sqlite3.Connection, call: Call, psid: str) -> sqlite3.Row:
    accounts = accounts_of(db, call)
    for account in accounts:
        thread = threads.find_thread(db, account.id, psid)
        if thread is not None:
            require_access(db, call.token, account, MESSAGES, task="MESSAGING")
            return thread
    require_access(db, call.token, accounts[0], MESSAGES)
    raise errors.no_such_person()
