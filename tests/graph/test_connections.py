"""Connections that somebody on the way may have forgotten are not used."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from flask_messenger.errors import GraphTimeoutError
from flask_messenger.graph import connections
from flask_messenger.graph.client import Graph
from flask_messenger.settings import MetaApp, Settings

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
ABORT = b"\x01\x00\x00\x00\x00\x00\x00\x00"
"""`struct linger`: a close that is a reset."""


@dataclass
class ForgetfulServer:
    """Answers one request on each connection, and resets it at the second, as a NAT would.

    Attributes:
        connections: how many were made.
    """

    port: int = 0
    is_forgetful: bool = True
    connections: int = 0
    sockets: list[socket.socket] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            self.sockets.append(connection)
            thread = threading.Thread(target=self.answer, args=(connection,))
            self.threads.append(thread)
            thread.start()

    def answer(self, connection: socket.socket) -> None:
        is_first = True
        with connection:
            connection.settimeout(60)
            while request_comes(connection):
                if self.is_forgetful and not is_first:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
                    return
                connection.sendall(ANSWER)
                is_first = False


def request_comes(connection: socket.socket) -> bool:
    """Read one request; say whether there was one."""
    received = b""
    with contextlib.suppress(OSError):
        while piece := connection.recv(65536):
            received += piece
            if b"\r\n\r\n" in received:
                return True
    return False


@contextmanager
def run_server() -> Iterator[ForgetfulServer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = ForgetfulServer(port=listener.getsockname()[1])
        thread = threading.Thread(target=server.serve, args=(listener,))
        thread.start()
        yield server
        for each in [listener, *server.sockets]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
    for running in [thread, *server.threads]:
        running.join()


@pytest.fixture
def server() -> Iterator[ForgetfulServer]:
    with run_server() as server:
        yield server


@pytest.fixture
def near_graph(settings: Settings, server: ForgetfulServer) -> Iterator[Graph]:
    graph = Graph(replace(settings, graph_url=f"http://127.0.0.1:{server.port}"))
    yield graph
    graph._pool().close()  # noqa: SLF001


def post(graph: Graph, app: MetaApp) -> dict[str, Any]:
    return graph.post("1/messages", app=app, token="EAAsecretDONOTLOG", params={"text": "hi"})


def test_connection_that_was_quiet_for_long_is_not_trusted(
    near_graph: Graph, meta_app: MetaApp, server: ForgetfulServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(near_graph, meta_app)
    with pytest.raises(GraphTimeoutError):
        post(near_graph, meta_app)  # what happened to the first message after a quiet spell
    post(near_graph, meta_app)
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.0)

    assert post(near_graph, meta_app) == {}
    assert server.connections == 3


def test_connection_in_use_is_used_again(
    near_graph: Graph, meta_app: MetaApp, server: ForgetfulServer
) -> None:
    server.is_forgetful = False

    for _ in range(3):
        post(near_graph, meta_app)

    assert server.connections == 1


def test_connection_is_asked_whether_it_is_there(server: ForgetfulServer) -> None:
    manager = connections.LivelyAdapter().poolmanager
    pool = manager.connection_from_url(f"http://127.0.0.1:{server.port}")
    connection = pool._get_conn()  # noqa: SLF001
    connection.connect()
    with connection.sock as own:
        assert own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30


@pytest.mark.parametrize("proxy", ["http://proxy.example:3128", "https://proxy.example:3128"])
def test_connections_through_a_proxy_have_the_same(proxy: str) -> None:
    manager = connections.LivelyAdapter().proxy_manager_for(proxy)
    pool = manager.connection_from_url("https://graph.example/")

    assert type(pool).__name__ == "_IdleLimitTls"
    assert (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) in pool.conn_kw["socket_options"]
