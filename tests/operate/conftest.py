"""A database of its own with roles of its own, as an operator sets it up."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url

from flask_messenger.models import schema
from flask_messenger.state import state_of
from tests.servers import connect_to, create_database
from tests.support.app import make_app, make_config


@dataclass
class Site:
    """One database, whose tables belong to `owner`, which is no superuser."""

    server: URL
    redis_url: str
    name: str
    owner: str
    roles: str
    made: list[Flask] = field(default_factory=list)

    def role(self, kind: str) -> str:
        return f"{self.roles}_{kind}"

    def app(self, user: str, password: str, **settings: Any) -> Flask:
        url = self.server.set(database=self.name, username=user, password=password)
        uri = url.render_as_string(hide_password=False)
        app = make_app(make_config(uri, self.redis_url, **settings))
        self.made.append(app)
        return app

    def superuser(self) -> Flask:
        return self.app(str(self.server.username), str(self.server.password or ""))

    def run(self, app: Flask, *args: str, **kwargs: Any) -> Result:
        return app.test_cli_runner().invoke(args=["messenger", *args], **kwargs)

    def close(self) -> None:
        for app in self.made:
            with app.app_context():
                state_of(app).db.session.remove()
                state_of(app).db.engine.dispose()


@pytest.fixture(scope="session")
def migrated(postgres_server: URL) -> Iterator[tuple[str, str]]:
    """Return a database with our tables, to copy, and the role that owns them."""
    owner = f"fm_owner_{secrets.token_hex(4)}"
    with connect_to(postgres_server) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'own'").format(name_of(owner)))
    with create_database(postgres_server) as url:
        with connect_to(make_url(url)) as connection:
            connection.execute(
                sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(name_of(owner))
            )
        engine = create_engine(make_url(url).set(username=owner, password="own"))
        schema.upgrade(engine)
        engine.dispose()
        yield str(make_url(url).database), owner
    with connect_to(postgres_server) as connection:
        connection.execute(sql.SQL("DROP ROLE {}").format(name_of(owner)))


@pytest.fixture
def site(postgres_server: URL, migrated: tuple[str, str], redis_url: str) -> Iterator[Site]:
    template, owner = migrated
    roles = f"fm_{secrets.token_hex(4)}"
    with connect_to(postgres_server) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name_of(roles), name_of(template))
        )
        connection.execute(sql.SQL("ALTER ROLE {} CREATEROLE").format(name_of(owner)))
    made = Site(postgres_server, redis_url, roles, owner, roles)
    made.app(owner, "own")
    yield made
    made.close()
    with connect_to(postgres_server) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name_of(roles)))
        found = connection.execute(
            "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", [f"{roles}_"]
        )
        for (name,) in found.fetchall():
            connection.execute(sql.SQL("DROP ROLE {}").format(name_of(name)))


def name_of(name: str) -> sql.Identifier:
    return sql.Identifier(name)
