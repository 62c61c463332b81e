"""While PostgreSQL is away every route says so, and when to come back; none breaks."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from flask import Flask, url_for
from sqlalchemy.engine import make_url
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from flask_messenger.models import Message, schema
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from tests.api.conftest import Api
from tests.ingest.outages import OwnPostgres, run_own_postgres
from tests.servers import connect_to
from tests.support.app import Factory, empty_tables
from tests.support.ingest import rows

NewApp = Callable[..., Flask]
PERMISSIONS = frozenset({"assign", "connect", "reply", "settings"})
STREAM = "messenger_api.stream_events"

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[OwnPostgres]:
    with run_own_postgres() as server:
        yield server


@contextmanager
def site(new_app: NewApp, server: OwnPostgres, **engine_options: Any) -> Iterator[Flask]:
    """An application on a PostgreSQL of its own; what breaks is an answer, as in production."""
    app = new_app(
        SQLALCHEMY_DATABASE_URI=server.url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options,
        TESTING=False,
        PROPAGATE_EXCEPTIONS=False,
    )
    app.extensions["host"].sign_in(permissions=PERMISSIONS)
    with app.app_context():
        schema.upgrade(state_of(app).db.engine)
    empty_tables(app)
    try:
        yield app
    finally:
        with app.app_context():
            state_of(app).db.engine.dispose()


@contextmanager
def stopped(server: OwnPostgres) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


def new_conversation(app: Flask) -> uuid.UUID:
    with app.app_context():
        factory = Factory(app)
        conversation = factory.conversation(factory.account(), last_inbound_at=utc_now())
        return conversation.id


def send(app: Flask, conversation_id: uuid.UUID) -> TestResponse:
    wanted = {"conversation_id": str(conversation_id), "text": "hello"}
    return Api(app).post("/send", json=wanted)


def is_asked_to_come_back(answer: TestResponse) -> bool:
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"] == "5"
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.mimetype == "application/problem+json"


def calls(app: Flask, *blueprints: str) -> Iterator[tuple[str, str]]:
    """Yield every method and address of these blueprints, with ids that nobody has."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.split(".")[0] in blueprints and rule.endpoint != STREAM:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                with app.test_request_context():
                    yield method, url_for(rule.endpoint, _external=False, **values_of(rule))


def values_of(rule: Rule) -> dict[str, Any]:
    converters = rule._converters  # noqa: SLF001 - werkzeug tells nobody else
    return {
        name: uuid.uuid4() if "UUID" in type(converters[name]).__name__ else "x"
        for name in rule.arguments
    }


def test_every_route_answers_and_all_is_well_when_it_is_back(
    new_app: NewApp, own_postgres: OwnPostgres
) -> None:
    with site(new_app, own_postgres) as app:
        conversation_id = new_conversation(app)
        assert send(app, conversation_id).status_code == 202
        with stopped(own_postgres):
            # The first meets a connection that was cut, the second can make none.
            for _ in range(2):
                assert is_asked_to_come_back(send(app, conversation_id))
            answers = [
                (method, url, Api(app).call(method, url, json={} if method != "GET" else None))
                for method, url in calls(app, "messenger_api", "messenger_integrations")
            ]

        away = [url for _, url, each in answers if each.status_code == 503]
        assert [(method, url) for method, url, each in answers if each.status_code == 500] == []
        assert all(is_asked_to_come_back(each) for _, _, each in answers if each.status_code == 503)
        assert len(away) > len(answers) // 2
        assert "/api/messenger/conversations" in away
        assert send(app, conversation_id).status_code == 202
        with app.app_context():
            assert len(rows(app, Message, direction="outbound")) == 2


def test_page_is_a_page_and_what_a_script_asks_for_is_a_problem(
    new_app: NewApp, own_postgres: OwnPostgres
) -> None:
    with site(new_app, own_postgres) as app, stopped(own_postgres):
        page = Api(app).get("/messenger/inbox", headers={"Accept": "text/html"})
        part = Api(app).get("/messenger/inbox", headers={"HX-Request": "true"})

        assert not is_asked_to_come_back(page)
        assert page.mimetype == "text/html"
        assert "The database does not answer" in page.text
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        assert is_asked_to_come_back(part)
        for method, url in calls(app, "messenger_ui"):
            assert Api(app).call(method, url).status_code != 500, url


def test_page_that_cannot_be_drawn_without_the_database_says_it_plainly(
    new_app: NewApp, own_postgres: OwnPostgres
) -> None:
    with site(new_app, own_postgres) as app:

        @app.context_processor
        def words() -> dict[str, Any]:
            """Ask the database for each page, as a host's own chrome may."""
            state_of(app).db.session.connection()
            return {}

        with stopped(own_postgres):
            page = Api(app).get("/messenger/inbox", headers={"Accept": "text/html"})

        assert not is_asked_to_come_back(page)
        assert "The database does not answer" in page.text


def test_no_connection_that_is_free(new_app: NewApp, own_postgres: OwnPostgres) -> None:
    options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.05}
    with site(new_app, own_postgres, **options) as app:
        conversation_id = new_conversation(app)
        with app.app_context(), closing(state_of(app).db.engine.connect()):
            assert is_asked_to_come_back(send(app, conversation_id))
        assert send(app, conversation_id).status_code == 202


def test_server_that_may_not_write_any_more(new_app: NewApp, own_postgres: OwnPostgres) -> None:
    with site(new_app, own_postgres) as app:
        conversation_id = new_conversation(app)
        # As a primary is that was just replaced.
        with connect_to(make_url(own_postgres.url)) as connection:
            connection.execute("ALTER ROLE ALL SET default_transaction_read_only = on")
        with app.app_context():
            state_of(app).db.engine.dispose()
        try:
            answer = send(app, conversation_id)
        finally:
            with connect_to(make_url(own_postgres.url)) as connection:
                connection.execute("SET default_transaction_read_only = off")
                connection.execute("ALTER ROLE ALL RESET default_transaction_read_only")
            with app.app_context():
                state_of(app).db.engine.dispose()

        assert is_asked_to_come_back(answer)
        assert send(app, conversation_id).status_code == 202
