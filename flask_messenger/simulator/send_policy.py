"""When a message may go out: permissions, switches, windows, tags, the thread's owner.

Source: https://developers.facebook.com/docs/messenger-platform/policy/policy-overview
"""

from __future__ import annotations

import sqlite3

from flask_messenger.simulator import errors, ids, routing, threads
from flask_messenger.simulator.access import MESSAGES, permits, require_access
from flask_messenger.simulator.accounts import Account
from flask_messenger.simulator.endpoints import Call
from flask_messenger.simulator.send_content import Outgoing
from flask_messenger.simulator.send_recipients import Recipient
from flask_messenger.simulator.vocabulary import (
    DEAD_TAGS,
    LIVE_TAGS,
    MESSAGING_TYPES,
    NOTIFICATION_TYPES,
    SENDER_ACTIONS,
)

STANDARD_WINDOW_MS = 24 * threads.HOUR_MS
LONG_WINDOW_MS = 7 * STANDARD_WINDOW_MS
FEEDBACK_TAG, FEEDBACK_TEMPLATE = "CUSTOMER_FEEDBACK", "customer_feedback"
HUMAN_AGENT = "HUMAN_AGENT"
UTILITY = "UTILITY"


def check_words(call: Call) -> None:
    """Check the parameters that take one of a few words."""
    for name, known in (
        ("messaging_type", MESSAGING_TYPES),
        ("notification_type", NOTIFICATION_TYPES),
        ("sender_action", SENDER_ACTIONS),
        ("tag", LIVE_TAGS + DEAD_TAGS),
    ):
        value = call.word(name) if name == "sender_action" else call.text(name)
        if value is not None and value not in known:
            raise errors.invalid(
                f'Param {name} must be one of {{{", ".join(known)}}} - got "{value}".'
            )
    tag, kind = call.text("tag"), call.text("messaging_type")
    if tag in DEAD_TAGS:
        raise errors.invalid(f"The message tag {tag} is deprecated and can no longer be used.")
    if kind == "MESSAGE_TAG" and tag is None:
        raise errors.missing("tag")
    if tag is not None and kind != "MESSAGE_TAG":
        raise errors.invalid("A tag is only taken with messaging_type MESSAGE_TAG")


def check_content(call: Call, outgoing: Outgoing, account: Account) -> None:
    """Pass where tag and messaging type fit what is sent."""
    tag, kind = call.text("tag"), call.text("messaging_type")
    is_feedback = outgoing.template_type == FEEDBACK_TEMPLATE
    if tag == FEEDBACK_TAG and not is_feedback:
        raise errors.invalid("CUSTOMER_FEEDBACK is only taken with a customer_feedback template")
    if account.is_instagram and tag not in {None, HUMAN_AGENT}:
        raise errors.invalid(f"The message tag {tag} is not supported on Instagram")
    if account.is_instagram and kind == UTILITY:
        raise errors.invalid("Messages of type UTILITY are not supported on Instagram")
    if (kind == UTILITY) != (outgoing.utility is not None):
        raise errors.invalid("Messages of type UTILITY need message[template], and no others do")


def check_sender(db: sqlite3.Connection, call: Call, account: Account) -> None:
    """Pass where the caller may send messages of the account at all."""
    require_access(db, call.token, account, MESSAGES, task="MESSAGING")
    if not account.allows_messages:
        raise errors.messages_not_allowed()
    app = db.execute("SELECT mode FROM apps WHERE id = ?", [call.token.app_id]).fetchone()
    if app["mode"] != "live":  # nobody who writes here has a role on the app
        raise errors.app_not_live()


def check_utility(db: sqlite3.Connection, call: Call) -> None:
    """Pass where the person allowed the app to send utility messages."""
    if not permits(db, call.token, "page_utility_messaging"):
        raise errors.permission(
            10, "Requires page_utility_messaging permission to manage the object"
        )


def check_may_send(
    db: sqlite3.Connection, call: Call, recipient: Recipient, outgoing: Outgoing | None
) -> None:
    """Pass where the person can be reached now: unblocked, in a window, under our control."""
    thread = recipient.thread
    if thread["is_blocked"] or thread["is_blocked_by_business"] or thread["is_banned"]:
        raise errors.person_unavailable()
    if recipient.is_private_reply or recipient.is_by_optin:
        return
    is_utility = outgoing is not None and outgoing.utility is not None
    if call.word("sender_action") != "mark_seen" and not is_utility:
        _check_window(db, call, recipient)
    routing.check_may_send(db, thread, call.token.app_id)


def _check_window(db: sqlite3.Connection, call: Call, recipient: Recipient) -> None:
    window_ms = STANDARD_WINDOW_MS
    tag = call.text("tag")
    if tag == HUMAN_AGENT:
        app = db.execute(
            "SELECT has_human_agent FROM apps WHERE id = ?", [call.token.app_id]
        ).fetchone()
        if not app["has_human_agent"]:
            raise errors.invalid(
                "Your app is not approved to use the message tag HUMAN_AGENT.", 2018276
            )
    if tag in {HUMAN_AGENT, FEEDBACK_TAG}:
        window_ms = LONG_WINDOW_MS
    last_user_at = recipient.thread["last_user_at"]
    if last_user_at is None or ids.now_ms() - last_user_at > window_ms:
        raise errors.window_closed(is_instagram=recipient.account.is_instagram)
