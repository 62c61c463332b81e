"""The Send API: `POST /{page-id}/messages`."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask_messenger.simulator import errors, ids, media, threads
from flask_messenger.simulator.endpoints import Call, endpoint, require_permission
from flask_messenger.simulator.grants import tasks_of
from flask_messenger.simulator.outgoing import Outgoing, read_message
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.tokens import PAGE
from flask_messenger.simulator.vocabulary import (
    DEAD_TAGS,
    LIVE_TAGS,
    MESSAGING_TYPES,
    NOTIFICATION_TYPES,
    SENDER_ACTIONS,
)

STANDARD_WINDOW_MS = 24 * threads.HOUR_MS
HUMAN_AGENT_WINDOW_MS = 7 * STANDARD_WINDOW_MS
SEND_PARAMETERS = (
    "recipient",
    "message",
    "messaging_type",
    "tag",
    "notification_type",
    "reply_to",
    "sender_action",
)
# Ways to name a recipient that exist, but that nobody in this world can be reached by.
OTHER_RECIPIENTS = ("comment_id", "post_id", "user_ref", "notification_messages_token")


@endpoint("POST", "page", "messages", auth=PAGE, parameters=SEND_PARAMETERS)
def send(call: Call) -> dict[str, Any]:
    """Take a message, or a sender action."""
    _check_words(call)
    action, message = call.text("sender_action"), call.thing("message")
    if action is not None and message is not None:
        raise errors.invalid("Cannot provide both message and sender_action", 2018014)
    if action is None and message is None:
        raise errors.missing("message")
    outgoing = None if message is None else read_message(message)
    with simulator().storage.reading() as db:
        _check_caller(db, call)
        thread = _find_recipient(db, call)
        _check_window(db, call, thread, action)
        reply_to = _read_reply_to(db, call, thread)
    if outgoing is None:
        return _act(thread, str(action))
    return _send_message(call, thread, outgoing, reply_to)


def _check_words(call: Call) -> None:
    """Check the parameters that take one of a few words."""
    for name, known in (
        ("messaging_type", MESSAGING_TYPES),
        ("notification_type", NOTIFICATION_TYPES),
        ("sender_action", SENDER_ACTIONS),
        ("tag", LIVE_TAGS + DEAD_TAGS),
    ):
        value = call.text(name)
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
    if tag == "CUSTOMER_FEEDBACK":
        raise errors.invalid("CUSTOMER_FEEDBACK is only taken with a customer_feedback template")
    if kind == "UTILITY":
        raise errors.invalid("Messages of type UTILITY need an approved message template")


def _check_caller(db: sqlite3.Connection, call: Call) -> None:
    error = errors.permission(230, "Requires pages_messaging permission to manage the object")
    require_permission(db, call.token, "pages_messaging", error)
    if "MESSAGING" not in tasks_of(db, call.token.person, call.node_id):
        raise errors.permission(
            200, "User does not have sufficient administrative permission for this action."
        )


def _find_recipient(db: sqlite3.Connection, call: Call) -> sqlite3.Row:
    """Return the thread with the recipient.

    Raises:
        GraphError: nobody by that id ever wrote to this Page, or they blocked it.
    """
    recipient = call.thing("recipient")
    if recipient is None:
        raise errors.missing("recipient")
    unknown = sorted(set(recipient) - {"id", *OTHER_RECIPIENTS})
    if unknown:
        raise errors.unknown_keys(unknown, "recipient")
    psid = recipient.get("id")
    if psid is None:
        raise errors.no_such_person() if recipient else errors.missing("recipient[id]")
    if isinstance(psid, bool) or not isinstance(psid, str | int) or not str(psid).isdigit():
        raise errors.invalid('Param recipient[id] must be a valid ID string (e.g., "123")')
    thread = threads.find_thread(db, call.node_id, str(psid))
    if thread is None or thread["last_user_at"] is None:
        raise errors.no_such_person()
    if thread["is_blocked"]:
        raise errors.person_unavailable()
    return thread


def _check_window(
    db: sqlite3.Connection, call: Call, thread: sqlite3.Row, action: str | None
) -> None:
    """Pass where Meta's policy lets this message out now.

    Source: https://developers.facebook.com/docs/messenger-platform/policy/policy-overview
    """
    if action == "mark_seen":
        return
    age_ms = ids.now_ms() - thread["last_user_at"]
    window_ms = STANDARD_WINDOW_MS
    if call.text("tag") == "HUMAN_AGENT":
        app = db.execute(
            "SELECT has_human_agent FROM apps WHERE id = ?", [call.token.app_id]
        ).fetchone()
        if not app["has_human_agent"]:
            raise errors.invalid(
                "Your app is not approved to use the message tag HUMAN_AGENT.", 2018276
            )
        window_ms = HUMAN_AGENT_WINDOW_MS
    if age_ms > window_ms:
        raise errors.window_closed()


def _read_reply_to(db: sqlite3.Connection, call: Call, thread: sqlite3.Row) -> str | None:
    reply_to = call.thing("reply_to")
    if reply_to is None:
        return None
    if set(reply_to) != {"mid"} or not isinstance(reply_to["mid"], str):
        raise errors.invalid("Param reply_to must have exactly the key mid")
    known = db.execute(
        "SELECT 1 FROM messages WHERE mid = ? AND psid = ?", [reply_to["mid"], thread["psid"]]
    ).fetchone()
    if known is None:
        raise errors.invalid("Invalid reply_to: no such message in this conversation")
    return reply_to["mid"]


def _act(thread: sqlite3.Row, action: str) -> dict[str, Any]:
    with simulator().storage.writing() as db:
        if action == "mark_seen":
            threads.mark_seen(db, thread["psid"])
        else:
            threads.show_typing(db, thread["psid"], is_typing=action == "typing_on")
    return {"recipient_id": thread["psid"]}


def _send_message(
    call: Call, thread: sqlite3.Row, outgoing: Outgoing, reply_to: str | None
) -> dict[str, Any]:
    settings = simulator().settings
    # Fetched before the transaction: a slow server of somebody else must not hold the file.
    fetched = [
        media.fetch(settings, file.kind, file.url) if file.url else None for file in outgoing.files
    ]
    answer: dict[str, Any] = {"recipient_id": thread["psid"]}
    attachments = []
    with simulator().storage.writing() as db:
        for file, copy in zip(outgoing.files, fetched, strict=True):
            if copy is not None:
                media_id = media.keep(db, call.node_id, copy, is_reusable=file.is_reusable)
                if file.is_reusable:
                    answer["attachment_id"] = media_id
                shown = media.attachment(settings.base_url, media_id, copy.kind, copy.name)
            elif file.attachment_id is not None:
                kept = media.find_reusable(db, call.node_id, file.attachment_id)
                shown = media.attachment(settings.base_url, kept["id"], kept["kind"], kept["name"])
            else:
                shown = {"type": file.kind, "payload": {"url": file.url}}
            attachments.append(shown)
        if outgoing.template is not None:
            attachments.append({"type": "template", "payload": dict(outgoing.template)})
        content = {"attachments": attachments, "quick_replies": list(outgoing.quick_replies)}
        answer["message_id"] = threads.write_as_page(
            db,
            thread,
            app_id=call.token.app_id,
            text=outgoing.text,
            content=content,
            metadata=outgoing.metadata,
            reply_to=reply_to,
        )
    return answer
