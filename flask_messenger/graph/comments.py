"""What is done with public comments: hide, show, delete, read. The channel builds the calls.

Sources:
    https://developers.facebook.com/docs/graph-api/reference/comment
    https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-comment
    https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/mentioned_comment
"""

from dataclasses import dataclass, field
from typing import Any, Final

from flask_messenger.errors import (
    InvalidGraphRequestError,
    MissingPermissionError,
    RecipientUnavailableError,
)
from flask_messenger.graph.client import Graph
from flask_messenger.graph.request import GraphRequest
from flask_messenger.settings import MetaApp

MENTIONED: Final = {"mentioned_comment": "text", "mentioned_media": "caption"}
"""Where a mention may be, and what its words are called there."""
MAX_NAME_LENGTH: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """What somebody said when they named the account, and who they are where Meta tells."""

    text: str = field(repr=False)
    username: str | None = field(default=None, repr=False)


def change_comment(graph: Graph, *, app: MetaApp, token: str, request: GraphRequest) -> None:
    """Hide a comment, show it again, or delete it.

    Raises:
        GraphError: Graph refused or did not answer.
    """
    graph.carry(request, app=app, token=token)


def read_mention(
    graph: Graph, *, app: MetaApp, token: str, request: GraphRequest
) -> Mention | None:
    """Return what a mention says; None where Meta does not tell us, now or ever.

    Accounts may be private, and comments gone: none of that is a failure.

    Raises:
        GraphError: the token is dead, or Graph is busy or away; asking later may work.
    """
    try:
        answer = graph.carry(request, app=app, token=token).body
    except (RecipientUnavailableError, MissingPermissionError, InvalidGraphRequestError):
        return None
    for name, words in MENTIONED.items():
        said = answer.get(name)
        text = _text(said.get(words)) if isinstance(said, dict) else None
        if isinstance(said, dict) and text is not None:
            username = _text(said.get("username"))
            return Mention(text=text, username=username and username[:MAX_NAME_LENGTH])
    return None


def _text(value: Any) -> str | None:
    return value.replace("\x00", "\ufffd") or None if isinstance(value, str) else None
