"""The one route behind every Graph endpoint: check, dispatch, answer in Graph's shape."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from flask import Blueprint, request
from werkzeug.wrappers import Response

from flask_messenger.simulator import (
    errors,
    faults,
    graph_app,
    graph_batch,
    graph_comments,
    graph_conversations,
    graph_instagram,
    graph_me,
    graph_messages,
    graph_oauth,
    graph_pages,
    graph_people,
    graph_personas,
    graph_posts,
    graph_profile,
    graph_profiles,
    graph_routing,
    graph_templates,
    graph_uploads,
    instagram_oauth,
    nodes,
    tokens,
    usage,
    wire,
)
from flask_messenger.simulator.endpoints import (
    ANYBODY,
    COMMON_PARAMETERS,
    NOBODY,
    OPTIONAL,
    TABLE,
    Call,
    Endpoint,
)
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.tokens import APP, INSTAGRAM_USER, PAGE, USER, Token
from flask_messenger.simulator.vocabulary import EXPIRED_VERSIONS, LIVE_VERSIONS

# Importing these fills the table of endpoints.
ROOMS = (
    graph_app,
    graph_batch,
    graph_comments,
    graph_conversations,
    graph_instagram,
    graph_me,
    graph_messages,
    graph_oauth,
    graph_pages,
    graph_people,
    graph_personas,
    graph_posts,
    graph_profile,
    graph_profiles,
    graph_routing,
    graph_templates,
    graph_uploads,
    instagram_oauth,
)

bp = Blueprint("simulator_graph", __name__)
METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH"]
WRONG_KIND: dict[str, Callable[[], errors.GraphError]] = {
    PAGE: errors.page_token_required,  # first: where a Page's token will do, it is the one to use
    USER: errors.user_token_required,
    APP: errors.app_token_required,
    INSTAGRAM_USER: errors.unreadable_token,
}
# What stands before the path in the addresses of each host, and what its own edges hang on.
FACEBOOK_HOST, INSTAGRAM_HOST = "", "graph.instagram.com/"
ROOTS = {FACEBOOK_HOST: "root", INSTAGRAM_HOST: "instagram_root"}
ROOT_EDGES = {host: {edge for node, edge in TABLE if node == root} for host, root in ROOTS.items()}


@bp.route("/<version>", methods=METHODS, defaults={"path": ""})
@bp.route("/<version>/", methods=METHODS, defaults={"path": ""})
@bp.route("/<version>/<path:path>", methods=METHODS)
def answer(version: str, path: str) -> Response:
    """Answer a call to graph.facebook.com."""
    return _serve(FACEBOOK_HOST, version, path)


@bp.post("/")
def answer_batch() -> Response:
    """Answer a batch without a version: each of its calls names its own."""
    return _serve(FACEBOOK_HOST, LIVE_VERSIONS[-1], "")


@bp.route("/graph.instagram.com/<path:path>", methods=METHODS)
def answer_instagram(path: str) -> Response:
    """Answer a call to graph.instagram.com; its two token endpoints have no version."""
    first, _, rest = path.strip("/").partition("/")
    if path in ROOT_EDGES[INSTAGRAM_HOST]:
        return _serve(INSTAGRAM_HOST, LIVE_VERSIONS[-1], path)
    return _serve(INSTAGRAM_HOST, first, rest)


def _serve(host: str, version: str, path: str) -> Response:
    """Answer a call, or go wrong in the way the control page asked for."""
    began = time.monotonic()
    path = path.strip("/")
    token: Token | None = None
    error: errors.GraphError | None = None
    served = _served_version(version)
    try:
        hits = faults.take_faults(simulator().storage, request.method, host + path)
        response = faults.strike(hits, faults.BEFORE)
        if response is None:
            call, endpoint = _check(host, served, version, path)
            token = call.signed_by
            response = _respond(endpoint.answer(call))
            response = faults.strike(hits, faults.AFTER) or response
    except errors.GraphError as caught:
        error = caught
        response = _respond_error(caught)
    response.headers["facebook-api-version"] = served or LIVE_VERSIONS[-1]
    response.headers["Cache-Control"] = "no-store"
    usage.count(token, response, path)
    _remember(host + path, response, error, began)
    return response


def _served_version(asked: str) -> str | None:
    """Return which version answers: an expired one is answered by the oldest that lives."""
    if asked in LIVE_VERSIONS:
        return asked
    return LIVE_VERSIONS[0] if asked in EXPIRED_VERSIONS else None


def _check(host: str, served: str | None, version: str, path: str) -> tuple[Call, Endpoint]:
    """Return the checked call and what answers it, in the order in which Graph looks at things."""
    is_batch = path == "" and request.method == "POST" and "batch" in request.values
    if served is None or (path == "" and not is_batch):
        raise errors.unknown_path("/".join(filter(None, [version if served is None else "", path])))
    parameters = _read_parameters()
    value = _read_token(parameters)
    with simulator().storage.reading() as db:
        token = None
        if path in ROOT_EDGES[host]:
            kind, node_id, edge = ROOTS[host], "", path
        else:
            first, _, edge = path.partition("/")
            is_public = edge == "picture" and value is None
            token = None if is_public else _authenticate(db, host, value, parameters)
            kind, node_id = nodes.resolve(db, token, first, method=request.method)
        methods = TABLE.get((kind, edge))
        if methods is None:
            raise errors.unknown_path(edge)
        endpoint = methods.get(request.method)
        if endpoint is None:
            raise errors.unsupported_request(request.method, node_id or path)
        if kind == ROOTS[host] and NOBODY not in endpoint.auth:
            token = _authenticate(db, host, value, parameters)
        _check_kind(endpoint, token)
    unknown = sorted(set(parameters) - COMMON_PARAMETERS - endpoint.parameters)
    if unknown:
        raise errors.unknown_keys(unknown, "root")
    if set(request.files) - endpoint.parameters:
        raise errors.invalid("This endpoint takes no file")
    call = Call(
        method=request.method,
        version=served,
        path=path,
        node_id=node_id,
        parameters=parameters,
        signed_by=token,
        sent_token=value,
        files=dict(request.files.items()),
    )
    return call, endpoint


def _check_kind(endpoint: Endpoint, token: Token | None) -> None:
    if endpoint.auth & {NOBODY, OPTIONAL, ANYBODY}:
        return
    if token is None or token.kind not in endpoint.auth:
        wanted = next(kind for kind in WRONG_KIND if kind in endpoint.auth)
        wrong_kind = WRONG_KIND[wanted]()
        raise wrong_kind


def _read_parameters() -> dict[str, Any]:
    """Return the parameters of the query and of a form or JSON body; the body wins."""
    found: dict[str, Any] = dict(request.args.items())
    if not request.is_json:
        return found | dict(request.form.items())
    body = request.get_data()
    if not body:
        return found
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise errors.invalid("The body is not valid JSON") from error
    if not isinstance(parsed, dict):
        raise errors.invalid("The body must be a JSON object")
    return found | parsed


def _read_token(parameters: dict[str, Any]) -> str | None:
    value = parameters.get("access_token")
    if value:
        return str(value)
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    return rest.strip() or None if scheme.lower() in {"bearer", "oauth"} else None


def _authenticate(
    db: sqlite3.Connection, host: str, value: str | None, parameters: dict[str, Any]
) -> Token:
    if value is None:
        raise errors.no_token()
    token = tokens.read_token(db, value)
    is_instagram = token.kind == INSTAGRAM_USER
    if is_instagram != (host == INSTAGRAM_HOST):
        raise errors.unreadable_token()
    tokens.check_alive(db, token)
    app = db.execute("SELECT * FROM apps WHERE id = ?", [token.app_id]).fetchone()
    proof, signed_at = parameters.get("appsecret_proof"), parameters.get("appsecret_time")
    tokens.check_proof(
        token.value,
        app["instagram_app_secret" if is_instagram else "secret"],
        proof=None if proof is None else str(proof),
        signed_at=None if signed_at is None else str(signed_at),
        # graph.instagram.com takes calls without one.
        is_required=bool(app["require_proof"]) and token.kind not in {APP, INSTAGRAM_USER},
    )
    return token


def _respond(result: Any) -> Response:
    if isinstance(result, Response):
        return result
    return Response(wire.to_bytes(result), content_type="application/json; charset=UTF-8")


def _respond_error(error: errors.GraphError) -> Response:
    body = error.body()
    response = Response(
        wire.to_bytes(body), status=error.status, content_type="application/json; charset=UTF-8"
    )
    response.headers["x-fb-trace-id"] = body["error"]["fbtrace_id"]
    if error.kind == errors.OAUTH:
        reason = "invalid_token" if error.code == 190 else "invalid_request"  # noqa: PLR2004
        response.headers["WWW-Authenticate"] = f'OAuth "Facebook Platform" "{reason}"'
    return response


def _remember(path: str, response: Response, error: errors.GraphError | None, began: float) -> None:
    simulator().calls.appendleft(
        {
            "at": int(time.time() * 1000),
            "method": request.method,
            "path": "/" + path,
            "status": response.status_code,
            "code": error.code if error else None,
            "subcode": error.subcode if error else None,
            "milliseconds": round((time.monotonic() - began) * 1000, 1),
        }
    )
