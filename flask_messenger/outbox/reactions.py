"""Reactions of the team's to messages of a thread; and taking them back.

A reaction is no message: it goes out at once, while somebody waits for it, and is kept where the
reactions of the other side are.
"""

import uuid
from datetime import datetime
from typing import Any, Final

from flask import Flask
from sqlalchemy.orm import Session

from flask_messenger.channels.sending import Recipient
from flask_messenger.content.checks import is_storable
from flask_messenger.errors import ConflictError, ContentError, InvalidRequestError
from flask_messenger.graph import messages
from flask_messenger.hooks import Tenant
from flask_messenger.models import Message, Reaction
from flask_messenger.models.base import new_id
from flask_messenger.models.conversations import PERSON
from flask_messenger.models.messages import BY_PERSON, OUTBOUND
from flask_messenger.models.upsert import insert_for
from flask_messenger.outbox.circumstances import our_app_ids
from flask_messenger.outbox.lane import lock_conversation
from flask_messenger.outbox.line import Line, open_line
from flask_messenger.outbox.storing import message_change
from flask_messenger.outbox.threads import Thread, find_message
from flask_messenger.realtime import Change
from flask_messenger.state import state_of

LONGEST_EMOJI: Final = 64
"""Characters: what looks like one may be made of many."""


def react(
    app: Flask, *, tenant: Tenant, message_id: uuid.UUID, emoji: str | None, now: datetime
) -> Change:
    """React to a message in the account's name; None takes the reaction back. Commits.

    Returns what open pages are told.

    Raises:
        NotFoundError: there is no such message for this tenant.
        InvalidRequestError: nobody can react to it; or (ContentError) not with this.
        ConflictError: it was taken back, or the account cannot send now.
        PolicyError: no window is open.
        TierError: the plan does not have the channel.
        GraphError: Meta refused.
    """
    _check_emoji(emoji)
    session: Session = state_of(app).db.session
    message, thread = find_message(session, tenant=tenant, message_id=message_id)
    _check(app, session, message, thread, now=now)
    line = open_line(state_of(app), thread.account)
    actor, recipient = thread.account.external_id, Recipient(id=thread.identity.external_id)
    external_id = str(message.external_id)
    session.rollback()
    _ask(line, external_id, emoji, recipient)
    message, thread = find_message(session, tenant=tenant, message_id=message_id)
    lock_conversation(session, thread.conversation.id)
    _keep(session, message, actor=actor, emoji=emoji, now=now)
    change = message_change(message, location_id=thread.account.location_id, kind="reaction")
    session.commit()
    return change


def _check_emoji(emoji: str | None) -> None:
    """Pass where it can be kept: it would be too late to find out when Meta has taken it."""
    if emoji is not None and not (0 < len(emoji) <= LONGEST_EMOJI and is_storable(emoji)):
        raise ContentError("React with an emoji.", field="emoji")


def _check(
    app: Flask, session: Session, message: Message, thread: Thread, *, now: datetime
) -> None:
    if message.external_id is None or thread.is_public or thread.identity.kind != PERSON:
        message_text = "Nobody can react to this: it is no message that Meta has."
        raise InvalidRequestError(message_text, field="message_id")
    if message.deleted_at is not None:
        raise ConflictError("This message was taken back.")
    thread.circumstances(session).decide(
        sender=BY_PERSON,
        our_app_ids=our_app_ids(state_of(app).settings.apps, thread.account.app_name),
        now=now,
    ).check()


def _ask(line: Line, external_id: str, emoji: str | None, recipient: Recipient) -> None:
    request = line.channel.build_reaction(
        external_id, emoji, endpoint=line.endpoint, recipient=recipient
    )
    messages.send_action(line.graph, app=line.app, token=line.token, request=request)


def _keep(
    session: Session, message: Message, *, actor: str, emoji: str | None, now: datetime
) -> None:
    """Keep what the account last did about the message."""
    values: dict[str, Any] = {
        "emoji": emoji,
        "name": None,
        "is_removed": emoji is None,
        "at": now,
        "updated_at": now,
    }
    table = Reaction.__table__
    row = {
        "id": new_id(),
        "workspace_id": message.workspace_id,
        "message_id": message.id,
        "actor": actor,
        "direction": OUTBOUND,
        "created_at": now,
        **values,
    }
    session.execute(
        insert_for(session, table)
        .values(row)
        .on_conflict_do_update(index_elements=["message_id", "actor"], set_=values)
    )
