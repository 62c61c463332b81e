"""What the team does with public comments: hide, show again, delete for good.

Meta is asked outside of transactions; what became of it is written down afterwards, in one that
this module commits itself.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import Flask
from sqlalchemy import delete
from sqlalchemy.orm import Session

from flask_messenger.errors import ConflictError, InvalidRequestError
from flask_messenger.graph.comments import change_comment
from flask_messenger.hooks import Tenant
from flask_messenger.ingest.changes import EMPTIED
from flask_messenger.ingest.summaries import refresh_summaries
from flask_messenger.media.discard import discard_files_of_messages
from flask_messenger.models import Attachment, Message
from flask_messenger.models.audit import record
from flask_messenger.models.messages import INBOUND
from flask_messenger.outbox.extras import COMMENT
from flask_messenger.outbox.lane import lock_conversation
from flask_messenger.outbox.line import Line, open_line
from flask_messenger.outbox.storing import message_change
from flask_messenger.outbox.threads import Thread, find_message
from flask_messenger.realtime import Change
from flask_messenger.state import state_of

HIDDEN: Final = "comment_hidden"
SHOWN: Final = "comment_shown"
DELETED: Final = "comment_deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentChange:
    """What became of a comment, and what open pages are told of it."""

    message: Message
    change: Change


def set_hidden(
    app: Flask, *, tenant: Tenant, message_id: uuid.UUID, hidden: bool, now: datetime
) -> CommentChange:
    """Hide somebody's comment from the public, or show it again. Commits.

    Raises:
        NotFoundError: there is no such message for this tenant.
        InvalidRequestError: it is no comment of somebody else's.
        ConflictError: it is deleted, or the account cannot act now.
        TierError: the plan does not have the channel.
        GraphError: Meta refused.
    """
    external_id, line = _open(app, tenant, message_id, is_own_allowed=False)
    request = line.channel.build_hiding(external_id, hidden=hidden, endpoint=line.endpoint)
    change_comment(line.graph, app=line.app, token=line.token, request=request)
    session: Session = state_of(app).db.session
    message, thread = _lock(session, tenant, message_id)
    message.hidden_at = now if hidden else None
    message.hidden_changed_at = now
    return _written(session, tenant, message, thread, HIDDEN if hidden else SHOWN)


def delete_comment(
    app: Flask, *, tenant: Tenant, message_id: uuid.UUID, now: datetime
) -> CommentChange:
    """Delete a comment for good, at Meta and its words here. Commits.

    Raises as `set_hidden` does; the account's own comments may be deleted, too.
    """
    external_id, line = _open(app, tenant, message_id, is_own_allowed=True)
    request = line.channel.build_deletion(external_id, endpoint=line.endpoint)
    change_comment(line.graph, app=line.app, token=line.token, request=request)
    session: Session = state_of(app).db.session
    message, thread = _lock(session, tenant, message_id)
    message.deleted_at = now
    for name, nothing in EMPTIED.items():
        setattr(message, name, nothing)
    discard_files_of_messages(session, [message.id])
    session.execute(
        delete(Attachment)
        .where(Attachment.message_id == message.id)
        .execution_options(synchronize_session=False)
    )
    session.flush()
    refresh_summaries(session, [thread.conversation.id])
    return _written(session, tenant, message, thread, DELETED)


def _open(
    app: Flask, tenant: Tenant, message_id: uuid.UUID, *, is_own_allowed: bool
) -> tuple[str, Line]:
    """Return Meta's id of the comment and the way to Graph; no transaction is open afterwards."""
    held = state_of(app)
    session: Session = held.db.session
    message, thread = find_message(session, tenant=tenant, message_id=message_id)
    is_theirs = message.direction == INBOUND
    if message.kind != COMMENT or message.external_id is None:
        raise InvalidRequestError("This is no public comment.", field="message_id")
    if not (is_theirs or is_own_allowed):
        raise InvalidRequestError("Only others' comments can be hidden.", field="message_id")
    if message.deleted_at is not None:
        raise ConflictError("This comment was deleted.")
    external_id = message.external_id
    line = open_line(held, thread.account)
    session.rollback()
    return external_id, line


def _lock(session: Session, tenant: Tenant, message_id: uuid.UUID) -> tuple[Message, Thread]:
    message, thread = find_message(session, tenant=tenant, message_id=message_id)
    lock_conversation(session, thread.conversation.id)
    session.refresh(message)
    return message, thread


def _written(
    session: Session, tenant: Tenant, message: Message, thread: Thread, action: str
) -> CommentChange:
    record(
        session,
        workspace_id=tenant.workspace_id,
        actor=tenant.user_id,
        action=action,
        subject=str(message.id),
    )
    change = message_change(message, location_id=thread.account.location_id)
    session.commit()
    return CommentChange(message=message, change=change)
