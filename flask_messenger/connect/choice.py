"""The choice of accounts after a login: what can be chosen, and what stands in the way."""

import json
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.channels.connecting import FoundAccount
from flask_messenger.channels.registry import channel_named
from flask_messenger.connect.accounts import Key, list_known_accounts, list_taken
from flask_messenger.connect.attempts import open_choice
from flask_messenger.connect.login import Login
from flask_messenger.connect.reasons import ended
from flask_messenger.crypto import KeyRing
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, PendingConnection
from flask_messenger.models.accounts import ACTIVE, DISCONNECTED
from flask_messenger.models.base import utc_now
from flask_messenger.state import MessengerState
from flask_messenger.tiers import feature_access

NEW: Final = "new"
HERE: Final = "connected_here"
OTHER_LOCATION: Final = "connected_in_other_location"
TAKEN: Final = "belongs_elsewhere"
TASK_MISSING: Final = "task_missing"
HIDDEN_LOCATION: Final = "connected_in_hidden_location"
PERMISSION_MISSING: Final = "permission_missing"
PLAN_MISSING: Final = "plan_missing"

MESSAGING_TASK: Final = "MESSAGING"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOption:
    """One account of the login, a Page or another, as this person may see it.

    Attributes:
        state: `new`; `connected_here` (in the location the attempt is for);
            `connected_in_other_location` (`location_id` says which; choosing it moves it);
            `connected_in_hidden_location` (one the person does not see); `belongs_elsewhere`
            (another workspace has it, whose is not said); `task_missing` (Facebook does not let
            the person answer on it); `permission_missing` (the login did not allow what its
            channel needs); `plan_missing` (the workspace's plan does not have its channel).
        username: of Instagram, without the @.
        page_external_id: the Page that carries it; None for a Page itself and without one.
        location_id: where it is connected now; None where it is not, or not to be seen.
        needs_reauth: whether it is connected with a token that no longer works.
    """

    id: str
    name: str
    category: str | None
    picture_url: str | None = field(repr=False)
    state: str
    channel: str = "facebook"
    username: str | None = None
    page_external_id: str | None = None
    account_id: uuid.UUID | None = None
    location_id: str | None = None
    needs_reauth: bool = False

    @property
    def can_choose(self) -> bool:
        """Whether choosing it can work."""
        return self.state in {NEW, HERE, OTHER_LOCATION}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What there is to choose from.

    Attributes:
        login: the login that brought the accounts.
        location_id: where they go unless something else is said.
        declined_scopes: optional permissions that the person declined.
        lost: names of the workspace's accounts that this login ended at Meta.
        app_name: our name of the Meta app.
    """

    id: uuid.UUID
    channel: str
    login: str
    app_name: str
    location_id: str | None
    person_name: str = field(repr=False)
    pages: tuple[PageOption, ...]
    declined_scopes: tuple[str, ...]
    lost: tuple[str, ...]


def read_choice(held: MessengerState, *, tenant: Tenant, attempt_id: uuid.UUID) -> Choice:
    """Return the accounts of an attempt, by name, with what can be done with each.

    Raises:
        NotFoundError: no such attempt of this person.
        ConnectError: `choice_expired`.
    """
    session: Session = held.db.session
    row = open_choice(session, tenant=tenant, attempt_id=attempt_id, now=utc_now())
    login = open_login(row, held.get(KeyRing))
    keys = [account.key for account in login.accounts]
    known = list_known_accounts(session, tenant=tenant, keys=keys)
    taken = list_taken(session, tenant=tenant, keys=keys)
    options = [
        _option(
            found,
            account=known.get(found.key),
            state=_find_obstacle(held, found, login=login, tenant=tenant, taken=taken),
            row=row,
            tenant=tenant,
        )
        for found in login.accounts
    ]
    return Choice(
        id=row.id,
        channel=row.channel,
        login=row.login,
        app_name=row.app_name,
        location_id=row.location_id,
        person_name=login.person.name,
        pages=tuple(sorted(options, key=lambda each: (each.name.casefold(), each.channel))),
        declined_scopes=tuple(row.declined_scopes),
        lost=name_lost(session, tenant, login),
    )


def open_login(row: PendingConnection, keys: KeyRing) -> Login:
    """Return what the login of an attempt brought.

    Raises:
        ConnectError: `choice_expired`, where an earlier version of ours wrote it down.
    """
    try:
        return Login.from_dict(json.loads(row.open_payload(keys) or "null"))
    except (KeyError, TypeError):
        raise ended("choice_expired") from None


def may_answer(found: FoundAccount) -> bool:
    """Say whether Facebook lets the person answer as the account."""
    return found.tasks is None or MESSAGING_TASK in found.tasks


def lacks_permission(found: FoundAccount, login: Login) -> bool:
    """Say whether the login did not allow what the account's channel needs."""
    return bool(login.lacks(channel_named(found.channel).logins[found.login]))


def name_lost(session: Session, tenant: Tenant, login: Login) -> tuple[str, ...]:
    """Name the accounts the login ended at Meta that are still not connected again."""
    ids = [uuid.UUID(each) for each in login.lost_account_ids]
    statement = select(Account).where(
        Account.workspace_id == tenant.workspace_id,
        Account.id.in_(ids),
        Account.status != ACTIVE,
    )
    seen = [each for each in session.scalars(statement) if tenant.sees_location(each.location_id)]
    return tuple(sorted(each.name for each in seen))


def _find_obstacle(
    held: MessengerState,
    found: FoundAccount,
    *,
    login: Login,
    tenant: Tenant,
    taken: Collection[Key],
) -> str | None:
    """Return the state of an account that cannot be chosen, whatever row it has here."""
    if found.key in taken:
        return TAKEN
    feature = channel_named(found.channel).feature
    if not feature_access(held, tenant.workspace_id, feature).allowed:
        return PLAN_MISSING
    if not may_answer(found):
        return TASK_MISSING
    return PERMISSION_MISSING if lacks_permission(found, login) else None


def _option(
    found: FoundAccount,
    *,
    account: Account | None,
    state: str | None,
    row: PendingConnection,
    tenant: Tenant,
) -> PageOption:
    is_hidden = account is not None and not tenant.sees_location(account.location_id)
    if is_hidden or (account is not None and account.status == DISCONNECTED):
        account = None
    if is_hidden and state != TAKEN:
        state = HIDDEN_LOCATION
    elif state is None and account is not None:
        state = HERE if account.location_id == row.location_id else OTHER_LOCATION
    return PageOption(
        id=found.external_id,
        channel=found.channel,
        name=found.profile.name,
        username=found.profile.username,
        category=found.profile.category,
        picture_url=found.profile.picture_url,
        page_external_id=found.page_external_id,
        state=state or NEW,
        account_id=account.id if account else None,
        location_id=account.location_id if account else None,
        needs_reauth=account is not None and account.status != ACTIVE,
    )
