"""Asking for an export or an erasure, and looking what became of it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Select, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flask_messenger.crypto import KeyRing
from flask_messenger.errors import ConflictError, InvalidRequestError, NotFoundError
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, DataRequest, Identity
from flask_messenger.models.audit import record
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.privacy import DONE, ERASE, EXPORT, FAILED, GONE, OPEN, QUEUED
from flask_messenger.privacy.parts import list_parts

MAX_ROWS: Final = 200
NAMELESS: Final = "erase"
"""What is typed to confirm where Meta has told no name."""


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person and the account that knows them."""

    identity: Identity
    account: Account

    @property
    def confirmation(self) -> str:
        """What has to be typed before they are erased."""
        return (self.identity.name or "").strip() or NAMELESS


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request, the account it is about, and the person's name while they are there."""

    request: DataRequest
    account: Account
    name: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Document:
    """A finished export: the whole text, or the ids of its parts in order (`parts.read_part`)."""

    whole: str = field(repr=False)
    part_ids: Sequence[uuid.UUID]


def get_person(session: Session, *, tenant: Tenant, identity_id: uuid.UUID) -> PersonRow:
    """Return a person whom the tenant sees.

    Raises:
        NotFoundError: there is none, or they are somebody else's.
    """
    statement = (
        select(Identity, Account)
        .join(Account, Account.id == Identity.account_id)
        .where(Identity.workspace_id == tenant.workspace_id, Identity.id == identity_id)
    )
    row = session.execute(statement).one_or_none()
    if row is None or not tenant.sees_location(row.Account.location_id):
        raise NotFoundError("There is no such person.")
    return PersonRow(row.Identity, row.Account)


def ask_for_export(session: Session, *, tenant: Tenant, identity_id: uuid.UUID) -> DataRequest:
    """Ask for everything that is kept of a person. Commits; the caller wakes the work.

    Of somebody known by comments too, that is asked for as well, and each is a document of its own.
    Asked again while it is under way, it is the same request.
    """
    person = get_person(session, tenant=tenant, identity_id=identity_id)
    linked = _linked_to(session, person)
    request = _ask(session, person, EXPORT, tenant=tenant)
    for each in linked:
        _ask(session, each, EXPORT, tenant=tenant)
    return request


def ask_for_erasure(
    session: Session, keys: KeyRing, *, tenant: Tenant, identity_id: uuid.UUID, confirmation: str
) -> DataRequest:
    """Ask for a person to be erased, for good, comments of theirs too. Commits.

    The caller wakes the work.

    Raises:
        InvalidRequestError: `confirmation` is not the person's name.
    """
    person = get_person(session, tenant=tenant, identity_id=identity_id)
    if confirmation.strip().casefold() != person.confirmation.casefold():
        raise InvalidRequestError(
            "Type the name exactly as it is shown, to erase this person.", field="confirmation"
        )
    linked = _linked_to(session, person)
    names = [each.identity.external_id for each in (person, *linked)]
    request = _ask(session, person, ERASE, tenant=tenant, sealed=(keys, names[0]))
    for each, name in zip(linked, names[1:], strict=True):
        _ask(session, each, ERASE, tenant=tenant, sealed=(keys, name))
    return request


def _linked_to(session: Session, person: PersonRow) -> list[PersonRow]:
    """Return the other sides of somebody who commented and wrote; each is a request of its own.

    Where Meta does not name who commented, each comment has a side, and all lead to the person.
    The schedule finds the others' requests.
    """
    own_id = person.identity.id
    sides = {own_id, person.identity.linked_identity_id} - {None}
    statement = (
        select(Identity)
        .where(
            Identity.workspace_id == person.identity.workspace_id,
            Identity.account_id == person.account.id,
            Identity.id != own_id,
            or_(Identity.id.in_(sides), Identity.linked_identity_id.in_(sides)),
        )
        .order_by(Identity.id)
    )
    return [PersonRow(each, person.account) for each in session.scalars(statement)]


