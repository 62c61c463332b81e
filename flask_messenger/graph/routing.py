"""Conversation routing: which of several apps may write in a thread. The channel builds the calls.

Source: https://developers.facebook.com/docs/messenger-platform/conversation-routing
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from flask_messenger.graph.client import Graph
from flask_messenger.graph.request import GraphRequest
from flask_messenger.settings import MetaApp

PASS: Final = "pass_thread_control"  # noqa: S105 - an edge
TAKE: Final = "take_thread_control"
REQUEST: Final = "request_thread_control"
RELEASE: Final = "release_thread_control"
EXTEND: Final = "extend_thread_control"
OWNER: Final = "thread_owner"
"""The edges."""

LONGEST_EXTENSION_SECONDS: Final = 7 * 24 * 3600
MAX_METADATA_LENGTH: Final = 1000


@dataclass(frozen=True, slots=True)
class ThreadOwner:
    """Whose a thread is, as Meta says when it is asked.

    Attributes:
        app_id: None where the thread is idle, or Meta does not tell us.
        until: when control ends; None where Meta does not say.
        is_other: whether another app has it, which Meta names to nobody but that app and the
            default one.
    """

    app_id: str | None
    until: datetime | None = None
    is_other: bool = False


def change_thread_control(graph: Graph, *, app: MetaApp, token: str, request: GraphRequest) -> None:
    """Pass, take, request, release or extend control.

    Raises:
        GraphError: Graph refused or did not answer.
    """
    graph.carry(request, app=app, token=token)


def read_thread_owner(
    graph: Graph, *, app: MetaApp, token: str, request: GraphRequest
) -> ThreadOwner:
    """Return whose the thread is. Raises `GraphError` or one of its kinds."""
    found = graph.carry(request, app=app, token=token).body.get("data")
    first = found[0] if isinstance(found, list) and found else None
    owner = first.get("thread_owner") if isinstance(first, Mapping) else None
    if not isinstance(owner, Mapping) or not owner:
        return ThreadOwner(None)
    app_id, until = owner.get("app_id"), _time(owner.get("expiration"))
    return ThreadOwner(str(app_id), until) if app_id else ThreadOwner(None, until, is_other=True)


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(value), UTC) if float(value) > 0 else None
    except (OverflowError, OSError, TypeError, ValueError):
        return None
