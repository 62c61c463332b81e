"""The people who write to an account, as far as Meta tells us who they are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flask_messenger.errors import (
    GraphError,
    InvalidGraphRequestError,
    MissingPermissionError,
    RecipientUnavailableError,
)
from flask_messenger.graph.batch import MOST, read_together
from flask_messenger.graph.client import Graph, node
from flask_messenger.graph.names import as_name
from flask_messenger.graph.request import GRAPH, GraphRequest
from flask_messenger.settings import MetaApp

FIELDS: Final = "first_name,last_name,name,profile_pic"
UNKNOWABLE: Final = (
    RecipientUnavailableError,
    MissingPermissionError,
    InvalidGraphRequestError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A person's name and picture. The picture's address expires after some days."""

    name: str | None = field(default=None, repr=False)
    picture_url: str | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)


def read_profiles(
    graph: Graph,
    person_ids: Sequence[str],
    *,
    app: MetaApp,
    token: str,
    fields: str = FIELDS,
    host: str = GRAPH,
) -> dict[str, Profile | None]:
    """Return people's profiles by id; None where Meta does not tell us, now or ever.

    `fields` are those of the account's channel, `host` the one its login belongs to; graph.facebook
    answers for many in one call. Who is not in the result may be asked for later.

    Many people have no profile for us: they came by phone number, blocked the Page, or the app
    is not reviewed for it. None of that is a failure.

    Source: https://developers.facebook.com/docs/messenger-platform/identity/user-profile

    Raises:
        GraphError: the token is dead, or Graph is busy or away; asking later may work.
    """
    requests = [
        GraphRequest(method="GET", host=host, path=node(each), body={"fields": fields})
        for each in person_ids
    ]
    answers: list[dict[str, Any] | GraphError] = []
    if host == GRAPH and len(requests) > 1:
        answers = _ask_together(graph, requests, app=app, token=token)
    else:
        answers = [_ask(graph, each, app=app, token=token) for each in requests]
    return {
        person_id: None if isinstance(answer, UNKNOWABLE) else _profile(answer)
        for person_id, answer in zip(person_ids, answers, strict=True)
        if not isinstance(answer, GraphError) or isinstance(answer, UNKNOWABLE)
    }


def _ask_together(
    graph: Graph, requests: Sequence[GraphRequest], *, app: MetaApp, token: str
) -> list[dict[str, Any] | GraphError]:
    """Ask in as few calls as can be. What was answered before one of them failed is not lost."""
    answers: list[dict[str, Any] | GraphError] = []
    for start in range(0, len(requests), MOST):
        try:
            answers += read_together(graph, requests[start : start + MOST], app=app, token=token)
        except GraphError as error:
            if not answers:
                raise
            return [*answers, *[error] * (len(requests) - len(answers))]
    return answers


def _ask(
    graph: Graph, request: GraphRequest, *, app: MetaApp, token: str
) -> dict[str, Any] | GraphError:
    try:
        return graph.carry(request, app=app, token=token).body
    except UNKNOWABLE as error:
        return error


def _profile(answer: dict[str, Any]) -> Profile | None:
    username = as_name(answer.get("username"))
    profile = Profile(
        name=_name(answer) or username,
        picture_url=_address(answer.get("profile_pic")),
        username=username,
    )
    return profile if profile != Profile() else None


def _name(answer: dict[str, Any]) -> str | None:
    parts = (as_name(answer.get("first_name")), as_name(answer.get("last_name")))
    return as_name(answer.get("name")) or as_name(" ".join(filter(None, parts)))


def _address(value: Any) -> str | None:
    address = value.strip() if isinstance(value, str) else ""
    return address if address and address.isprintable() else None
