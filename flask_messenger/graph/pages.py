"""Facebook Pages: which ones a person lets us see, and the subscription to their webhooks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flask_messenger.errors import InvalidGraphRequestError
from flask_messenger.graph.client import Graph, node
from flask_messenger.settings import MetaApp

CORE_FIELDS: Final[tuple[str, ...]] = (
    "messages",
    "messaging_postbacks",
    "message_deliveries",
    "message_reads",
    "message_echoes",
)
"""Without these an inbox makes no sense."""
FURTHER_FIELDS: Final[tuple[str, ...]] = (
    "message_reactions",
    "message_edits",
    "messaging_referrals",
    "messaging_optins",
    "messaging_handovers",
    "standby",
)
"""These come and go with Meta's versions."""
LISTING: Final = "id,name,access_token,tasks,category,picture{url}"
PROFILE: Final = "name,category,picture{url}"
PAGE_LIMIT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PageProfile:
    """How a Page presents itself. Picture addresses expire after some days."""

    name: str
    category: str | None = None
    picture_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedPage:
    """A Page of a person who let us see it.

    Attributes:
        tasks: what the person may do on it, such as `MESSAGING`; None where Meta does not say.
    """

    id: str
    profile: PageProfile
    token: str = field(repr=False)
    tasks: tuple[str, ...] | None = None


def list_pages(graph: Graph, *, app: MetaApp, token: str) -> Iterator[GrantedPage]:
    """Yield every Page behind a person's token. One without a token of its own is passed over.

    Source: https://developers.facebook.com/docs/pages-api/manage-pages
    """
    params = {"fields": LISTING, "limit": PAGE_LIMIT}
    for item in graph.pages("me/accounts", app=app, token=token, params=params):
        if item.get("id") and item.get("access_token"):
            tasks = item.get("tasks")
            yield GrantedPage(
                id=str(item["id"]),
                profile=_read_profile(item),
                token=str(item["access_token"]),
                tasks=tuple(map(str, tasks)) if isinstance(tasks, list) else None,
            )


def read_page(graph: Graph, *, app: MetaApp, token: str, page_id: str) -> PageProfile:
    """Return a Page's name, category and picture."""
    return _read_profile(graph.get(node(page_id), app=app, token=token, params={"fields": PROFILE}))


def subscribe_page(graph: Graph, *, app: MetaApp, token: str, page_id: str) -> tuple[str, ...]:
    """Have Meta send us a Page's events; return the fields it agreed to.

    The list replaces an earlier one. One name that this version of Graph does not know makes it
    refuse all of them: then the fields we need are subscribed, and the rest added while it agrees.

    Raises:
        GraphError: not even the fields we need.
    """

    def subscribe(fields: tuple[str, ...]) -> None:
        path = f"{node(page_id)}/subscribed_apps"
        graph.post(path, app=app, token=token, params={"subscribed_fields": ",".join(fields)})

    agreed = CORE_FIELDS + FURTHER_FIELDS
    try:
        subscribe(agreed)
    except InvalidGraphRequestError:
        agreed = CORE_FIELDS
        subscribe(agreed)
    else:
        return agreed
    for name in FURTHER_FIELDS:
        try:
            subscribe((*agreed, name))
        except InvalidGraphRequestError:
            continue
        agreed = (*agreed, name)
    return agreed


def unsubscribe_page(graph: Graph, *, app: MetaApp, token: str, page_id: str) -> None:
    """Stop Meta from sending us a Page's events."""
    graph.delete(f"{node(page_id)}/subscribed_apps", app=app, token=token)


def read_subscription(graph: Graph, *, app: MetaApp, token: str, page_id: str) -> tuple[str, ...]:
    """Return the fields our app is subscribed to. A dead token or a lost grant shows here first."""
    for item in graph.pages(f"{node(page_id)}/subscribed_apps", app=app, token=token):
        if str(item.get("id")) == app.app_id:
            return tuple(map(str, item.get("subscribed_fields") or ()))
    return ()


def _read_profile(item: Mapping[str, Any]) -> PageProfile:
    picture = item.get("picture")
    inner = picture.get("data") if isinstance(picture, Mapping) else None
    url = inner.get("url") if isinstance(inner, Mapping) else None
    category = item.get("category")
    return PageProfile(
        name=str(item.get("name") or ""),
        category=str(category) if category else None,
        picture_url=str(url) if url else None,
    )
