"""Removing files: each key that nothing names any more is written down, and a job removes it.

A file and its row cannot go in one transaction. So the key is noted in the transaction that drops
the row, and before a file is written: whatever dies in between, the note is there, and the file
goes. Whoever keeps a file removes the note in the transaction that names its key.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from flask import Flask
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from flask_messenger.errors import FileUnavailableError
from flask_messenger.media.store import Store
from flask_messenger.models import Attachment, DiscardedFile, Upload
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.upsert import insert_missing
from flask_messenger.state import state_of

logger = logging.getLogger(__name__)

_discarded: Final = DiscardedFile.__table__
_attachments: Final = Attachment.__table__
_uploads: Final = Upload.__table__

GRACE: Final = timedelta(hours=1)
"""How long a file that is being written has to be named by a row."""
BATCH: Final = 100
FIRST_WAIT: Final = timedelta(minutes=1)
LONGEST_WAIT: Final = timedelta(days=1)


def discard_files(
    session: Session, files: Iterable[tuple[str, str | None]], *, due_at: datetime | None = None
) -> None:
    """Have files removed once the transaction is committed; one statement. Never commits.

    Args:
        session: of the transaction that drops what names them.
        files: workspace and key; a None as key is passed over.
        due_at: aware; None for at once.
    """
    now = utc_now()
    rows = [
        {
            "id": new_id(),
            "workspace_id": workspace_id,
            "storage_key": key,
            "due_at": due_at or now,
            "attempts": 0,
            "created_at": now,
        }
        for workspace_id, key in sorted({each for each in files if each[1]}, key=str)
    ]
    insert_missing(session, _discarded, rows, key=("storage_key",))


def discard_attachments(session: Session, rows: Sequence[Any]) -> None:
    """Have the files of attachments removed whose rows go. Never commits.

    Args:
        session: of the transaction that drops the rows.
        rows: with `workspace_id`, `storage_key`, `thumbnail_key` and `upload_id`.
    """
    keys = [(row.workspace_id, key) for row in rows for key in (row.storage_key, row.thumbnail_key)]
    discard_files(session, keys)
    release_uploads(session, [row.upload_id for row in rows if row.upload_id is not None])


def discard_files_of_messages(session: Session, message_ids: Any) -> None:
    """Have the files of messages removed that go. Never commits.

    Args:
        session: of the transaction that drops the messages.
        message_ids: a list of ids, or a query of them.
    """
    found = session.execute(
        select(
            _attachments.c.workspace_id,
            _attachments.c.storage_key,
            _attachments.c.thumbnail_key,
            _attachments.c.upload_id,
        ).where(_attachments.c.message_id.in_(message_ids))
    )
    discard_attachments(session, found.all())


def release_uploads(session: Session, upload_ids: Sequence[Any]) -> None:
    """Let uploads expire whose message goes; one that others were sent as well is kept.

    That is looked at when its time comes. Never commits.
    """
    if upload_ids:
        session.execute(
            update(_uploads).where(_uploads.c.id.in_(set(upload_ids))).values(expires_at=utc_now())
        )


def keep_files(session: Session, keys: Iterable[str | None]) -> bool:
    """Say that a row names these files now; False where one is being removed. Never commits."""
    wanted = {key for key in keys if key}
    if not wanted:
        return True
    found = session.execute(
        delete(_discarded)
        .where(_discarded.c.storage_key.in_(wanted), _discarded.c.due_at > utc_now())
        .returning(_discarded.c.id)
    )
    return len(found.all()) == len(wanted)


def remove_discarded(app: Flask, *, limit: int = BATCH) -> int:
    """Remove files whose time has come; return how many went. Commits. System scope."""
    session: Session = state_of(app).db.session
    now = utc_now()
    statement = (
        select(_discarded.c.id, _discarded.c.storage_key, _discarded.c.attempts)
        .where(_discarded.c.due_at <= now)
        .order_by(_discarded.c.due_at)
        .limit(limit)
    )
    rows = session.execute(statement).all()
    session.rollback()  # no transaction waits for the store
    gone, failed = [], []
    for row in rows:
        try:
            state_of(app).get(Store).delete(row.storage_key)
        except FileUnavailableError as error:
            logger.warning("file_not_removed file_id=%s error=%s", row.id, error.reason)
            failed.append(row)
        else:
            gone.append(row.id)
    if gone:
        session.execute(delete(_discarded).where(_discarded.c.id.in_(gone)))
    for row in failed:
        wait = min(FIRST_WAIT * 2 ** min(row.attempts, 12), LONGEST_WAIT)
        session.execute(
            update(_discarded)
            .where(_discarded.c.id == row.id)
            .values(attempts=row.attempts + 1, due_at=now + wait)
        )
    session.commit()
    return len(gone)
