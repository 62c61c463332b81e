"""An account made ready to ask Meta about it: looked up, let go of, its token opened."""

import uuid
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.channels.base import Channel
from flask_messenger.channels.registry import channel_named
from flask_messenger.channels.sending import Endpoint
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import ConflictError, NotFoundError, SecretError
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account
from flask_messenger.models.accounts import ACTIVE, DISCONNECTED, ERROR, visible_to
from flask_messenger.settings import MetaApp
from flask_messenger.state import MessengerState
from flask_messenger.tiers import check_feature


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An account as it was when Meta is asked, and what it takes to ask."""

    account_id: uuid.UUID
    workspace_id: str
    channel: Channel
    endpoint: Endpoint
    app: MetaApp
    token: str = field(repr=False)


def get_account(session: Session, *, tenant: Tenant, account_id: uuid.UUID) -> Account:
    """Return an account that the person sees, connected or not.

    Raises:
        NotFoundError: there is none of this id for them.
    """
    statement = select(Account).where(*visible_to(tenant), Account.id == account_id)
    account = session.scalars(statement).one_or_none()
    if account is None:
        raise NotFoundError("There is no such account.")
    return account


def open_account(held: MessengerState, *, tenant: Tenant, account_id: uuid.UUID) -> Asked:
    """Return what it takes to ask Meta about an account. Ends the transaction: nothing is held.

    Raises:
        NotFoundError: there is none of this id for the person.
        TierError: the workspace's plan does not have the channel.
        ConflictError: it has to be connected again first.
    """
    session: Session = held.db.session
    account = get_account(session, tenant=tenant, account_id=account_id)
    session.expunge(account)
    session.rollback()
    channel = channel_named(account.channel)
    check_feature(held, account.workspace_id, channel.feature)
    app = held.settings.apps.get(account.app_name)
    token = _open_token(held, account)
    if account.status == DISCONNECTED:
        raise ConflictError("This account is disconnected. Connect it again first.")
    if app is None or token is None or account.status not in {ACTIVE, ERROR}:
        raise ConflictError("This account has to be connected again first.")
    endpoint = Endpoint(
        external_id=account.external_id,
        page_external_id=account.page_external_id,
        login=account.login,
    )
    return Asked(
        account_id=account.id,
        workspace_id=account.workspace_id,
        channel=channel,
        endpoint=endpoint,
        app=app,
        token=token,
    )


def _open_token(held: MessengerState, account: Account) -> str | None:
    try:
        return account.open_token(held.get(KeyRing))
    except SecretError:
        return None
