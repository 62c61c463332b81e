"""What a login at Meta brought: who it was, what they allow, which accounts."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from flask_messenger.channels.base import Channel
from flask_messenger.channels.connecting import FoundAccount, Scopes
from flask_messenger.channels.registry import CHANNELS
from flask_messenger.errors import GraphError, InvalidGraphRequestError
from flask_messenger.graph.client import Graph
from flask_messenger.graph.instagram import (
    extend_instagram_token,
    instagram_token_of,
    read_instagram_me,
)
from flask_messenger.graph.pages import GrantedPage, PageProfile, list_pages
from flask_messenger.graph.users import (
    Permissions,
    Person,
    UserToken,
    debug_token,
    extend_token,
    read_me,
    read_permissions,
    user_token_of,
)
from flask_messenger.models.accounts import BY_FACEBOOK, BY_INSTAGRAM
from flask_messenger.settings import MetaApp

LONG_LIVED_SECONDS: Final = 40 * 24 * 3600
"""A token that lives longer than this need not be exchanged for a longer-lived one."""
INSTAGRAM_SECONDS: Final = 60 * 24 * 3600
"""What Instagram's tokens live, where an answer does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One login, as far as it concerns us. Kept sealed until the accounts are chosen.

    `token_issued_at` and `token_expires_at` (ISO 8601) are of accounts whose token ends by time.
    """

    person: Person
    permissions: Permissions
    accounts: tuple[FoundAccount, ...] = field(default=(), repr=False)
    token_issued_at: str | None = None
    token_expires_at: str | None = None
    lost_account_ids: tuple[str, ...] = ()

    def lacks(self, scopes: Scopes) -> tuple[str, ...]:
        """Return the permissions that are needed and were not granted."""
        return tuple(each for each in scopes.needed if each not in self.permissions.granted)

    def find(self, external_id: str, channel: str | None = None) -> FoundAccount | None:
        """Return an account by Meta's id, if the login brought it."""
        return next(
            (
                each
                for each in self.accounts
                if each.external_id == external_id and channel in {None, each.channel}
            ),
            None,
        )

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
            accounts=tuple(_account_of(each) for each in stored["accounts"]),
            token_issued_at=stored["token_issued_at"],
            token_expires_at=stored["token_expires_at"],
            lost_account_ids=tuple(stored["lost_account_ids"]),
        )


def read_login(
    graph: Graph,
    *,
    app: MetaApp,
    channel: Channel,
    login: str,
    answer: dict[str, Any],
    now: datetime,
) -> Login:
    """Ask Meta everything about a login, beginning with the answer to its code.

    Raises:
        GraphError: Meta refused, or did not answer.
    """
    if login == BY_INSTAGRAM:
        return _read_instagram(graph, app=app, channel=channel, answer=answer, now=now)
    return _read_facebook(graph, app=app, scopes=channel.logins[BY_FACEBOOK], answer=answer)


def _read_facebook(graph: Graph, *, app: MetaApp, scopes: Scopes, answer: dict[str, Any]) -> Login:
    """Ask for a long-lived token first, and for all pages of Pages last."""
    token = _require(user_token_of(answer))
    seconds = token.expires_in_seconds
    if seconds is not None and seconds < LONG_LIVED_SECONDS:
        # Page tokens that come from a long-lived token do not expire by time.
        token = extend_token(graph, app=app, token=token.value)
    person = read_me(graph, app=app, token=token.value)
    permissions = _read_permissions(graph, app=app, token=token.value)
    found = Login(person=person, permissions=permissions)
    if found.lacks(scopes):
        return found
    pages = list_pages(graph, app=app, token=token.value)
    accounts = tuple(account for page in pages for account in _accounts_of(page))
    return Login(person=person, permissions=permissions, accounts=accounts)


def _accounts_of(page: GrantedPage) -> Iterator[FoundAccount]:
    for channel in CHANNELS.values():
        account = channel.account_of(page)
        if account is not None:
            yield account


def _read_instagram(
    graph: Graph, *, app: MetaApp, channel: Channel, answer: dict[str, Any], now: datetime
) -> Login:
    """Ask for the token of sixty days and for the one account there is."""
    short = instagram_token_of(answer)
    if not short.value:
        raise GraphError("Instagram's token answer holds no token.")
    token = _require(extend_instagram_token(graph, app=app, token=short.value))
    me = read_instagram_me(graph, app=app, token=token.value)
    scopes = channel.logins[BY_INSTAGRAM]
    granted = short.scopes or scopes.asked  # an older answer does not say; a call will
    account = FoundAccount(
        channel=channel.name,
        external_id=me.external_id,
        profile=me.profile,
        token=token.value,
        login=BY_INSTAGRAM,
    )
    lives_for = timedelta(seconds=token.expires_in_seconds or INSTAGRAM_SECONDS)
    return Login(
        person=Person(id=me.id, name=me.profile.name),
        permissions=Permissions(
            granted=granted,
            declined=tuple(each for each in scopes.asked if each not in granted),
        ),
        accounts=(account,) if me.is_professional and me.external_id else (),
        token_issued_at=now.isoformat(),
        token_expires_at=(now + lives_for).isoformat(),
    )


def _require(token: UserToken) -> UserToken:
    if not token.value:
        raise GraphError("Meta's token answer holds no token.")
    return token


def _read_permissions(graph: Graph, *, app: MetaApp, token: str) -> Permissions:
    try:
        return read_permissions(graph, app=app, token=token)
    except InvalidGraphRequestError:
        # A business's system user has no `permissions` edge; its token says what it may do.
        facts = debug_token(graph, app=app, token=token)
        return Permissions(granted=facts.scopes, declined=())


def _account_of(stored: Mapping[str, Any]) -> FoundAccount:
    tasks = stored["tasks"]
    values = dict(stored) | {
        "profile": PageProfile(**stored["profile"]),
        "tasks": None if tasks is None else tuple(tasks),
    }
    return FoundAccount(**values)
