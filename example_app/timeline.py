"""What happened to a lead: written from the messenger's signals, read by the pages."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from flask import Flask
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from example_app.database import db, now
from example_app.models import STAGES, Activity, Lead, User
from flask_messenger import (
    conversation_updated,
    message_received,
    message_sent,
    message_status_changed,
)
from flask_messenger.models import Conversation, Identity, Message

WORDS: Final = {
    "conversation_assigned": "Conversation assigned to {detail}",
    "conversation_closed": "Conversation closed",
    "conversation_reopened": "Conversation reopened",
    "conversation_snoozed": "Conversation snoozed",
    "conversation_unassigned": "Conversation given back to everybody",
    "lead_created": "Lead created from a message to {detail}",
    "message_failed": "A message could not be sent",
    "message_received": "Wrote a message",
    "message_sent": "Was answered",
    "owner_changed": "Owner: {detail}",
    "stage_changed": "Stage: {detail}",
}
PLURALS: Final = {
    "message_received": "Wrote {count} messages",
    "message_sent": "Was answered {count} times",
}
LONGEST_TIMELINE: Final = 200
SAME_SITTING: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line as a page shows it. `preview` is what the newest of its messages says."""

    kind: str
    words: str
    actor_name: str
    preview: str
    happened_at: datetime
    conversation_id: uuid.UUID | None


def listen(app: Flask) -> None:
    """Hear what happens in the conversations of `app`."""
    message_received.connect(note_received, app)
    message_sent.connect(note_sent, app)
    message_status_changed.connect(note_failed, app)
    conversation_updated.connect(note_conversation, app)


def note_received(_app: Flask, *, contact_ref: str | None, message_id: uuid.UUID, **_: Any) -> None:
    """A person wrote."""
    lead = _lead(contact_ref)
    message = db.session.get(Message, message_id)
    if lead is None or message is None:
        return
    if not lead.name:
        lead.name = _name_in(message.conversation_id)  # Meta may tell it only later
    _write(lead, "message_received", message=message)


def note_sent(
    _app: Flask, *, contact_ref: str | None, message_id: uuid.UUID, sent_by: str, **_: Any
) -> None:
    """Somebody answered; a new lead that a person answered counts as contacted."""
    lead = _lead(contact_ref)
    message = db.session.get(Message, message_id)
    if lead is None or message is None:
        return
    actor_name = message.sent_by_name or ("Page inbox" if sent_by == "page_inbox" else "Bot")
    is_new = _write(lead, "message_sent", message=message, actor_name=actor_name)
    if is_new and lead.stage == "new" and sent_by != "bot":
        lead.stage = "contacted"
        _write(lead, "stage_changed", detail=STAGES["contacted"], actor_name=actor_name)


def note_failed(
    _app: Flask, *, contact_ref: str | None, message_id: uuid.UUID, status: str, **_: Any
) -> None:
    """An answer did not go out."""
    if status != "failed":
        return
    lead = _lead(contact_ref)
    message = db.session.get(Message, message_id)
    if lead and message:
        _write(lead, "message_failed", message=message, actor_name=message.sent_by_name or "")


def note_conversation(
    _app: Flask, *, contact_ref: str | None, conversation_id: uuid.UUID, change: str, **_: Any
) -> None:
    """A conversation was assigned, closed, reopened or snoozed."""
    lead = _lead(contact_ref)
    conversation = db.session.get(Conversation, conversation_id)
    kind = f"conversation_{change}"
    if lead and conversation and kind in WORDS:
        actor_name = current_user.name if current_user and current_user.is_authenticated else ""
        _write(
            lead,
            kind,
            detail=_user_name(conversation.assignee_ref),
            actor_name=actor_name,
            conversation_id=conversation.id,
        )


def load_timeline(lead: Lead, *, limit: int = LONGEST_TIMELINE) -> list[Line]:
    """Return what happened to `lead`, newest first, messages of one sitting as one line.

    What a message says is read from the messenger's own table, in the same query.
    """
    rows = db.session.execute(
        select(Activity, Message.text)
        .outerjoin(Message, Message.id == Activity.message_id)
        .where(Activity.lead_id == lead.id)
        # The lead is made when its first message is announced, a moment after Meta's time of it.
        .order_by(Activity.kind == "lead_created", Activity.happened_at.desc(), Activity.id.desc())
        .limit(LONGEST_TIMELINE)
    )
    entries = [(activity, text or "") for activity, text in rows]
    return [_line(sitting) for sitting in _group(entries)[:limit]]


def _group(entries: list[tuple[Activity, str]]) -> list[list[tuple[Activity, str]]]:
    """Put neighbours of one kind and one sitting together; `entries` are newest first."""
    sittings: list[list[tuple[Activity, str]]] = []
    for activity, text in entries:
        newer = sittings[-1][-1][0] if sittings else None
        if newer and _belongs_with(activity, newer):
            sittings[-1].append((activity, text))
        else:
            sittings.append([(activity, text)])
    return sittings


def _belongs_with(activity: Activity, newer: Activity) -> bool:
    return (
        activity.kind in PLURALS
        and activity.kind == newer.kind
        and activity.actor_name == newer.actor_name
        and newer.happened_at - activity.happened_at <= SAME_SITTING
    )


def _line(sitting: list[tuple[Activity, str]]) -> Line:
    newest, text = sitting[0]
    count = len(sitting)
    words = PLURALS[newest.kind] if count > 1 else WORDS[newest.kind]
    return Line(
        kind=newest.kind,
        words=words.format(detail=newest.detail, count=count),
        actor_name=newest.actor_name,
        preview=text,
        happened_at=newest.happened_at,
        conversation_id=newest.conversation_id,
    )


def _lead(contact_ref: str | None) -> Lead | None:
    return db.session.get(Lead, int(contact_ref)) if contact_ref else None


def _name_in(conversation_id: uuid.UUID | None) -> str:
    """Return what Meta calls the person of a conversation."""
    name = db.session.scalar(
        select(Identity.name)
        .join(Conversation, Conversation.identity_id == Identity.id)
        .where(Conversation.id == conversation_id)
    )
    return name or ""


def _user_name(user_ref: str | None) -> str:
    user = db.session.get(User, int(user_ref)) if user_ref else None
    return user.name if user else ""


def _write(
    lead: Lead,
    kind: str,
    *,
    message: Message | None = None,
    conversation_id: uuid.UUID | None = None,
    detail: str = "",
    actor_name: str = "",
) -> bool:
    """Add a line; return False where a signal that came twice had written it already."""
    line = Activity(
        agency_id=lead.agency_id,
        lead_id=lead.id,
        kind=kind,
        detail=detail,
        actor_name=actor_name,
        message_id=message.id if message else None,
        conversation_id=message.conversation_id if message else conversation_id,
        happened_at=message.sent_at if message else now(),
    )
    try:
        with db.session.begin_nested():
            db.session.add(line)
    except IntegrityError:
        return False
    lead.updated_at = now()
    db.session.commit()
    return True
