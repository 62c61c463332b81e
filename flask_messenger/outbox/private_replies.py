"""Private replies that Meta took: the moment at which a commenter becomes somebody to write to.

Meta's answer, or the echo, names the person. Their direct conversation is found or made, the reply
moves there, and the two sides of the person are linked, conversation with conversation. Whichever
tells first does it; doing it again changes nothing.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from flask_messenger.ingest.summaries import refresh_statuses, refresh_summaries
from flask_messenger.models import Account, Conversation, Identity, Message
from flask_messenger.models.base import new_id
from flask_messenger.models.conversations import (
    DIRECT,
    OPEN,
    PERSON,
    PROFILE_UNKNOWN,
)
from flask_messenger.models.messages import BY_PERSON, DELIVERED, READ, SENT
from flask_messenger.models.upsert import insert_missing
from flask_messenger.outbox.lane import lock_conversation

OUT: Final = (SENT, DELIVERED, READ)
"""Before that a reply is in the lane of its comments, where its attempt is written down."""
DIRECT_SUBJECT: Final = ""


@dataclass(frozen=True, slots=True)
class _Reply:
    """A private reply that is still where it was written, and the two sides of the commenter."""

    message_id: uuid.UUID
    conversation_id: uuid.UUID
    identity_id: uuid.UUID
    workspace_id: str
    account_id: uuid.UUID
    channel: str
    status: str
    sent_by: str
    paused_until: datetime | None


def settle_private_replies(
    session: Session, recipients: Mapping[uuid.UUID, str], *, now: datetime
) -> dict[uuid.UUID, uuid.UUID]:
    """Move private replies that went out to the direct conversations of whom they went to.

    Never commits. What has not gone out yet, or has moved before, is passed over.

    Args:
        session: of the caller's transaction.
        recipients: of each message, the id by which Meta names its recipient.
        now: aware.

    Returns:
        Of each message that was moved its conversation now.
    """
    moved: dict[uuid.UUID, uuid.UUID] = {}
    for reply in _find_replies(session, recipients):
        if reply.status not in OUT:
            continue
        identity_id, direct_id = _make_direct(session, reply, recipients[reply.message_id], now=now)
        for each in sorted({reply.conversation_id, direct_id}):
            lock_conversation(session, each)
        session.execute(
            update(Message)
            .where(
                Message.id == reply.message_id,
                Message.conversation_id == reply.conversation_id,
            )
            .values(conversation_id=direct_id, updated_at=now)
            .execution_options(synchronize_session=False)
        )
        _link(session, reply, identity_id, direct_id, now=now)
        _pause_bots(session, reply, direct_id)
        refresh_statuses(session, [direct_id])
        refresh_summaries(session, [reply.conversation_id, direct_id])
        moved[reply.message_id] = direct_id
    return moved


def make_direct(
    session: Session, message_id: uuid.UUID, recipient_external_id: str, *, now: datetime
) -> list[uuid.UUID]:
    """Make whom a private reply went to, and their direct conversation, unless they are there.

    Never commits. Returns the conversations that the reply concerns, in the order in which they
    are locked. People and threads are made before any thread is locked.
    """
    for reply in _find_replies(session, {message_id: recipient_external_id}):
        _, direct_id = _make_direct(session, reply, recipient_external_id, now=now)
        return sorted({reply.conversation_id, direct_id})
    return []


def _find_replies(session: Session, recipients: Mapping[uuid.UUID, str]) -> list[_Reply]:
    statement = (
        select(
            Message.id,
            Conversation.id,
            Conversation.identity_id,
            Account.workspace_id,
            Account.id,
            Account.channel,
            Message.status,
            Message.sent_by,
            Conversation.bot_paused_until,
        )
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Account, Account.id == Message.account_id)
        .where(
            Message.id.in_(sorted(recipients)),
            Message.private_reply_to.is_not(None),
            Conversation.kind != DIRECT,
        )
        .order_by(Message.id)
    )
    return [_Reply(*row) for row in session.execute(statement)]


def _make_direct(
    session: Session, reply: _Reply, external_id: str, *, now: datetime
) -> tuple[uuid.UUID, uuid.UUID]:
    shared = {
        "workspace_id": reply.workspace_id,
        "account_id": reply.account_id,
        "created_at": now,
        "updated_at": now,
    }
    person = {
        **shared,
        "id": new_id(),
        "external_id": external_id,
        "kind": PERSON,
        "profile_state": PROFILE_UNKNOWN,
    }
    insert_missing(session, Identity.__table__, [person], key=("account_id", "external_id"))
    identity_id = session.execute(
        select(Identity.id).where(
            Identity.account_id == reply.account_id, Identity.external_id == external_id
        )
    ).scalar_one()
    thread = {
        **shared,
        "id": new_id(),
        "identity_id": identity_id,
        "channel": reply.channel,
        "kind": DIRECT,
        "subject": DIRECT_SUBJECT,
        "status": OPEN,
        "unread_count": 0,
    }
    key = ("account_id", "identity_id", "subject")
    insert_missing(session, Conversation.__table__, [thread], key=key)
    direct_id = session.execute(
        select(Conversation.id).where(
            Conversation.account_id == reply.account_id,
            Conversation.identity_id == identity_id,
            Conversation.subject == DIRECT_SUBJECT,
        )
    ).scalar_one()
    return identity_id, direct_id


def _link(
    session: Session,
    reply: _Reply,
    identity_id: uuid.UUID,
    direct_id: uuid.UUID,
    *,
    now: datetime,
) -> None:
    """Say on both sides that the two are one person, and their conversations belong together."""
    pairs = [(reply.identity_id, identity_id), (identity_id, reply.identity_id)]
    for each, other in pairs if reply.identity_id != identity_id else ():
        session.execute(
            update(Identity)
            .where(Identity.id == each)
            .values(linked_identity_id=other, updated_at=now)
            .execution_options(synchronize_session=False)
        )
    # Where a commenter is known by the id of the person, they can be written to from now on.
    session.execute(
        update(Identity)
        .where(Identity.id == identity_id, Identity.kind != PERSON)
        .values(kind=PERSON, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    for conversation_id, other in (
        (reply.conversation_id, direct_id),
        (direct_id, reply.conversation_id),
    ):
        session.execute(
            update(Conversation)
            .where(Conversation.id == conversation_id)
            .values(linked_conversation_id=other, updated_at=now)
            .execution_options(synchronize_session=False)
        )


def _pause_bots(session: Session, reply: _Reply, direct_id: uuid.UUID) -> None:
    """Have bots be quiet where the person will answer, as long as they are below the post.

    A private reply that a person wrote begins a talk with that person.
    """
    if reply.sent_by != BY_PERSON or reply.paused_until is None:
        return
    paused_until = Conversation.bot_paused_until
    session.execute(
        update(Conversation)
        .where(
            Conversation.id == direct_id,
            or_(paused_until.is_(None), paused_until < reply.paused_until),
        )
        .values(bot_paused_until=reply.paused_until)
        .execution_options(synchronize_session=False)
    )
