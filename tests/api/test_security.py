"""Who gets in, forged requests, and errors of every kind as problems."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, session
from flask.testing import FlaskClient
from flask_wtf.csrf import CSRFProtect, generate_csrf
from sqlalchemy import text

from flask_messenger import Messenger
from flask_messenger.state import state_of
from tests.api.conftest import API, Api
from tests.support.app import Host

pytestmark = pytest.mark.databases("postgresql")

UNKNOWN = UUID(int=7)
SIGNED_BY_META = {
    "messenger_webhook.receive",
    "messenger_integrations.post_deauthorize",
    "messenger_integrations.post_data_deletion",
}
ROUTES = [
    ("GET", "/accounts"),
    ("GET", "/conversations"),
    ("GET", "/settings"),
    ("GET", "/me"),
    ("GET", "/events"),
    ("PATCH", "/settings"),
    ("POST", "/send"),
]


def with_csrf(new_app: Callable[..., Flask]) -> Flask:
    app = new_app(WTF_CSRF_ENABLED=True)

    @app.get("/token")
    def token() -> str:
        return generate_csrf()

    return app


def token_of(client: FlaskClient) -> str:
    return client.get("/token").text


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_gets_in_unless_signed_in(api: Api, method: str, path: str) -> None:
    answer = api.call(method, path)

    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"
    assert answer.json["type"].endswith("#problem-not_signed_in")
    assert answer.headers["Cache-Control"] == "no-store"


def changing_routes(app: Flask) -> Iterator[tuple[str, str]]:
    """Yield method and address of all routes of ours that change something, whatever their ids."""
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("messenger_") or rule.endpoint in SIGNED_BY_META:
            continue
        values = {name: UNKNOWN if name.endswith("_id") else "x" for name in rule.arguments}
        for method in sorted((rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}):
            with app.test_request_context():
                yield method, app.url_map.bind("localhost").build(rule.endpoint, values, method)


@pytest.mark.databases("sqlite")
def test_every_change_needs_somebody_and_a_token(new_app: Callable[..., Flask]) -> None:
    app = with_csrf(new_app)
    found = list(changing_routes(app))
    forged: dict[str, Any] = {"data": {"a": "b"}, "headers": {"Origin": "https://evil.example"}}

    strangers = {path: Api(app).call(method, path).status_code for method, path in found}
    app.extensions["host"].sign_in()
    others = {path: Api(app).call(method, path, **forged).status_code for method, path in found}

    assert len(found) > 60
    assert {path: status for path, status in strangers.items() if status != 401} == {}
    assert {path: status for path, status in others.items() if status != 403} == {}


@pytest.mark.parametrize("headers", [{}, {"X-CSRFToken": "x"}, {"X-CSRFToken": ""}])
def test_change_without_a_good_token_is_refused(
    new_app: Callable[..., Flask], headers: dict[str, str]
) -> None:
    app = with_csrf(new_app)
    app.extensions["host"].sign_in()
    client = app.test_client()
    token_of(client)

    answer = client.patch(f"{API}/settings", json={"human_agent_enabled": True}, headers=headers)

    assert answer.status_code == 403
    assert answer.json["type"].endswith("#problem-csrf")
    assert "Reload" in answer.json["detail"]
    assert client.get(f"{API}/settings").json == {"human_agent_enabled": False}


@pytest.mark.parametrize("header", ["X-CSRFToken", "X-CSRF-Token"])
def test_token_of_the_session_lets_a_change_in(new_app: Callable[..., Flask], header: str) -> None:
    app = with_csrf(new_app)
    app.extensions["host"].sign_in()
    client = app.test_client()
    headers = {header: token_of(client)}

    answer = client.patch(f"{API}/settings", json={"human_agent_enabled": True}, headers=headers)

    assert answer.status_code == 200


def test_token_of_another_session_is_refused(new_app: Callable[..., Flask]) -> None:
    app = with_csrf(new_app)
    app.extensions["host"].sign_in()
    client = app.test_client()
    token_of(client)
    foreign = {"X-CSRFToken": token_of(app.test_client())}

    answer = client.patch(f"{API}/settings", json={}, headers=foreign)

    assert answer.status_code == 403


def test_bearer_token_needs_no_csrf_token(new_app: Callable[..., Flask]) -> None:
    app = with_csrf(new_app)
    app.extensions["host"].sign_in()
    client = app.test_client()

    bearer = client.patch(f"{API}/settings", json={}, headers={"Authorization": "Bearer abc"})
    basic = client.patch(f"{API}/settings", json={}, headers={"Authorization": "Basic YTpi"})

    assert bearer.status_code == 200
    assert basic.status_code == 403


@pytest.mark.parametrize("host_first", [True, False])
def test_hosts_own_check_neither_refuses_twice_nor_leaves_open(
    new_app: Callable[..., Flask], *, host_first: bool
) -> None:
    app = with_csrf(new_app) if not host_first else None
    if app is None:
        app = _app_with_host_check_first(new_app)
    else:
        CSRFProtect(app)
    app.extensions["host"].sign_in()

    @app.post("/host")
    def host_view() -> str:
        return "changed"

    client = app.test_client()
    # The very first request is the one that must not slip through.
    assert client.post("/host").status_code == 400
    assert client.patch(f"{API}/settings", json={}).status_code == 403
    headers = {"X-CSRFToken": token_of(client)}
    assert client.patch(f"{API}/settings", json={}, headers=headers).status_code == 200
    assert client.post("/host").status_code == 400
    assert client.post("/host", headers=headers).text == "changed"


def _app_with_host_check_first(new_app: Callable[..., Flask]) -> Flask:
    original = Messenger.init_app

    def init_app(self: Messenger, app: Flask, db: Any) -> None:
        CSRFProtect(app)
        original(self, app, db)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Messenger, "init_app", init_app)
        return with_csrf(new_app)


def test_unknown_address_below_ours_is_a_problem(api: Api, host: Host) -> None:
    host.sign_in()

    answer = api.get("/nowhere")

    assert answer.status_code == 404
    assert answer.json == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this address.",
    }


def test_hosts_own_404_stays_what_it_is(app: Flask, api: Api) -> None:
    app.register_error_handler(404, lambda _error: ("host's own page", 404))

    assert api.call("GET", "/api/other").text == "host's own page"
    assert api.get("/nowhere").mimetype == "application/problem+json"


def test_wrong_method_names_the_right_ones(api: Api, host: Host) -> None:
    host.sign_in()

    answer = api.call("DELETE", "/settings")

    assert answer.status_code == 405
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, PATCH"


# PostgreSQL calls a missing table a mistake of ours, not an outage.
@pytest.mark.databases("sqlite")
def test_database_away_is_503_and_says_nothing_of_the_query(
    new_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    app = new_app()
    app.extensions["host"].sign_in()
    with app.app_context():
        engine = state_of(app).db.engine
        name = "messenger_workspace_settings"
        with engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE {name} RENAME TO away"))
    try:
        answer = app.test_client().get(f"{API}/settings")
    finally:
        with app.app_context(), engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE away RENAME TO {name}"))

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "SELECT" not in answer.text + caplog.text


def test_unforeseen_error_is_a_plain_500(
    new_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    app = new_app(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    app.extensions["host"].sign_in()

    def broken(_workspace_id: str) -> str:
        raise RuntimeError("the host's database is away")

    state_of(app).hooks.tier = broken

    answer = app.test_client().get(f"{API}/me")

    assert answer.status_code == 500
    assert answer.mimetype == "application/problem+json"
    assert "database" not in answer.text
    assert "database" in caplog.text


def test_page_of_the_api_needs_no_session_and_no_other_host(app: Flask, api: Api) -> None:
    page = api.get("/docs")
    style_url = re.search(r'href="([^"]+docs\.css)"', page.text)[1]
    with app.test_client().get(style_url) as style:
        assert style.status_code == 200

    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert not re.search(r"https?://|<script|style=|\son[a-z]+=", page.text)
    assert 'id="problem-plan_required"' in page.text
    assert 'id="listConversations"' in page.text


def test_session_is_not_touched_by_reading(new_app: Callable[..., Flask]) -> None:
    app = new_app()
    app.extensions["host"].sign_in()
    with app.test_client() as client:
        answer = client.get(f"{API}/me")
        assert "csrf_token" not in session

    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("allowed_by_host", [None, 2000])
def test_large_body_is_not_read(new_app: Callable[..., Flask], allowed_by_host: int | None) -> None:
    app = new_app(MAX_CONTENT_LENGTH=allowed_by_host)
    app.extensions["host"].sign_in()
    size = (allowed_by_host or 1024 * 1024) + 1

    answer = app.test_client().post(
        f"{API}/send", data=b"x" * size, content_type="application/json"
    )

    assert answer.status_code == 413
    assert answer.mimetype == "application/problem+json"
