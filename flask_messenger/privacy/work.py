"""Doing what was asked: in pieces, that can be broken off anywhere and go on."""

import logging
import time
import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from flask import Flask
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from flask_messenger.crypto import KeyRing
from flask_messenger.models import Account, DataRequest, Identity
from flask_messenger.models.audit import record
from flask_messenger.models.base import utc_now
from flask_messenger.models.outage import is_database_away
from flask_messenger.models.privacy import (
    DONE,
    ERASE,
    EXPIRED,
    EXPORT,
    FAILED,
    GONE,
    LOST,
    OPEN,
    RUNNING,
)
from flask_messenger.models.upsert import is_transient
from flask_messenger.privacy.bodies import Place, is_any_waiting
from flask_messenger.privacy.erase import (
    begin_erasure,
    clean_journal,
    is_being_sent_to,
    remove_messages,
    remove_rows,
)
from flask_messenger.privacy.export import Person, write_on
from flask_messenger.privacy.parts import discard_parts
from flask_messenger.signals import emit, person_erased
from flask_messenger.state import state_of

logger = logging.getLogger(__name__)

TURN_SECONDS: Final = 5.0
MAX_TRIES: Final = 5
"""Turns in a row that end in an error, or with the worker, before a request has failed."""
TRIES: Final = "tries"


def work_on(app: Flask, request_id: uuid.UUID, *, turn_seconds: float = TURN_SECONDS) -> bool:
    """Do the next piece of a request; say whether there is more to do now. Commits by itself.

    In the system scope. May run twice at once and be killed anywhere. What has to wait, for a lock
    or for a message on its way, is left to the schedule, which comes back to it; so is what failed,
    until it has failed too often.
    """
    session: Session = state_of(app).db.session
    ends_at = time.monotonic() + turn_seconds
    if not _begin_turn(session, request_id):
        return False
    try:
        return _take_turn(app, session, request_id, ends_at=ends_at)
    except Exception as error:
        session.rollback()
        if is_database_away(error):
            raise
        if isinstance(error, DBAPIError) and is_transient(error):
            logger.warning("data_request_waits request_id=%s", request_id)
            _forget_tries(session, request_id)
        else:
            _note_failure(session, request_id, error)
        return False


def find_open(session: Session, *, limit: int = 100) -> list[tuple[str, uuid.UUID]]:
    """Return workspace and id of requests that are not done. System scope.

    Those nobody has looked at for longest come first: what fails again and again hides nothing.
    """
    statement = (
        select(DataRequest.workspace_id, DataRequest.id)
        .where(DataRequest.state.in_(OPEN))
        .order_by(DataRequest.worked_at.asc().nulls_first(), DataRequest.id)
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
        .where(DataRequest.kind == EXPORT, DataRequest.state == DONE, *criteria)
        .values(document_sealed=None, state=EXPIRED)
        .returning(DataRequest.id)
        .execution_options(synchronize_session=False)
    )
    ids = list(session.scalars(statement))
    discard_parts(session, ids)
    return len(ids)


