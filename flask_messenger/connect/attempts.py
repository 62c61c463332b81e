"""One attempt to connect: from the click, through Meta's dialog, to the choice of Pages."""

import hashlib
import json
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from flask_messenger.connect.reasons import ended
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import NotFoundError
from flask_messenger.hooks import Tenant
from flask_messenger.models import PendingConnection
from flask_messenger.models.accounts import BY_FACEBOOK
from flask_messenger.models.base import new_id

DIALOG: Final = "dialog"
EXCHANGING: Final = "exchanging"
CHOICE: Final = "choice"
ENDED: Final = "ended"
ACCOUNT_ID: Final = "account_id"

DIALOG_LIFETIME: Final = timedelta(minutes=15)
CHOICE_LIFETIME: Final = timedelta(hours=1)
KEPT_AFTER_EXPIRY: Final = timedelta(days=1)
"""For a late answer of the dialog to be told from a forged one. Nothing secret is left by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a page may show of an attempt."""

    id: uuid.UUID
    channel: str
    app_name: str
    location_id: str | None
    step: str
    login: str = BY_FACEBOOK
    declined_scopes: tuple[str, ...] = ()
    meta_user_id: str | None = field(default=None, repr=False)


def open_attempt(
    session: Session,
    keys: KeyRing,
    *,
    tenant: Tenant,
    location_id: str | None,
    channel: str,
    app_name: str,
    now: datetime,
    login: str = BY_FACEBOOK,
    account_id: uuid.UUID | None = None,
) -> str:
    """Start an attempt and return the `state` for its dialog; only its hash is stored.

    `account_id` is of the one account it is for; None leaves the choice for later.
    """
    forget_expired(session, now=now)
    state = secrets.token_urlsafe(32)
    row = PendingConnection(
        id=new_id(),
        workspace_id=tenant.workspace_id,
        location_id=location_id,
        user_id=tenant.user_id,
        channel=channel,
        login=login,
        app_name=app_name,
        state_hash=_hash(state),
        step=DIALOG,
        expires_at=now + DIALOG_LIFETIME,
    )
    if account_id is not None:
        row.seal_payload(keys, json.dumps({ACCOUNT_ID: str(account_id)}))
    session.add(row)
    session.flush()
    return state


def read_account_id(row: PendingConnection, keys: KeyRing) -> uuid.UUID | None:
    """Return the one account that an attempt is for, while its dialog is open."""
    payload = row.open_payload(keys)
    named = json.loads(payload).get(ACCOUNT_ID) if payload else None
    return uuid.UUID(named) if named else None


def find_by_state(session: Session, *, tenant: Tenant, state: str) -> Attempt | None:
    """Return the attempt of this person in this workspace that `state` belongs to."""
    statement = select(PendingConnection).where(
        PendingConnection.workspace_id == tenant.workspace_id,
        PendingConnection.user_id == tenant.user_id,
        PendingConnection.state_hash == _hash(state),
    )
    row = session.scalars(statement).one_or_none()
    return _attempt_of(row) if row else None


def take_attempt(session: Session, attempt: Attempt, *, now: datetime) -> None:
    """Use up the attempt's state. Of two requests with the same state only one gets past here.

    Raises:
        ConnectError: `state_used` or `state_expired`.
    """
    statement = (
        update(PendingConnection)
        .where(
            PendingConnection.id == attempt.id,
            PendingConnection.step == DIALOG,
            PendingConnection.expires_at > now,
        )
        .values(step=EXCHANGING)
        .returning(PendingConnection.id)
        .execution_options(synchronize_session=False)
    )
    if session.execute(statement).one_or_none() is None:
        raise ended("state_expired" if attempt.step == DIALOG else "state_used")


def end_attempt(
    session: Session, attempt_id: uuid.UUID, *, declined_scopes: tuple[str, ...] = ()
) -> None:
    """Remember that the attempt came to nothing, and which permissions were declined."""
    session.execute(
        update(PendingConnection)
        .where(PendingConnection.id == attempt_id)
        .values(step=ENDED, payload_sealed=None, declined_scopes=list(declined_scopes))
    )


def read_attempt(session: Session, *, tenant: Tenant, attempt_id: uuid.UUID) -> Attempt:
    """Return an attempt of this person, in whatever step.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
    """
    return _attempt_of(_row(session, tenant=tenant, attempt_id=attempt_id))


def open_choice(
    session: Session, *, tenant: Tenant, attempt_id: uuid.UUID, now: datetime
) -> PendingConnection:
    """Return the row of an attempt whose Pages can be chosen now.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
        ConnectError: `choice_expired`.
    """
    row = _row(session, tenant=tenant, attempt_id=attempt_id)
    if row.step != CHOICE or row.expires_at <= now or row.payload_sealed is None:
        raise ended("choice_expired")
    return row


def forget_expired(session: Session, *, now: datetime) -> int:
    """Remove what nobody finished, secrets first; return how many rows are gone.

    In a workspace's scope its own, in the system scope everybody's.
    """
    session.execute(
        update(PendingConnection)
        .where(PendingConnection.expires_at <= now, PendingConnection.payload_sealed.is_not(None))
        .values(payload_sealed=None, step=ENDED)
        .execution_options(synchronize_session=False)
    )
    removed = session.execute(
        delete(PendingConnection)
        .where(PendingConnection.expires_at <= now - KEPT_AFTER_EXPIRY)
        .returning(PendingConnection.id)
        .execution_options(synchronize_session=False)
    )
    return len(removed.all())


def _row(session: Session, *, tenant: Tenant, attempt_id: uuid.UUID) -> PendingConnection:
    statement = select(PendingConnection).where(
        PendingConnection.workspace_id == tenant.workspace_id,
        PendingConnection.user_id == tenant.user_id,
        PendingConnection.id == attempt_id,
    )
    row = session.scalars(statement).one_or_none()
    if row is None:
        raise NotFoundError("There is no such connection attempt.")
    return row


def _attempt_of(row: PendingConnection) -> Attempt:
    return Attempt(
        id=row.id,
        channel=row.channel,
        login=row.login,
        app_name=row.app_name,
        location_id=row.location_id,
        step=row.step,
        declined_scopes=tuple(row.declined_scopes),
        meta_user_id=row.meta_user_id,
    )


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
