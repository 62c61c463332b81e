"""Fixtures built on the servers of conftest: the application, its factory, its client."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_messenger.state import state_of
from tests.support.app import Factory, Host, empty_tables, make_app, make_config, migrate


@pytest.fixture
def app(database_url: str, redis_url: str) -> Iterator[Flask]:
    """A host application on an empty, migrated database."""
    app = make_app(make_config(database_url, redis_url))
    migrate(app)
    empty_tables(app)
    with app.app_context():
        yield app
        state_of(app).db.session.remove()
    with app.app_context():
        state_of(app).db.engine.dispose()


@pytest.fixture
def factory(app: Flask) -> Factory:
    return Factory(app)


@pytest.fixture
def host(app: Flask) -> Host:
    return app.extensions["host"]


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
