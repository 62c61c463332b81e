"""Facebook Pages: which ones a person lets us see, and the Instagram accounts linked to them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flask_messenger.errors import InvalidGraphRequestError, MissingPermissionError
from flask_messenger.graph.client import Graph, node
from flask_messenger.settings import MetaApp

LINKED_FIELDS: Final = "id,username,name,profile_picture_url"
LINKED: Final = f"instagram_business_account{{{LINKED_FIELDS}}}"
LISTING: Final = "id,name,access_token,tasks,category,picture{url}"
PROFILE: Final = "name,category,picture{url}"
PAGE_LIMIT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PageProfile:
    """How an account presents itself. Picture addresses expire after some days."""

    name: str
    category: str | None = None
    picture_url: str | None = field(default=None, repr=False)
    username: str | None = None


@dataclass(frozen=True, slots=True)
class LinkedInstagram:
    """The professional Instagram account that is linked to a Page."""

    id: str
    profile: PageProfile


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
    instagram: LinkedInstagram | None = None


def list_pages(graph: Graph, *, app: MetaApp, token: str) -> Iterator[GrantedPage]:
    """Yield every Page behind a person's token. One without a token of its own is passed over.

    Source: https://developers.facebook.com/docs/pages-api/manage-pages
    """
    for item in _list_items(graph, app=app, token=token):
        if item.get("id") and item.get("access_token"):
            tasks = item.get("tasks")
            yield GrantedPage(
                id=str(item["id"]),
                profile=_read_profile(item),
                token=str(item["access_token"]),
                tasks=tuple(map(str, tasks)) if isinstance(tasks, list) else None,
                instagram=_read_linked(item),
            )


def _list_items(graph: Graph, *, app: MetaApp, token: str) -> list[dict[str, Any]]:
    """Return the raw Pages, with their Instagram accounts where Meta lets us ask for those."""

    def read(fields: str) -> list[dict[str, Any]]:
        params = {"fields": fields, "limit": PAGE_LIMIT}
        return list(graph.pages("me/accounts", app=app, token=token, params=params))

    try:
        return read(f"{LISTING},{LINKED}")
    except (InvalidGraphRequestError, MissingPermissionError):
        # One field that the login may not see can cost the whole answer.
        return read(LISTING)


def read_page(graph: Graph, *, app: MetaApp, token: str, page_id: str) -> PageProfile:
    """Return a Page's name, category and picture."""
    return _read_profile(graph.get(node(page_id), app=app, token=token, params={"fields": PROFILE}))


def read_linked_instagram(
    graph: Graph, *, app: MetaApp, token: str, page_id: str
) -> LinkedInstagram | None:
    """Return the Instagram account that is linked to a Page now; None where none is."""
    answer = graph.get(node(page_id), app=app, token=token, params={"fields": f"id,{LINKED}"})
    return _read_linked(answer)


def read_instagram(graph: Graph, *, app: MetaApp, token: str, external_id: str) -> PageProfile:
    """Return the profile of an Instagram account, with the token of the Page that carries it."""
    params = {"fields": LINKED_FIELDS}
    return _instagram_profile(graph.get(node(external_id), app=app, token=token, params=params))


def _read_linked(item: Mapping[str, Any]) -> LinkedInstagram | None:
    linked = item.get("instagram_business_account")
    if not isinstance(linked, Mapping) or not linked.get("id"):
        return None
    return LinkedInstagram(id=str(linked["id"]), profile=_instagram_profile(linked))


def _instagram_profile(item: Mapping[str, Any]) -> PageProfile:
    username = str(item.get("username") or "")
    picture = item.get("profile_picture_url")
    return PageProfile(
        name=str(item.get("name") or username),
        picture_url=str(picture) if picture else None,
        username=username or None,
    )


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
