"""The Conversations API: threads and their newest messages, for what no webhook brought."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask_messenger.simulator import errors, ids, limits, threads
from flask_messenger.simulator.access import BASIC, MESSAGES, known_account, require_access
from flask_messenger.simulator.accounts import Account, linked_instagram
from flask_messenger.simulator.constants import INSTAGRAM, MESSENGER
from flask_messenger.simulator.endpoints import Call, endpoint
from flask_messenger.simulator.fields import (
    Field,
    expand,
    limit_of,
    parse_fields,
    pick,
    require_names,
)
from flask_messenger.simulator.message_views import (
    DEFAULT_FIELDS,
    NEWEST,
    list_messages,
    people,
    show_message,
)
from flask_messenger.simulator.paging import PAGING_PARAMETERS, take_part
from flask_messenger.simulator.send_policy import STANDARD_WINDOW_MS
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.telling import find_owner
from flask_messenger.simulator.times import graph_time
from flask_messenger.simulator.tokens import INSTAGRAM_USER, PAGE

BOTH = (PAGE, INSTAGRAM_USER)
LIST_PARAMETERS = (
    "platform",
    "user_id",
    "folder",
    "tags",
    "updated_after_ms",
    "updated_before_ms",
    "fields",
    *PAGING_PARAMETERS,
)
CALLS_PER_SECOND = 2
INSTAGRAM_LIMIT = 2534040
REQUEST_MS = 30 * 24 * threads.HOUR_MS  # an unanswered request on Instagram is listed no longer
DEFAULT_MESSAGES = 25
CONVERSATION_FIELDS = {MESSENGER: "id,link,updated_time", INSTAGRAM: "id,updated_time"}
NODE = "UnifiedThread"
NAMES = (
    "id",
    "link",
    "updated_time",
    "message_count",
    "unread_count",
    "participants",
    "senders",
    "can_reply",
    "is_owner",
    "is_subscribed",
    "snippet",
    "name",
    "subject",
    "scoped_thread_key",
    "messages",
)
FOLDERS = {"inbox": 0, "spam": 1}


@endpoint("GET", "page", "conversations", auth=PAGE, parameters=LIST_PARAMETERS)
@endpoint("GET", "instagram", "conversations", auth=BOTH, parameters=LIST_PARAMETERS)
def list_conversations(call: Call) -> dict[str, Any]:
    """Answer with the conversations of an account, the latest first."""
    folder = call.text("folder", "inbox") or ""
    if folder not in FOLDERS:
        raise errors.invalid(f"Param folder must be one of {{{', '.join(FOLDERS)}}}")
    with simulator().storage.reading() as db:
        account = _chosen_account(db, call)
        _check(db, call, account)
        rows = [
            row
            for row in _list_threads(db, account, call.text("user_id"), is_spam=FOLDERS[folder])
            if _time(call, "updated_after_ms", 0)
            <= row["last_at"]
            <= _time(call, "updated_before_ms", 2**53)
        ]
        wanted = call.wanted_fields(CONVERSATION_FIELDS[account.channel])
        require_names(wanted, NAMES, NODE)
        by_id = {row["conversation_id"]: row for row in rows}
        part = take_part(call, list(by_id))
        return part.answer([_show(db, call, account, by_id[one], wanted) for one in part.shown])


@endpoint("GET", "conversation", auth=BOTH, parameters=("fields",))
def show_conversation(call: Call) -> dict[str, Any]:
    """Answer with one conversation."""
    with simulator().storage.reading() as db:
        account, thread = _find(db, call)
        wanted = call.wanted_fields(CONVERSATION_FIELDS[account.channel])
        return _show(db, call, account, thread, wanted)


@endpoint("GET", "conversation", "messages", auth=BOTH, parameters=("fields", *PAGING_PARAMETERS))
def list_of_conversation(call: Call) -> dict[str, Any]:
    """Answer with the messages of a conversation, newest first."""
    with simulator().storage.reading() as db:
        account, thread = _find(db, call)
        rows = list_messages(db, thread["psid"])
        wanted = call.wanted_fields(DEFAULT_FIELDS)
        part = take_part(call, [row["mid"] for row in rows])
        shown = rows[part.start : part.end]
        return part.answer(
            [
                show_message(db, account, thread, row, _readable(wanted, part.start + place))
                for place, row in enumerate(shown)
            ]
        )


@endpoint("GET", "message", auth=BOTH, parameters=("fields",))
def show_one(call: Call) -> dict[str, Any]:
    """Answer with one message, which must be among the twenty newest of its thread."""
    with simulator().storage.reading() as db:
        row = db.execute("SELECT * FROM messages WHERE mid = ?", [call.node_id]).fetchone()
        thread = db.execute("SELECT * FROM threads WHERE psid = ?", [row["psid"]]).fetchone()
        account = known_account(db, thread["account_id"])
        _check(db, call, account)
        newest = [one["mid"] for one in list_messages(db, thread["psid"])[:NEWEST]]
        if call.node_id not in newest:
            raise errors.message_gone()
        return show_message(db, account, thread, row, call.wanted_fields(DEFAULT_FIELDS))


def _chosen_account(db: sqlite3.Connection, call: Call) -> Account:
    account = known_account(db, call.node_id)
    platform = call.word("platform") or account.channel
    if platform not in {MESSENGER, INSTAGRAM}:
        raise errors.invalid("Param platform must be one of {messenger, instagram}")
    if platform == account.channel:
        return account
    linked = linked_instagram(db, call.node_id) if platform == INSTAGRAM else None
    if linked is None:
        raise errors.page_without_instagram()
    return linked


def _check(db: sqlite3.Connection, call: Call, account: Account) -> None:
    require_access(db, call.token, account, MESSAGES, task="MESSAGING")
    require_access(db, call.token, account, BASIC)
    if not account.allows_messages:
        raise errors.messages_not_allowed()
    limits.take_turn(
        "conversations",
        account.id,
        calls=CALLS_PER_SECOND,
        seconds=1,
        subcode=INSTAGRAM_LIMIT if account.is_instagram else None,
    )


def _list_threads(
    db: sqlite3.Connection, account: Account, psid: str | None, *, is_spam: int
) -> list[sqlite3.Row]:
    rows: list[sqlite3.Row] = db.execute(
        "SELECT * FROM threads t WHERE account_id = ? AND is_spam = ? AND (? IS NULL OR psid = ?)"
        " AND EXISTS (SELECT 1 FROM messages m WHERE m.psid = t.psid AND m.deleted_at IS NULL)"
        " AND (channel <> 'instagram' OR last_at > ? OR EXISTS"
        " (SELECT 1 FROM messages m WHERE m.psid = t.psid AND m.direction = 'out'))"
        " ORDER BY last_at DESC, psid",
        [account.id, is_spam, psid, psid, ids.now_ms() - REQUEST_MS],
    ).fetchall()
    return rows


def _time(call: Call, name: str, default: int) -> int:
    text = call.text(name, str(default)) or ""
    if not text.isdigit():
        raise errors.invalid(f"Param {name} must be a time in milliseconds")
    return int(text)


def _find(db: sqlite3.Connection, call: Call) -> tuple[Account, sqlite3.Row]:
    thread: sqlite3.Row = db.execute(
        "SELECT * FROM threads WHERE conversation_id = ?", [call.node_id]
    ).fetchone()
    account = known_account(db, thread["account_id"])
    _check(db, call, account)
    return account, thread


def _readable(wanted: tuple[Field, ...], place: int) -> tuple[Field, ...]:
    """Return what may be read of the message at `place`: of an old one, only that it is there."""
    return wanted if place < NEWEST else parse_fields(DEFAULT_FIELDS)


def _show(
    db: sqlite3.Connection,
    call: Call,
    account: Account,
    thread: sqlite3.Row,
    wanted: tuple[Field, ...],
) -> dict[str, Any]:
    rows = list_messages(db, thread["psid"])
    customer, own = people(db, account, thread)
    last_user_at = thread["last_user_at"] or 0
    unread = [
        row
        for row in rows
        if row["direction"] == "in" and row["sent_at"] > thread["business_seen_at"]
    ]
    values: dict[str, Any] = {
        "id": thread["conversation_id"],
        "link": f"/{account.id}/inbox/{thread['conversation_id']}/",
        "updated_time": graph_time(thread["last_at"]),
        "message_count": len(rows),
        "unread_count": len(unread),
        "participants": {"data": [customer, own]},
        "senders": {"data": [customer, own]},
        "can_reply": ids.now_ms() - last_user_at <= STANDARD_WINDOW_MS,
        "is_owner": find_owner(db, thread) in {None, call.token.app_id},
        "is_subscribed": True,
        "snippet": (rows[0]["text"] or "") if rows else "",
        "name": None,
        "subject": None,
        "scoped_thread_key": thread["conversation_id"],
    }

    def messages(field: Field) -> dict[str, Any]:
        inner = field.children or parse_fields(DEFAULT_FIELDS)
        shown = rows[: limit_of(field, DEFAULT_MESSAGES)]
        return {
            "data": [
                show_message(db, account, thread, row, _readable(inner, place))
                for place, row in enumerate(shown)
            ]
        }

    return pick(values, expand(values, wanted, {"messages": messages}), NODE)
