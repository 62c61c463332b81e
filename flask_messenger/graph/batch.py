"""Several reads in one call, where Meta allows that.

Source: https://developers.facebook.com/docs/graph-api/batch-requests
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from flask_messenger.errors import GraphError, GraphUnavailableError
from flask_messenger.graph.client import Graph
from flask_messenger.graph.error_codes import error_from_answer
from flask_messenger.graph.request import GraphRequest
from flask_messenger.settings import MetaApp

MOST: Final = 50
"""Calls in one batch. Each counts towards Meta's limits as a call of its own."""


def read_together(
    graph: Graph, requests: Sequence[GraphRequest], *, app: MetaApp, token: str
) -> list[dict[str, Any] | GraphError]:
    """Make up to `MOST` GET requests to graph.facebook.com in one; return an answer or error each.

    Raises:
        GraphError: the batch as a whole was refused, or Graph was not reached.
    """
    calls = [{"method": each.method, "relative_url": _address(each)} for each in requests]
    form = {"batch": json.dumps(calls), "include_headers": "false"}
    answers = graph.call("POST", "", app=app, token=token, form=form).body.get("data")
    given = answers if isinstance(answers, list) else []
    padded = [*given, *[None] * (len(requests) - len(given))]
    return [_read(each) for each in padded[: len(requests)]]


def _address(request: GraphRequest) -> str:
    return f"{request.path}?{urlencode(request.body)}" if request.body else request.path


def _read(answer: Any) -> dict[str, Any] | GraphError:
    """Return what one call brought; a call that Graph did not get to has no answer."""
    if not isinstance(answer, Mapping):
        return GraphUnavailableError("Graph left a call of a batch unanswered.")
    code = answer.get("code")
    body = _parse(answer.get("body"))
    if code == 200 and body is not None and "error" not in body:  # noqa: PLR2004 - HTTP's OK
        return body
    return error_from_answer(code if isinstance(code, int) else 500, body, {}, repeatable=True)


def _parse(text: Any) -> dict[str, Any] | None:
    try:
        body = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
