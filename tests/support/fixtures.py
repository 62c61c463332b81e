"""Fixtures built on the servers of conftest: the application, its factory, its client."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

from flask_messenger.ingest.wake import DrainWaker
from flask_messenger.realtime import Hub
from flask_messenger.state import state_of
from tests.support.app import Factory, Host, empty_tables, make_app, make_config, migrate
from tests.support.leaks import watch_leaks


@pytest.fixture
def new_app(database_url: str, redis_url: str) -> Iterator[Callable[..., Flask]]:
    """Makes host applications with settings of the test's own, on an empty, migrated database."""
    made: list[Flask] = []

    def make(**overrides: Any) -> Flask:
        config = make_config(database_url, redis_url, **overrides)
        app = make_app(config)
        made.append(app)
        if config["SQLALCHEMY_DATABASE_URI"] == database_url:
            migrate(app)
            empty_tables(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            state_of(app).db.session.remove()
            state_of(app).db.engine.dispose()
        state_of(app).get(DrainWaker).close()
        state_of(app).get(Hub).close()
        state_of(app).get(redis.Redis).close()


@pytest.fixture
def app(new_app: Callable[..., Flask]) -> Iterator[Flask]:
    """A host application on an empty, migrated database."""
    app = new_app()
    with watch_leaks(app), app.app_context():
        yield app


@pytest.fixture
def factory(app: Flask) -> Factory:
    return Factory(app)


@pytest.fixture
def host(app: Flask) -> Host:
    return app.extensions["host"]


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