def _lock(session: Session, request_id: uuid.UUID) -> DataRequest | None:
    statement = select(DataRequest).where(DataRequest.id == request_id)
    request = session.scalars(
        statement.with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
    if request is None or request.state not in OPEN:
        session.rollback()
        return None
    return request


def _begin_turn(session: Session, request_id: uuid.UUID) -> bool:
    """Count the try before it begins: a worker that is killed by it cannot do so afterwards."""
    request = _lock(session, request_id)
    if request is None:
        return False
    tries = int(request.progress.get(TRIES, 0))
    if tries >= MAX_TRIES:
        _fail(session, request, error=request.error or LOST)
        return False
    request.state = RUNNING
    request.worked_at = utc_now()
    request.progress = {**request.progress, TRIES: tries + 1}
    session.commit()
    return True


def _take_turn(app: Flask, session: Session, request_id: uuid.UUID, *, ends_at: float) -> bool:
    request = _lock(session, request_id)
    if request is None:
        return False
    request.progress = _without_tries(request.progress)
    request.error = None
    go_on = _export if request.kind == EXPORT else _erase
    return go_on(app, session, request, ends_at=ends_at)


def _without_tries(progress: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in progress.items() if name != TRIES}


def _forget_tries(session: Session, request_id: uuid.UUID) -> None:
    request = _lock(session, request_id)
    if request is not None:
        request.progress = _without_tries(request.progress)
        session.commit()


def _note_failure(session: Session, request_id: uuid.UUID, error: Exception) -> None:
    """Note the kind of the error; its text may quote what it choked on."""
    kind = type(getattr(error, "orig", None) or error).__name__
    logger.error("data_request_failed request_id=%s error=%s", request_id, kind)
    request = _lock(session, request_id)
    if request is None:
        return
    if int(request.progress.get(TRIES, 0)) >= MAX_TRIES:
        _fail(session, request, error=kind)
        return
    request.error = kind
    session.commit()


def _export(app: Flask, session: Session, request: DataRequest, *, ends_at: float) -> bool:
    held = state_of(app)
    account = session.get_one(Account, request.account_id)
    # Held: an erasure that begins meanwhile waits, and then removes the document, too.
    identity = session.get(Identity, request.identity_id, with_for_update={"read": True})
    if identity is None:
        _fail(session, request, error=GONE)
        return False
    is_whole = write_on(
        session,
        held.get(KeyRing),
        request,
        Person(account, identity),
        now=utc_now(),
        ends_at=ends_at,
    )
    if not is_whole:
        session.commit()
        return True
    request.expires_at = utc_now() + timedelta(days=held.settings.export_days)
    _finish(session, request, state=DONE)
    return False


def _erase(app: Flask, session: Session, request: DataRequest, *, ends_at: float) -> bool:
    external_id = request.open_person(state_of(app).get(KeyRing))
    account = session.get_one(Account, request.account_id)
    if external_id is None:  # a second worker has just finished it
        session.rollback()
        return False
    if "part" in request.progress:
        return _clean(session, request, account, external_id, ends_at=ends_at)
    if is_being_sent_to(session, request.identity_id):
        session.commit()
        return False
    while _remove_some(session, request, account):
        if time.monotonic() > ends_at:
            return True
    if is_being_sent_to(session, request.identity_id):  # since we began
        return False
    _remove_person(app, session, request, account, external_id)
    return True


def _remove_some(session: Session, request: DataRequest, account: Account) -> bool:
    """Remove messages while nobody has to wait for it; say whether there were any. Commits."""
    counts = remove_messages(session, account, request.identity_id)
    request.result = _sum(request.result, counts)
    session.commit()
    return counts["messenger_messages"] > 0


def _sum(first: dict[str, Any], second: dict[str, int]) -> dict[str, Any]:
    return {**first, **{name: first.get(name, 0) + count for name, count in second.items()}}


def _remove_person(
    app: Flask, session: Session, request: DataRequest, account: Account, external_id: str
) -> None:
    identity_id = request.identity_id
    contact_ref = session.scalar(select(Identity.contact_ref).where(Identity.id == identity_id))
    workspace_id, account_id = account.workspace_id, account.id
    # A turn of an export is waited for here, not with the table to ourselves.
    exports = select(DataRequest.id).where(
        DataRequest.identity_id == identity_id, DataRequest.kind == EXPORT
    )
    export_ids = list(session.scalars(exports.order_by(DataRequest.id).with_for_update()))
    now = utc_now()
    begin_erasure(session, account, external_id, now=now)
    counts = remove_rows(session, account, identity_id, external_id)
    counts["exports"] = _remove_documents(session, DataRequest.identity_id == identity_id)
    discard_parts(session, export_ids)
    request.result = _sum(request.result, counts)
    request.progress = {**Place().write(), "before": now.isoformat()}
    session.commit()
    emit(
        person_erased,
        app,
        workspace_id=workspace_id,
        account_id=account_id,
        identity_id=identity_id,
        contact_ref=contact_ref,
    )


def _clean(
    session: Session, request: DataRequest, account: Account, external_id: str, *, ends_at: float
) -> bool:
    """Go on through the journal; say whether there is more to do now."""
    place, noted = Place.read(request.progress), request.progress.get("before")
    before = datetime.fromisoformat(noted) if noted else utc_now()
    changed = 0
    while not place.is_end:
        count, place = clean_journal(session, account, external_id, place, before=before)
        changed += count
        if time.monotonic() > ends_at:
            break
    request.result = _sum(request.result, {"journal_bodies": changed})
    is_through = place.is_end
    if is_through and not is_any_waiting(session, external_id, before=before):
        request.person_sealed = None
        _finish(session, request, state=DONE)
        return False
    # What came before the erasure and was not applied yet may fail when it is: look once more.
    place = Place() if is_through else place
    request.progress = {**place.write(), "before": before.isoformat()}
    session.commit()
    return not is_through


def _fail(session: Session, request: DataRequest, *, error: str) -> None:
    """Give a request up: it says why, and somebody may have it tried again."""
    if request.kind == EXPORT:
        discard_parts(session, [request.id])
        request.progress, request.result = {}, {}
    _finish(session, request, state=FAILED, error=error)


def _finish(
    session: Session, request: DataRequest, *, state: str, error: str | None = None
) -> None:
    request.state = state
    request.error = error
    request.progress = _without_tries(request.progress)
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
