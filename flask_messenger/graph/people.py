"""The people who write to an account, as far as Meta tells us who they are."""

from dataclasses import dataclass, field
from typing import Any, Final

from flask_messenger.errors import (
    InvalidGraphRequestError,
    MissingPermissionError,
    RecipientUnavailableError,
)
from flask_messenger.graph.client import Graph, node
from flask_messenger.graph.request import GRAPH
from flask_messenger.settings import MetaApp

FIELDS: Final = "first_name,last_name,name,profile_pic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A person's name and picture. The picture's address expires after some days."""

    name: str | None = field(default=None, repr=False)
    picture_url: str | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)


def read_profile(
    graph: Graph,
    *,
    app: MetaApp,
    token: str,
    person_id: str,
    fields: str = FIELDS,
    host: str = GRAPH,
) -> Profile | None:
    """Return a person's profile; None where Meta does not tell us, now or ever.

    `fields` are those of the account's channel, `host` the one its login belongs to.

    Many people have no profile for us: they came by phone number, blocked the Page, or the app
    is not reviewed for it. None of that is a failure.

    Source: https://developers.facebook.com/docs/messenger-platform/identity/user-profile

    Raises:
        GraphError: the token is dead, or Graph is busy or away; asking later may work.
    """
    try:
        params = {"fields": fields}
        answer = graph.get(node(person_id), app=app, token=token, params=params, host=host)
    except (RecipientUnavailableError, MissingPermissionError, InvalidGraphRequestError):
        return None
    username = _text(answer.get("username"))
    profile = Profile(
        name=_name(answer) or username,
        picture_url=_text(answer.get("profile_pic")),
        username=username,
    )
    return profile if profile != Profile() else None


def _name(answer: dict[str, Any]) -> str | None:
    parts = (_text(answer.get("first_name")), _text(answer.get("last_name")))
    return _text(answer.get("name")) or " ".join(filter(None, parts)) or None


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
