"""From the click on "Connect" to the choice of Pages: Meta's login dialog and back.

These functions commit by themselves: no transaction stays open while Meta is asked.
"""

import json
import logging
import uuid
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from authlib.integrations.flask_client import OAuth
from flask import Flask
from sqlalchemy.orm import Session

from flask_messenger.channels.base import Channel
from flask_messenger.channels.registry import CHANNELS
from flask_messenger.connect.accounts import get_account
from flask_messenger.connect.attempts import (
    CHOICE,
    CHOICE_LIFETIME,
    DIALOG,
    Attempt,
    end_attempt,
    find_by_state,
    open_attempt,
    read_account_id,
    take_attempt,
)
from flask_messenger.connect.health import find_lost_accounts
from flask_messenger.connect.locations import check_location
from flask_messenger.connect.login import Login, read_login
from flask_messenger.connect.oauth import (
    exchange_code,
    forget_dialog,
    is_of_this_session,
    open_dialog,
)
from flask_messenger.connect.reasons import ended, reason_of
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import ConnectError, GraphError, InvalidRequestError
from flask_messenger.graph.client import Graph
from flask_messenger.hooks import Tenant
from flask_messenger.models import PendingConnection
from flask_messenger.models.accounts import BY_INSTAGRAM
from flask_messenger.models.base import utc_now
from flask_messenger.settings import MetaApp
from flask_messenger.state import MessengerState, state_of
from flask_messenger.tiers import check_feature, feature_access

logger = logging.getLogger(__name__)

