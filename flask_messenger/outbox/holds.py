"""Messages that wait because the thread is another app's: held, and let go again.

A held message is `queued`, with `HELD` as its `error_slug`. It is tried again now and then, since
an app that releases a thread tells nobody; whoever learns that the thread is ours, or free, lets
it go at once. The policy is asked each time: where its window closes meanwhile, it fails with that.
"""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, tuple_, update
from sqlalchemy.orm import Session

from flask_messenger.channels.sending import PASS, ThreadControl
from flask_messenger.errors import ThreadTakenError
from flask_messenger.events import UNNAMED
from flask_messenger.models import Conversation, Message
from flask_messenger.models.messages import QUEUED
from flask_messenger.outbox.lane import Dispatch

HELD: Final = ThreadTakenError.slug
HELD_WAIT: Final = timedelta(minutes=5)
"""How soon a held message is tried again, and how long a refusal counts as "another app's"."""


def release_held(
    session: Session, conversation_ids: Collection[uuid.UUID], *, now: datetime
) -> set[uuid.UUID]:
    """Let what was held in these conversations go at once; return those that had something.

    Never commits. After its commit the caller wakes the lanes of what is returned.
    """
    if not conversation_ids:
        return set()
    statement = (
        update(Message)
        .where(
            Message.conversation_id.in_(sorted(conversation_ids)),
            Message.status == QUEUED,
            Message.error_slug == HELD,
        )
        .values(next_attempt_at=None, error_slug=None, updated_at=now)
        .returning(Message.conversation_id)
        .execution_options(synchronize_session=False)
    )
    return {each for each in session.scalars(statement) if each is not None}


def note_taken(session: Session, dispatches: Collection[Dispatch], *, now: datetime) -> None:
    """Note that Meta refused messages because their threads are another app's. Never commits.

    Which one Meta does not say. An owner that it named before stays, unless that is the one by
    whom these messages were thought to be free to go: that is known to be wrong.
    """
    ids = {each.lane.conversation_id for each in dispatches}
    believed = [
        (each.lane.conversation_id, each.circumstances.owner_app_id)
        for each in dispatches
        if each.circumstances.owner_app_id and not each.was_held
    ]
    owner = Conversation.thread_owner_app_id
    statement = (
        update(Conversation)
        .where(
            Conversation.id.in_(sorted(ids)),
            or_(
                owner.is_(None),
                owner.in_(("", UNNAMED)),
                Conversation.thread_owner_until <= now,
                tuple_(Conversation.id, owner).in_(believed),
            ),
        )
        .values(
            thread_owner_app_id=UNNAMED,
            thread_owner_until=now + HELD_WAIT,
            thread_owner_at=now,
            updated_at=now,
        )
        .execution_options(synchronize_session=False)
    )
    session.execute(statement)


def note_free(session: Session, dispatch: Dispatch, *, now: datetime) -> None:
    """Note that Meta took a message that was held: the thread is no other app's. Never commits.

    What else was held in it goes at once.
    """
    conversation_id = dispatch.lane.conversation_id
    session.execute(
        update(Conversation)
        .where(
            Conversation.id == conversation_id,
            Conversation.thread_owner_app_id == dispatch.circumstances.owner_app_id,
        )
        .values(
            thread_owner_app_id="", thread_owner_until=None, thread_owner_at=now, updated_at=now
        )
        .execution_options(synchronize_session=False)
    )
    release_held(session, [conversation_id], now=now)


def note_handed_over(
    session: Session, dispatch: Dispatch, control: ThreadControl, *, now: datetime
) -> None:
    """Note what became of a thread with a message that passed or released it. Never commits.

    Meta tells the app that has it now, not the one that had it.
    """
    owner = (control.app_id or UNNAMED) if control.control_type == PASS else ""
    session.execute(
        update(Conversation)
        .where(Conversation.id == dispatch.lane.conversation_id)
        .values(
            thread_owner_app_id=owner,
            thread_owner_until=None,
            thread_owner_at=now,
            updated_at=now,
        )
        .execution_options(synchronize_session=False)
    )
