"""From the click on "Connect" to the choice of Pages: Meta's login dialog and back.

These functions commit by themselves: no transaction stays open while Meta is asked.
"""

import json
import logging
import uuid
from typing import Any, Final

from authlib.integrations.flask_client import OAuth
from flask import Flask
from sqlalchemy.orm import Session

from flask_messenger.connect.attempts import (
    CHOICE,
    CHOICE_LIFETIME,
    DIALOG,
    Attempt,
    end_attempt,
    find_by_state,
    open_attempt,
    take_attempt,
)
from flask_messenger.connect.health import find_lost_accounts
from flask_messenger.connect.locations import check_location
from flask_messenger.connect.login import Login, read_login
from flask_messenger.connect.oauth import (
    SCOPES,
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
from flask_messenger.models.base import utc_now
from flask_messenger.settings import MetaApp
from flask_messenger.state import MessengerState, state_of
from flask_messenger.tiers import check_feature

logger = logging.getLogger(__name__)

CHANNELS: Final = ("facebook",)
DENIED: Final = "access_denied"


def start_dialog(
    app: Flask,
    *,
    tenant: Tenant,
    location_id: str | None,
    redirect_uri: str,
    channel: str = "facebook",
    app_name: str | None = None,
    asks_again: bool = False,
) -> str:
    """Open an attempt and return the address of Meta's dialog for it.

    Args:
        app: the application.
        tenant: who asks; the attempt is theirs alone.
        location_id: where the Pages go unless something else is chosen later.
        redirect_uri: where Meta sends the person back to.
        channel: one of `CHANNELS`; the workspace's plan has to have it.
        app_name: which configured Meta app; None for the default one.
        asks_again: whether Meta asks once more for permissions that were declined.

    Raises:
        InvalidRequestError: no such channel or app.
        TierError: the plan does not have the channel.
        NotFoundError: no such location.
    """
    held = state_of(app)
    if channel not in CHANNELS:
        message = f"Accounts of this channel cannot be connected; use {', '.join(CHANNELS)}."
        raise InvalidRequestError(message, field="channel")
    check_feature(held, tenant.workspace_id, channel)
    meta_app = held.settings.apps.get(app_name) if app_name else held.settings.default_app
    if meta_app is None:
        raise InvalidRequestError("No Meta app of this name is configured.", field="app")
    check_location(held, tenant=tenant, location_id=location_id)
    state = open_attempt(
        held.db.session,
        tenant=tenant,
        location_id=location_id,
        channel=channel,
        app_name=meta_app.name,
        now=utc_now(),
    )
    held.db.session.commit()
    return open_dialog(
        held.get(OAuth), meta_app, state=state, redirect_uri=redirect_uri, asks_again=asks_again
    )


def finish_dialog(
    app: Flask, *, tenant: Tenant, state: str | None, code: str | None, error: str | None
) -> uuid.UUID:
    """Take what the dialog sent the person back with; return the attempt, open for the choice.

    Works inside the request of the callback only: Authlib reads the code from it.

    Raises:
        ConnectError: the attempt ended here; `reason` says how.
    """
    held = state_of(app)
    session: Session = held.db.session
    if not state:
        raise ended("declined" if error == DENIED else "state_invalid")
    attempt, meta_app = _accept_state(held, tenant=tenant, state=state)
    if error or not code:
        forget_dialog(held.get(OAuth), meta_app, state)
        raise _end(session, attempt, "declined" if error == DENIED else "meta_refused")
    try:
        token = exchange_code(
            held.get(OAuth), meta_app, timeout_seconds=held.settings.graph_timeout_seconds
        )
        login = read_login(held.get(Graph), app=meta_app, token=token)
    except GraphError as failure:
        reason = reason_of(failure)
        logger.warning("connect_failed attempt_id=%s reason=%s", attempt.id, reason)
        raise _end(session, attempt, reason) from failure
    lost = find_lost_accounts(
        app,
        app_name=meta_app.name,
        meta_user_id=login.person.id,
        granted_ids=[page.id for page in login.pages],
    )
    if login.missing_scopes:
        raise _end(session, attempt, "permission_declined", declined=login.missing_scopes)
    if not login.pages:
        raise _end(session, attempt, "no_pages")
    mine = tuple(str(each.account_id) for each in lost if each.workspace_id == tenant.workspace_id)
    _keep(held, attempt, login, lost_account_ids=mine)
    return attempt.id


def _accept_state(held: MessengerState, *, tenant: Tenant, state: str) -> tuple[Attempt, MetaApp]:
    """Use up a `state` that this person got, in this workspace and this browser."""
    session: Session = held.db.session
    attempt = find_by_state(session, tenant=tenant, state=state)
    if attempt is None:
        raise ended("state_invalid")
    if attempt.step != DIALOG:
        raise ended("state_used")
    meta_app = held.settings.apps.get(attempt.app_name)
    if meta_app is None or not is_of_this_session(held.get(OAuth), meta_app, state):
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
) -> None:
    """Seal what the login brought until the Pages are chosen."""
    session: Session = held.db.session
    row = session.get_one(PendingConnection, attempt.id)
    payload: dict[str, Any] = login.as_dict() | {"lost_account_ids": lost_account_ids}
    row.seal_payload(held.get(KeyRing), json.dumps(payload))
    row.step = CHOICE
    row.expires_at = utc_now() + CHOICE_LIFETIME
    row.meta_user_id = login.person.id
    row.granted_scopes = list(login.permissions.granted)
    row.declined_scopes = [each for each in login.permissions.declined if each in SCOPES]
    session.commit()