DENIED: Final = "access_denied"
REREQUEST: Final = "rerequest"
REAUTHORIZE: Final = "reauthorize"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants to connect.

    Attributes:
        channel: what the plan must have and the login must allow.
        login: one that accounts of the channel may come by.
        location_id: where accounts go unless something else is chosen later.
        asks_again: whether Meta asks once more for permissions that were declined.
        account_id: the account to connect again; then nothing is left to choose.
    """

    channel: Channel
    login: str
    app: MetaApp
    location_id: str | None
    asks_again: bool = False
    account_id: uuid.UUID | None = None

    @property
    def auth_type(self) -> str | None:
        """What Facebook calls the occasion; access to data begins anew with the second."""
        if self.asks_again:
            return REREQUEST
        return REAUTHORIZE if self.account_id else None


@dataclass(frozen=True, slots=True)
class Finished:
    """A login that came back: its attempt is open for the choice, or for one account only."""

    attempt_id: uuid.UUID
    account_id: uuid.UUID | None = None


def start_dialog(
    app: Flask,
    *,
    tenant: Tenant,
    location_id: str | None,
    redirect_uri: str,
    channel: str = "facebook",
    login: str | None = None,
    app_name: str | None = None,
    asks_again: bool = False,
) -> str:
    """Open an attempt and return the address of Meta's dialog for it.

    Args:
        app: the application.
        tenant: who asks; the attempt is theirs alone.
        location_id: where the accounts go unless something else is chosen later.
        redirect_uri: where Meta sends the person back to.
        channel: which; the workspace's plan has to have it.
        login: `facebook`, or `instagram` for an account without a Page; None for the usual one.
        app_name: which configured Meta app; None for the default one.
        asks_again: whether Meta asks once more for permissions that were declined.

    Raises:
        InvalidRequestError: no such channel, login or app.
        TierError: the plan does not have the channel.
        NotFoundError: no such location.
    """
    held = state_of(app)
    wanted = CHANNELS.get(channel)
    if wanted is None:
        message = f"Accounts of this channel cannot be connected; use {', '.join(CHANNELS)}."
        raise InvalidRequestError(message, field="channel")
    meta_app = held.settings.apps.get(app_name) if app_name else held.settings.default_app
    if meta_app is None:
        raise InvalidRequestError("No Meta app of this name is configured.", field="app")
    wish = Wish(
        channel=wanted,
        login=login or next(iter(wanted.logins)),
        app=meta_app,
        location_id=location_id,
        asks_again=asks_again,
    )
    return _open(held, wish, tenant=tenant, redirect_uri=redirect_uri)


def restart_dialog(
    app: Flask,
    *,
    tenant: Tenant,
    account_id: uuid.UUID,
    redirect_uri: str,
    asks_again: bool = False,
) -> str:
    """Open an attempt to connect one account again, as it was: its app, login and location.

    Raises:
        NotFoundError: no such account for this person.
        InvalidRequestError: its Meta app is no longer configured.
        TierError: the plan does not have its channel.
    """
    held = state_of(app)
    account = get_account(held.db.session, tenant=tenant, account_id=account_id)
    meta_app = held.settings.apps.get(account.app_name)
    if meta_app is None:
        raise InvalidRequestError("The account's Meta app is not configured here.", field="app")
    wish = Wish(
        channel=CHANNELS[account.channel],
        login=account.login,
        app=meta_app,
        location_id=account.location_id,
        asks_again=asks_again,
        account_id=account.id,
    )
    return _open(held, wish, tenant=tenant, redirect_uri=redirect_uri)


def _open(held: MessengerState, wish: Wish, *, tenant: Tenant, redirect_uri: str) -> str:
    if wish.login not in wish.channel.logins:
        message = f"Accounts of this channel come by {', '.join(wish.channel.logins)}."
        raise InvalidRequestError(message, field="login")
    if wish.login == BY_INSTAGRAM and not wish.app.instagram_app_id:
        message = "Instagram's own login is not set up here: META_INSTAGRAM_APP_ID is missing."
        raise InvalidRequestError(message, field="login")
    check_feature(held, tenant.workspace_id, wish.channel.feature)
    if wish.account_id is None:
        check_location(held, tenant=tenant, location_id=wish.location_id)
    scopes = _scopes(held, wish, tenant=tenant)
    state = open_attempt(
        held.db.session,
        held.get(KeyRing),
        tenant=tenant,
        location_id=wish.location_id,
        channel=wish.channel.name,
        login=wish.login,
        app_name=wish.app.name,
        account_id=wish.account_id,
        now=utc_now(),
    )
    held.db.session.commit()
    return open_dialog(
        held.get(OAuth),
        wish.app,
        login=wish.login,
        scopes=scopes,
        state=state,
        redirect_uri=redirect_uri,
        auth_type=wish.auth_type,
    )


def _scopes(held: MessengerState, wish: Wish, *, tenant: Tenant) -> tuple[str, ...]:
    """Return what to ask for: one login may bring accounts of every channel the plan has.

    What the channel in question needs comes first and is asked for in any case.
    """
    first = wish.channel.logins[wish.login]
    if wish.login == BY_INSTAGRAM:
        return first.asked
    if wish.app.login_scopes is not None:
        return tuple(dict.fromkeys((*first.needed, *wish.app.login_scopes)))
    others = [
        channel.logins[wish.login].asked
        for channel in CHANNELS.values()
        if wish.login in channel.logins
        and feature_access(held, tenant.workspace_id, channel.feature).allowed
    ]
    return tuple(dict.fromkeys((*first.asked, *chain.from_iterable(others))))


def finish_dialog(
    app: Flask, *, tenant: Tenant, state: str | None, code: str | None, error: str | None
) -> Finished:
    """Take what the dialog sent the person back with; return the attempt, open for the choice.

    Works inside the request of the callback only: the dialog is known by the browser's session.

    Raises:
        ConnectError: the attempt ended here; `reason` says how.
    """
    held = state_of(app)
    session: Session = held.db.session
    if not state:
        raise ended("declined" if error == DENIED else "state_invalid")
    attempt, meta_app = _accept_state(held, tenant=tenant, state=state)
    if error or not code:
        forget_dialog(held.get(OAuth), meta_app, attempt.login, state)
        raise _end(session, attempt, "declined" if error == DENIED else "meta_refused")
    channel = CHANNELS[attempt.channel]
    try:
        answer = exchange_code(
            held.get(OAuth),
            meta_app,
            login=attempt.login,
            state=state,
            code=code,
            timeout_seconds=held.settings.graph_timeout_seconds,
        )
        login = read_login(
            held.get(Graph),
            app=meta_app,
            channel=channel,
            login=attempt.login,
            answer=answer,
            now=utc_now(),
        )
    except GraphError as failure:
        reason = reason_of(failure)
        logger.warning("connect_failed attempt_id=%s reason=%s", attempt.id, reason)
        raise _end(session, attempt, reason) from failure
    lost = find_lost_accounts(
        app,
        app_name=meta_app.name,
        login=attempt.login,
        meta_user_id=login.person.id,
        granted=[account.key for account in login.accounts],
    )
    missing = login.lacks(channel.logins[attempt.login])
    if missing:
        raise _end(session, attempt, "permission_declined", declined=missing)
    if not login.accounts:
        raise _end(session, attempt, _nothing_found(attempt))
    mine = tuple(str(each.account_id) for each in lost if each.workspace_id == tenant.workspace_id)
    return Finished(attempt.id, _keep(held, attempt, login, lost_account_ids=mine))


def _nothing_found(attempt: Attempt) -> str:
    return "not_professional" if attempt.login == BY_INSTAGRAM else "no_pages"


def _accept_state(held: MessengerState, *, tenant: Tenant, state: str) -> tuple[Attempt, MetaApp]:
    """Use up a `state` that this person got, in this workspace and this browser."""
    session: Session = held.db.session
    attempt = find_by_state(session, tenant=tenant, state=state)
    if attempt is None:
        raise ended("state_invalid")
    if attempt.step != DIALOG:
        raise ended("state_used")
    meta_app = held.settings.apps.get(attempt.app_name)
    if meta_app is None or not is_of_this_session(held.get(OAuth), meta_app, attempt.login, state):
        raise ended("state_invalid")
    take_attempt(session, attempt, now=utc_now())
    session.commit()
    return attempt, meta_app


def _end(
    session: Session, attempt: Attempt, reason: str, *, declined: tuple[str, ...] = ()
) -> ConnectError:
    end_attempt(session, attempt.id, declined_scopes=declined)
    session.commit()
    return ended(reason, attempt_id=attempt.id)


def _keep(
    held: MessengerState, attempt: Attempt, login: Login, *, lost_account_ids: tuple[str, ...]
) -> uuid.UUID | None:
    """Seal what the login brought until a choice is made; return the one account it is for."""
    session: Session = held.db.session
    row = session.get_one(PendingConnection, attempt.id)
    account_id = read_account_id(row, held.get(KeyRing))
    payload: dict[str, Any] = login.as_dict() | {"lost_account_ids": lost_account_ids}
    row.seal_payload(held.get(KeyRing), json.dumps(payload))
    row.step = CHOICE
    row.expires_at = utc_now() + CHOICE_LIFETIME
    row.meta_user_id = login.person.id
    row.granted_scopes = list(login.permissions.granted)
    asked = {scope for each in CHANNELS.values() for scope in _asked(each, attempt.login)}
    row.declined_scopes = [each for each in login.permissions.declined if each in asked]
    session.commit()
    return account_id


def _asked(channel: Channel, login: str) -> tuple[str, ...]:
    return channel.logins[login].asked if login in channel.logins else ()
