"""The rows of a message that waits for its turn, and what its conversation says of it."""

import uuid
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert, or_, update
from sqlalchemy.orm import Session

from flask_messenger.channels.base import Channel
from flask_messenger.content import Content, Images, Media, QuickReplies
from flask_messenger.media.uploads import attach_uploads
from flask_messenger.models import Attachment, Conversation, Message
from flask_messenger.models.base import new_id, new_id_at
from flask_messenger.models.messages import OUTBOUND, QUEUED
from flask_messenger.models.upsert import insert_for
from flask_messenger.outbox.threads import Thread
from flask_messenger.realtime import Change

IMAGE: Final = "image"


def message_change(message: Message, *, location_id: str | None, kind: str = "message") -> Change:
    """Return the change of one message, for open pages."""
    return Change(
        workspace_id=message.workspace_id,
        type=kind,
        ids={
            "conversation_id": str(message.conversation_id),
            "message_id": str(message.id),
            "account_id": str(message.account_id),
            "location_id": location_id,
        },
    )


def note_last_message(
    session: Session, conversation_id: uuid.UUID | None, *, message_id: uuid.UUID, at: datetime
) -> None:
    """Make a message the last one of its conversation, unless a later one is."""
    session.execute(
        update(Conversation)
        .where(
            Conversation.id == conversation_id,
            or_(Conversation.last_message_at.is_(None), Conversation.last_message_at <= at),
        )
        .values(last_message_at=at, last_message_id=message_id, updated_at=at)
        .execution_options(synchronize_session=False)
    )


def insert_message(
    session: Session, thread: Thread, values: dict[str, Any], *, now: datetime
) -> Message | None:
    """Insert a queued message; return None where its key is taken, or its comment answered.

    One that is put off gets the place in its lane, and in its thread, of the time it is for.
    """
    send_at: datetime | None = values["send_at"]
    row = {
        "id": new_id_at(send_at) if send_at else new_id(),
        "workspace_id": thread.account.workspace_id,
        "account_id": thread.account.id,
        "conversation_id": thread.conversation.id,
        "direction": OUTBOUND,
        "status": QUEUED,
        "sent_at": send_at or now,
        "next_attempt_at": send_at,
        "attempts": 0,
        "created_at": now,
        "updated_at": now,
        **values,
    }
    table = Message.__table__
    statement = (
        insert_for(session, table).values(row).on_conflict_do_nothing().returning(table.c.id)
    )
    message_id = session.execute(statement).scalar_one_or_none()
    return session.get_one(Message, message_id) if message_id else None


def attach_files(
    session: Session, message: Message, content: Content, *, channel: Channel, now: datetime
) -> None:
    """Keep what files the message has, for the page: an address, or a file of ours.

    Raises:
        InvalidRequestError: it names a file that the workspace does not have, or that the channel
            does not take as what it is to be.
    """
    if content.upload_ids:
        attach_uploads(session, message, content, taken=channel.limits.files, now=now)
    behind = len(content.upload_ids)
    rows: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "workspace_id": message.workspace_id,
            "message_id": message.id,
            "position": position,
            "type": each.type,
            "url": each.url,
            "payload": {},
            "state": "remote",
            "created_at": now,
        }
        for position, each in enumerate(_files_of(content), behind)
        if each.upload_id is None
    ]
    if rows:
        session.execute(insert(Attachment.__table__), rows)


def _files_of(content: Content) -> list[Media]:
    if isinstance(content, Media):
        return [content]
    if isinstance(content, QuickReplies):
        return [content.attachment] if content.attachment else []
    if isinstance(content, Images):
        return [
            Media(IMAGE, each.url, each.attachment_id, each.upload_id) for each in content.images
        ]
    return []
