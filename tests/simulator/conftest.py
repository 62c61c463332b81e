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


@pytest.fixture
def start(tmp_path: Path, callback: Callback) -> Iterator[Callable[..., Graph]]:
    """Start a simulator; a second one on the same file is a restart."""
    with ExitStack() as stack:

        def begin(**changes: Any) -> Graph:
            port = free_port()
            app = create_simulator(
                {
                    "SIMULATOR_PORT": port,
                    "SIMULATOR_DATABASE": tmp_path / "simulator.sqlite",
                    "SIMULATOR_CALLBACK_URL": callback.url + "/webhooks/meta",
                    "SIMULATOR_DEAUTHORIZE_URL": callback.url + "/deauthorize",
                    "SIMULATOR_DATA_DELETION_URL": callback.url + "/data-deletion",
                    **changes,
                }
            )
            server = make_server("127.0.0.1", port, app, threaded=True)
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever, args=[0.05])
            thread.start()
            graph = Graph(f"http://127.0.0.1:{port}")

            def end() -> None:
                graph.session.close()
                server.shutdown()
                thread.join()
                server.server_close()
                app.extensions[KEY].close()

            graph.stop = stack.callback(end) and stack.pop_all  # type: ignore[attr-defined]
            return graph

        yield begin


@pytest.fixture
def graph(start: Callable[..., Graph]) -> Graph:
    return start()


@pytest.fixture
def page_id() -> str:
    return DOWNTOWN
