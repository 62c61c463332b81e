"""Several calls in one: `POST /` with `batch`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import current_app, request

from flask_messenger.simulator import errors, shapes
from flask_messenger.simulator.endpoints import NOBODY, Call, endpoint

MAX_CALLS = 50
METHODS = ("GET", "POST", "DELETE")
ITEM_KEYS = {"method", "relative_url", "body", "name", "omit_response_on_success"}


@endpoint("POST", "root", "", auth=NOBODY, parameters=("batch", "include_headers"))
def answer_all(call: Call) -> list[dict[str, Any]]:
    """Answer each call of a batch, one after the other; each has its own token, or the batch's."""
    items = call.items("batch")
    if len(items) > MAX_CALLS:
        raise errors.GraphError(
            f"Too many requests in batch message. Maximum batch size is {MAX_CALLS}", code=100
        )
    common = {
        name: str(call.parameters[name])
        for name in ("access_token", "appsecret_proof")
        if call.parameters.get(name)
    }
    has_headers = call.text("include_headers", "true") not in {"false", "0"}
    return [
        _answer_one(shapes.thing(item, f"batch[{position}]"), position, call, common, has_headers)
        for position, item in enumerate(items)
    ]


def _answer_one(
    item: Mapping[str, Any],
    position: int,
    call: Call,
    common: Mapping[str, str],
    has_headers: bool,  # noqa: FBT001
) -> dict[str, Any]:
    place = f"batch[{position}]"
    shapes.only(item, ITEM_KEYS, place)
    method = shapes.word(item, "method", place, METHODS)
    parts = urlsplit(shapes.needed_text(item, "relative_url", place, 8000))
    path = parts.path.strip("/")
    if not path.startswith("v"):
        path = f"{call.version}/{path}"
    query = {**common, **dict(parse_qsl(parts.query, keep_blank_values=True))}
    body = dict(parse_qsl(shapes.text(item, "body", place, 100_000) or ""))
    headers = {"Authorization": request.headers.get("Authorization", "")}
    with current_app.test_request_context(
        "/" + path,
        method=method,
        query_string={name: value for name, value in query.items() if name not in body},
        data=body or None,
        headers=headers,
    ):
        answer = current_app.full_dispatch_request()
    told: dict[str, Any] = {"code": answer.status_code, "body": answer.get_data(as_text=True)}
    if has_headers:
        told["headers"] = [{"name": name, "value": value} for name, value in answer.headers.items()]
    if item.get("omit_response_on_success") and answer.status_code < 400:  # noqa: PLR2004
        told["body"] = json.dumps(None)
    return told
