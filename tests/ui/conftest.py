"""What tests of the pages share: a person at a browser, and what they see."""

import contextvars
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.api.conftest import Threads
from tests.support.app import Factory, Host
from tests.ui.site import chromium, new_site, open_page, site

__all__ = ["chromium", "new_site", "open_page", "site"]

PAGES = "/messenger"


class _Words(HTMLParser):
    """Collects the words a page shows, leaving out what only templates hold."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._hidden += tag in ("template", "script", "head")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("template", "script", "head")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def words_of(html: str) -> str:
    """Return what a page says, each run of white space as one blank."""
    parser = _Words()
    parser.feed(html)
    return " ".join(" ".join(parser.parts).split())


@dataclass
class Browser:
    """Asks for pages, each request in a context of its own, as a server would."""

    app: Flask
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, **values: Any) -> TestResponse:
        client = self.app.test_client()
        for name, value in self.cookies.items():
            client.set_cookie(name, value, domain="crm.example.test")
        values["headers"] = {**self.headers, **values.pop("headers", {})}
        url = path if path.startswith(("/messenger", "/api")) else PAGES + path
        return contextvars.Context().run(client.open, url, method=method, **values)

    def get(self, path: str, **values: Any) -> TestResponse:
        return self.call("GET", path, **values)

    def post(self, path: str, **values: Any) -> TestResponse:
        return self.call("POST", path, **values)

    def read(self, path: str, **values: Any) -> str:
        """Return what the page says."""
        answer = self.get(path, **values)
        assert answer.status_code == 200, answer.text
        return words_of(answer.text)


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app, headers={"Accept": "text/html,application/xhtml+xml"})


@pytest.fixture
def threads(factory: Factory) -> Threads:
    return Threads(factory)


@pytest.fixture
def signed_in(host: Host) -> Host:
    host.sign_in()
    return host
