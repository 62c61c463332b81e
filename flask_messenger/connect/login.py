"""What a person's login at Meta brought: who they are, what they allow, which Pages."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from flask_messenger.connect.oauth import REQUIRED_SCOPES
from flask_messenger.errors import InvalidGraphRequestError
from flask_messenger.graph.client import Graph
from flask_messenger.graph.pages import GrantedPage, PageProfile, list_pages
from flask_messenger.graph.users import (
    Permissions,
    Person,
    UserToken,
    debug_token,
    extend_token,
    read_me,
    read_permissions,
)
from flask_messenger.settings import MetaApp

LONG_LIVED_SECONDS: Final = 40 * 24 * 3600
"""A token that lives longer than this need not be exchanged for a longer-lived one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One login, as far as it concerns us. Kept sealed until the Pages are chosen."""

    person: Person
    permissions: Permissions
    pages: tuple[GrantedPage, ...] = field(default=(), repr=False)
    lost_account_ids: tuple[str, ...] = ()

    @property
    def missing_scopes(self) -> tuple[str, ...]:
        """Return the permissions that an inbox cannot do without and does not have."""
        return tuple(each for each in REQUIRED_SCOPES if each not in self.permissions.granted)

    def page(self, page_id: str) -> GrantedPage | None:
        """Return the Page with this id, if the login brought it."""
        return next((each for each in self.pages if each.id == page_id), None)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values: tokens too, so only ever to be sealed."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Login":
        """Return what `as_dict` made the values of."""
        permissions = stored["permissions"]
        return cls(
            person=Person(**stored["person"]),
            permissions=Permissions(
                granted=tuple(permissions["granted"]), declined=tuple(permissions["declined"])
            ),
            pages=tuple(_page_of(each) for each in stored["pages"]),
            lost_account_ids=tuple(stored["lost_account_ids"]),
        )


def read_login(graph: Graph, *, app: MetaApp, token: UserToken) -> Login:
    """Ask Graph everything about a login: a long-lived token first, all pages of Pages last.

    Raises:
        GraphError: Graph refused, or did not answer.
    """
    seconds = token.expires_in_seconds
    if seconds is not None and seconds < LONG_LIVED_SECONDS:
        # Page tokens that come from a long-lived token do not expire by time.
        token = extend_token(graph, app=app, token=token.value)
    person = read_me(graph, app=app, token=token.value)
    permissions = _read_permissions(graph, app=app, token=token.value)
    login = Login(person=person, permissions=permissions)
    if login.missing_scopes:
        return login
    pages = tuple(list_pages(graph, app=app, token=token.value))
    return Login(person=person, permissions=permissions, pages=pages)


def _read_permissions(graph: Graph, *, app: MetaApp, token: str) -> Permissions:
    try:
        return read_permissions(graph, app=app, token=token)
    except InvalidGraphRequestError:
        # A business's system user has no `permissions` edge; its token says what it may do.
        facts = debug_token(graph, app=app, token=token)
        return Permissions(granted=facts.scopes, declined=())


def _page_of(stored: Mapping[str, Any]) -> GrantedPage:
    tasks = stored["tasks"]
    return GrantedPage(
        id=stored["id"],
        profile=PageProfile(**stored["profile"]),
        token=stored["token"],
        tasks=None if tasks is None else tuple(tasks),
    )
