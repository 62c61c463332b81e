"""Subscriptions to webhooks: of one account, and of a Meta app as a whole."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask_messenger.errors import InvalidGraphRequestError
from flask_messenger.graph.client import Graph, node
from flask_messenger.graph.request import GRAPH
from flask_messenger.graph.users import app_token
from flask_messenger.settings import MetaApp

ME: Final = "me"
"""The account that a token belongs to; how Instagram's own host wants to be asked."""
CARRIER_FIELDS: Final = ("feed",)
"""What a Page is subscribed to for its Instagram account's sake only.

Instagram's webhooks come with a subscription of the Page, to whatever field; which ones come says
the app's own list. This is the field of Meta's example.

Source: https://developers.facebook.com/docs/instagram-platform/webhooks
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSubscription:
    """What a Meta app is sent of one kind of object, and where to."""

    object: str
    callback_url: str
    fields: tuple[str, ...]
    is_active: bool


def subscribe(
    graph: Graph,
    *,
    app: MetaApp,
    token: str,
    owner: str,
    core: tuple[str, ...],
    further: tuple[str, ...] = (),
    host: str = GRAPH,
) -> tuple[str, ...]:
    """Have Meta send us an account's events; return the fields it agreed to.

    The list replaces an earlier one. One name that this version of Graph does not know makes it
    refuse all of them: then the fields we need are subscribed, and the rest added while it agrees.

    Raises:
        GraphError: not even the fields we need.
    """

    def ask_for(fields: tuple[str, ...]) -> None:
        params = {"subscribed_fields": ",".join(fields)}
        graph.post(_path(owner), app=app, token=token, params=params, host=host)

    return agree(ask_for, core=core, further=further)


def agree(
    ask_for: Callable[[tuple[str, ...]], None], *, core: tuple[str, ...], further: tuple[str, ...]
) -> tuple[str, ...]:
    """Ask for all fields, or else for those we need and each other that is agreed to; return them.

    Raises:
        GraphError: not even those we need.
    """
    agreed = core + further
    try:
        ask_for(agreed)
    except InvalidGraphRequestError:
        agreed = core
        ask_for(agreed)
    else:
        return agreed
    for name in further:
        try:
            ask_for((*agreed, name))
        except InvalidGraphRequestError:
            continue
        agreed = (*agreed, name)
    return agreed


def unsubscribe(graph: Graph, *, app: MetaApp, token: str, owner: str, host: str = GRAPH) -> None:
    """Stop Meta from sending us an account's events."""
    graph.delete(_path(owner), app=app, token=token, host=host)


def read_subscription(
    graph: Graph, *, app: MetaApp, token: str, owner: str, host: str = GRAPH
) -> tuple[str, ...]:
    """Return the fields our app is subscribed to. A dead token or a lost grant shows here first.

    Instagram's own host lists our app only, under whichever of its two ids.
    """
    ids = {app.app_id, app.instagram_app_id}
    for item in graph.pages(_path(owner), app=app, token=token, host=host):
        if str(item.get("id")) in ids or (host != GRAPH and not item.get("id")):
            return tuple(map(str, item.get("subscribed_fields") or ()))
    return ()


def read_app_subscriptions(graph: Graph, *, app: MetaApp) -> dict[str, AppSubscription]:
    """Return what the app is sent, by object.

    Source: https://developers.facebook.com/docs/graph-api/reference/app/subscriptions
    """
    path = f"{node(app.app_id)}/subscriptions"
    items = graph.pages(path, app=app, token=app_token(app))
    found = [_app_subscription(item) for item in items]
    return {each.object: each for each in found}


def subscribe_app(
    graph: Graph, *, app: MetaApp, object_: str, callback_url: str, fields: tuple[str, ...]
) -> None:
    """Have the app sent `fields` of an object; Meta asks `callback_url` for a challenge first.

    Raises:
        InvalidGraphRequestError: a field is not known, or the address did not answer.
    """
    body = {
        "object": object_,
        "callback_url": callback_url,
        "verify_token": app.verify_token,
        "fields": ",".join(fields),
        "include_values": True,
    }
    graph.post(f"{node(app.app_id)}/subscriptions", app=app, token=app_token(app), json=body)


def read_app_permissions(graph: Graph, *, app: MetaApp) -> dict[str, str]:
    """Return what Meta says of each of the app's permissions: `live` or `unapproved`.

    Source: https://developers.facebook.com/docs/graph-api/reference/application/permissions
    """
    items = graph.pages(f"{node(app.app_id)}/permissions", app=app, token=app_token(app))
    return {str(each.get("permission")): str(each.get("status") or "").lower() for each in items}


def _path(owner: str) -> str:
    return f"{owner if owner == ME else node(owner)}/subscribed_apps"


def _app_subscription(item: Mapping[str, Any]) -> AppSubscription:
    fields = item.get("fields")
    names = [
        str(each.get("name") if isinstance(each, Mapping) else each)
        for each in (fields if isinstance(fields, list) else ())
    ]
    return AppSubscription(
        object=str(item.get("object") or ""),
        callback_url=str(item.get("callback_url") or ""),
        fields=tuple(names),
        is_active=item.get("active") is not False,
    )
