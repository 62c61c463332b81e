"""The application: its parts put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, redirect
from flask.typing import ResponseReturnValue

from flask_messenger.simulator import (
    chat,
    chat_notices,
    chat_writing,
    control,
    control_graph,
    control_talk,
    control_world,
    dialog,
    dialog_instagram,
    graph,
    instagram_oauth,
    pictures,
    posts_view,
    samples,
    seeds,
)
from flask_messenger.simulator.sender import Sender
from flask_messenger.simulator.settings import SimulatorSettings
from flask_messenger.simulator.state import KEY, SimulatorState
from flask_messenger.simulator.storage import Storage

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' http: https: data:; media-src 'self' http: https:;"
    " frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
PARTS = (
    dialog,
    dialog_instagram,
    instagram_oauth,
    chat,
    chat_writing,
    chat_notices,
    posts_view,
    control,
    control_talk,
    control_world,
    control_graph,
    pictures,
    samples,
    graph,  # last: it takes every path that is left
)
MAX_BODY_BYTES = 26 * 1024 * 1024  # Graph takes files of 25 MB


def create_simulator(config: Mapping[str, Any] | None = None) -> Flask:
    """Make the simulated Meta from `config` (the SIMULATOR_* settings) and the environment.

    Starts the webhook sender; `app.extensions[state.KEY].close()` stops it.
    `SIMULATOR_START_SENDER` false leaves the sender off, and events queued.

    Raises:
        SimulatorSettingError: a setting has a value that cannot be used.
    """
    config = config or {}
    settings = SimulatorSettings.from_mapping(config)
    app = Flask(__name__, static_folder="static", static_url_path="/static")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    storage = Storage(settings.database)
    with storage.writing() as db:
        seeds.plant(db, settings)
    state = SimulatorState(settings, storage, Sender(storage, settings))
    app.extensions[KEY] = state
    for part in PARTS:
        app.register_blueprint(part.bp)
    app.add_url_rule("/", "home", _home)
    app.after_request(_protect)
    if config.get("SIMULATOR_START_SENDER", True):
        state.sender.start()
    return app


def _home() -> ResponseReturnValue:
    return redirect("/chat/")


def _protect(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    return response
