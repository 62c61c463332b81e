"""The person who logs in, what they granted, and their tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from flask_messenger.errors import GraphError
from flask_messenger.graph.client import Graph, node
from flask_messenger.settings import MetaApp

GRANTED: Final = "granted"
DECLINED: Final = "declined"


@dataclass(frozen=True, slots=True)
class Person:
    """Who logged in. `id` is app-scoped: another Meta app sees the same person as another id."""

    id: str = field(repr=False)
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the person said to each permission that was asked for."""

    granted: tuple[str, ...]
    declined: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UserToken:
    """A person's token; `expires_in_seconds` is None where it does not expire."""

    value: str = field(repr=False)
    expires_in_seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFacts:
    """What Meta says of a token. Times are aware, UTC; None where it names none: it does not end.

    Attributes:
        targets: by permission, the accounts it was given for; a permission for all has no entry.
        subcode: of a dead token, which of Meta's reasons it was.
    """

    is_valid: bool
    app_id: str | None
    scopes: tuple[str, ...]
    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    data_access_expires_at: datetime | None = None
    subcode: int | None = None


def read_me(graph: Graph, *, app: MetaApp, token: str) -> Person:
    """Return whose token it is."""
    answer = graph.get("me", app=app, token=token, params={"fields": "id,name"})
    return Person(id=str(answer.get("id") or ""), name=str(answer.get("name") or ""))


def read_permissions(graph: Graph, *, app: MetaApp, token: str) -> Permissions:
    """Return what was granted and what was declined."""
    items = list(graph.pages("me/permissions", app=app, token=token))

    def named(status: str) -> tuple[str, ...]:
        return tuple(str(each.get("permission")) for each in items if each.get("status") == status)

    return Permissions(granted=named(GRANTED), declined=named(DECLINED))


def extend_token(graph: Graph, *, app: MetaApp, token: str) -> UserToken:
    """Exchange a person's token for one that lives about sixty days.

    Page tokens taken from such a token do not expire by time.

    Source: https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived
    """
    answer = graph.post_form(
        "oauth/access_token",
        {
            "grant_type": "fb_exchange_token",
            "client_id": app.app_id,
            "client_secret": app.app_secret,
            "fb_exchange_token": token,
        },
    )
    return user_token_of(answer)


def user_token_of(answer: dict[str, Any]) -> UserToken:
    """Return the token in the answer of Meta's token endpoint."""
    seconds = answer.get("expires_in")
    is_number = isinstance(seconds, int | str) and str(seconds).isdigit()
    return UserToken(
        value=str(answer.get("access_token") or ""),
        expires_in_seconds=(int(str(seconds)) or None) if is_number else None,
    )


def debug_token(graph: Graph, *, app: MetaApp, token: str) -> TokenFacts:
    """Ask Meta about `token`. A dead one is an answer, not an error.

    Raises:
        GraphError: Graph refused the question, did not answer, or did not say whether it lives.
    """
    answer = graph.get("debug_token", app=app, token=app_token(app), params={"input_token": token})
    found = answer.get("data")
    facts = found if isinstance(found, Mapping) else {}
    if not isinstance(facts.get("is_valid"), bool):
        raise GraphError("Graph does not say whether the token lives.")
    error = facts.get("error")
    subcode = error.get("subcode") if isinstance(error, Mapping) else None
    return TokenFacts(
        is_valid=facts.get("is_valid") is True,
        app_id=str(facts["app_id"]) if facts.get("app_id") else None,
        scopes=tuple(map(str, facts.get("scopes") or ())),
        targets=_targets(facts.get("granular_scopes")),
        issued_at=_time(facts.get("issued_at")),
        expires_at=_time(facts.get("expires_at")),
        data_access_expires_at=_time(facts.get("data_access_expires_at")),
        subcode=subcode if isinstance(subcode, int) else None,
    )


def _targets(items: Any) -> dict[str, tuple[str, ...]]:
    found = [each for each in (items or ()) if isinstance(each, Mapping)]
    return {
        str(each.get("scope")): tuple(map(str, each["target_ids"]))
        for each in found
        if isinstance(each.get("target_ids"), list) and each["target_ids"]
    }


def _time(value: Any) -> datetime | None:
    """Return a time in seconds as a time; None where it is 0, which means never, or none."""
    try:
        return datetime.fromtimestamp(int(value), UTC) if int(value) > 0 else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def revoke_login(graph: Graph, *, app: MetaApp, user_id: str) -> None:
    """Take back everything a person granted our app: every token that came from it dies.

    Source: https://developers.facebook.com/docs/facebook-login/guides/permissions/request-revoke
    """
    graph.delete(f"{node(user_id)}/permissions", app=app, token=app_token(app))


def app_token(app: MetaApp) -> str:
    """Return the token that stands for the app itself."""
    return f"{app.app_id}|{app.app_secret}"
