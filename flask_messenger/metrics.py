"""The one route a Prometheus calls. Off unless MESSENGER_METRICS_TOKEN is set."""

import hmac
from http import HTTPStatus
from typing import Final

import redis
from flask import Blueprint, Response, abort, request

from flask_messenger.monitor.beats import read_beats
from flask_messenger.monitor.figures import load_figures
from flask_messenger.state import state

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

bp = Blueprint("messenger_metrics", __name__)


@bp.get("/messenger/metrics")
def show_metrics() -> Response:
    """Return every figure, of all workspaces: for operators, by their token."""
    token = state().settings.metrics_token
    if token is None:
        abort(HTTPStatus.NOT_FOUND)
    given = request.authorization.token if request.authorization else None
    if not hmac.compare_digest((given or "").encode(), token.encode()):
        abort(HTTPStatus.UNAUTHORIZED)
    # Late: it needs the extra `metrics`, and who sets no token needs neither.
    from flask_messenger.monitor.exposition import expose  # noqa: PLC0415

    client = state().get(redis.Redis)
    try:
        text = expose(read_beats(client), load_figures(client))
    except redis.RedisError:
        text = expose(None, None)
    answer = Response(text, content_type=CONTENT_TYPE)
    answer.headers["Cache-Control"] = "no-store"
    return answer
