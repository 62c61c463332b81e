"""What became of an attempt, written down: one short transaction each, tried again where it failed.

Meta's yes exists only in this process until it is committed, so a deadlock or a busy database must
not lose it.
"""

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar, cast

from sqlalchemy import CursorResult, Delete, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from flask_messenger.ingest.summaries import refresh_statuses, refresh_summaries
from flask_messenger.media.discard import discard_files_of_messages
from flask_messenger.models import Account, Attachment, Message, Reaction
from flask_messenger.models.messages import DELIVERED, READ, SENDING, SENT
from flask_messenger.outbox.holds import HELD, note_free, note_handed_over, note_taken
from flask_messenger.outbox.lane import Dispatch, lock_conversation
from flask_messenger.outbox.private_replies import make_direct, settle_private_replies
from flask_messenger.outbox.storing import note_last_message
from flask_messenger.outbox.verdicts import Verdict

logger = logging.getLogger(__name__)

OUT: Final = (SENT, DELIVERED, READ)
"""The states of a message that Meta has, each one further than the one before."""
SETTLED: Final = {
    "sending_since": None,
    "next_attempt_at": None,
    "error_slug": None,
    "error_code": None,
    "error_subcode": None,
}
"""Of a message that went out after all: nothing of an attempt or of a failure stays with it."""
COMMIT_TRIES: Final = 5
COMMIT_WAIT_SECONDS: Final = 0.05

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What writing down Meta's yes did.

    Attributes:
        status: of the message now; an echo or a receipt may have moved it past `sent`.
        is_news: whether this made it `sent`, and not an echo that came first.
        merged_id: a row that turned out to be the same message, and is gone.
        moved_to: of a private reply, the direct conversation that it is in now.
    """

    status: str
    is_news: bool
    merged_id: uuid.UUID | None = None
    moved_to: uuid.UUID | None = None


def commit_safely(session: Session, write: Callable[[], T]) -> T:
    """Run `write` and commit; once more where a deadlock or a lock that took too long ended it.

    Waiting here, and not in a queue, is right for once: what is to be written down is known to
    nobody else, and the waits are a fraction of a second.
    """
    for attempt in range(1, COMMIT_TRIES + 1):
        try:
            result = write()
            session.commit()
        except OperationalError:
            session.rollback()
            if attempt == COMMIT_TRIES:
                raise
            time.sleep(COMMIT_WAIT_SECONDS * attempt)
        else:
            return result
    raise AssertionError  # pragma: no cover - the loop returns or raises


def record_sent(
    session: Session,
    dispatch: Dispatch,
    *,
    external_id: str | None,
    tag: str | None,
    recipient_external_id: str | None = None,
    now: datetime,
) -> Recorded:
    """Write down that Meta took the message. Commits.

    `external_id` is Meta's; None where Graph named none (the echo will). A private reply moves to
    the conversation of `recipient_external_id`, its recipient.
    """
    recipients: dict[uuid.UUID, str] = {}
    if dispatch.private_reply_to is not None and recipient_external_id:
        recipients[dispatch.message_id] = recipient_external_id
    threads = _make_threads(session, recipients, now=now)

    def write(mark: Callable[..., Recorded]) -> Recorded:
        for each in threads:
            lock_conversation(session, each)
        recorded = mark(session, dispatch, external_id=external_id, tag=tag, now=now)
        if not recipients:
            return recorded
        moved = settle_private_replies(session, recipients, now=now)
        return replace(
            recorded,
            status=_status_of(session, dispatch),
            moved_to=moved.get(dispatch.message_id),
        )

    try:
        return commit_safely(session, lambda: write(_mark_sent))
    except IntegrityError:
        # An echo that did not carry our metadata came first and was stored as somebody else's
        # message. It is this one.
        session.rollback()
        return commit_safely(session, lambda: write(_merge))


def _make_threads(
    session: Session, recipients: dict[uuid.UUID, str], *, now: datetime
) -> list[uuid.UUID]:
    """Make whom a private reply went to, before any thread is locked. Commits."""
    threads: list[uuid.UUID] = []
    for message_id, external_id in recipients.items():
        threads += commit_safely(
            session, partial(make_direct, session, message_id, external_id, now=now)
        )
    return threads


def _mark_sent(
    session: Session,
    dispatch: Dispatch,
    *,
    external_id: str | None,
    tag: str | None,
    now: datetime,
) -> Recorded:
    lock_conversation(session, dispatch.lane.conversation_id)
    answered = {**SETTLED, "tag": tag, "updated_at": now}
    is_news = bool(
        _update(
            session,
            Message.id == dispatch.message_id,
            Message.status.not_in(OUT),
            values={
                **answered,
                "status": SENT,
                "external_id": external_id,
                "sent_at": now,
            },
        )
    )
    if is_news:
        note_last_message(
            session, dispatch.lane.conversation_id, message_id=dispatch.message_id, at=now
        )
    else:
        # An echo came first, or a person said that it was sent: state and time stay as they are.
        known_id = func.coalesce(Message.external_id, external_id)
        _update(
            session,
            Message.id == dispatch.message_id,
            values={**answered, "external_id": known_id},
        )
    if dispatch.was_held:
        note_free(session, dispatch, now=now)
    control = dispatch.extras.thread_control
    if control is not None and is_news:
        note_handed_over(session, dispatch, control, now=now)
    _note_account_sent(session, dispatch, now=now)
    refresh_statuses(session, [dispatch.lane.conversation_id])
    return Recorded(status=_status_of(session, dispatch), is_news=is_news)


def _merge(
    session: Session,
    dispatch: Dispatch,
    *,
    external_id: str | None,
    tag: str | None,
    now: datetime,
) -> Recorded:
    """Make our row and the echo's one: our words and sender, Meta's time and state."""
    lock_conversation(session, dispatch.lane.conversation_id)
    # First a write, which holds our row still (and on SQLite the database).
    _update(session, Message.id == dispatch.message_id, values={"updated_at": now})
    echo = session.execute(
        select(
            Message.id,
            Message.status,
            Message.sent_at,
            Message.text,
            Message.edit_number,
            Message.edited_at,
            Message.deleted_at,
        )
        .where(
            Message.account_id == dispatch.lane.account_id,
            Message.external_id == external_id,
            Message.id != dispatch.message_id,
        )
        .with_for_update()
    ).one_or_none()
    if echo is None:
        return _mark_sent(session, dispatch, external_id=external_id, tag=tag, now=now)
    gone = [echo.id] if echo.deleted_at is None else [echo.id, dispatch.message_id]
    discard_files_of_messages(session, gone)
    _delete(session, delete(Attachment).where(Attachment.message_id.in_(gone)))
    session.execute(
        update(Reaction)
        .where(Reaction.message_id == echo.id)
        .values(message_id=dispatch.message_id)
        .execution_options(synchronize_session=False)
    )
    _delete(session, delete(Message).where(Message.id == echo.id))
    recorded = _mark_sent(session, dispatch, external_id=external_id, tag=tag, now=now)
    known = [each for each in (echo.status, recorded.status) if each in OUT]
    status = max(known, key=OUT.index)
    _update(
        session,
        Message.id == dispatch.message_id,
        values={"status": status, "sent_at": echo.sent_at, **_later_changes(echo)},
    )
    refresh_summaries(session, [dispatch.lane.conversation_id])
    return Recorded(status=status, is_news=recorded.is_news, merged_id=echo.id)


def _later_changes(echo: Any) -> dict[str, Any]:
    """Return what became of a message after it was written: edited, or taken back."""
    if echo.edited_at is None and echo.deleted_at is None:
        return {}
    changes = {
        "text": echo.text,
        "edit_number": echo.edit_number,
        "edited_at": echo.edited_at,
        "deleted_at": echo.deleted_at,
    }
    return changes if echo.deleted_at is None else changes | {"content": {}}


def _delete(session: Session, statement: Delete) -> None:
    session.execute(statement.execution_options(synchronize_session=False))


def _note_account_sent(session: Session, dispatch: Dispatch, *, now: datetime) -> None:
    session.execute(
        update(Account)
        .where(
            Account.id == dispatch.lane.account_id,
            or_(Account.last_sent_at.is_(None), Account.last_sent_at < now),
        )
        .values(last_sent_at=now)
        .execution_options(synchronize_session=False)
    )


def _status_of(session: Session, dispatch: Dispatch) -> str:
    statement = select(Message.status).where(Message.id == dispatch.message_id)
    return session.execute(statement).scalar_one()


def end_attempt(session: Session, verdict: Verdict, *, now: datetime) -> bool:
    """Write down that an attempt came to nothing: the message failed, or waits again. Commits.

    Returns False where the attempt is not the current one any more: an echo has settled it, or
    it was given up and taken up again.
    """
    dispatch = verdict.dispatch
    values = {
        "status": verdict.status,
        "next_attempt_at": verdict.next_attempt_at(now),
        "attempts": verdict.attempts,
        "error_slug": verdict.slug,
        "error_code": verdict.code,
        "error_subcode": verdict.subcode,
        "sending_since": None,
        "updated_at": now,
    }

    def write() -> bool:
        changed = _update(
            session,
            Message.id == dispatch.message_id,
            Message.status == SENDING,
            Message.sending_since == dispatch.sending_since,
            values=values,
        )
        if verdict.slug == HELD and verdict.code is not None:
            note_taken(session, [dispatch], now=now)
        return bool(changed)

    return commit_safely(session, write)


def _update(session: Session, *conditions: Any, values: dict[str, Any]) -> int:
    statement = (
        update(Message)
        .where(*conditions)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount
