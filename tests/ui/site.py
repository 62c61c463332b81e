"""Our pages behind a port, and a Chromium before them: what tests of the script share."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from flask import Flask
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright
from sqlalchemy import func, select
from werkzeug.serving import WSGIRequestHandler, make_server

from flask_messenger.models import Message
from flask_messenger.realtime import Change, publish
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.api.conftest import Thread, Threads
from tests.support.app import Factory, Host

SECOND = 1000
PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1440, "height": 900}
EXPECTED = (
    "ERR_INTERNET_DISCONNECTED",
    "ERR_NETWORK_CHANGED",
    "status of 4",
    "Code 4",
    "ERR_FAILED",
)


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing."""


class _Counting:
    """Knows how many requests are under way: their connections must be back before the end.

    A request is over for us when its view has answered; event streams never end by themselves.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._idle = threading.Condition()
        self._under_way = 0

    def __call__(self, *wsgi: Any) -> Any:
        with self._idle:
            self._under_way += 1
        try:
            return self._app(*wsgi)
        finally:
            with self._idle:
                self._under_way -= 1
                self._idle.notify_all()

    def wait(self) -> None:
        with self._idle:
            assert self._idle.wait_for(lambda: self._under_way == 0, timeout=5)


@dataclass
class Site:
    """The application behind a port, and rows for it."""

    app: Flask
    url: str
    host: Host
    threads: Threads

    def tell(self, type_: str, thread: Thread) -> None:
        """Publish that something changed, as the worker does after its commit."""
        ids = {
            "conversation_id": str(thread.id),
            "account_id": str(thread.account.id),
            "location_id": thread.account.location_id,
        }
        publish(state_of(self.app).get(redis.Redis), [Change("w1", type_, ids)])

    def receive(self, thread: Thread, text: str, *, told: bool = True) -> None:
        """Store a message of the person, as ingest would, and publish it."""
        message = self.threads.factory.message(thread.conversation, text=text)
        self.threads.update(
            thread.conversation,
            last_message_id=message.id,
            last_message_at=message.sent_at,
            last_inbound_at=message.sent_at,
            unread_count=1,
        )
        if told:
            self.tell("message", thread)

    def sent(self) -> int:
        """Return how many answers there are."""
        session = self.threads.factory.session
        session.rollback()
        with system_scope("test"):
            statement = select(func.count()).where(Message.direction == "outbound")
            return session.scalar(statement.select_from(Message))


@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Chromium]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=chromium_path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def new_site(new_app: Callable[..., Flask]) -> Iterator[Callable[..., Site]]:
    stops = []

    def start(**settings: Any) -> Site:
        app = new_app(WTF_CSRF_ENABLED=True, **settings)
        counted = _Counting(app)
        server = make_server("127.0.0.1", 0, counted, threaded=True, request_handler=_Quiet)
        server.daemon_threads = True  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        context = app.app_context()
        context.push()
        stops.append((server, thread, counted, context))
        host = app.extensions["host"]
        host.sign_in()
        return Site(app, f"http://127.0.0.1:{server.server_port}", host, Threads(Factory(app)))

    yield start
    for server, thread, counted, context in stops:
        server.shutdown()
        counted.wait()
        server.server_close()
        thread.join(5)
        context.pop()


@pytest.fixture
def site(new_site: Callable[..., Site]) -> Site:
    return new_site()


@pytest.fixture
def open_page(chromium: Chromium) -> Iterator[Callable[..., Page]]:
    """Opens pages, and fails at the end where one of them had something to complain about."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_(
        site: Site, path: str, *, viewport: Any = WIDE, context: BrowserContext | None = None
    ) -> Page:
        if context is None:
            context = chromium.new_context(viewport=viewport, base_url=site.url)
            contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda line: line.type in ("error", "warning") and complaints.append(line.text),
        )
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert [each for each in complaints if not any(one in each for one in EXPECTED)] == []


def is_live(page: Page) -> None:
    expect(page.locator("#fm-live")).to_contain_text("Live", timeout=10 * SECOND)


def write(page: Page, text: str) -> None:
    page.locator("#fm-write").fill(text)
    page.locator("#fm-write").press("Enter")
