"""Fixtures built on the servers of conftest: the application, its factory, its client."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from flask_messenger.ingest.spool import Spool
from flask_messenger.ingest.wake import DrainWaker
from flask_messenger.realtime import Hub
from flask_messenger.state import state_of
from tests.support.app import Factory, Host, empty_tables, make_app, make_config, migrate
from tests.support.leaks import watch_leaks
from tests.support.roles import Roles, work_as_roles


@pytest.fixture
def new_app(
    request: pytest.FixtureRequest, database_url: str, redis_url: str
) -> Iterator[Callable[..., Flask]]:
    """Makes host applications with settings of the test's own, on an empty, migrated database.

    On PostgreSQL they work as the roles of production do, not as the owner of the tables.
    """
    made: list[Flask] = []

    def make(**overrides: Any) -> Flask:
        config = make_config(database_url, redis_url, **overrides)
        if config["SQLALCHEMY_DATABASE_URI"] != database_url:
            app = make_app(config)
        elif database_url.startswith("postgresql"):
            app = _app_of_roles(config, request.getfixturevalue("postgres_roles"))
        else:
            app = make_app(config)
            migrate(app)
            empty_tables(app)
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            state_of(app).db.session.remove()
            state_of(app).db.engine.dispose()
        state_of(app).get(DrainWaker).close()
        state_of(app).get(Spool).close()
        state_of(app).get(Hub).close()
        state_of(app).get(redis.Redis).close()


def _app_of_roles(config: dict[str, Any], roles: Roles) -> Flask:
    database_url = config["SQLALCHEMY_DATABASE_URI"]
    roles.prepare(database_url)
    app = make_app(config | {"SQLALCHEMY_DATABASE_URI": roles.url(database_url)})
    with app.app_context():
        work_as_roles(state_of(app).db.engine, roles)
    return app


@pytest.fixture
def tables_owner(app: Flask, request: pytest.FixtureRequest, database_url: str) -> Engine:
    """The engine of who owns the tables, for what only the owner may do to them."""
    if database_url.startswith("postgresql"):
        owner: Engine = request.getfixturevalue("postgres_roles").owner(database_url)
        return owner
    return state_of(app).db.engine


@pytest.fixture
def owner_app(new_app: Callable[..., Flask], database_url: str, redis_url: str) -> Iterator[Flask]:
    """A host application that owns the tables, for what migrates them."""
    app = new_app()
    if database_url.startswith("postgresql"):
        app = make_app(make_config(database_url, redis_url))
    with app.app_context():
        yield app
        state_of(app).db.session.remove()
        state_of(app).db.engine.dispose()


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
