"""Telling the apps what happened: who is subscribed to it, and who only listens on standby."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask_messenger.simulator import events, events_changes, ids
from flask_messenger.simulator.accounts import Account, find_account
from flask_messenger.simulator.constants import INSTAGRAM, MESSENGER
from flask_messenger.simulator.outbound_queue import enqueue_body
from flask_messenger.simulator.storage import switch

# What a thing that happens is called in an app's subscription. Instagram tells of an echo among the
# messages and of no delivery; what it has no name for, it does not tell.
FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    MESSENGER: {
        "message": ("messages",),
        "echo": ("message_echoes",),
        "delivery": ("message_deliveries",),
        "read": ("message_reads",),
        "reaction": ("message_reactions",),
        "edit": ("message_edits",),
        "postback": ("messaging_postbacks",),
        "referral": ("messaging_referrals",),
        "optin": ("messaging_optins",),
        "optout": ("messaging_optouts", "messaging_optins"),
        "thread_control": ("messaging_handovers",),
        "account_linking": ("messaging_account_linking",),
        "policy_enforcement": ("messaging_policy_enforcement",),
        "response_feedback": ("response_feedback",),
        "messaging_feedback": ("messaging_feedback",),
        "messaging_customer_information": ("messaging_customer_information",),
        "order": ("send_cart",),
        "template": ("messaging_postbacks",),
        "form": ("messaging_in_thread_lead_form_submit",),
    },
    INSTAGRAM: {
        "message": ("messages",),
        "echo": ("messages",),
        "read": ("messaging_seen",),
        "reaction": ("message_reactions",),
        "edit": ("message_edit", "message_edits"),
        "postback": ("messaging_postbacks",),
        "referral": ("messaging_referral",),
        "optin": ("messaging_optins",),
        "optout": ("messaging_optins",),
        "thread_control": ("messaging_handover",),
    },
}
NEVER_STANDBY = {"thread_control", "policy_enforcement"}


@dataclass(frozen=True, slots=True)
class Listener:
    """An app that hears of an account."""

    app_id: str
    fields: frozenset[str]
    by_instagram_login: bool

    def hears(self, fields: Iterable[str]) -> bool:
        """Say whether it subscribed to one of `fields`."""
        return not self.fields.isdisjoint(fields)


def tell_event(
    db: sqlite3.Connection,
    thread: sqlite3.Row,
    kind: str,
    event: dict[str, Any],
    *,
    at_ms: int,
    delay_ms: int = 0,
    app_ids: Iterable[str] | None = None,
) -> None:
    """Tell every app that listens of something in a conversation.

    Args:
        db: inside the transaction in which it happened.
        thread: the conversation.
        kind: a key of `FIELDS`.
        event: what `events` makes of it.
        at_ms: when it happened.
        delay_ms: how long it takes to be told.
        app_ids: tell these only.
    """
    account = _account_of(db, thread["account_id"])
    fields = FIELDS[account.channel].get(kind)
    if fields is None or not account.allows_messages:
        return
    owner = find_owner(db, thread)
    for listener in list_listeners(db, account):
        if app_ids is not None and listener.app_id not in app_ids:
            continue
        stands_by = owner not in {None, listener.app_id} and kind not in NEVER_STANDBY
        if not listener.hears(("standby",) if stands_by else fields):
            continue
        body = events.envelope(
            account.id,
            at_ms,
            events.for_standby(event) if stands_by else event,
            kind=account.webhook_object,
            key=events.STANDBY if stands_by else events.MESSAGING,
        )
        _enqueue(db, account, listener, body, lane_key=thread["psid"], delay_ms=delay_ms)


def tell_account(
    db: sqlite3.Connection, account: Account, kind: str, event: dict[str, Any]
) -> None:
    """Tell of something that concerns the whole account and no conversation."""
    for listener in list_listeners(db, account):
        if listener.hears(FIELDS[account.channel].get(kind, ())):
            body = events.envelope(account.id, ids.now_ms(), event, kind=account.webhook_object)
            _enqueue(db, account, listener, body, lane_key=account.id)


def tell_change(
    db: sqlite3.Connection,
    account: Account,
    field: str,
    value: Mapping[str, Any] | tuple[Mapping[str, Any], Mapping[str, Any]],
    *,
    at_ms: int,
    lane_key: str,
) -> None:
    """Tell of a change: a comment, a mention, a template's new status.

    Where it is written differently for Instagram Login, `value` is the pair of both, that one last.
    """
    for listener in list_listeners(db, account):
        if not listener.hears((field,)):
            continue
        is_flat = listener.by_instagram_login
        body = events_changes.envelope(
            account.id,
            at_ms,
            field,
            value[is_flat] if isinstance(value, tuple) else value,
            kind=account.webhook_object,
            is_flat=is_flat,
        )
        _enqueue(db, account, listener, body, lane_key=lane_key)


def find_owner(db: sqlite3.Connection, thread: sqlite3.Row) -> str | None:
    """Return the app that controls a conversation; `None` where every app may answer.

    An idle conversation is the default app's, where the account has one.
    Source: https://developers.facebook.com/docs/messenger-platform/conversation-routing
    """
    row = db.execute(
        "SELECT t.owner_app_id, t.owner_until, r.default_app_id FROM threads t"
        " LEFT JOIN routing r ON r.account_id = t.account_id WHERE t.psid = ?",
        [thread["psid"]],
    ).fetchone()
    if row["owner_app_id"] and row["owner_until"] > ids.now_ms():
        return str(row["owner_app_id"])
    return row["default_app_id"] or None


def list_listeners(db: sqlite3.Connection, account: Account) -> list[Listener]:
    """Return the apps that hear of the account, each with the fields it hears of.

    A Page's own subscription lists its fields. An Instagram account that a Page carries is heard
    of by who subscribed to the Page, one that was connected by Instagram Login by its own.
    """
    if account.channel == MESSENGER:
        return list(_of_page(db, account.id))
    found = {listener.app_id: listener for listener in _of_carrying_page(db, account)}
    for row in db.execute(
        "SELECT s.app_id, s.fields, a.fields AS app_fields FROM instagram_subscriptions s"
        " JOIN app_subscriptions a ON a.app_id = s.app_id AND a.object = 'instagram'"
        " WHERE s.instagram_id = ?",
        [account.id],
    ).fetchall():
        fields = frozenset(json.loads(row["fields"])) & frozenset(json.loads(row["app_fields"]))
        found[row["app_id"]] = Listener(row["app_id"], fields, by_instagram_login=True)
    return list(found.values())


def _of_page(db: sqlite3.Connection, page_id: str) -> Iterator[Listener]:
    for row in db.execute(
        "SELECT s.app_id, s.fields, a.fields AS app_fields FROM page_subscriptions s"
        " JOIN app_subscriptions a ON a.app_id = s.app_id AND a.object = 'page'"
        " WHERE s.page_id = ?",
        [page_id],
    ).fetchall():
        fields = frozenset(json.loads(row["fields"])) & frozenset(json.loads(row["app_fields"]))
        yield Listener(row["app_id"], fields, by_instagram_login=False)


def _of_carrying_page(db: sqlite3.Connection, account: Account) -> Iterator[Listener]:
    rows = db.execute(
        "SELECT s.app_id, a.fields FROM page_subscriptions s"
        " JOIN app_subscriptions a ON a.app_id = s.app_id AND a.object = 'instagram'"
        " WHERE s.page_id = ?",
        [account.page_id],
    ).fetchall()
    for row in rows:
        fields = frozenset(json.loads(row["fields"]))
        yield Listener(row["app_id"], fields, by_instagram_login=False)


def _account_of(db: sqlite3.Connection, account_id: str) -> Account:
    account = find_account(db, account_id)
    if account is None:
        raise LookupError(f"There is no account {account_id}.")
    return account


def _enqueue(
    db: sqlite3.Connection,
    account: Account,
    listener: Listener,
    body: dict[str, Any],
    *,
    lane_key: str,
    delay_ms: int = 0,
) -> None:
    for _ in range(2 if switch(db, "duplicate", default=False) else 1):
        enqueue_body(
            db,
            app_id=listener.app_id,
            page_id=account.id,
            kind=account.webhook_object,
            lane_key=lane_key,
            body=json.dumps(body),
            delay_ms=delay_ms,
        )
