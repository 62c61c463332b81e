"""How Meta is asked about one account: through which app, with which token, at which host."""

import logging
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.channels.base import Channel
from flask_messenger.channels.registry import CHANNELS, channel_named
from flask_messenger.channels.sending import Endpoint
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import SecretError
from flask_messenger.graph.client import Graph
from flask_messenger.graph.instagram import read_instagram_me
from flask_messenger.graph.pages import PageProfile, read_instagram, read_page
from flask_messenger.graph.request import GRAPH, INSTAGRAM
from flask_messenger.graph.subscriptions import (
    CARRIER_FIELDS,
    ME,
    read_subscription,
    subscribe,
    unsubscribe,
)
from flask_messenger.models import Account
from flask_messenger.models.accounts import ACTIVE, BY_INSTAGRAM, DISCONNECTED, ERROR
from flask_messenger.models.elsewhere import list_carried_pages, list_taken_pages
from flask_messenger.settings import MetaApp
from flask_messenger.state import MessengerState

logger = logging.getLogger(__name__)

LOOKED_AFTER: Final = (ACTIVE, ERROR)
"""The states of accounts whose token is to live and who are to be heard: one that Meta keeps from
writing hears as before, and may write again any day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """One account as Meta knows it, and what it takes to ask about it.

    There are three kinds: a Page, which is asked about itself; an account that a Page carries,
    which hears what the Page is subscribed for; and one that came by Instagram's own login, which
    has a host of its own.
    """

    channel: str
    external_id: str
    login: str
    page_external_id: str | None
    app: MetaApp
    token: str = field(repr=False)

    @property
    def of_channel(self) -> Channel:
        """Its channel."""
        return channel_named(self.channel)

    @property
    def is_carried(self) -> bool:
        """Whether a Page hears for it."""
        return self.page_external_id is not None and self.login != BY_INSTAGRAM

    @property
    def host(self) -> str:
        """Where Graph is asked."""
        return INSTAGRAM if self.login == BY_INSTAGRAM else GRAPH

    @property
    def owner(self) -> str:
        """Whose subscription it is that brings its events."""
        return ME if self.host == INSTAGRAM else self.page_external_id or self.external_id

    @property
    def endpoint(self) -> Endpoint:
        """The account as its channel wants to be told of it."""
        return Endpoint(
            external_id=self.external_id,
            page_external_id=self.page_external_id,
            login=self.login,
        )


def reach_of(held: MessengerState, account: Account) -> Reach | None:
    """Return how to ask about an account; None without a token that opens or its Meta app."""
    meta_app = held.settings.apps.get(account.app_name)
    try:
        token = account.open_token(held.get(KeyRing))
    except SecretError:
        logger.warning("token_unreadable account_id=%s", account.id)
        return None
    if meta_app is None or token is None:
        return None
    return Reach(
        channel=account.channel,
        external_id=account.external_id,
        login=account.login,
        page_external_id=account.page_external_id,
        app=meta_app,
        token=token,
    )


def hear(graph: Graph, reach: Reach) -> tuple[str, ...]:
    """Have Meta send us an account's events; return the fields it is subscribed to.

    A Page that is subscribed already, for whosever sake, stays as it is when the account that it
    carries is connected: the list would replace the other's.
    """
    if reach.is_carried:
        return heard_fields(graph, reach) or _subscribe(graph, reach, core=CARRIER_FIELDS)
    fields = reach.of_channel.webhook_fields
    return _subscribe(graph, reach, core=fields.core, further=fields.further)


def heard_fields(graph: Graph, reach: Reach) -> tuple[str, ...]:
    """Return the fields that bring an account's events."""
    return read_subscription(
        graph, app=reach.app, token=reach.token, owner=reach.owner, host=reach.host
    )


def stop_hearing(graph: Graph, reach: Reach, *, is_shared: bool) -> None:
    """Stop Meta from sending us an account's events, as far as no other account needs them.

    `is_shared` says that another account hears through the same Page. What a Page heard for itself
    ends nevertheless; what it hears for others goes on.
    """
    if not is_shared:
        unsubscribe(graph, app=reach.app, token=reach.token, owner=reach.owner, host=reach.host)
    elif not reach.is_carried:
        _subscribe(graph, reach, core=CARRIER_FIELDS)


def missing_fields(reach: Reach, agreed: tuple[str, ...], found: tuple[str, ...]) -> list[str]:
    """Return what an account should hear and does not.

    `agreed` is what Meta agreed to last time, which may be less than the channel asks for. For an
    account that a Page carries, any field will do.
    """
    if reach.is_carried:
        return [] if found else list(CARRIER_FIELDS)
    return sorted(set(agreed or reach.of_channel.webhook_fields.core) - set(found))


def read_profile_of(graph: Graph, reach: Reach) -> PageProfile:
    """Return how the account presents itself now. Fails where the token does not open it."""
    if reach.host == INSTAGRAM:
        return read_instagram_me(graph, app=reach.app, token=reach.token).profile
    if reach.is_carried:
        return read_instagram(
            graph, app=reach.app, token=reach.token, external_id=reach.external_id
        )
    return read_page(graph, app=reach.app, token=reach.token, page_id=reach.external_id)


def shares_page(session: Session, account: Account) -> bool:
    """Say whether another connected account, of any workspace, hears through the same Page."""
    page_id = account.page_external_id or account.external_id
    if account.login == BY_INSTAGRAM:
        return False
    statement = (
        select(Account.id)
        .where(
            Account.workspace_id == account.workspace_id,
            Account.id != account.id,
            Account.app_name == account.app_name,
            Account.status != DISCONNECTED,
            Account.login == account.login,
            (Account.page_external_id == page_id) | (Account.external_id == page_id),
        )
        .limit(1)
    )
    if session.scalars(statement).one_or_none() is not None:
        return True
    asking = account.workspace_id
    if list_carried_pages(session, workspace_id=asking, page_ids=[page_id]):
        return True
    return any(
        list_taken_pages(session, workspace_id=asking, channel=name, external_ids=[page_id])
        for name in CHANNELS
    )


def _subscribe(
    graph: Graph, reach: Reach, *, core: tuple[str, ...], further: tuple[str, ...] = ()
) -> tuple[str, ...]:
    return subscribe(
        graph,
        app=reach.app,
        token=reach.token,
        owner=reach.owner,
        core=core,
        further=further,
        host=reach.host,
    )
