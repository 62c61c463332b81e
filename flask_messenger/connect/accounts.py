"""The rows of accounts: found for a person, stored, moved."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flask_messenger.channels.connecting import FoundAccount
from flask_messenger.channels.registry import CHANNELS, channel_named
from flask_messenger.connect.announce import AccountFacts
from flask_messenger.connect.reasons import ended
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import NotFoundError
from flask_messenger.graph.pages import PageProfile
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, Message, WebhookEntry
from flask_messenger.models.accounts import ACTIVE, DISCONNECTED
from flask_messenger.models.audit import record
from flask_messenger.models.base import new_id
from flask_messenger.models.elsewhere import list_taken_pages, put_back_entries
from flask_messenger.models.journal import PENDING, UNROUTED
from flask_messenger.models.messages import QUEUED

MISSED_WITHIN: Final = timedelta(hours=1)


Key = tuple[str, str]
"""A channel and Meta's id there: what tells accounts apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConnection:
    """Everything that is stored of an account when it is connected."""

    found: FoundAccount = field(repr=False)
    profile: PageProfile
    location_id: str | None
    app_name: str
    meta_user_id: str = field(repr=False)
    granted_scopes: tuple[str, ...]
    subscribed_fields: tuple[str, ...]
    token_issued_at: datetime | None = None
    token_expires_at: datetime | None = None


def get_account(session: Session, *, tenant: Tenant, account_id: uuid.UUID) -> Account:
    """Return an account that the person sees.

    Raises:
        NotFoundError: there is none, or it is somebody else's, or of a location they do not see.
    """
    statement = select(Account).where(
        Account.workspace_id == tenant.workspace_id, Account.id == account_id
    )
    account = session.scalars(statement).one_or_none()
    if account is None or not tenant.sees_location(account.location_id):
        raise NotFoundError("There is no such account.")
    return account


def list_known_accounts(
    session: Session, *, tenant: Tenant, keys: Collection[Key]
) -> dict[Key, Account]:
    """Return the workspace's rows of these accounts of Meta's, in any location.

    Connected or not: the row that connecting the account would use again.
    """
    found: dict[Key, Account] = {}
    for channel, external_ids in _by_channel(keys).items():
        for each in session.scalars(_select_known(tenant, channel, external_ids)):
            found.setdefault((channel, each.external_id), each)
    return found


def list_taken(session: Session, *, tenant: Tenant, keys: Collection[Key]) -> set[Key]:
    """Return which of these accounts another workspace has. Whose they are nobody is told."""
    return {
        (channel, external_id)
        for channel, external_ids in _by_channel(keys).items()
        for external_id in list_taken_pages(
            session, workspace_id=tenant.workspace_id, channel=channel, external_ids=external_ids
        )
    }


