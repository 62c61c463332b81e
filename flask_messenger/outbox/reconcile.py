"""What nobody answered for: sends without an answer, lanes nobody woke, and what a person decides.

Meta has no idempotency key. A message that went out without an answer is never sent again by
itself: its echo proves it, and where none comes in time it is `unknown` until a person says what
to do with it.
"""

import logging
import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final, cast

from flask import Flask
from sqlalchemy import CursorResult, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flask_messenger.errors import ConflictError
from flask_messenger.hooks import Tenant
from flask_messenger.ingest.summaries import refresh_statuses, refresh_summaries
from flask_messenger.models import Account, Conversation, Identity, Message
from flask_messenger.models.audit import record
from flask_messenger.models.base import utc_now
from flask_messenger.models.messages import (
    CANCELLED,
    DISCARDED,
    FAILED,
    QUEUED,
    SENDING,
    SENT,
    UNKNOWN,
)
from flask_messenger.outbox.announce import StatusChange, announce_status
from flask_messenger.outbox.compose import check_may_send
from flask_messenger.outbox.drafts import ONCE, Draft
from flask_messenger.outbox.lane import Lane, lock_conversation
from flask_messenger.outbox.records import SETTLED
from flask_messenger.outbox.threads import find_message
from flask_messenger.state import MessengerState, state_of
from flask_messenger.tenancy import system_scope

logger = logging.getLogger(__name__)

UNDECIDED: Final = (FAILED, UNKNOWN)
TOO_LATE: Final = "It is too late to cancel this message: it is on its way, or done with."


def sweep(app: Flask) -> int:
    """Give up on answers that did not come; return on how many. Commits by itself.

    What waits is found by the runners themselves.
    """
    held = state_of(app)
    session: Session = held.db.session
    now = utc_now()
    longest = timedelta(seconds=held.settings.sending_unknown_after_seconds)
    with system_scope("outbox sweep"):
        given_up = give_up_unanswered(session, before=now - longest, now=now)
        session.commit()
        for each in given_up:
            logger.warning("send_unknown message_id=%s", each.message_id)
        announce_status(app, given_up)
    return len(given_up)


def give_up_unanswered(session: Session, *, before: datetime, now: datetime) -> list[StatusChange]:
    """Make `unknown` what is `sending` since before a time. Never commits.

    What somebody holds at this moment is left out: it is being settled, or found the next time.
    """
    overdue = (
        select(Message.id)
        .where(Message.status == SENDING, Message.sending_since < before)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(Message)
        .where(Message.id.in_(overdue), Message.status == SENDING)
        .values(status=UNKNOWN, updated_at=now)
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    )
    message_ids = list(session.execute(statement).scalars())
    if not message_ids:
        return []
    rows = session.execute(
        select(
            Message.id,
            Message.sent_by,
            Message.kind,
            Account,
            Identity.contact_ref,
            Conversation.id,
        )
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Identity, Identity.id == Conversation.identity_id)
        .join(Account, Account.id == Message.account_id)
        .where(Message.id.in_(message_ids))
    )
    return [
        StatusChange(
            message_id=message_id,
            lane=_lane(account, conversation_id, contact_ref),
            status=UNKNOWN,
            sent_by=sent_by,
            kind=kind,
        )
        for message_id, sent_by, kind, account, contact_ref, conversation_id in rows
    ]


def _lane(account: Account, conversation_id: uuid.UUID, contact_ref: str | None) -> Lane:
    return Lane(
        conversation_id=conversation_id,
        account_id=account.id,
        workspace_id=account.workspace_id,
        location_id=account.location_id,
        channel=account.channel,
        account_status=account.status,
        contact_ref=contact_ref,
    )


