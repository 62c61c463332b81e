"""A steady load, whatever the server does: a request's time counts from when it was due.

One thread over keep-alive sockets, so that the load costs little of the machine it measures on. A
request that had to wait for a free connection counts that wait: a person would have noticed it.
"""

import contextlib
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.load import RECEIVE_BYTES, Connection

END_OF_HEAD = b"\r\n\r\n"
STALLED_SECONDS = 30.0
READY_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its status, and the seconds since the request was due."""

    status: int
    seconds: float


class _Line:
    """One connection, and what it waits for. The routes answer without a body."""

    def __init__(self, port: int, selector: selectors.BaseSelector) -> None:
        self._port = port
        self._selector = selector
        self.due = 0.0
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), STALLED_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(self._socket, selectors.EVENT_READ, self)
        self._head = b""

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self._socket.sendall(request)

    def read(self) -> int | None:
        """Return the status, or None while the answer is not all there."""
        received = self._socket.recv(RECEIVE_BYTES)
        self._head += received
        if not received:
            message = "The server closed a connection in the middle."
            raise ConnectionError(message)
        if END_OF_HEAD not in self._head:
            return None
        head, self._head = self._head, b""
        if b"connection: close" in head.lower():
            self.close()
            self._connect()
        return int(head[9:12])

    def close(self) -> None:
        self._selector.unregister(self._socket)
        self._socket.close()


def wait_for_answer(port: int, request: bytes) -> None:
    """Return once `request` is answered: a server listens long before it can answer.

    Raises:
        TimeoutError: it never was.
    """
    ends_at = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends_at:
        with contextlib.suppress(OSError):
            connection = Connection(port)
            try:
                connection.send(request)
            finally:
                connection.close()
            return
    message = "The server never answered."
    raise TimeoutError(message)


def run_steady(
    port: int,
    make_request: Callable[[int], bytes],
    *,
    rate: float,
    seconds: float,
    connections: int,
) -> list[Answer]:
    """Send `rate` requests a second for `seconds`; return what was answered.

    Raises:
        TimeoutError: nothing was answered for a long while.
    """
    total = int(rate * seconds)
    answers: list[Answer] = []
    sent = 0
    with selectors.DefaultSelector() as selector:
        lines = [_Line(port, selector) for _ in range(connections)]
        idle = deque(lines)  # in turn: a server hangs up on whoever says nothing for a minute
        started = last_answer = time.perf_counter()
        while len(answers) < total:
            now = time.perf_counter()
            while idle and sent < total and started + sent / rate <= now:
                idle.popleft().send(make_request(sent), started + sent / rate)
                sent += 1
            wait = started + sent / rate - now if idle and sent < total else 1.0
            for key, _ in selector.select(max(0.0, wait)):
                line: _Line = key.data
                status = line.read()
                if status is not None:
                    last_answer = time.perf_counter()
                    answers.append(Answer(status, last_answer - line.due))
                    idle.append(line)
            if len(idle) < connections and time.perf_counter() - last_answer > STALLED_SECONDS:
                message = "The server stopped answering."
                raise TimeoutError(message)
        for line in lines:
            line.close()
    return answers
