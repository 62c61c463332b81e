"""Disconnecting an account: Meta is told as far as it listens; here it always ends."""

import logging
import uuid
from datetime import datetime

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.connect.accounts import get_account
from flask_messenger.connect.announce import AccountFacts, announce, announce_needs_reauth
from flask_messenger.connect.health import UNSUBSCRIBED, mark_needs_reauth
from flask_messenger.connect.reach import hear, reach_of, shares_page, stop_hearing
from flask_messenger.errors import ConflictError, GraphError
from flask_messenger.graph.client import Graph
from flask_messenger.graph.users import revoke_login
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account
from flask_messenger.models.accounts import BY_FACEBOOK, DISCONNECTED
from flask_messenger.models.audit import record
from flask_messenger.models.base import utc_now
from flask_messenger.models.elsewhere import list_workspaces_of_login
from flask_messenger.signals import account_disconnected
from flask_messenger.state import MessengerState, state_of
from flask_messenger.tenancy import workspace_scope

logger = logging.getLogger(__name__)


def disconnect_account(app: Flask, *, tenant: Tenant, account_id: uuid.UUID) -> AccountFacts:
    """Unsubscribe an account, revoke and forget its token; its history stays.

    Meta being away does not keep anybody from disconnecting: without a token here nothing can be
    sent, and what still arrives is not routed. Doing it twice does no harm. Commits by itself.

    Raises:
        NotFoundError: no such account for this person.
        ConflictError: somebody reconnected the account at the same moment.
    """
    held = state_of(app)
    session: Session = held.db.session
    account = get_account(session, tenant=tenant, account_id=account_id)
    facts = AccountFacts.of(account)
    if account.status == DISCONNECTED:
        return facts
    sealed = account.token_sealed
    is_last = _is_last_of_login(session, account)
    is_shared = shares_page(session, account)
    session.expunge(account)
    session.commit()
    # Before our own commit: once the Page is free, another workspace may connect it, and this
    # would take away its subscription.
    _tell_meta(held, account, revokes=is_last, is_shared=is_shared)
    row = _lock(session, account_id)
    if row.status == DISCONNECTED:
        session.commit()
        return facts  # somebody else was quicker, and told everybody
    if row.token_sealed != sealed:
        session.expunge(row)
        session.commit()
        _subscribe_again(app, row)
        raise ConflictError("The account was connected again at the same moment. Look again.")
    end_connection(session, row, actor=tenant.user_id, reason="by_user", now=utc_now())
    session.commit()
    announce(app, account_disconnected, [facts])
    return facts


def end_connection(
    session: Session, account: Account, *, actor: str, reason: str, now: datetime
) -> None:
    """Turn a row into that of a disconnected account, without a token. Never commits."""
    account.status = DISCONNECTED
    account.status_reason = reason
    account.status_changed_at = now
    account.disconnected_at = now
    account.token_sealed = None
    account.subscribed_fields = []
    record(
        session,
        workspace_id=account.workspace_id,
        actor=actor,
        action="account_disconnected",
        subject=str(account.id),
        reason=reason,
    )


def _subscribe_again(app: Flask, account: Account) -> None:
    """Undo what Meta was just told, with the token of the new connection.

    Where that fails the account would look connected and hear nothing; so it says that it has to
    be connected again. Commits by itself.
    """
    held = state_of(app)
    session: Session = held.db.session
    reach = reach_of(held, account)
    try:
        if reach is not None:
            hear(held.get(Graph), reach)
            return
    except GraphError as error:
        logger.warning("subscribe_again_failed account_id=%s error=%s", account.id, error.slug)
    is_news = mark_needs_reauth(session, account, UNSUBSCRIBED)
    session.commit()
    if is_news:
        announce_needs_reauth(app, AccountFacts.of(account), reason=UNSUBSCRIBED)


def _lock(session: Session, account_id: uuid.UUID) -> Account:
    statement = (
        select(Account)
        .where(Account.id == account_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one()


def _is_last_of_login(session: Session, account: Account) -> bool:
    """Say whether no other account, of any workspace, lives on the same person's grant."""
    if account.meta_user_id is None:
        return False
    if account.login != BY_FACEBOOK:
        return False  # Instagram's own login knows no way to take a grant back
    statement = (
        select(Account.id)
        .where(
            Account.meta_user_id == account.meta_user_id,
            Account.app_name == account.app_name,
            Account.status != DISCONNECTED,
            Account.id != account.id,
        )
        .limit(1)
    )
    workspace_ids = list_workspaces_of_login(
        session, app_name=account.app_name, meta_user_id=account.meta_user_id
    )
    for workspace_id in workspace_ids:
        with workspace_scope(workspace_id):
            if session.scalars(statement).one_or_none() is not None:
                return False
    return True


def _tell_meta(held: MessengerState, account: Account, *, revokes: bool, is_shared: bool) -> None:
    """Unsubscribe; take the whole grant back where nothing else needs it. Best effort."""
    graph = held.get(Graph)
    reach = reach_of(held, account)
    try:
        if reach is not None:
            stop_hearing(graph, reach, is_shared=is_shared)
    except GraphError as error:
        logger.warning("unsubscribe_failed account_id=%s error=%s", account.id, error.slug)
    meta_app = held.settings.apps.get(account.app_name)
    try:
        if revokes and meta_app is not None and account.meta_user_id:
            revoke_login(graph, app=meta_app, user_id=account.meta_user_id)
    except GraphError as error:
        logger.warning("revoke_failed account_id=%s error=%s", account.id, error.slug)
