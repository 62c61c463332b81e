"""Connecting one account again in one go: after the login nothing is left to choose."""

import uuid
from collections.abc import Callable

from flask import Flask
from sqlalchemy.orm import Session

from flask_messenger.channels.registry import channel_named
from flask_messenger.connect.accounts import get_account, list_known_accounts
from flask_messenger.connect.attempts import open_choice
from flask_messenger.connect.choice import open_login
from flask_messenger.connect.connecting import ChosenPage, ConnectResult, connect_pages
from flask_messenger.connect.locations import check_location
from flask_messenger.connect.reasons import ended
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import NotFoundError, TierError
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account
from flask_messenger.models.accounts import NEEDS_REAUTH
from flask_messenger.models.base import utc_now
from flask_messenger.state import MessengerState, state_of
from flask_messenger.tiers import check_feature


def reconnect_account(
    app: Flask,
    *,
    tenant: Tenant,
    attempt_id: uuid.UUID,
    account_id: uuid.UUID,
    wake_lane: Callable[[uuid.UUID], None],
) -> ConnectResult:
    """Connect an account again where it was, and with it what else waits for this login.

    A password that was changed ends every connection of a person at once, so the accounts of the
    workspace that the login covers and that need it are connected again, too, each where it is.
    Commits by itself.

    Raises:
        NotFoundError: no such attempt or account of this person.
        ConnectError: `choice_expired`; `account_not_granted`, where the login did not bring it.
        TierError: the plan does not have the channel.
    """
    held = state_of(app)
    session: Session = held.db.session
    account = get_account(session, tenant=tenant, account_id=account_id)
    row = open_choice(session, tenant=tenant, attempt_id=attempt_id, now=utc_now())
    login = open_login(row, held.get(KeyRing))
    if login.find(account.external_id, account.channel) is None:
        raise ended("account_not_granted", attempt_id=attempt_id)
    known = list_known_accounts(session, tenant=tenant, keys=[each.key for each in login.accounts])
    others = [
        each
        for each in known.values()
        if each.status == NEEDS_REAUTH and each.id != account.id and _may_come(held, tenant, each)
    ]
    chosen = [_as_it_is(each) for each in (account, *others)]
    session.rollback()
    return connect_pages(
        app, tenant=tenant, attempt_id=attempt_id, chosen=chosen, wake_lane=wake_lane
    )


def _may_come(held: MessengerState, tenant: Tenant, account: Account) -> bool:
    """Say whether an account may be connected along with the one that somebody asked for.

    What stands in the way of one is no reason to keep the other waiting.
    """
    try:
        check_feature(held, tenant.workspace_id, channel_named(account.channel).feature)
        check_location(held, tenant=tenant, location_id=account.location_id)
    except (NotFoundError, TierError):
        return False
    return True


def _as_it_is(account: Account) -> ChosenPage:
    return ChosenPage(account.external_id, account.location_id, account.channel)
