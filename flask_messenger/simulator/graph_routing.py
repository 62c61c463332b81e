"""Conversation routing by Graph: control of a thread is passed, taken, asked for, given back."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask_messenger.simulator import errors, ids, routing, shapes, threads
from flask_messenger.simulator.access import MESSAGES, require_access
from flask_messenger.simulator.accounts import Account
from flask_messenger.simulator.constants import INSTAGRAM_INBOX_APP_ID, PAGE_INBOX_APP_ID
from flask_messenger.simulator.endpoints import Call, endpoint
from flask_messenger.simulator.send_recipients import accounts_of
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.telling import find_owner
from flask_messenger.simulator.tokens import INSTAGRAM_USER, PAGE

MAX_METADATA = 1000
WRONG_APP, NOT_FOR_APP = 2018164, 2018171
BOTH: tuple[tuple[str, str | tuple[str, ...]], ...] = (
    ("page", PAGE),
    ("instagram", (PAGE, INSTAGRAM_USER)),
)


def pass_control(call: Call) -> dict[str, Any]:
    """Hand a thread that the app controls to another app."""
    target = call.required_text("target_app_id")
    with simulator().storage.writing() as db:
        thread = _thread(db, call)
        if target not in {PAGE_INBOX_APP_ID, INSTAGRAM_INBOX_APP_ID} and not _is_app(db, target):
            raise errors.invalid("The target_app_id is not an app of this Page", WRONG_APP)
        routing.check_may_send(db, thread, call.token.app_id)
        routing.pass_control(
            db,
            thread,
            from_app_id=call.token.app_id,
            to_app_id=target,
            metadata=_metadata(call),
        )
    return {"success": True}


def take_control(call: Call) -> dict[str, Any]:
    """Take a thread, which only the default app may, and only where the Page lets it."""
    with simulator().storage.writing() as db:
        thread = _thread(db, call)
        default = routing.default_app(db, thread["account_id"])
        if (
            default is None
            or default["default_app_id"] != call.token.app_id
            or not default["default_may_take"]
        ):
            raise errors.GraphError(
                "(#10) Only the default app may take control of a thread",
                code=10,
                subcode=NOT_FOR_APP,
            )
        routing.take_control(db, thread, app_id=call.token.app_id, metadata=_metadata(call))
    return {"success": True}


def request_control(call: Call) -> dict[str, Any]:
    """Ask the app that controls a thread for it."""
    with simulator().storage.writing() as db:
        thread = _thread(db, call)
        routing.request_control(db, thread, app_id=call.token.app_id, metadata=_metadata(call))
    return {"success": True}


def release_control(call: Call) -> dict[str, Any]:
    """Give a thread back: it is idle then, and nobody is told."""
    with simulator().storage.writing() as db:
        thread = _thread(db, call)
        _metadata(call)
        _require_holder(thread, call)
        routing.set_owner(db, thread["psid"], None)
    return {"success": True}


def extend_control(call: Call) -> dict[str, Any]:
    """Keep a thread for longer than a day, up to seven."""
    duration = call.required_text("duration")
    if not duration.isdigit() or not 0 < int(duration) <= routing.MAX_EXTEND_SECONDS:
        raise errors.invalid(
            f"Param duration must be between 1 and {routing.MAX_EXTEND_SECONDS} seconds"
        )
    with simulator().storage.writing() as db:
        thread = _thread(db, call)
        _require_holder(thread, call)
        routing.set_owner(db, thread["psid"], call.token.app_id, control_ms=int(duration) * 1000)
    return {"success": True}


def show_owner(call: Call) -> dict[str, Any]:
    """Answer with who controls a thread, as far as the app may know."""
    recipient = call.required_text("recipient")
    with simulator().storage.reading() as db:
        thread = _find(db, call, recipient.strip('"'))
        owner = routing.holder(thread)
        default = routing.default_app(db, thread["account_id"])
    if owner is None:
        return {"data": []}
    shown: dict[str, Any] = {"expiration": thread["owner_until"] // 1000}
    is_default = default is not None and default["default_app_id"] == call.token.app_id
    if owner == call.token.app_id or is_default:
        shown["app_id"] = owner
    return {"data": [{"thread_owner": shown}]}


EDGES = (
    ("pass_thread_control", pass_control, ("recipient", "target_app_id", "metadata")),
    ("take_thread_control", take_control, ("recipient", "metadata")),
    ("request_thread_control", request_control, ("recipient", "metadata")),
    ("release_thread_control", release_control, ("recipient", "metadata")),
    ("extend_thread_control", extend_control, ("recipient", "duration")),
)
for _node, _kind in BOTH:
    for _edge, _answer, _parameters in EDGES:
        endpoint("POST", _node, _edge, auth=_kind, parameters=_parameters)(_answer)
    endpoint("GET", _node, "thread_owner", auth=_kind, parameters=("recipient",))(show_owner)


def _thread(db: sqlite3.Connection, call: Call) -> sqlite3.Row:
    recipient = call.thing("recipient")
    if recipient is None:
        raise errors.missing("recipient")
    shapes.only(recipient, {"id"}, "recipient")
    return _find(db, call, str(recipient.get("id", "")))


def _find(db: sqlite3.Connection, call: Call, psid: str) -> sqlite3.Row:
    accounts = accounts_of(db, call)
    found: tuple[Account, sqlite3.Row] | None = None
    for account in accounts:
        thread = threads.find_thread(db, account.id, psid)
        if thread is not None:
            found = (account, thread)
    if found is None:
        require_access(db, call.token, accounts[0], MESSAGES)
        raise errors.no_such_person()
    require_access(db, call.token, found[0], MESSAGES, task="MESSAGING")
    return found[1]


def _require_holder(thread: sqlite3.Row, call: Call) -> None:
    if thread["owner_app_id"] != call.token.app_id or thread["owner_until"] <= ids.now_ms():
        raise errors.not_the_owner(is_instagram=thread["channel"] == "instagram")


def _metadata(call: Call) -> str | None:
    metadata = call.text("metadata")
    if metadata is not None and len(metadata) > MAX_METADATA:
        raise errors.invalid(
            f"Length of param metadata must be less than or equal to {MAX_METADATA}"
        )
    return metadata


def _is_app(db: sqlite3.Connection, app_id: str) -> bool:
    return db.execute("SELECT 1 FROM apps WHERE id = ?", [app_id]).fetchone() is not None


def owner_is(db: sqlite3.Connection, thread: sqlite3.Row, app_id: str) -> bool:
    """Say whether the thread is the app's to answer, as `is_owner` of a conversation does."""
    return find_owner(db, thread) in {None, app_id}
