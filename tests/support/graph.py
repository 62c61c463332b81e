"""A Graph over real connections that takes its time, and remembers who was asked what, when."""

import itertools
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class SlowGraph:
    """What the tests set, and what they look at.

    Attributes:
        url: where it listens.
        work: called with the page and the body of each send; its time is the answer's, and what
            it returns is the answer, where it returns one.
        texts: by person, in the order in which they were accepted.
        most: calls that were under way at once.
        overlaps: people who were written to twice at once.
    """

    url: str = ""
    work: Callable[[str, dict[str, Any]], tuple[int, dict[str, Any]] | None] = lambda *_: None
    texts: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    most: int = 0
    overlaps: list[str] = field(default_factory=list)
    _now: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def answer(self, page: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        person = body["recipient"]["id"]
        with self._lock:
            self._now[person] += 1
            self.most = max(self.most, self._now.total())
            if self._now[person] > 1:
                self.overlaps.append(person)
        try:
            said = self.work(page, body)
        finally:
            with self._lock:
                self._now[person] -= 1
        if said is not None:
            return said
        with self._lock:
            self.texts[person].append(body["message"]["text"])
            return 200, {"recipient_id": person, "message_id": f"m_slow_{next(self._numbers)}"}

    @property
    def count(self) -> int:
        """How many messages were accepted."""
        return sum(len(each) for each in self.texts.values())


@contextmanager
def run_slow_graph() -> Iterator[SlowGraph]:
    graph = SlowGraph()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, said = graph.answer(self.path.split("/")[2], body)
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    graph.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield graph
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def wait_until(is_so: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something; fail where it does not come."""
    ends_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends_at, "it did not come in time"
        time.sleep(0.01)