def retry_message(
    session: Session, held: MessengerState, *, tenant: Tenant, message_id: uuid.UUID, now: datetime
) -> Message:
    """Queue a failed or unknown message again, in its old place. Never commits.

    Of an unknown message the person may get two: that is what the one who retries it decides.
    After its commit the caller publishes the message's change and wakes the lane.

    Raises:
        NotFoundError: no such message for this tenant.
        ConflictError: it is neither failed nor unknown, the account is disconnected, or the comment
            was answered in private meanwhile.
        TierError, ContentError, PolicyError: it could not go out now; see `compose.compose`.
    """
    message, thread = find_message(session, tenant=tenant, message_id=message_id)
    _check_state(message, UNDECIDED)
    decision = check_may_send(
        session,
        held,
        thread,
        draft=Draft.of_message(message),
        sender=message.sent_by,
        now=now,
    )
    values = {
        "status": QUEUED,
        # One that Meta took and could not deliver goes out as another message of Meta's.
        "external_id": None,
        "tag": decision.tag,
        "attempts": 0,
        "next_attempt_at": None,
        "sending_since": None,
        "error_slug": None,
        "error_code": None,
        "error_subcode": None,
    }
    try:
        with session.begin_nested():
            return _change(
                session, tenant, message, UNDECIDED, values, action="message_retried", now=now
            )
    except IntegrityError:
        # Somebody answered the same comment in private since we looked.
        raise ConflictError(ONCE) from None


def discard_message(
    session: Session, *, tenant: Tenant, message_id: uuid.UUID, now: datetime
) -> Message:
    """Put a failed or unknown message away for good. Never commits.

    Raises:
        NotFoundError, ConflictError: as of `retry_message`.
    """
    message, thread = find_message(session, tenant=tenant, message_id=message_id)
    lock_conversation(session, thread.conversation.id)
    values = {"status": DISCARDED, "next_attempt_at": None}
    changed = _change(
        session, tenant, message, UNDECIDED, values, action="message_discarded", now=now
    )
    refresh_summaries(session, [thread.conversation.id])
    return changed


def cancel_message(
    session: Session, *, tenant: Tenant, message_id: uuid.UUID, now: datetime
) -> Message:
    """Take back a message that has not gone out yet. Never commits.

    Exactly one of this and the sending of it wins: both ask for the state they found, and the
    database lets one of them change it.

    Raises:
        NotFoundError: no such message for this tenant.
        ConflictError: it is on its way, or further, or was cancelled before.
    """
    message, thread = find_message(session, tenant=tenant, message_id=message_id)
    lock_conversation(session, thread.conversation.id)
    if message.status != QUEUED:
        raise ConflictError(TOO_LATE)
    values = {"status": CANCELLED, "next_attempt_at": None, "sent_at": now}
    changed = _change(
        session, tenant, message, (QUEUED,), values, action="message_cancelled", now=now
    )
    refresh_summaries(session, [thread.conversation.id])
    return changed


def mark_as_sent(
    session: Session, *, tenant: Tenant, message_id: uuid.UUID, now: datetime
) -> Message:
    """Believe a person who saw that an unknown message did arrive. Never commits.

    A receipt that came meanwhile makes it delivered, or read, at once.

    Raises:
        NotFoundError, ConflictError: as of `retry_message`; a failed one did not arrive.
    """
    message, thread = find_message(session, tenant=tenant, message_id=message_id)
    lock_conversation(session, thread.conversation.id)
    values = {**SETTLED, "status": SENT}
    changed = _change(
        session, tenant, message, (UNKNOWN,), values, action="message_marked_sent", now=now
    )
    refresh_statuses(session, [thread.conversation.id])
    session.refresh(changed)
    return changed


def _check_state(message: Message, states: Collection[str]) -> None:
    if message.status not in states:
        raise ConflictError(f"This message is {message.status}; nothing has to be decided.")


def _change(
    session: Session,
    tenant: Tenant,
    message: Message,
    states: Collection[str],
    values: dict[str, Any],
    *,
    action: str,
    now: datetime,
) -> Message:
    """Change the message if it still is in one of `states`, and note who did it."""
    _check_state(message, states)
    before = message.status
    statement = (
        update(Message)
        .where(Message.id == message.id, Message.status.in_(states))
        .values(**values, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", session.execute(statement)).rowcount == 0:
        if QUEUED in states:
            raise ConflictError(TOO_LATE)
        raise ConflictError("This message has just changed; nothing has to be decided any more.")
    record(
        session,
        workspace_id=tenant.workspace_id,
        actor=tenant.user_id,
        action=action,
        subject=str(message.id),
        before=before,
    )
    session.refresh(message)
    return message
