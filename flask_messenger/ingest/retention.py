"""What is kept for a time only: journal entries and attachments.

On PostgreSQL a day of the journal is dropped whole. What has no day of its own there, and the
whole journal on SQLite, is deleted in small batches. An entry that waits for a drain is never
removed, whatever its age.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flask import Flask
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from flask_messenger.ingest.partitions import DAYS_AHEAD, add_days, drop_days
from flask_messenger.media.discard import discard_attachments
from flask_messenger.models import Attachment, WebhookEntry
from flask_messenger.models.journal import PENDING, first_id
from flask_messenger.models.messages import ATTACHMENT_EXPIRED
from flask_messenger.models.upsert import dialect_of
from flask_messenger.state import state_of

BUDGET_SECONDS: Final = 5.0
"""The schedule has other parts that must not wait long; what is left over has its turn again."""
BATCH: Final = 1_000
FORGOTTEN: Final[dict[str, Any]] = {
    "url": None,
    "title": None,
    "payload": {},
    "filename": None,
    "sha256": None,
    "storage_key": None,
    "thumbnail_key": None,
    "upload_id": None,
    "next_attempt_at": None,
}
"""What an attachment no longer has when its time is over; its file goes, too."""


def tidy(app: Flask, now: datetime) -> None:
    """Make the journal's next days, and remove what is past its time.

    For the schedule, in the system scope; commits by itself, batch by batch.
    """
    held = state_of(app)
    session: Session = held.db.session
    tidy_journal(session, now=now, days=held.settings.journal_days)
    if held.settings.attachment_days:
        cutoff = now - timedelta(days=held.settings.attachment_days)
        _repeat(lambda: _expire_attachments(session, before=cutoff))


def tidy_journal(session: Session, *, now: datetime, days: int) -> None:
    """Have partitions for the journal's next days, and keep `days` of its entries."""
    cutoff = now - timedelta(days=days)
    if dialect_of(session) == "postgresql":
        add_days(session, now=now)
        if not drop_days(session, before=cutoff.astimezone(UTC).date()):
            return  # a day that could not be dropped just now is not deleted row by row
    _repeat(lambda: _delete_entries(session, before=cutoff, now=now))


def _repeat(step: Callable[[], int]) -> None:
    """Repeat `step` until it does less than a batch, or time is up."""
    ends_at = time.monotonic() + BUDGET_SECONDS
    while step() >= BATCH and time.monotonic() < ends_at:
        pass


def _delete_entries(session: Session, *, before: datetime, now: datetime) -> int:
    old = WebhookEntry.id < first_id(before)
    # A host whose clock was ahead wrote ids of a time to come; when it was done tells its age.
    ahead = (WebhookEntry.id >= first_id(now + timedelta(days=DAYS_AHEAD + 1))) & (
        WebhookEntry.processed_at < before
    )
    return sum(_delete_some(session, which) for which in (old, ahead))


def _delete_some(session: Session, which: Any) -> int:
    some = (
        select(WebhookEntry.id)
        .where(which, WebhookEntry.state != PENDING)
        .order_by(WebhookEntry.id)
        .limit(BATCH)
    )
    ids = list(session.scalars(some))
    if ids:
        session.execute(
            delete(WebhookEntry)
            .where(
                WebhookEntry.id.between(ids[0], ids[-1]),
                WebhookEntry.id.in_(ids),
                WebhookEntry.state != PENDING,
            )
            .execution_options(synchronize_session=False)
        )
    session.commit()
    return len(ids)


def _expire_attachments(session: Session, *, before: datetime) -> int:
    """Forget what is known of the oldest attachments; that there were some stays.

    They expire in the order of their ids, so the last one that did says where to go on.
    """
    expired = select(Attachment.id).where(Attachment.state == ATTACHMENT_EXPIRED)
    done_until = session.scalar(expired.order_by(Attachment.id.desc()).limit(1))
    some = select(Attachment.id).where(Attachment.id < first_id(before))
    if done_until is not None:
        some = some.where(Attachment.id > done_until)
    ids = list(session.scalars(some.order_by(Attachment.id).limit(BATCH)))
    if ids:
        table = Attachment.__table__
        columns = (table.c.workspace_id, table.c.storage_key, table.c.thumbnail_key)
        stored = select(*columns, table.c.upload_id).where(table.c.id.in_(ids))
        discard_attachments(session, session.execute(stored).all())
        session.execute(
            update(Attachment)
            .where(Attachment.id.in_(ids))
            .values(state=ATTACHMENT_EXPIRED, **FORGOTTEN)
            .execution_options(synchronize_session=False)
        )
    session.commit()
    return len(ids)
