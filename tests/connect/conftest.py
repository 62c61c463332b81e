"""A person, their browser, and a Meta whose answers the test gives."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_messenger import signals
from flask_messenger.channels.facebook import Facebook
from flask_messenger.channels.instagram import Instagram
from tests.support import ingest
from tests.support.app import GRAPH_URL, Factory

URL = f"{GRAPH_URL}/v25.0"
USER_TOKEN = "EAAuserSHORTdonotlog"
LONG_TOKEN = "EAAuserLONGdonotlog"
PERSON = "9001"
SCOPES = Facebook.logins["facebook"].asked
ALL_SCOPES = tuple(dict.fromkeys(SCOPES + Instagram.logins["facebook"].asked))
PAGE_FIELDS = Facebook.webhook_fields
INSTAGRAM_FIELDS = Instagram.webhook_fields
API = "/api/integrations/meta"
TASKS = ("MESSAGING", "MANAGE")


def page(page_id: str, name: str = "", *, tasks: tuple[str, ...] | None = TASKS) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": page_id,
        "name": name or f"Page {page_id}",
        "category": "Florist",
        "access_token": f"EAApage{page_id}donotlog",
        "picture": {"data": {"url": f"https://cdn.example/{page_id}.jpg"}},
    }
    return found | ({"tasks": list(tasks)} if tasks is not None else {})


class Meta(responses.RequestsMock):
    """Plays Meta. What no test gave an answer for refuses the connection."""

    def answers_login(
        self,
        *pages: dict[str, Any],
        granted: tuple[str, ...] = SCOPES,
        declined: tuple[str, ...] = (),
        expires_in: int | None = 3600,
    ) -> None:
        """Answer everything from the code to the list of Pages."""
        token = {"access_token": USER_TOKEN, "token_type": "bearer", "expires_in": expires_in}
        self.post(f"{URL}/oauth/access_token", json={k: v for k, v in token.items() if v})
        if expires_in is not None:
            answer = {"access_token": LONG_TOKEN, "expires_in": 5184000}
            self.post(f"{URL}/oauth/access_token", json=answer)
        self.get(f"{URL}/me", json={"id": PERSON, "name": "Sam Reyes"})
        stated = [(name, "granted") for name in granted] + [(name, "declined") for name in declined]
        items = [{"permission": name, "status": status} for name, status in stated]
        self.get(f"{URL}/me/permissions", json={"data": items})
        self.get(f"{URL}/me/accounts", json={"data": list(pages)})

    def answers_pages(self, *pages: dict[str, Any]) -> None:
        """Answer what is asked about each Page that is connected."""
        for each in pages:
            self.post(f"{URL}/{each['id']}/subscribed_apps", json={"success": True})
            shown = {key: each[key] for key in ("id", "name", "category", "picture")}
            self.get(f"{URL}/{each['id']}", json=shown)

    def fails(self, method: str, path: str, code: int, subcode: int | None = None) -> None:
        """Answer with one of Graph's errors."""
        error = {"message": "no", "code": code, "error_subcode": subcode, "fbtrace_id": "T1"}
        self.add(method, f"{URL}/{path}", json={"error": error}, status=400)

    def paths(self, method: str | None = None) -> list[str]:
        """Return what was asked for, in order."""
        return [
            urlsplit(call.request.url).path.removeprefix("/v25.0/")
            for call in self.calls
            if method in {None, call.request.method}
        ]


@pytest.fixture
def meta() -> Iterator[Meta]:
    with Meta(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def app(new_app: Callable[..., Flask]) -> Flask:
    """A host application; each request has an application context of its own, as in real life."""
    return new_app()


@pytest.fixture
def make(app: Flask) -> Callable[..., Any]:
    """Makes rows: `make("account", ...)`."""

    factory = Factory(app)

    def make_row(kind: str, *args: Any, **values: Any) -> Any:
        with app.app_context():
            return getattr(factory, kind)(*args, **values)

    return make_row


@pytest.fixture
def rows(app: Flask) -> Callable[..., list[Any]]:
    def read(model: Any, **filters: Any) -> list[Any]:
        with app.app_context():
            return ingest.rows(app, model, **filters)

    return read


@dataclass
class Browser:
    """A person's browser on our pages."""

    client: FlaskClient
    states: list[str] = field(default_factory=list)

    def start(self, **query: str) -> TestResponse:
        answer = self.client.get(f"{API}/connect", query_string={"location_id": "l1", **query})
        if answer.status_code == 302:
            self.states += query_of(answer).get("state", [])
        return answer

    def come_back(self, **query: str | None) -> TestResponse:
        sent = {"code": "AQcode", "state": self.states[-1] if self.states else None, **query}
        return self.client.get(
            f"{API}/callback", query_string={k: v for k, v in sent.items() if v is not None}
        )

    def log_in(self, meta: Meta, *pages: dict[str, Any], **values: Any) -> str:
        """Go through the dialog; return the id of the attempt that waits for a choice."""
        meta.answers_login(*pages, **values)
        self.start()
        return urlsplit(self.come_back().location).path.rpartition("/")[2]

    def choose(self, attempt_id: str, *page_ids: str, location_id: str | None = "l1") -> Any:
        pages = [{"id": each, "location_id": location_id} for each in page_ids]
        return self.client.post(f"{API}/connections/{attempt_id}", json={"pages": pages})


def query_of(answer: TestResponse) -> dict[str, list[str]]:
    return parse_qs(urlsplit(answer.location).query)


def notice_of(answer: TestResponse) -> str:
    assert answer.status_code == 302, answer.data
    assert urlsplit(answer.location).path == "/messenger/settings"
    return query_of(answer)["notice"][0]


@pytest.fixture
def host(app: Flask) -> Any:
    found = app.extensions["host"]
    found.sign_in()
    return found


@pytest.fixture
def browser(app: Flask, host: Any) -> Browser:
    assert host.tenant is not None
    return Browser(app.test_client())


@pytest.fixture
def heard(app: Flask) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What the host's receivers heard, in order."""
    log: list[tuple[str, dict[str, Any]]] = []

    def listen(name: str) -> Callable[..., None]:
        return lambda _sender, **arguments: log.append((name, arguments))

    connected, disconnected = listen("connected"), listen("disconnected")
    needs_reauth = listen("needs_reauth")
    with (
        signals.account_connected.connected_to(connected, sender=app),
        signals.account_disconnected.connected_to(disconnected, sender=app),
        signals.account_needs_reauth.connected_to(needs_reauth, sender=app),
    ):
        yield log
