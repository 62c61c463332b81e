"""The host of the fairness benchmark: two workspaces, and notes of when something reached it."""

import time
from typing import Any, Final

import redis
from flask import Flask, current_app, request

from benchmarks import host
from flask_messenger import Tenant, jobs, message_received
from flask_messenger.state import state, state_of

FLOOD: Final = "flood"
OTHER: Final = "other"
TOLD_KEY: Final = "bench:told"
BULK_KEY: Final = "bench:bulk"
PIECE_SECONDS: Final = 0.2


def create_app() -> Flask:
    """Return the application; the header `X-Workspace` says whose agent asks."""
    app = host.create_app()
    state_of(app).hooks.tenant = _load_tenant
    message_received.connect(_note, app)
    jobs.PIECES["bench_piece"] = bench_piece
    return app


def _load_tenant() -> Tenant:
    return Tenant(
        workspace_id=request.headers.get("X-Workspace", OTHER),
        user_id="1",
        permissions=frozenset({"reply", "settings"}),
    )


def _note(_: Flask, **arguments: Any) -> None:
    if arguments["workspace_id"] == OTHER:
        client = state_of(current_app).get(redis.Redis)
        client.hset(TOLD_KEY, str(arguments["message_id"]), time.time())


def bench_piece(workspace_id: str, name: str) -> tuple[Any, ...] | None:
    """Do a bit of bulk work, such as waiting for Graph; note when another workspace's began."""
    if workspace_id == OTHER:
        state().get(redis.Redis).hset(BULK_KEY, name, time.time())
    time.sleep(PIECE_SECONDS)
    return None