def _by_channel(keys: Collection[Key]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for channel, external_id in keys:
        found[channel].append(external_id)
    return found


def store_connection(
    session: Session, keys: KeyRing, *, tenant: Tenant, connection: NewConnection, now: datetime
) -> AccountFacts:
    """Connect an account, or reconnect it: the same row, and its history, with a new token.

    Deliveries that came for it while nobody had it are put back, to be applied now. Never commits.
    After an error the caller has to roll back.

    Raises:
        ConnectError: `page_taken`, where another workspace was quicker; `page_elsewhere`, where
            the row, connected or not, is of a location that the person does not see: with it they
            would get its conversations.
    """
    channel, external_id = connection.found.key
    account = _find_for_reconnect(session, tenant=tenant, channel=channel, external_id=external_id)
    is_new = account is None
    if account is None:
        account = Account(
            id=new_id(),
            workspace_id=tenant.workspace_id,
            channel=channel,
            external_id=external_id,
        )
        session.add(account)
    elif not tenant.sees_location(account.location_id):
        raise ended("page_elsewhere")
    _fill(account, connection, tenant=tenant, now=now)
    account.seal_token(keys, connection.found.token)
    try:
        session.flush()
    except IntegrityError:
        # The index over live accounts decides who has an account; a look before could not.
        raise ended("page_taken") from None
    put_back_entries(
        session,
        workspace_id=tenant.workspace_id,
        object_=channel_named(channel).webhook_object,
        external_id=external_id,
    )
    record(
        session,
        workspace_id=tenant.workspace_id,
        actor=tenant.user_id,
        action="account_connected" if is_new else "account_reconnected",
        subject=str(account.id),
        channel=channel,
        location_id=connection.location_id,
        subscribed_fields=list(connection.subscribed_fields),
    )
    session.flush()
    return AccountFacts.of(account)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """An account in its location now.

    Attributes:
        concerns: what is to be announced after the commit. Who sees the location that the account
            left hears of it, too: its conversations are gone from there.
    """

    account: AccountFacts
    concerns: tuple[AccountFacts, ...]


def move_account(
    session: Session, *, tenant: Tenant, account_id: uuid.UUID, location_id: str | None
) -> Moved:
    """Move an account, with its conversations, to another location. Never commits."""
    account = get_account(session, tenant=tenant, account_id=account_id)
    before = AccountFacts.of(account)
    if account.location_id != location_id:
        record(
            session,
            workspace_id=tenant.workspace_id,
            actor=tenant.user_id,
            action="account_moved",
            subject=str(account.id),
            from_location_id=account.location_id,
            to_location_id=location_id,
        )
        account.location_id = location_id
    session.flush()
    now = AccountFacts.of(account)
    return Moved(account=now, concerns=tuple(dict.fromkeys((before, now))))


def list_waiting_lanes(session: Session, *, account_id: uuid.UUID) -> list[uuid.UUID]:
    """Return the conversations of an account that have replies waiting to go out."""
    statement = (
        select(Message.conversation_id)
        .where(Message.account_id == account_id, Message.status == QUEUED)
        .distinct()
    )
    return [each for each in session.scalars(statement) if each is not None]


def put_back_missed(session: Session, *, now: datetime) -> int:
    """Put back entries that a drain set aside while their account was just being connected.

    The drain had looked before the account was committed, and wrote its verdict after. For the
    sweeper, in the system scope; returns how many there were.
    """
    return sum(
        _put_back_of(session, channel.name, channel.webhook_object, now=now)
        for channel in CHANNELS.values()
    )


def _put_back_of(session: Session, channel: str, object_: str, *, now: datetime) -> int:
    has_account = exists().where(
        Account.channel == channel,
        Account.external_id == WebhookEntry.external_id,
        Account.status != DISCONNECTED,
    )
    statement = (
        update(WebhookEntry)
        .where(
            WebhookEntry.object == object_,
            WebhookEntry.state == UNROUTED,
            WebhookEntry.error.is_(None),  # else it was set aside on purpose
            WebhookEntry.received_at > now - MISSED_WITHIN,
            has_account,
        )
        .values(state=PENDING, attempts=0, error=None, processed_at=None)
        .returning(WebhookEntry.id)
        .execution_options(synchronize_session=False)
    )
    return len(session.execute(statement).all())


def _find_for_reconnect(
    session: Session, *, tenant: Tenant, channel: str, external_id: str
) -> Account | None:
    """Return the row to use again: the live one, else the one that was disconnected last."""
    statement = (
        _select_known(tenant, channel, [external_id])
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one_or_none()


def _select_known(tenant: Tenant, channel: str, external_ids: Sequence[str]) -> Select[Account]:
    return (
        select(Account)
        .where(
            Account.workspace_id == tenant.workspace_id,
            Account.channel == channel,
            Account.external_id.in_(external_ids),
        )
        .order_by((Account.status == DISCONNECTED), Account.disconnected_at.desc())
    )


def _fill(account: Account, new: NewConnection, *, tenant: Tenant, now: datetime) -> None:
    account.location_id = new.location_id
    account.login = new.found.login
    account.page_external_id = new.found.page_external_id
    account.name = new.profile.name[:255]
    account.username = (new.profile.username or "")[:255] or None
    account.picture_url = new.profile.picture_url
    account.category = (new.profile.category or "")[:255] or None
    account.status = ACTIVE
    account.status_reason = None
    account.status_changed_at = now
    account.app_name = new.app_name
    account.meta_user_id = new.meta_user_id
    account.connected_by = tenant.user_id
    account.granted_scopes = list(new.granted_scopes)
    account.subscribed_fields = list(new.subscribed_fields)
    account.token_issued_at = new.token_issued_at
    account.token_expires_at = new.token_expires_at
    # What was known of the old token says nothing of this one.
    account.data_access_expires_at = None
    account.checked_at = None
    account.findings = []
    account.connected_at = now
    account.disconnected_at = None
