"""The messages of one conversation, from rows to days of bubbles."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby
from typing import Final

from flask_messenger.inbox.queries import MessageRow
from flask_messenger.models import Message, Reaction
from flask_messenger.models.messages import (
    BY_BOT,
    BY_PAGE_INBOX,
    DISCARDED,
    FAILED,
    INBOUND,
    QUEUED,
    UNKNOWN,
)
from flask_messenger.ui.presenters.inbox import (
    ActionView,
    AttachmentView,
    DayView,
    MessageView,
    ReactionView,
    StateView,
)
from flask_messenger.ui.presenters.reader import Reader, iso
from flask_messenger.ui.presenters.times import clock, day_label, moment
from flask_messenger.ui.presenters.words import (
    MESSAGE_DELETED,
    SCHEDULED,
    STATES,
    attachment_view,
    author,
    cause,
    sent_attachment_view,
)

PAGE_KEY: Final = re.compile(r"[0-9a-f]{32}")
"""The shape of the keys our own pages make; another sender's key may be anything."""

TAPS: Final = ("postback", "quick_reply")
AUTHOR_ICONS: Final = {BY_PAGE_INBOX: "page", BY_BOT: "bot"}


def days_of(rows: Sequence[MessageRow], reader: Reader) -> list[DayView]:
    """Return the messages by day of the reader's own zone, oldest first.

    What somebody discarded is gone from the page.
    """
    today = reader.now.astimezone(reader.zone).date()

    def day(row: MessageRow) -> date:
        return row.message.sent_at.astimezone(reader.zone).date()

    shown = [row for row in rows if row.message.status != DISCARDED]
    return [
        DayView(
            key=when.isoformat(),
            label=day_label(when, today=today),
            messages=[message_view(row, reader) for row in group],
        )
        for when, group in groupby(shown, key=day)
    ]


def message_view(row: MessageRow, reader: Reader) -> MessageView:
    """Return one bubble."""
    message = row.message
    is_inbound = message.direction == INBOUND
    return MessageView(
        id=str(message.id),
        dom_id=dom_id(message),
        is_inbound=is_inbound,
        look=_look(message),
        text=message.text or _nothing_to_show(row),
        time=clock(message.sent_at, reader.zone),
        time_iso=iso(message.sent_at),
        author="" if is_inbound else author(message, reader),
        author_icon=AUTHOR_ICONS.get(message.sent_by, ""),
        note=_note(message),
        attachments=_attachments(row),
        reactions=[_reaction(reaction) for reaction in row.reactions],
        state=None if is_inbound else _state(message, reader),
        actions=_actions(message, reader),
    )


def dom_id(message: Message) -> str:
    """Return the bubble's id in the page: made from the key the page gave it, where it did."""
    key = message.idempotency_key or ""
    return f"fm-k-{key}" if PAGE_KEY.fullmatch(key) else f"fm-m-{message.id}"


def _note(message: Message) -> str:
    """Say what happened other than writing."""
    if message.deleted_at is not None:
        return ""
    notes = ["edited"] if message.edited_at is not None else []
    if message.kind in TAPS:
        notes.insert(0, f"tapped “{message.text}”" if message.text else "tapped")
    return " · ".join(notes)


def _reaction(reaction: Reaction) -> ReactionView:
    look = reaction.emoji or reaction.name or "•"
    who = "Their reaction" if reaction.direction == INBOUND else "Your reaction"
    return ReactionView(look=look, words=f"{who}: {look}")


def _look(message: Message) -> str:
    if message.deleted_at is not None:
        return "gone"
    if message.direction == INBOUND:
        return "in"
    if message.status == FAILED:
        return "bad"
    if message.status == UNKNOWN:
        return "unsure"
    return "other" if message.sent_by in AUTHOR_ICONS else "out"


def _nothing_to_show(row: MessageRow) -> str:
    if row.message.deleted_at is not None:
        return MESSAGE_DELETED
    if _attachments(row):
        return ""
    if row.message.kind in TAPS:
        return "Tapped a button"
    return "Something that cannot be shown here"


def _attachments(row: MessageRow) -> list[AttachmentView]:
    if row.attachments:
        return [attachment_view(attachment) for attachment in row.attachments]
    sent = sent_attachment_view(row.message.content)
    return [sent] if sent else []


def _state(message: Message, reader: Reader) -> StateView | None:
    if message.status == QUEUED and message.send_at is not None and message.send_at > reader.now:
        detail = moment(message.send_at, now=reader.now, zone=reader.zone)
        return replace(SCHEDULED, detail=detail)
    state = STATES.get(message.status)
    if state is None or message.status not in (FAILED, UNKNOWN):
        return state
    detail = cause(message.error_slug) if message.error_slug else ""
    return StateView(word=state.word, icon=state.icon, kind=state.kind, detail=detail)


def _actions(message: Message, reader: Reader) -> list[ActionView]:
    """Return what can be done about a message that waits, or that somebody has to decide about."""
    is_settled = message.direction == INBOUND or message.deleted_at is not None
    if is_settled or not reader.tenant.may("reply"):
        return []
    choices = {
        FAILED: (("Try again", "retry"), ("Discard", "discard")),
        QUEUED: (("Cancel", "cancel"),),
        UNKNOWN: (("Send again", "retry"), ("Mark as sent", "mark_sent"), ("Discard", "discard")),
    }.get(message.status, ())
    return [
        ActionView(label=label, url=reader.link(f"messenger_ui.{action}", message_id=message.id))
        for label, action in choices
    ]
