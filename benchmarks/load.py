"""A small HTTP load: keep-alive connections that send prepared requests as fast as they go."""

import hashlib
import hmac
import json
import socket
import threading
import time
from typing import Any

from benchmarks.surroundings import APP_SECRET, PAGE_ID

RECEIVE_BYTES = 4096


def make_body(
    number: int,
    *,
    person: str = "200000000000001",
    text: str = "hello",
    entries: int = 1,
    page_id: str = PAGE_ID,
) -> bytes:
    """Return one delivery with one text message in each of its entries."""
    all_entries = [
        _make_entry(page_id, f"m_bench_{number}_{index}_{time.time_ns()}", person, text)
        for index in range(entries)
    ]
    return json.dumps({"object": "page", "entry": all_entries}, separators=(",", ":")).encode()


def _make_entry(page_id: str, message_id: str, person: str, text: str) -> dict[str, Any]:
    event = {
        "sender": {"id": person},
        "recipient": {"id": page_id},
        "timestamp": int(time.time() * 1000),
        "message": {"mid": message_id, "text": text},
    }
    return {"id": page_id, "time": event["timestamp"], "messaging": [event]}


def make_request(body: bytes) -> bytes:
    """Return the bytes of a signed POST."""
    signature = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
    head = (
        "POST /webhooks/meta HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = self._connect()

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), 30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def send(self, request: bytes) -> int:
        """Send one request and return the status of its answer; both routes answer empty."""
        self._socket.sendall(request)
        answer = self._socket.recv(RECEIVE_BYTES)
        while b"\r\n\r\n" not in answer:
            more = self._socket.recv(RECEIVE_BYTES)
            if not more:
                message = "The server closed the connection."
                raise ConnectionError(message)
            answer += more
        if b"connection: close" in answer.lower():
            self.close()
            self._socket = self._connect()
        return int(answer[9:12])

    def close(self) -> None:
        """Close it."""
        self._socket.close()


def run_load(port: int, requests: list[bytes], *, connections: int, seconds: float) -> list[float]:
    """Send for `seconds` over `connections` at once; return each answer's time in seconds.

    Raises:
        RuntimeError: an answer was not 200.
    """
    times: list[list[float]] = [[] for _ in range(connections)]
    failed: list[int] = []
    stop_at = time.perf_counter() + seconds

    def work(index: int) -> None:
        connection = Connection(port)
        number = index
        while (started := time.perf_counter()) < stop_at:
            status = connection.send(requests[number % len(requests)])
            times[index].append(time.perf_counter() - started)
            number += connections
            if status != 200:  # noqa: PLR2004 - HTTP's own number
                failed.append(status)
        connection.close()

    threads = [threading.Thread(target=work, args=(index,)) for index in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        message = f"{len(failed)} answers were not 200, such as {failed[0]}."
        raise RuntimeError(message)
    return [each for group in times for each in group]
