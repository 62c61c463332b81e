"""Whom a message is for: a person, a commenter, a visitor, or who ticked a checkbox."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_messenger.simulator import errors, ids, shapes, threads
from flask_messenger.simulator.access import known_account
from flask_messenger.simulator.accounts import Account, linked_instagram
from flask_messenger.simulator.endpoints import Call
from flask_messenger.simulator.tokens import INSTAGRAM_USER

BY_ID, BY_COMMENT, BY_POST, BY_USER_REF = "id", "comment_id", "post_id", "user_ref"
BY_NOTIFICATION, BY_ONE_TIME = "notification_messages_token", "one_time_notif_token"
# What a person gave to be written to by, and whether it is good once only.
OPTIN_OF = {
    BY_USER_REF: ("user_ref", True),
    BY_NOTIFICATION: ("notification_messages", False),
    BY_ONE_TIME: ("one_time_notif_req", True),
}
DEAD_WAYS = ("phone_number", "name")  # matching by phone number is gone
PRIVATE_REPLY_MS = 7 * 24 * threads.HOUR_MS


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a message is for, and by what they were named."""

    way: str
    account: Account
    thread: sqlite3.Row
    value: str = ""

    @property
    def is_private_reply(self) -> bool:
        """Whether it answers a comment or a visitor's post in private."""
        return self.way in {BY_COMMENT, BY_POST}

    @property
    def is_by_optin(self) -> bool:
        """Whether the person gave leave for just such a message, whatever the window."""
        return self.way in OPTIN_OF


def read_recipient(call: Call) -> tuple[str, str]:
    """Return how the recipient is named, and by what.

    Raises:
        GraphError: it is not named in any way, in two, or in one that is gone.
    """
    recipient = call.thing("recipient")
    if recipient is None:
        raise errors.missing("recipient")
    ways = (BY_ID, BY_COMMENT, BY_POST, *OPTIN_OF)
    shapes.only(recipient, {*ways, *DEAD_WAYS}, "recipient")
    if "phone_number" in recipient:
        raise errors.GraphError(
            "(#200) Phone number matching is not allowed", code=200, subcode=2018021
        )
    named = [way for way in ways if recipient.get(way) is not None]
    if len(named) != 1:
        raise errors.missing("recipient[id]")
    return named[0], _read_value(recipient, named[0])


def find_recipient(db: sqlite3.Connection, call: Call, way: str, value: str) -> Recipient:
    """Return the conversation with the recipient; a commenter's is made when it is written to.

    Raises:
        GraphError: there is nobody like that, or they may not be written to in this way.
    """
    if way == BY_ID:
        return _by_id(db, call, value)
    if way in OPTIN_OF:
        return _by_optin(db, call, way, value)
    return _by_activity(db, call, way, value)


def accounts_of(db: sqlite3.Connection, call: Call) -> list[Account]:
    """Return the accounts that a call to `/{page}/messages` or `/{instagram}/messages` sends for.

    A Page's messages edge is also that of its Instagram account.
    """
    account = known_account(db, call.node_id)
    if call.token.kind == INSTAGRAM_USER:
        return [account]
    linked = linked_instagram(db, call.node_id)
    return [account] if linked is None else [account, linked]


def mark_replied(db: sqlite3.Connection, recipient: Recipient, mid: str) -> None:
    """Note that the one message that this way of naming allows was sent."""
    if recipient.is_by_optin and OPTIN_OF[recipient.way][1]:
        db.execute(
            "UPDATE optins SET used_at = ? WHERE token = ?", [int(time.time()), recipient.value]
        )
    elif recipient.is_private_reply:
        table = "comments" if recipient.way == BY_COMMENT else "posts"
        db.execute(
            f"UPDATE {table} SET private_reply_mid = ? WHERE id = ?",  # noqa: S608
            [mid, recipient.value],
        )


def _read_value(recipient: Mapping[str, Any], way: str) -> str:
    value = recipient[way]
    is_id = not isinstance(value, bool) and isinstance(value, str | int)
    if not is_id or (way == BY_ID and not str(value).isdigit()):
        raise errors.invalid(f'Param recipient[{way}] must be a valid ID string (e.g., "123")')
    return str(value)


def _by_id(db: sqlite3.Connection, call: Call, psid: str) -> Recipient:
    accounts = accounts_of(db, call)
    for account in accounts:
        thread = threads.find_thread(db, account.id, psid)
        if thread is not None and _is_known(db, thread):
            return Recipient(BY_ID, account, thread)
    if accounts[0].is_instagram:
        raise errors.no_instagram_person()
    elsewhere = db.execute(
        "SELECT 1 FROM threads WHERE psid = ? AND channel = 'instagram'", [psid]
    ).fetchone()
    if elsewhere is None:
        raise errors.no_such_person()
    if len(accounts) == 1:
        raise errors.page_without_instagram()
    raise errors.no_instagram_person()


def _is_known(db: sqlite3.Connection, thread: sqlite3.Row) -> bool:
    """Say whether the person wrote, or was at least written to in private once."""
    if thread["last_user_at"] is not None:
        return True
    row = db.execute("SELECT 1 FROM messages WHERE psid = ?", [thread["psid"]]).fetchone()
    return row is not None


def _by_optin(db: sqlite3.Connection, call: Call, way: str, token: str) -> Recipient:
    kind, is_once = OPTIN_OF[way]
    row = db.execute(
        "SELECT * FROM optins WHERE token = ? AND kind = ? AND account_id = ?",
        [token, kind, call.node_id],
    ).fetchone()
    is_used = row is not None and row["used_at"] is not None
    if row is None or (is_once and is_used) or row["expires_at"] < time.time():
        raise errors.invalid(f"The {way} is invalid, was used, or has expired")
    if is_used:
        raise errors.topic_stopped()
    account = known_account(db, call.node_id)
    thread = threads.open_thread(db, account.id, row["customer"])
    return Recipient(way, account, thread, token)


def _by_activity(db: sqlite3.Connection, call: Call, way: str, value: str) -> Recipient:
    accounts = {account.id: account for account in accounts_of(db, call)}
    table = "comments" if way == BY_COMMENT else "posts"
    row = db.execute(
        f"SELECT * FROM {table} WHERE id = ? AND deleted_at IS NULL",  # noqa: S608
        [value],
    ).fetchone()
    account = accounts.get(row["account_id"]) if row is not None else None
    if account is None:
        is_instagram = call.token.kind == INSTAGRAM_USER
        raise errors.comment_not_for_reply(is_instagram=is_instagram)
    if row["private_reply_mid"] is not None:
        raise errors.replied_already()
    is_late = ids.now_ms() - row["created_at"] > PRIVATE_REPLY_MS
    if row["customer"] is None or is_late or _is_past_live(db, row):
        raise errors.comment_not_for_reply(is_instagram=account.is_instagram)
    thread = threads.open_thread(db, account.id, row["customer"])
    return Recipient(way, account, thread, value)


def _is_past_live(db: sqlite3.Connection, comment: sqlite3.Row) -> bool:
    """Say whether it is a comment on an Instagram live video that is over."""
    if "post_id" not in comment.keys():  # noqa: SIM118  (a row is no mapping)
        return False
    post = db.execute("SELECT * FROM posts WHERE id = ?", [comment["post_id"]]).fetchone()
    return post["kind"] == "live" and post["ended_at"] is not None
