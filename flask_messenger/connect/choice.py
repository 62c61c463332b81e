"""The choice of Pages after a login: what can be chosen, and connecting what was."""

import json
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from flask import Flask
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from flask_messenger.connect.accounts import (
    NewConnection,
    list_known_accounts,
    list_taken,
    list_waiting_lanes,
    store_connection,
)
from flask_messenger.connect.announce import AccountFacts, announce
from flask_messenger.connect.attempts import open_choice
from flask_messenger.connect.locations import check_location
from flask_messenger.connect.login import Login
from flask_messenger.connect.reasons import ended, reason_of
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import (
    ConnectError,
    GraphError,
    InvalidRequestError,
    MissingPermissionError,
)
from flask_messenger.graph.client import Graph
from flask_messenger.graph.pages import GrantedPage, PageProfile, read_page, subscribe_page
from flask_messenger.hooks import Tenant
from flask_messenger.ingest.wake import DrainWaker
from flask_messenger.models import Account, PendingConnection
from flask_messenger.models.accounts import ACTIVE, DISCONNECTED
from flask_messenger.models.base import utc_now
from flask_messenger.settings import MetaApp
from flask_messenger.signals import account_connected
from flask_messenger.state import MessengerState, state_of
from flask_messenger.tiers import check_feature

logger = logging.getLogger(__name__)

NEW: Final = "new"
HERE: Final = "connected_here"
OTHER_LOCATION: Final = "connected_in_other_location"
TAKEN: Final = "belongs_elsewhere"
TASK_MISSING: Final = "task_missing"
HIDDEN_LOCATION: Final = "connected_in_hidden_location"

