"""Connecting what was chosen, each account by itself."""

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Flask
from sqlalchemy import delete
from sqlalchemy.orm import Session

from flask_messenger.channels.connecting import FoundAccount
from flask_messenger.channels.registry import channel_named
from flask_messenger.connect.accounts import (
    Key,
    NewConnection,
    list_known_accounts,
    list_taken,
    list_waiting_lanes,
    store_connection,
)
from flask_messenger.connect.announce import AccountFacts, announce
from flask_messenger.connect.attempts import open_choice
from flask_messenger.connect.choice import (
    TASK_MISSING,
    lacks_permission,
    may_answer,
    name_lost,
    open_login,
)
from flask_messenger.connect.locations import check_location
from flask_messenger.connect.login import Login
from flask_messenger.connect.reach import Reach, hear, read_profile_of
from flask_messenger.connect.reasons import ended, reason_of
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import (
    ConnectError,
    GraphError,
    InvalidRequestError,
    MissingPermissionError,
)
from flask_messenger.graph.client import Graph
from flask_messenger.graph.pages import PageProfile
from flask_messenger.hooks import Tenant
from flask_messenger.ingest.wake import DrainWaker
from flask_messenger.models import PendingConnection
from flask_messenger.models.accounts import DISCONNECTED
from flask_messenger.models.base import utc_now
from flask_messenger.settings import MetaApp
from flask_messenger.signals import account_connected
from flask_messenger.state import MessengerState, state_of
from flask_messenger.tiers import check_feature

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChosenPage:
    """An account somebody chose, and the location they want it in.

    `channel` may be left out where the id alone says which account it is.
    """

    id: str
    location_id: str | None
    channel: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageResult:
    """What became of one chosen account. `reason` (of `connect.reasons`) is None: it worked."""

    page_id: str
    name: str
    channel: str = "facebook"
    account_id: uuid.UUID | None = None
    reason: str | None = None

    @property
    def is_connected(self) -> bool:
        """Whether it worked."""
        return self.reason is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectResult:
    """What became of a choice. `lost` as in `Choice`, without what was connected again."""

    pages: tuple[PageResult, ...]
    lost: tuple[str, ...] = ()

    @property
    def notice(self) -> str:
        """The name of the reason that sums it up for the settings page."""
        failures = [each.reason for each in self.pages if each.reason]
        if not failures:
            return "pages_lost" if self.lost else "connected"
        return "connected_partly" if len(failures) < len(self.pages) else failures[0]


def connect_pages(
    app: Flask,
    *,
    tenant: Tenant,
    attempt_id: uuid.UUID,
    chosen: Sequence[ChosenPage],
    wake_lane: Callable[[uuid.UUID], None],
) -> ConnectResult:
    """Connect the chosen accounts, each by itself: one that fails does not keep the others back.

    Commits by itself, one by one; no transaction stays open while Meta is asked.

    Args:
        app: the application.
        tenant: who chose.
        attempt_id: the attempt the accounts are from.
        chosen: accounts and their locations.
        wake_lane: called with each conversation whose waiting replies can go out again.

    Raises:
        NotFoundError: no such attempt, or no such location.
        ConnectError: `choice_expired`.
        InvalidRequestError: nothing chosen, something twice, or what was not offered.
        TierError: the plan does not have the channel of one of them.
    """
    held = state_of(app)
    session: Session = held.db.session
    row = open_choice(session, tenant=tenant, attempt_id=attempt_id, now=utc_now())
    login = open_login(row, held.get(KeyRing))
    meta_app = held.settings.apps[row.app_name]
    accounts = _check_chosen(held, chosen, login=login, tenant=tenant)
    session.commit()
    results = []
    connected: list[AccountFacts] = []
    left: list[AccountFacts] = []
    for choice, found in accounts:
        before = _facts_before(session, found, tenant=tenant)
        result, facts = _connect_account(
            held, found, location_id=choice.location_id, login=login, app=meta_app, tenant=tenant
        )
        results.append(result)
        connected += [facts] if facts else []
        left += [before] if facts and before and before != facts else []
    if len(connected) == len(results):
        session.execute(delete(PendingConnection).where(PendingConnection.id == attempt_id))
    lost = name_lost(session, tenant, login)
    waiting = [lane for each in connected for lane in _lanes(session, each)]
    session.commit()
    if connected:
        held.get(DrainWaker).wake()
    announce(app, account_connected, connected)
    announce(app, None, left)  # whoever sees the location that an account left hears of it, too
    for lane in waiting:
        wake_lane(lane)
    return ConnectResult(pages=tuple(results), lost=lost)


