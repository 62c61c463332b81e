"""What becomes of an account whose token is dead, and how that is found out."""

import logging
from collections.abc import Collection
from typing import Any, Final

from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from flask_messenger.connect.announce import AccountFacts, announce_needs_reauth
from flask_messenger.connect.reach import heard_fields, reach_of, read_profile_of
from flask_messenger.errors import (
    AppNotApprovedError,
    GraphError,
    InvalidGraphRequestError,
    MissingPermissionError,
    TokenExpiredError,
)
from flask_messenger.graph.client import Graph
from flask_messenger.models import Account
from flask_messenger.models.accounts import ACTIVE, BY_FACEBOOK, NEEDS_REAUTH
from flask_messenger.models.audit import record
from flask_messenger.models.base import utc_now
from flask_messenger.models.elsewhere import list_workspaces_of_login
from flask_messenger.state import MessengerState, state_of
from flask_messenger.tenancy import workspace_scope

logger = logging.getLogger(__name__)

GRANT_REPLACED: Final = "grant_replaced"
TOKEN_EXPIRED: Final = "token_expired"  # noqa: S105 - the name of a reason
UNSUBSCRIBED: Final = "unsubscribed"
SUBSCRIPTION_LOST: Final = "subscription_lost"


def mark_needs_reauth(session: Session, account: Account, reason: str) -> bool:
    """Say that `account` has to be connected again; return whether that is news.

    Changes nothing where the account was reconnected since `account` was read: a failure of the
    old token says nothing about the new one. Never commits; after the commit, call
    `announce_needs_reauth` if it was news.
    """
    statement = (
        update(Account)
        .where(
            Account.id == account.id,
            Account.status == ACTIVE,
            Account.token_sealed.is_(None)
            if account.token_sealed is None
            else Account.token_sealed == account.token_sealed,
        )
        .values(status=NEEDS_REAUTH, status_reason=reason, status_changed_at=utc_now())
        .execution_options(synchronize_session="fetch")
    )
    result: CursorResult[Any] = session.execute(statement)  # type: ignore[assignment]
    if result.rowcount == 0:
        return False
    record(
        session,
        workspace_id=account.workspace_id,
        actor="system",
        action="account_needs_reauth",
        subject=str(account.id),
        reason=reason,
    )
    return True


def find_lost_accounts(
    app: Flask,
    *,
    app_name: str,
    meta_user_id: str,
    granted: Collection[tuple[str, str]],
    login: str = BY_FACEBOOK,
) -> list[AccountFacts]:
    """Find the accounts of a person that their latest grant no longer covers, and mark them.

    Meta's dialog replaces the selection of an earlier login, whichever workspace that was for: so
    this looks at all of them, and asks Graph about each before it believes it. Returns those that
    are lost; commits by itself, no transaction stays open over a call.
    """
    held = state_of(app)
    session: Session = held.db.session
    statement = select(Account).where(
        Account.meta_user_id == meta_user_id,
        Account.app_name == app_name,
        Account.login == login,
        Account.status == ACTIVE,
    )
    lost: list[Account] = []
    news: list[Account] = []
    for workspace_id in list_workspaces_of_login(
        session, app_name=app_name, meta_user_id=meta_user_id
    ):
        with workspace_scope(workspace_id):
            found = list(session.scalars(statement))
            accounts = [each for each in found if (each.channel, each.external_id) not in granted]
            for account in found:
                session.expunge(account)  # or the commit would make each one a query again
            session.commit()
            gone = [each for each in accounts if not is_reachable(held, each)]
            news += [each for each in gone if mark_needs_reauth(session, each, GRANT_REPLACED)]
            session.commit()
            lost += gone
    for account in news:
        announce_needs_reauth(app, AccountFacts.of(account), reason=GRANT_REPLACED)
    return [AccountFacts.of(account) for account in lost]


def is_reachable(held: MessengerState, account: Account) -> bool:
    """Ask Graph whether the account's token still opens it. In doubt, it does.

    Raises nothing: Graph being away says nothing about the token, and neither does a key or a
    Meta app that is not configured here.
    """
    reach = reach_of(held, account)
    if reach is None:
        return True
    graph = held.get(Graph)
    try:
        # A Page may still be granted while the account that it carries is not.
        if reach.is_carried:
            read_profile_of(graph, reach)
        else:
            heard_fields(graph, reach)
    except AppNotApprovedError:
        return True  # it is the app that Meta refuses, whatever the person granted
    except (TokenExpiredError, MissingPermissionError, InvalidGraphRequestError):
        return False
    except GraphError:
        return True
    return True
