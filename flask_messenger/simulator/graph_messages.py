"""The Send API: `POST /{page-id}/messages`, for Messenger and for the Page's Instagram account."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask_messenger.simulator import (
    errors,
    limits,
    routing,
    send_actions,
    send_policy,
    send_references,
    shapes,
    threads,
    uploads,
    utility,
)
from flask_messenger.simulator.accounts import Account
from flask_messenger.simulator.endpoints import Call, endpoint
from flask_messenger.simulator.media import Fetched
from flask_messenger.simulator.send_content import Outgoing, read_message
from flask_messenger.simulator.send_recipients import (
    BY_USER_REF,
    Recipient,
    accounts_of,
    find_recipient,
    mark_replied,
    read_recipient,
)
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.storage import Storage
from flask_messenger.simulator.tokens import INSTAGRAM_USER, PAGE

SEND_PARAMETERS = (
    "recipient",
    "message",
    "messaging_type",
    "tag",
    "notification_type",
    "persona_id",
    "reply_to",
    "sender_action",
    "payload",
    "thread_control",
    "filedata",
)
SENDS_PER_SECOND, HEAVY_SENDS_PER_SECOND = 300, 10
HEAVY = {"audio", "video"}
HEART_URL = "https://www.instagram.com/heart"


@endpoint("POST", "page", "messages", auth=PAGE, parameters=SEND_PARAMETERS)
@endpoint("POST", "instagram", "messages", auth=(PAGE, INSTAGRAM_USER), parameters=SEND_PARAMETERS)
def send(call: Call) -> dict[str, Any]:
    """Take a message, or a sender action."""
    send_policy.check_words(call)
    action, message = call.word("sender_action"), call.thing("message")
    if action is not None and message is not None:
        raise errors.invalid("Cannot provide both message and sender_action", 2018014)
    if action is None and message is None:
        raise errors.missing("message")
    way, value = read_recipient(call)
    with simulator().storage.writing() as db:  # a commenter's conversation may have to be made
        _check_caller(db, call)
        recipient = find_recipient(db, call, way, value)
        if message is None:
            send_policy.check_sender(db, call, recipient.account)
            send_policy.check_may_send(db, call, recipient, None)
            return send_actions.act(db, call, recipient)
    outgoing = read_message(message, recipient.account.channel, has_upload="filedata" in call.files)
    _count_turn(recipient.account, outgoing)
    with simulator().storage.reading() as db:
        _check_sending(db, call, recipient, outgoing)
    # Fetched before the transaction: a slow server of somebody else must not hold the file.
    brought = [
        uploads.bring(file, recipient.account.channel, call.files.get("filedata"))
        for file in outgoing.files
    ]
    return _send(simulator().storage, call, recipient, outgoing, brought)


def _check_caller(db: sqlite3.Connection, call: Call) -> None:
    """Look at the caller before the recipient: who may not send is not told who exists.

    A Page's edge is also that of its Instagram account, so one permission of the two will do.
    """
    refused: errors.GraphError | None = None
    for account in accounts_of(db, call):
        try:
            send_policy.check_sender(db, call, account)
        except errors.GraphError as error:
            refused = refused or error
        else:
            return
    if refused is not None:
        raise refused


def _count_turn(account: Account, outgoing: Outgoing) -> None:
    is_heavy = any(file.kind in HEAVY for file in outgoing.files)
    limits.take_turn(
        "heavy sends" if is_heavy else "sends",
        account.id,
        calls=HEAVY_SENDS_PER_SECOND if is_heavy else SENDS_PER_SECOND,
        seconds=1,
        code=limits.CUSTOM_LIMIT,
    )


def _check_sending(
    db: sqlite3.Connection, call: Call, recipient: Recipient, outgoing: Outgoing
) -> None:
    send_policy.check_sender(db, call, recipient.account)
    send_policy.check_content(call, outgoing, recipient.account)
    if outgoing.utility is not None:
        send_policy.check_utility(db, call)
    send_policy.check_may_send(db, call, recipient, outgoing)
    send_references.check_references(db, recipient.account.id, outgoing)
    _read_reply_to(db, call, recipient)
    _read_persona(db, call, recipient)
    _read_control(call)


def _read_reply_to(db: sqlite3.Connection, call: Call, recipient: Recipient) -> str | None:
    reply_to = call.thing("reply_to")
    if reply_to is None:
        return None
    if set(reply_to) != {"mid"} or not isinstance(reply_to["mid"], str):
        raise errors.invalid("Param reply_to must have exactly the key mid")
    known = db.execute(
        "SELECT 1 FROM messages WHERE mid = ? AND psid = ?",
        [reply_to["mid"], recipient.thread["psid"]],
    ).fetchone()
    if known is None:
        raise errors.invalid("Invalid reply_to: no such message in this conversation")
    return reply_to["mid"]


def _read_persona(db: sqlite3.Connection, call: Call, recipient: Recipient) -> str | None:
    persona_id = call.text("persona_id")
    if persona_id is None:
        return None
    if recipient.account.is_instagram:
        raise errors.invalid("Personas are not supported on Instagram", 2534015)
    known = db.execute(
        "SELECT 1 FROM personas WHERE id = ? AND page_id = ? AND deleted_at IS NULL",
        [persona_id, recipient.account.id],
    ).fetchone()
    if known is None:
        raise errors.invalid("Invalid persona_id")
    return persona_id


def _read_control(call: Call) -> tuple[str, str | None] | None:
    """Return what the message does to the control of the thread: `pass` or `release`."""
    control = call.thing("thread_control")
    if control is None:
        return None
    shapes.only(control, {"control_type", "app_id", "metadata"}, "thread_control")
    kind = shapes.word(control, "control_type", "thread_control", ("pass", "release"))
    app_id = control.get("app_id")
    return kind, None if app_id is None else str(app_id)


def _send(
    storage: Storage,
    call: Call,
    recipient: Recipient,
    outgoing: Outgoing,
    brought: list[Fetched | None],
) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if recipient.way != BY_USER_REF:
        answer["recipient_id"] = recipient.thread["psid"]
    account_id = recipient.account.id
    with storage.writing() as db:
        attachments = _extras(db, recipient, outgoing)
        for file, copy in zip(outgoing.files, brought, strict=True):
            if copy is not None:
                media_id = uploads.keep(db, account_id, copy, is_reusable=file.is_reusable)
                if file.is_reusable:
                    answer["attachment_id"] = media_id
                shown = uploads.show(media_id, copy.kind, copy.name)
            elif file.attachment_id is not None:
                kept = uploads.find(db, account_id, file.attachment_id, file.kind)
                shown = uploads.show(kept["id"], kept["kind"], kept["name"])
            else:
                shown = {"type": file.kind, "payload": {"url": file.url}}
            attachments.append(shown)
        content = {"attachments": attachments, "quick_replies": list(outgoing.quick_replies)}
        mid = threads.write_as_page(
            db,
            recipient.thread,
            app_id=call.token.app_id,
            text=outgoing.text,
            content=content,
            metadata=outgoing.metadata,
            reply_to=_read_reply_to(db, call, recipient),
            persona_id=_read_persona(db, call, recipient),
            private_reply_to=recipient.value if recipient.is_private_reply else None,
        )
        mark_replied(db, recipient, mid)
        _hand_over(db, call, recipient)
    return answer | {"message_id": mid}


def _extras(
    db: sqlite3.Connection, recipient: Recipient, outgoing: Outgoing
) -> list[dict[str, Any]]:
    """Return the attachments that are no files."""
    if outgoing.template is not None:
        return [{"type": "template", "payload": dict(outgoing.template)}]
    if outgoing.utility is not None:
        payload = utility.render(db, recipient.account.id, outgoing.utility)
        return [{"type": "template", "payload": payload}]
    if outgoing.sticker_id is not None:
        return [{"type": "sticker", "payload": {"sticker_id": outgoing.sticker_id}}]
    if outgoing.is_heart:
        return [{"type": "like_heart", "payload": {"url": HEART_URL}}]
    if outgoing.shared_id is not None:
        return [{"type": "MEDIA_SHARE", "payload": {"id": outgoing.shared_id}}]
    return []


def _hand_over(db: sqlite3.Connection, call: Call, recipient: Recipient) -> None:
    control = _read_control(call)
    if control is None:
        return
    kind, app_id = control
    if kind == "release":
        routing.set_owner(db, recipient.thread["psid"], None)
        return
    if app_id is None:
        default = routing.default_app(db, recipient.account.id)
        app_id = default["default_app_id"] if default else recipient.account.inbox_app_id
    routing.pass_control(db, recipient.thread, from_app_id=call.token.app_id, to_app_id=str(app_id))
