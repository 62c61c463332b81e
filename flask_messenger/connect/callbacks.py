"""What Meta asks of us about a person's login: to let go of it, and to delete what it gave us."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from flask import Flask
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from flask_messenger.connect.announce import AccountFacts, announce
from flask_messenger.connect.disconnect import end_connection
from flask_messenger.connect.signed_request import SignedRequest
from flask_messenger.models import Account, DeletionRequest, PendingConnection
from flask_messenger.models.accounts import BY_INSTAGRAM, DISCONNECTED
from flask_messenger.models.audit import record
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.elsewhere import list_workspaces_of_login
from flask_messenger.models.upsert import insert_for
from flask_messenger.signals import account_disconnected
from flask_messenger.state import state_of
from flask_messenger.tenancy import workspace_scope

META = "meta"
CODE_LENGTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """What the status page shows of a deletion.

    Attributes:
        state: `pending` or `done`.
        accounts: how many connections lost their tokens and the person's id.
    """

    code: str
    state: str
    accounts: int
    requested_at: datetime
    completed_at: datetime | None


def deauthorize(app: Flask, request: SignedRequest) -> int:
    """Disconnect what a person's login connected: they removed our app at Meta.

    Returns how many accounts were; the second time none. Commits by itself.
    """
    session: Session = state_of(app).db.session
    ended: list[AccountFacts] = []
    for workspace_id in _workspaces_of(session, request):
        with workspace_scope(workspace_id):
            ended += _end_accounts(session, request, reason="deauthorized")
            _forget_attempts(session, request)
    session.commit()
    announce(app, account_disconnected, ended)
    return len(ended)


def delete_login(app: Flask, request: SignedRequest) -> str:
    """Delete what a person's login gave us; return the confirmation code for the status page.

    That is their tokens, their id and what waited for a choice. Messages of the Page's customers
    are not the person's and stay. The same request again has the same code. Commits by itself.
    """
    session: Session = state_of(app).db.session
    code = _confirmation_code(request)
    ended: list[AccountFacts] = []
    accounts = attempts = 0
    for workspace_id in _workspaces_of(session, request):
        with workspace_scope(workspace_id):
            ended += _end_accounts(session, request, reason="data_deletion")
            accounts += _forget_person(session, request)
            attempts += _forget_attempts(session, request)
            session.flush()
    _note_deletion(session, request, code, accounts=accounts, attempts=attempts)
    session.commit()
    announce(app, account_disconnected, ended)
    return code


def read_deletion(session: Session, code: str) -> Deletion | None:
    """Return a deletion by its confirmation code; None where there is none."""
    statement = select(DeletionRequest).where(DeletionRequest.confirmation_code == code)
    row = session.scalars(statement).one_or_none()
    if row is None:
        return None
    return Deletion(
        code=row.confirmation_code,
        state=row.state,
        accounts=int(row.details.get("accounts", 0)),
        requested_at=row.requested_at,
        completed_at=row.completed_at,
    )


def _workspaces_of(session: Session, request: SignedRequest) -> list[str]:
    return list_workspaces_of_login(
        session, app_name=request.app.name, meta_user_id=request.user_id
    )


def _end_accounts(session: Session, request: SignedRequest, *, reason: str) -> list[AccountFacts]:
    statement = (
        select(Account)
        .where(
            Account.meta_user_id == request.user_id,
            Account.login == request.login,
            Account.app_name == request.app.name,
            Account.status != DISCONNECTED,
        )
        .with_for_update()
    )
    ended = []
    for account in session.scalars(statement):
        if _was_connected_since(account, request):
            continue  # a late callback about a grant that was replaced by a new one meanwhile
        end_connection(session, account, actor=META, reason=reason, now=utc_now())
        ended.append(AccountFacts.of(account))
    session.flush()
    return ended


def _was_connected_since(account: Account, request: SignedRequest) -> bool:
    if request.issued_at is None or account.connected_at is None:
        return False
    return account.connected_at.replace(microsecond=0) > request.issued_at


def _forget_person(session: Session, request: SignedRequest) -> int:
    """Remove the person's id from every account of the workspace that has ended."""
    statement = (
        update(Account)
        .where(
            Account.meta_user_id == request.user_id,
            Account.login == request.login,
            Account.app_name == request.app.name,
            Account.status == DISCONNECTED,
        )
        .values(meta_user_id=None, granted_scopes=[], token_sealed=None)
        .returning(Account.workspace_id, Account.id)
        .execution_options(synchronize_session=False)
    )
    rows = session.execute(statement).all()
    for workspace_id, account_id in rows:
        record(
            session,
            workspace_id=workspace_id,
            actor=META,
            action="login_deleted",
            subject=str(account_id),
        )
    return len(rows)


def _forget_attempts(session: Session, request: SignedRequest) -> int:
    statement = (
        delete(PendingConnection)
        .where(
            PendingConnection.meta_user_id == request.user_id,
            PendingConnection.login == request.login,
            PendingConnection.app_name == request.app.name,
        )
        .returning(PendingConnection.id)
        .execution_options(synchronize_session=False)
    )
    return len(session.execute(statement).all())


def _note_deletion(
    session: Session, request: SignedRequest, code: str, *, accounts: int, attempts: int
) -> None:
    now = utc_now()
    row = {
        "id": new_id(),
        "confirmation_code": code,
        "app_name": request.app.name,
        "state": "done",
        "details": {"accounts": accounts, "attempts": attempts},
        "requested_at": now,
        "completed_at": now,
    }
    statement = insert_for(session, DeletionRequest.__table__).values(row)
    session.execute(statement.on_conflict_do_nothing(index_elements=["confirmation_code"]))


def _confirmation_code(request: SignedRequest) -> str:
    """Return a code that only we can make, the same each time Meta repeats the request."""
    issued = int(request.issued_at.timestamp()) if request.issued_at else 0
    app_id = request.app.app_id
    if request.login == BY_INSTAGRAM:
        app_id = request.app.instagram_app_id or app_id
    message = f"deletion:{app_id}:{request.user_id}:{issued}".encode()
    key = request.app.app_secret.encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:CODE_LENGTH]