def _ask(
    session: Session,
    person: PersonRow,
    kind: str,
    *,
    tenant: Tenant,
    sealed: tuple[KeyRing, str] | None = None,
) -> DataRequest:
    found = _open_request(session, person.identity.id, kind)
    if found is not None:
        return found
    identity_id = person.identity.id
    request = DataRequest(
        id=new_id(),
        workspace_id=tenant.workspace_id,
        kind=kind,
        account_id=person.account.id,
        identity_id=identity_id,
        requested_by=tenant.user_id,
        requested_at=utc_now(),
    )
    if sealed is not None:
        request.seal_person(*sealed)
    session.add(request)
    record(
        session,
        workspace_id=tenant.workspace_id,
        actor=tenant.user_id,
        action=f"person_{kind}_requested",
        subject=str(identity_id),
        request_id=str(request.id),
    )
    try:
        session.commit()
    except IntegrityError:  # somebody else asked in this very moment
        session.rollback()
        found = _open_request(session, identity_id, kind)
        if found is None:
            raise ConflictError("The same was just asked for; please try again.") from None
        return found
    return request


def _open_request(session: Session, identity_id: uuid.UUID, kind: str) -> DataRequest | None:
    statement = select(DataRequest).where(
        DataRequest.identity_id == identity_id,
        DataRequest.kind == kind,
        DataRequest.state.in_(OPEN),
    )
    return session.scalars(statement).one_or_none()


def list_requests(session: Session, *, tenant: Tenant, limit: int = 50) -> list[RequestRow]:
    """Return the newest requests about people whom the tenant sees."""
    if not 1 <= limit <= MAX_ROWS:
        raise InvalidRequestError(f"A page has 1 to {MAX_ROWS} rows.", field="limit")
    statement = _select_seen(tenant).order_by(DataRequest.id.desc()).limit(limit)
    return [_row(*found) for found in session.execute(statement)]


def get_request(session: Session, *, tenant: Tenant, request_id: uuid.UUID) -> RequestRow:
    """Return one request.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
    """
    statement = _select_seen(tenant).where(DataRequest.id == request_id)
    row = session.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError("There is no such request.")
    return _row(*row)


def _row(request: DataRequest, account: Account, name: str | None) -> RequestRow:
    return RequestRow(request, account, name)


def _select_seen(tenant: Tenant) -> Select[DataRequest, Account, str | None]:
    statement = (
        select(DataRequest, Account, Identity.name)
        .join(Account, Account.id == DataRequest.account_id)
        .outerjoin(Identity, Identity.id == DataRequest.identity_id)
        .where(DataRequest.workspace_id == tenant.workspace_id)
    )
    if tenant.location_ids is not None:
        statement = statement.where(Account.location_id.in_(sorted(tenant.location_ids)))
    return statement


def retry_request(session: Session, *, tenant: Tenant, request_id: uuid.UUID) -> DataRequest:
    """Have a request that failed tried again. Commits; the caller wakes the work.

    Raises:
        NotFoundError: there is no such request.
        ConflictError: it did not fail, it cannot be done any more, or the same is under way.
    """
    request = get_request(session, tenant=tenant, request_id=request_id).request
    if not can_be_retried(request):
        raise ConflictError("Only what failed, and can still be done, is tried again.")
    request.state, request.error, request.completed_at = QUEUED, None, None
    record(
        session,
        workspace_id=tenant.workspace_id,
        actor=tenant.user_id,
        action=f"person_{request.kind}_retried",
        subject=str(request.identity_id),
        request_id=str(request.id),
    )
    try:
        session.commit()
    except IntegrityError:
        session.rollback()
        raise ConflictError("The same was asked for anew, and is under way.") from None
    return request


def can_be_retried(request: DataRequest) -> bool:
    """Say whether a request failed for something that may have passed."""
    return request.state == FAILED and request.error != GONE


def open_document(
    session: Session, keys: KeyRing, *, tenant: Tenant, request_id: uuid.UUID
) -> Document:
    """Say where a finished export (JSON) is, and note who took it. Commits.

    Raises:
        NotFoundError: there is no such request.
        ConflictError: it is not ready yet, or no longer kept.
    """
    request = get_request(session, tenant=tenant, request_id=request_id).request
    if request.kind != EXPORT or request.state in OPEN:
        raise ConflictError("There is no document to download yet.")
    # An earlier version kept the whole document with the request.
    whole = request.open_document(keys) if request.state == DONE else None
    part_ids = list_parts(session, request.id) if request.state == DONE else []
    if whole is None and not part_ids:
        raise ConflictError("The document is no longer kept. Ask for a new export.")
    record(
        session,
        workspace_id=tenant.workspace_id,
        actor=tenant.user_id,
        action="person_export_downloaded",
        subject=str(request.identity_id),
        request_id=str(request.id),
    )
    session.commit()
    return Document(whole or "", part_ids)
