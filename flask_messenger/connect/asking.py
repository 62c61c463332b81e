"""Asking Meta everything about one account. An error is an answer, too: what it means is judged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from flask_messenger.connect.reach import Reach, heard_fields
from flask_messenger.errors import GraphError, TokenExpiredError
from flask_messenger.graph.client import Graph
from flask_messenger.graph.instagram import read_instagram_me
from flask_messenger.graph.pages import LinkedInstagram, read_linked_instagram
from flask_messenger.graph.request import INSTAGRAM
from flask_messenger.graph.subscriptions import (
    AppSubscription,
    read_app_permissions,
    read_app_subscriptions,
)
from flask_messenger.graph.users import TokenFacts, debug_token

T = TypeVar("T")

ROUTING: Final = "messaging_feature_status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What Meta answered, each an answer or the error instead of it. None: it was not asked.

    Attributes:
        token: what it thinks of the token.
        fields: what the account's webhooks bring.
        app_subscriptions: what the app as a whole is sent, by object.
        app_permissions: the state of the app's permissions.
        linked: the Instagram account that the carrying Page has now.
        routing: which features of Conversation Routing are on.
        access: whether the account lets apps have its messages.
    """

    token: TokenFacts | GraphError = field(repr=False)
    fields: tuple[str, ...] | GraphError | None = None
    app_subscriptions: Mapping[str, AppSubscription] | GraphError | None = None
    app_permissions: Mapping[str, str] | GraphError | None = None
    linked: LinkedInstagram | GraphError | None = None
    routing: Mapping[str, Any] | GraphError | None = None
    access: bool | GraphError | None = None

    @property
    def is_answered(self) -> bool:
        """Whether Meta said what it thinks of the token."""
        return isinstance(self.token, TokenFacts)

    @property
    def is_dead(self) -> bool:
        """Whether Meta said that the token is no good."""
        return isinstance(self.token, TokenFacts) and not self.token.is_valid


def ask(graph: Graph, reach: Reach) -> Told:
    """Ask Meta everything there is to know about an account. Never raises what Meta answers.

    With a token that is dead, or nobody there, the rest is not asked.
    """
    token = _ask_token(graph, reach)
    if isinstance(token, GraphError) or not token.is_valid:
        return Told(token=token)
    return Told(
        token=token,
        fields=_try(lambda: heard_fields(graph, reach)),
        app_subscriptions=_try(lambda: read_app_subscriptions(graph, app=reach.app)),
        app_permissions=_try(lambda: read_app_permissions(graph, app=reach.app)),
        linked=_ask_link(graph, reach),
        routing=_ask_routing(graph, reach),
        access=_ask_access(graph, reach),
    )


def _ask_token(graph: Graph, reach: Reach) -> TokenFacts | GraphError:
    if reach.host != INSTAGRAM:
        return _try(lambda: debug_token(graph, app=reach.app, token=reach.token))
    # Instagram's own tokens have nobody to ask about them but the account itself.
    me = _try(lambda: read_instagram_me(graph, app=reach.app, token=reach.token))
    if isinstance(me, TokenExpiredError):
        return TokenFacts(is_valid=False, app_id=None, scopes=(), subcode=me.subcode)
    if isinstance(me, GraphError):
        return me
    return TokenFacts(is_valid=True, app_id=None, scopes=())


def _ask_link(graph: Graph, reach: Reach) -> LinkedInstagram | GraphError | None:
    page_id = reach.page_external_id
    if page_id is None or not reach.is_carried:
        return None
    return _try(
        lambda: read_linked_instagram(graph, app=reach.app, token=reach.token, page_id=page_id)
    )


def _ask_routing(graph: Graph, reach: Reach) -> Mapping[str, Any] | GraphError | None:
    """Ask the Page which apps share its threads.

    Source: https://developers.facebook.com/docs/messenger-platform/conversation-routing
    """
    if reach.host == INSTAGRAM:
        return None

    def read() -> Mapping[str, Any]:
        params = {"fields": ROUTING}
        found = graph.get("me", app=reach.app, token=reach.token, params=params).get(ROUTING)
        return found if isinstance(found, Mapping) else {}

    return _try(read)


def _ask_access(graph: Graph, reach: Reach) -> bool | GraphError | None:
    probe = reach.of_channel.build_access_probe(reach.endpoint)
    if probe is None:
        return None
    answer = _try(lambda: graph.carry(probe, app=reach.app, token=reach.token))
    return answer if isinstance(answer, GraphError) else True


def _try(question: Callable[[], T]) -> "T | GraphError":
    try:
        return question()
    except GraphError as error:
        return error
