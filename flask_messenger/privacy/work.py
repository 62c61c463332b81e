"""Doing what was asked: in pieces, that can be broken off anywhere and go on."""

import logging
import time
import uuid
from datetime import datetime, timedelta
from typing import Final

from flask import Flask
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from flask_messenger.crypto import KeyRing
from flask_messenger.models import Account, DataRequest, Identity
from flask_messenger.models.audit import record
from flask_messenger.models.base import utc_now
from flask_messenger.models.privacy import DONE, ERASE, EXPIRED, EXPORT, FAILED, OPEN, RUNNING
from flask_messenger.models.upsert import is_transient
from flask_messenger.privacy.bodies import Place
from flask_messenger.privacy.erase import (
    begin_erasure,
    clean_journal,
    is_being_sent_to,
    remove_rows,
)
from flask_messenger.privacy.export import build_export
from flask_messenger.signals import emit, person_erased
from flask_messenger.state import state_of

logger = logging.getLogger(__name__)

TURN_SECONDS: Final = 5.0
GONE: Final = "person_gone"
"""The person was erased before their data could be exported."""


def work_on(app: Flask, request_id: uuid.UUID) -> bool:
    """Do the next piece of a request; say whether there is more to do now. Commits by itself.

    In the system scope. May run twice at once and be killed anywhere. What has to wait, for a lock
    or for a message on its way, is left to the schedule, which comes back to it.
    """
    session: Session = state_of(app).db.session
    request = session.scalars(
        select(DataRequest).where(DataRequest.id == request_id).with_for_update()
    ).one_or_none()
    if request is None or request.state not in OPEN:
        session.rollback()
        return False
    request.state = RUNNING
    request.worked_at = utc_now()
    if request.kind == EXPORT:
        _export(app, session, request)
        return False
    try:
        return _erase(app, session, request)
    except DBAPIError as error:
        session.rollback()
        if not is_transient(error):
            raise
        logger.warning("erasure_waits request_id=%s", request_id)
        return False


def find_open(session: Session, *, limit: int = 100) -> list[tuple[str, uuid.UUID]]:
    """Return workspace and id of requests that are not done, the oldest first. System scope."""
    statement = (
        select(DataRequest.workspace_id, DataRequest.id)
        .where(DataRequest.state.in_(OPEN))
        .order_by(DataRequest.id)
        .limit(limit)
    )
    return [(row.workspace_id, row.id) for row in session.execute(statement)]


def forget_exports(session: Session, *, now: datetime) -> int:
    """Remove the documents whose time is over; return how many. Commits. System scope."""
    count = _remove_documents(session, DataRequest.expires_at <= now)
    session.commit()
    return count


def _remove_documents(session: Session, *criteria: ColumnElement[bool]) -> int:
    statement = (
        update(DataRequest)
        .where(DataRequest.document_sealed.is_not(None), *criteria)
        .values(document_sealed=None, state=EXPIRED)
        .returning(DataRequest.id)
        .execution_options(synchronize_session=False)
    )
    return len(session.execute(statement).all())


def _export(app: Flask, session: Session, request: DataRequest) -> None:
    held = state_of(app)
    account = session.get_one(Account, request.account_id)
    # Held: an erasure that begins meanwhile waits, and then removes the document, too.
    identity = session.get(Identity, request.identity_id, with_for_update={"read": True})
    now = utc_now()
    if identity is None:
        _finish(session, request, state=FAILED, error=GONE)
        return
    document, counts = build_export(session, account, identity, now=now)
    request.seal_document(held.get(KeyRing), document)
    request.result = counts
    request.expires_at = now + timedelta(days=held.settings.export_days)
    _finish(session, request, state=DONE)


def _erase(app: Flask, session: Session, request: DataRequest) -> bool:
    external_id = request.open_person(state_of(app).get(KeyRing))
    account = session.get_one(Account, request.account_id)
    if external_id is None:  # a second worker has just finished it
        session.rollback()
        return False
    if "part" not in request.progress:
        if is_being_sent_to(session, request.identity_id):
            session.commit()
            return False
        _remove_person(app, session, request, account, external_id)
        return True
    ends_at = time.monotonic() + TURN_SECONDS
    place = Place.read(request.progress)
    changed = 0
    while not place.is_end:
        count, place = clean_journal(session, account, external_id, place)
        changed += count
        if time.monotonic() > ends_at:
            break
    bodies = int(request.result.get("journal_bodies", 0)) + changed
    request.result = {**request.result, "journal_bodies": bodies}
    request.progress = place.write()
    if not place.is_end:
        session.commit()
        return True
    request.person_sealed = None
    _finish(session, request, state=DONE)
    return False


def _remove_person(
    app: Flask, session: Session, request: DataRequest, account: Account, external_id: str
) -> None:
    identity_id = request.identity_id
    contact_ref = session.scalar(select(Identity.contact_ref).where(Identity.id == identity_id))
    workspace_id, account_id = account.workspace_id, account.id
    begin_erasure(session, account, external_id, now=utc_now())
    counts = remove_rows(session, account, identity_id, external_id)
    # After the rows: an export that held them has ended by now.
    counts["exports"] = _remove_documents(session, DataRequest.identity_id == identity_id)
    request.result = counts
    request.progress = Place().write()
    session.commit()
    emit(
        person_erased,
        app,
        workspace_id=workspace_id,
        account_id=account_id,
        identity_id=identity_id,
        contact_ref=contact_ref,
    )


def _finish(
    session: Session, request: DataRequest, *, state: str, error: str | None = None
) -> None:
    request.state = state
    request.error = error
    request.completed_at = utc_now()
    done = {EXPORT: "exported", ERASE: "erased"}[request.kind]
    record(
        session,
        workspace_id=request.workspace_id,
        actor=request.requested_by,
        action=f"person_{done}" if state == DONE else f"person_{request.kind}_failed",
        subject=str(request.identity_id),
        request_id=str(request.id),
        counts=request.result,
    )
    session.commit()