def _lanes(session: Session, account: AccountFacts) -> list[uuid.UUID]:
    return list_waiting_lanes(session, account_id=account.account_id)


def _facts_before(session: Session, found: FoundAccount, *, tenant: Tenant) -> AccountFacts | None:
    """Return what is said of an account as it is here now; None where it is not connected."""
    known = list_known_accounts(session, tenant=tenant, keys=[found.key]).get(found.key)
    if known is None or known.status == DISCONNECTED:
        return None
    return AccountFacts.of(known)


def _connect_account(
    held: MessengerState,
    found: FoundAccount,
    *,
    location_id: str | None,
    login: Login,
    app: MetaApp,
    tenant: Tenant,
) -> tuple[PageResult, AccountFacts | None]:
    session: Session = held.db.session
    try:
        _refuse_in_vain(session, found, login=login, tenant=tenant)
        session.commit()
        # Subscribed first and stored then: what Meta sends in between is journalled as unrouted,
        # and storing the account puts it back. The other way round, a failing subscription would
        # leave an account that receives nothing.
        fields, profile = _ask_meta(held.get(Graph), found, app=app)
        facts = store_connection(
            session,
            held.get(KeyRing),
            tenant=tenant,
            connection=NewConnection(
                found=found,
                profile=profile,
                location_id=location_id,
                app_name=app.name,
                meta_user_id=login.person.id,
                granted_scopes=login.permissions.granted,
                subscribed_fields=fields,
                token_issued_at=_time(login.token_issued_at),
                token_expires_at=_time(login.token_expires_at),
            ),
            now=utc_now(),
        )
        session.commit()
    except (ConnectError, GraphError) as error:
        session.rollback()
        reason = _page_reason(error)
        logger.warning("connect_failed channel=%s reason=%s", found.channel, reason)
        return _result(found, found.profile.name, reason=reason), None
    return _result(found, profile.name, account_id=facts.account_id), facts


def _result(
    found: FoundAccount,
    name: str,
    *,
    account_id: uuid.UUID | None = None,
    reason: str | None = None,
) -> PageResult:
    return PageResult(
        page_id=found.external_id,
        channel=found.channel,
        name=name,
        account_id=account_id,
        reason=reason,
    )


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _refuse_in_vain(session: Session, found: FoundAccount, *, login: Login, tenant: Tenant) -> None:
    """Refuse what storing would refuse anyway, before Meta is asked for anything."""
    if not may_answer(found):
        raise ConnectError("The person has no Messages task.", reason=TASK_MISSING)
    if lacks_permission(found, login):
        raise ended("permission_declined")
    if list_taken(session, tenant=tenant, keys=[found.key]):
        raise ConnectError("The account is connected elsewhere.", reason="page_taken")
    known = list_known_accounts(session, tenant=tenant, keys=[found.key]).get(found.key)
    if known is not None and not tenant.sees_location(known.location_id):
        raise ended("page_elsewhere")


def _ask_meta(
    graph: Graph, found: FoundAccount, *, app: MetaApp
) -> tuple[tuple[str, ...], PageProfile]:
    reach = Reach(
        channel=found.channel,
        external_id=found.external_id,
        login=found.login,
        page_external_id=found.page_external_id,
        app=app,
        token=found.token,
    )
    fields = hear(graph, reach)
    try:
        profile = read_profile_of(graph, reach)
    except GraphError:
        profile = found.profile  # the listing had it too, if perhaps with a smaller picture
    return fields, profile if profile.name else found.profile


def _page_reason(error: ConnectError | GraphError) -> str:
    if isinstance(error, MissingPermissionError):
        return TASK_MISSING
    return reason_of(error) if isinstance(error, GraphError) else error.reason


def _check_chosen(
    held: MessengerState, chosen: Sequence[ChosenPage], *, login: Login, tenant: Tenant
) -> list[tuple[ChosenPage, FoundAccount]]:
    if not chosen:
        raise InvalidRequestError("Choose at least one account.", field="pages")
    accounts: dict[Key, tuple[ChosenPage, FoundAccount]] = {}
    for each in chosen:
        found = login.find(each.id, each.channel)
        if found is None:
            raise InvalidRequestError("A chosen account was not offered.", field="pages")
        if found.key in accounts:
            raise InvalidRequestError("An account is chosen twice.", field="pages")
        check_feature(held, tenant.workspace_id, channel_named(found.channel).feature)
        check_location(held, tenant=tenant, location_id=each.location_id)
        accounts[found.key] = (each, found)
    return list(accounts.values())
