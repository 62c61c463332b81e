"""Instagram's own login: its tokens, and the account behind one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flask_messenger.errors import GraphError
from flask_messenger.graph.client import Graph
from flask_messenger.graph.pages import PageProfile
from flask_messenger.graph.request import INSTAGRAM
from flask_messenger.graph.users import UserToken, user_token_of
from flask_messenger.settings import MetaApp

ME_FIELDS: Final = "id,user_id,username,name,account_type,profile_picture_url"
PERSONAL: Final = "PERSONAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstagramToken:
    """What the login's code was worth: a token of an hour, and what was allowed."""

    value: str = field(repr=False)
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstagramAccount:
    """The account that logged in.

    Attributes:
        id: app-scoped, as Meta's callbacks about the login name it.
        external_id: of the professional account, as its webhooks name it.
        is_professional: whether messages are to be had at all.
    """

    id: str = field(repr=False)
    external_id: str
    profile: PageProfile
    is_professional: bool


def instagram_token_of(answer: Mapping[str, Any]) -> InstagramToken:
    """Return the token in the answer of Instagram's token endpoint, in either of its shapes.

    Source: https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/business-login
    """
    listed = answer.get("data")
    inner = listed[0] if isinstance(listed, list) and listed else answer
    found = inner if isinstance(inner, Mapping) else {}
    scopes = found.get("permissions")
    names = scopes if isinstance(scopes, list) else str(scopes or "").replace(",", " ").split()
    return InstagramToken(value=str(found.get("access_token") or ""), scopes=tuple(map(str, names)))


def extend_instagram_token(graph: Graph, *, app: MetaApp, token: str) -> UserToken:
    """Exchange the token of an hour for one of sixty days."""
    answer = graph.get_token(
        "access_token",
        {
            "grant_type": "ig_exchange_token",
            "client_secret": app.instagram_app_secret or "",
            "access_token": token,
        },
    )
    return user_token_of(answer)


def refresh_instagram_token(graph: Graph, *, token: str) -> UserToken:
    """Exchange a token of sixty days, a day old at least, for one that begins anew.

    Source: https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token
    """
    answer = graph.get_token(
        "refresh_access_token", {"grant_type": "ig_refresh_token", "access_token": token}
    )
    return user_token_of(answer)


def read_instagram_me(graph: Graph, *, app: MetaApp, token: str) -> InstagramAccount:
    """Return whose token it is. Raises `GraphError` where Instagram does not say, either."""
    params = {"fields": ME_FIELDS}
    answer = graph.get("me", app=app, token=token, params=params, host=INSTAGRAM)
    listed = answer.get("data")
    inner = listed[0] if isinstance(listed, list) and listed else answer
    found = inner if isinstance(inner, Mapping) else {}
    external_id = str(found.get("user_id") or found.get("id") or "")
    if not external_id:
        raise GraphError("Instagram does not say whose token it is.")
    username = str(found.get("username") or "")
    picture = found.get("profile_picture_url")
    return InstagramAccount(
        id=str(found.get("id") or external_id),
        external_id=external_id,
        profile=PageProfile(
            name=str(found.get("name") or username),
            picture_url=str(picture) if picture else None,
            username=username or None,
        ),
        is_professional=str(found.get("account_type") or "").upper() != PERSONAL,
    )
