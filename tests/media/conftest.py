"""What tests of files share: a real server of files, an application that stores them, rows."""

import io
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from PIL import Image

from flask_messenger.media.fetch import fetch_files
from flask_messenger.media.store import Store
from flask_messenger.models import Attachment, Message
from flask_messenger.models.base import new_id
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support.app import Factory
from tests.support.leaks import watch_leaks

Answer = Callable[[BaseHTTPRequestHandler], None]


def picture(size: tuple[int, int] = (900, 600), kind: str = "JPEG", **values: Any) -> bytes:
    """Return the bytes of a picture."""
    sink = io.BytesIO()
    Image.new("RGB", size, (90, 120, 60)).save(sink, kind, **values)
    return sink.getvalue()


@dataclass
class FileServer:
    """Serves what the test says, over real connections, and remembers what was asked."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)

    def serve(self, path: str, body: bytes, *, status: int = 200, **headers: str) -> str:
        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            for name, value in headers.items():
                request.send_header(name.replace("_", "-"), value)
            if "Content_Length" not in headers:
                request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)

        return self.answer(path, answer)

    def redirect(self, path: str, to: str) -> str:
        return self.serve(path, b"", status=302, Location=to)

    def answer(self, path: str, answer: Answer) -> str:
        self.answers[path] = answer
        return f"{self.url}{path}"


def run_server(tls: ssl.SSLContext | None = None) -> Iterator[FileServer]:
    server = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append((self.path, dict(self.headers)))
            answer = server.answers.get(self.path.partition("?")[0])
            try:
                if answer is None:
                    self.send_error(404)
                else:
                    answer(self)
            except OSError:
                self.close_connection = True  # whoever asked has gone

        def log_message(self, *_: Any) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    listening.handle_error = lambda *_: None  # type: ignore[method-assign] # who hangs up says nothing
    server.url = f"http://127.0.0.1:{listening.server_port}"
    if tls is not None:
        server.url = f"https://files.localhost:{listening.server_port}"
        listening.socket = tls.wrap_socket(listening.socket, server_side=True)
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.ending.set()
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture
def files() -> Iterator[FileServer]:
    """A server of files, which the application takes for the simulator."""
    yield from run_server()


@pytest.fixture
def neighbour() -> Iterator[FileServer]:
    """A server that is not to be asked."""
    yield from run_server()


@pytest.fixture
def media_settings() -> dict[str, Any]:
    """Settings of the test's own; a module gives its own fixture of the name."""
    return {}


@pytest.fixture
def app(
    new_app: Callable[..., Flask], files: FileServer, tmp_path: Path, media_settings: dict[str, Any]
) -> Iterator[Flask]:
    settings = {
        "MESSENGER_SIMULATOR_URL": files.url,
        "MESSENGER_MEDIA_URL": (tmp_path / "media").as_uri(),
        "MESSENGER_MEDIA_FETCH_SECONDS": 20,
        **media_settings,
    }
    app = new_app(**settings)
    with watch_leaks(app), app.app_context():
        yield app


@pytest.fixture
def store(app: Flask) -> Store:
    return state_of(app).get(Store)


@dataclass
class Received:
    """Makes received messages with files, and has them fetched."""

    app: Flask
    factory: Factory

    def message(self, workspace_id: str = "w1", **values: Any) -> Message:
        account = self.factory.account(workspace_id, **values)
        return self.factory.message(self.factory.conversation(account), text=None, kind="media")

    def attach(self, url: str | None, message: Message | None = None, **values: Any) -> Attachment:
        message = message or self.message()
        values.setdefault("type", "image")
        values.setdefault("state", "pending")
        row = Attachment(
            id=new_id(),
            workspace_id=message.workspace_id,
            message_id=message.id,
            position=values.pop("position", 0),
            url=url,
            **values,
        )
        with system_scope("test"):
            self.factory.session.add(row)
            self.factory.session.commit()
        return row

    def fetch(self, row: Attachment) -> Attachment:
        """Have what waits in the row's workspace fetched; return the row as it is then."""
        with system_scope("test"):
            fetch_files(self.app, str(row.workspace_id))
        return self.reload(row.id)

    def reload(self, row_id: uuid.UUID) -> Attachment:
        session = self.factory.session
        session.rollback()
        with system_scope("test"):
            found: Attachment = session.get_one(Attachment, row_id, populate_existing=True)
        return found

    def update(self, row: Any, **values: Any) -> None:
        with system_scope("test"):
            for name, value in values.items():
                setattr(row, name, value)
            self.factory.session.commit()


@pytest.fixture
def received(app: Flask, factory: Factory) -> Received:
    return Received(app, factory)
