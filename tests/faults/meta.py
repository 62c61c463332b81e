"""A fast stand-in for Meta: takes what is sent to customers, writes it down, and echoes it.

`python -m tests.faults.meta --port 5001 --log got.jsonl --callback http://…/webhooks/meta`

Every message it says yes to is a line of the log before the answer goes out. Its echo is then
sent to the callback, again and again until that answers 200, as Meta does.
"""

import hashlib
import hmac
import http.client
import itertools
import json
import queue
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

ANSWER_SECONDS = 5.0
"""Messenger's own deadline for the answer to a webhook."""
ECHO_THREADS = 4
FIELDS = (
    "messages",
    "messaging_postbacks",
    "message_echoes",
    "message_deliveries",
    "message_reads",
)
RETRY_SECONDS = (0.05, 0.2, 0.5, 1.0)


def sign(body: bytes, secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def make_delivery(page_id: str, *events: dict[str, Any]) -> bytes:
    entry = {"id": page_id, "time": time.time_ns() // 1_000_000, "messaging": events}
    return json.dumps({"object": "page", "entry": [entry]}, separators=(",", ":")).encode()


class Webhook:
    """Posts deliveries to the callback over a connection that is kept."""

    def __init__(self, url: str, secret: str) -> None:
        parts = urlsplit(url)
        self._address = (str(parts.hostname), parts.port or 80)
        self._path = parts.path
        self._secret = secret
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: bytes) -> str:
        """Send once; return the status of the answer, or the name of what went wrong."""
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": sign(body, self._secret),
        }
        try:
            if self._connection is None:
                host, port = self._address
                self._connection = http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
            self._connection.request("POST", self._path, body, headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return type(error).__name__
        return str(answer.status)

    def post_until_taken(
        self, body: bytes, note: Callable[[str], object], stopping: threading.Event
    ) -> bool:
        """Send again and again, as Meta does; say whether it was taken before we had to stop."""
        waits = itertools.chain(RETRY_SECONDS, itertools.repeat(RETRY_SECONDS[-1]))
        for wait in waits:
            answer = self.post(body)
            note(answer)
            if answer == "200":
                return True
            if stopping.wait(wait):
                break
        return False

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Meta:
    """What the customers got, and the echoes that are still to be told."""

    def __init__(
        self, log: Path, callback: str, *, app_id: str, secret: str, latency_seconds: float
    ) -> None:
        self.app_id = app_id
        self._log = log.open("a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._callback, self._secret = callback, secret
        self._echoes: queue.Queue[bytes] = queue.Queue()
        self._latency_seconds = latency_seconds

    def start(self) -> None:
        for number in range(ECHO_THREADS):
            threading.Thread(target=self._tell, name=f"echo-{number}", daemon=True).start()

    def take(self, page_id: str, request: dict[str, Any]) -> dict[str, str]:
        """Accept one message, or a sender action."""
        person = request["recipient"]["id"]
        message = request.get("message")
        if message is None:
            return {"recipient_id": person}
        time.sleep(self._latency_seconds / 2)
        mid = f"m_meta_{time.time_ns()}_{next(self._numbers)}"
        got = {"at": time.time(), "page": page_id, "person": person, "mid": mid}
        self._write({**got, "text": message.get("text"), "metadata": message.get("metadata")})
        self._echoes.put(self._echo(page_id, person, mid, message))
        time.sleep(self._latency_seconds / 2)  # a worker may die here: sent, and not answered
        return {"recipient_id": person, "message_id": mid}

    def _write(self, line: dict[str, Any]) -> None:
        with self._lock:
            self._log.write(json.dumps(line) + "\n")

    def _echo(self, page_id: str, person: str, mid: str, message: dict[str, Any]) -> bytes:
        event = {
            "sender": {"id": page_id},
            "recipient": {"id": person},
            "timestamp": time.time_ns() // 1_000_000,
            "message": {**message, "mid": mid, "is_echo": True, "app_id": 4242},
        }
        return make_delivery(page_id, event)

    def _tell(self) -> None:
        webhook = Webhook(self._callback, self._secret)
        never = threading.Event()
        while True:
            webhook.post_until_taken(self._echoes.get(), lambda _: None, never)


def make_handler(meta: Meta) -> type[BaseHTTPRequestHandler]:
    """Return the handler of the few calls of Graph that these runs need."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if urlsplit(self.path).path.endswith("/subscribed_apps"):
                self._answer({"data": [{"id": meta.app_id, "subscribed_fields": FIELDS}]})
            else:
                self._answer({"first_name": "Maya", "last_name": "Okafor", "id": "1"})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            parts = urlsplit(self.path).path.strip("/").split("/")
            if parts[-1] == "messages":
                self._answer(meta.take(parts[-2], json.loads(body)))
            else:
                self._answer({"success": True})

        def _answer(self, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
            pass

    return Handler


@click.command()
@click.option("--host", default="127.0.0.1")
@click.option("--port", type=int, required=True)
@click.option("--log", type=click.Path(path_type=Path), required=True)
@click.option("--callback", required=True)
@click.option("--app-id", envvar="FAULTS_APP_ID", required=True)
@click.option("--secret", envvar="FAULTS_APP_SECRET", required=True)
@click.option("--latency", default=0.02, help="Seconds of one call.")
def main(
    host: str, port: int, log: Path, callback: str, app_id: str, secret: str, latency: float
) -> None:
    """Be Meta until killed."""
    meta = Meta(log, callback, app_id=app_id, secret=secret, latency_seconds=latency)
    meta.start()
    server = ThreadingHTTPServer((host, port), make_handler(meta))
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
