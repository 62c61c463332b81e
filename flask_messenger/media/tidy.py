"""What is over: uploads that were not sent, ids of Meta's that ended, files that nothing names."""

from datetime import datetime
from typing import Final

from flask import Flask
from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from flask_messenger.media.discard import BATCH, remove_discarded
from flask_messenger.media.uploads import discard_upload
from flask_messenger.models import Attachment, ReusableAttachment, Upload
from flask_messenger.state import state_of

_attachments: Final = Attachment.__table__
ROUNDS: Final = 20


def tidy(app: Flask, *, now: datetime) -> None:
    """Remove what is over. For the schedule, in the system scope; commits by itself."""
    session: Session = state_of(app).db.session
    expire_uploads(session, now=now)
    session.execute(
        delete(ReusableAttachment)
        .where(ReusableAttachment.expires_at <= now)
        .execution_options(synchronize_session=False)
    )
    session.commit()
    for _ in range(ROUNDS):
        if remove_discarded(app) < BATCH:
            return


def expire_uploads(session: Session, *, now: datetime) -> int:
    """Remove uploads whose time is over and which no message has; return how many. Commits."""
    is_sent = exists().where(_attachments.c.upload_id == Upload.id)
    session.execute(
        update(Upload)
        .where(Upload.expires_at <= now, is_sent)
        .values(expires_at=None)
        .execution_options(synchronize_session=False)
    )
    over = session.scalars(
        select(Upload)
        .where(Upload.expires_at <= now, ~is_sent)
        .order_by(Upload.expires_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    for upload in over:
        discard_upload(session, upload)
    session.commit()
    return len(over)
