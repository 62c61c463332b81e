"""What it takes to ask Graph in an account's name, for what a person waits for."""

from dataclasses import dataclass, field

from flask_messenger.channels.base import Channel
from flask_messenger.channels.registry import channel_named
from flask_messenger.channels.sending import Endpoint
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import ConflictError
from flask_messenger.graph.client import Graph
from flask_messenger.models import Account
from flask_messenger.models.accounts import ACTIVE, ERROR
from flask_messenger.settings import MetaApp
from flask_messenger.state import MessengerState
from flask_messenger.tiers import check_feature


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An account's way to Graph."""

    graph: Graph = field(repr=False)
    app: MetaApp
    token: str = field(repr=False)
    channel: Channel
    endpoint: Endpoint


def endpoint_of(account: Account) -> Endpoint:
    """Return what a channel must know of an account."""
    return Endpoint(
        external_id=account.external_id,
        page_external_id=account.page_external_id,
        login=account.login,
    )


def open_line(held: MessengerState, account: Account) -> Line:
    """Return the account's way to Graph. May ask the host for the plan.

    Raises:
        ConflictError: it is disconnected, or has to be connected again.
        TierError: the plan does not have the channel.
        SecretError: its token does not open.
    """
    channel = channel_named(account.channel)
    check_feature(held, account.workspace_id, channel.feature)
    app = held.settings.apps.get(account.app_name)
    # One that Meta keeps from writing may still hide a comment, or let go of a thread.
    is_connected = account.status in {ACTIVE, ERROR}
    token = account.open_token(held.get(KeyRing)) if is_connected else None
    if app is None or token is None:
        raise ConflictError("This account has to be connected again first.")
    return Line(
        graph=held.get(Graph),
        app=app,
        token=token,
        channel=channel,
        endpoint=endpoint_of(account),
    )
