"""A simulator on a port of its own, an app's callback, and a client that knows neither of ours."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from flask_messenger.simulator import create_simulator
from flask_messenger.simulator.seeds import page_id_of
from flask_messenger.simulator.state import KEY
from tests.simulator.driver import Callback, Graph

DOWNTOWN = page_id_of("Iron Gym Downtown")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def callback() -> Iterator[Callback]:
    opened = Callback()
    yield opened
    opened.close()


class Running(Graph):
    """A simulator that runs, and Graph's client for it."""

    def __init__(self, settings: dict[str, Any]) -> None:
        port = free_port()
        self.app = create_simulator({"SIMULATOR_PORT": port, **settings})
        self._server = make_server("127.0.0.1", port, self.app, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.01])
        self._thread.start()
        self._is_stopped = False
        super().__init__(f"http://127.0.0.1:{port}")

    def stop(self) -> None:
        if self._is_stopped:
            return
        self._is_stopped = True
        self.session.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.app.extensions[KEY].close()


@pytest.fixture
def start(tmp_path: Path, callback: Callback) -> Iterator[Callable[..., Running]]:
    """Start a simulator; a second one on the same file is a restart."""
    with ExitStack() as stack:

        def begin(**changes: Any) -> Running:
            settings = {
                "SIMULATOR_DATABASE": tmp_path / "simulator.sqlite",
                "SIMULATOR_CALLBACK_URL": callback.url + "/webhooks/meta",
                "SIMULATOR_DEAUTHORIZE_URL": callback.url + "/deauthorize",
                "SIMULATOR_DATA_DELETION_URL": callback.url + "/data-deletion",
                "SIMULATOR_INSTAGRAM_DEAUTHORIZE_URL": callback.url + "/instagram/deauthorize",
                "SIMULATOR_INSTAGRAM_DATA_DELETION_URL": callback.url + "/instagram/data-deletion",
                **changes,
            }
            running = Running(settings)
            stack.callback(running.stop)
            return running

        yield begin


@pytest.fixture
def graph(start: Callable[..., Running]) -> Running:
    return start()


@pytest.fixture
def page_id() -> str:
    return DOWNTOWN