MESSAGING_TASK: Final = "MESSAGING"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOption:
    """One Page of the login, as this person may see it.

    Attributes:
        state: `new`; `connected_here` (in the location the attempt is for);
            `connected_in_other_location` (`location_id` says which; choosing it moves it);
            `connected_in_hidden_location` (one the person does not see); `belongs_elsewhere`
            (another workspace has it, whose is not said); `task_missing` (Facebook does not let
            the person answer on it).
        location_id: where it is connected now; None where it is not, or not to be seen.
        needs_reauth: whether it is connected with a token that no longer works.
    """

    id: str
    name: str
    category: str | None
    picture_url: str | None = field(repr=False)
    state: str
    account_id: uuid.UUID | None = None
    location_id: str | None = None
    needs_reauth: bool = False

    @property
    def can_choose(self) -> bool:
        """Whether choosing the Page can work."""
        return self.state in {NEW, HERE, OTHER_LOCATION}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What there is to choose from.

    Attributes:
        location_id: where the Pages go unless something else is said.
        declined_scopes: optional permissions that the person declined.
        lost: names of the workspace's accounts that this login ended at Meta.
        app_name: our name of the Meta app.
    """

    id: uuid.UUID
    channel: str
    app_name: str
    location_id: str | None
    person_name: str = field(repr=False)
    pages: tuple[PageOption, ...]
    declined_scopes: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChosenPage:
    """A Page somebody chose, and the location they want it in."""

    id: str
    location_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageResult:
    """What became of one chosen Page. `reason` (of `connect.reasons`) is None where it worked."""

    page_id: str
    name: str
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


def read_choice(
    session: Session, keys: KeyRing, *, tenant: Tenant, attempt_id: uuid.UUID
) -> Choice:
    """Return the Pages of an attempt, by name, with what can be done with each.

    Raises:
        NotFoundError: no such attempt of this person.
        ConnectError: `choice_expired`.
    """
    row = open_choice(session, tenant=tenant, attempt_id=attempt_id, now=utc_now())
    login = _open_login(row, keys)
    ids = [page.id for page in login.pages]
    known = list_known_accounts(session, tenant=tenant, external_ids=ids)
    taken = list_taken(session, tenant=tenant, external_ids=ids)
    options = [
        _option(page, account=known.get(page.id), is_taken=page.id in taken, row=row, tenant=tenant)
        for page in login.pages
    ]
    return Choice(
        id=row.id,
        channel=row.channel,
        app_name=row.app_name,
        location_id=row.location_id,
        person_name=login.person.name,
        pages=tuple(sorted(options, key=lambda option: option.name.casefold())),
        declined_scopes=tuple(row.declined_scopes),
        lost=_name_lost(session, tenant, login),
    )


def connect_pages(
    app: Flask,
    *,
    tenant: Tenant,
    attempt_id: uuid.UUID,
    chosen: Sequence[ChosenPage],
    wake_lane: Callable[[uuid.UUID], None],
) -> ConnectResult:
    """Connect the chosen Pages, each by itself: one that fails does not keep the others back.

    Commits by itself, Page by Page; no transaction stays open while Meta is asked.

    Args:
        app: the application.
        tenant: who chose.
        attempt_id: the attempt the Pages are from.
        chosen: Pages and their locations.
        wake_lane: called with each conversation whose waiting replies can go out again.

    Raises:
        NotFoundError: no such attempt, or no such location.
        ConnectError: `choice_expired`.
        InvalidRequestError: nothing chosen, something twice, or a Page that was not offered.
        TierError: the plan does not have the channel.
    """
    held = state_of(app)
    session: Session = held.db.session
    row = open_choice(session, tenant=tenant, attempt_id=attempt_id, now=utc_now())
    check_feature(held, tenant.workspace_id, row.channel)
    login = _open_login(row, held.get(KeyRing))
    meta_app = held.settings.apps[row.app_name]
    pages = _check_chosen(held, chosen, login=login, tenant=tenant)
    session.commit()
    results = []
    connected = []
    for choice, page in pages:
        result, facts = _connect_page(
            held, page, location_id=choice.location_id, login=login, app=meta_app, tenant=tenant
        )
        results.append(result)
        connected += [facts] if facts else []
    if len(connected) == len(results):
        session.execute(delete(PendingConnection).where(PendingConnection.id == attempt_id))
    lost = _name_lost(session, tenant, login)
    waiting = [lane for each in connected for lane in _lanes(session, each)]
    session.commit()
    if connected:
        held.get(DrainWaker).wake()
    announce(app, account_connected, connected)
    for lane in waiting:
        wake_lane(lane)
    return ConnectResult(pages=tuple(results), lost=lost)


def _lanes(session: Session, account: AccountFacts) -> list[uuid.UUID]:
    return list_waiting_lanes(session, account_id=account.account_id)


def _connect_page(
    held: MessengerState,
    page: GrantedPage,
    *,
    location_id: str | None,
    login: Login,
    app: MetaApp,
    tenant: Tenant,
) -> tuple[PageResult, AccountFacts | None]:
    session: Session = held.db.session
    try:
        _refuse_in_vain(session, page, tenant=tenant)
        session.commit()
        # Subscribed first and stored then: what Meta sends in between is journalled as unrouted,
        # and storing the account puts it back. The other way round, a failing subscription would
        # leave an account that receives nothing.
        fields, profile = _ask_meta(held.get(Graph), page, app=app)
        facts = store_connection(
            session,
            held.get(KeyRing),
            tenant=tenant,
            page=NewConnection(
                external_id=page.id,
                profile=profile,
                token=page.token,
                location_id=location_id,
                app_name=app.name,
                meta_user_id=login.person.id,
                granted_scopes=login.permissions.granted,
                subscribed_fields=fields,
            ),
            now=utc_now(),
        )
        session.commit()
    except (ConnectError, GraphError) as error:
        session.rollback()
        reason = _page_reason(error)
        logger.warning("connect_page_failed reason=%s", reason)
        return PageResult(page_id=page.id, name=page.profile.name, reason=reason), None
    return PageResult(page_id=page.id, name=profile.name, account_id=facts.account_id), facts


def _refuse_in_vain(session: Session, page: GrantedPage, *, tenant: Tenant) -> None:
    """Refuse what storing would refuse anyway, before Meta is asked for anything."""
    if page.tasks is not None and MESSAGING_TASK not in page.tasks:
        raise ConnectError("The person has no Messages task.", reason=TASK_MISSING)
    if list_taken(session, tenant=tenant, external_ids=[page.id]):
        raise ConnectError("The Page is connected elsewhere.", reason="page_taken")
    known = list_known_accounts(session, tenant=tenant, external_ids=[page.id]).get(page.id)
    if known is not None and not tenant.sees_location(known.location_id):
        raise ended("page_elsewhere")


def _ask_meta(
    graph: Graph, page: GrantedPage, *, app: MetaApp
) -> tuple[tuple[str, ...], PageProfile]:
    fields = subscribe_page(graph, app=app, token=page.token, page_id=page.id)
    try:
        profile = read_page(graph, app=app, token=page.token, page_id=page.id)
    except GraphError:
        profile = page.profile  # the listing had it too, if perhaps with a smaller picture
    return fields, profile if profile.name else page.profile


def _page_reason(error: ConnectError | GraphError) -> str:
    if isinstance(error, MissingPermissionError):
        return TASK_MISSING
    return reason_of(error) if isinstance(error, GraphError) else error.reason


def _check_chosen(
    held: MessengerState, chosen: Sequence[ChosenPage], *, login: Login, tenant: Tenant
) -> list[tuple[ChosenPage, GrantedPage]]:
    if not chosen:
        raise InvalidRequestError("Choose at least one Page.", field="pages")
    if len({each.id for each in chosen}) < len(chosen):
        raise InvalidRequestError("A Page is chosen twice.", field="pages")
    pages = []
    for each in chosen:
        page = login.page(each.id)
        if page is None:
            raise InvalidRequestError("A chosen Page was not offered.", field="pages")
        check_location(held, tenant=tenant, location_id=each.location_id)
        pages.append((each, page))
    return pages


def _option(
    page: GrantedPage,
    *,
    account: Account | None,
    is_taken: bool,
    row: PendingConnection,
    tenant: Tenant,
) -> PageOption:
    state = NEW
    is_hidden = account is not None and not tenant.sees_location(account.location_id)
    if is_hidden or (account is not None and account.status == DISCONNECTED):
        account = None
    if is_taken:
        state = TAKEN
    elif is_hidden:
        state = HIDDEN_LOCATION
    elif page.tasks is not None and MESSAGING_TASK not in page.tasks:
        state = TASK_MISSING
    elif account is not None:
        state = HERE if account.location_id == row.location_id else OTHER_LOCATION
    return PageOption(
        id=page.id,
        name=page.profile.name,
        category=page.profile.category,
        picture_url=page.profile.picture_url,
        state=state,
        account_id=account.id if account else None,
        location_id=account.location_id if account else None,
        needs_reauth=account is not None and account.status != ACTIVE,
    )


def _name_lost(session: Session, tenant: Tenant, login: Login) -> tuple[str, ...]:
    """Name the accounts the login ended at Meta that are still not connected again."""
    ids = [uuid.UUID(each) for each in login.lost_account_ids]
    statement = select(Account).where(
        Account.workspace_id == tenant.workspace_id,
        Account.id.in_(ids),
        Account.status != ACTIVE,
    )
    seen = [each for each in session.scalars(statement) if tenant.sees_location(each.location_id)]
    return tuple(sorted(each.name for each in seen))


def _open_login(row: PendingConnection, keys: KeyRing) -> Login:
    return Login.from_dict(json.loads(row.open_payload(keys) or "null"))
