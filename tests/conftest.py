"""What every test may ask for: a database, a Valkey, a browser; and no network.

The servers start when the first test needs them. `database_url` runs a test once per database;
`@pytest.mark.databases("postgresql")` narrows that, for what only PostgreSQL has.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial

import flask
import pytest
import redis
from sqlalchemy.engine import URL, make_url

from tests.network import NetworkGuard
from tests.servers import DRIVER, create_database, run_postgres, run_valkey
from tests.support.fixtures import (
    app,
    client,
    factory,
    host,
    new_app,
    owner_app,
    tables_owner,
)
from tests.support.roles import Roles, make_roles
from tests.support.rules import SharedRule
from tools.chromium import ADVICE, find_chromium

# The application's fixtures, for every test.
__all__ = ["app", "client", "factory", "host", "new_app", "owner_app", "tables_owner"]

DATABASES = ("postgresql", "sqlite")
OUR_SETTINGS = ("META_", "MESSENGER_", "FLASK_")

guard = NetworkGuard()
flask.Flask.url_rule_class = SharedRule


def pytest_configure(config: pytest.Config) -> None:
    """Make known the marker that docs/coverage.md is made from."""
    line = "covers(channel, *cells): what of a channel the test proves; see tools/coverage.py"
    config.addinivalue_line("markers", line)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for `database_url` on each database, or on those its marker names."""
    if "database_url" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("databases")
    names = marker.args if marker else DATABASES
    metafunc.parametrize("database_url", names, indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """Keep the developer's own settings out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(OUR_SETTINGS)]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that turns to another machine, unless it is marked `network`."""
    is_allowed = request.node.get_closest_marker("network") is not None
    with nullcontext() if is_allowed else guard.closed():
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """Return the URL of a PostgreSQL that may create databases: TEST_DATABASE_URL, or our own."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield make_url(given).set(drivername=DRIVER)
        return
    with run_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_roles(postgres_server: URL) -> Iterator[Roles]:
    """Return the roles that applications work as in this run; its databases go before them."""
    with make_roles(postgres_server) as roles:
        yield roles


@pytest.fixture(scope="session")
def postgres_url(postgres_server: URL, postgres_roles: Roles) -> Iterator[str]:
    """Return the URL of the PostgreSQL database that the tests of this run share."""
    del postgres_roles  # made before, so that the database is gone when they go
    with create_database(postgres_server) as url:
        yield url


@pytest.fixture
def new_postgres_database(postgres_server: URL) -> Iterator[Callable[[], str]]:
    """Return a function that makes one more empty PostgreSQL database, for this test only."""
    with ExitStack() as stack:
        new: Callable[[], AbstractContextManager[str]] = partial(create_database, postgres_server)
        yield lambda: stack.enter_context(new())


@pytest.fixture(scope="session")
def sqlite_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URL of the SQLite file that the tests of this run share."""
    return f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/messenger.db"


@pytest.fixture(scope="session")
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of the database this run of the test is for."""
    fixture = {"postgresql": "postgres_url", "sqlite": "sqlite_url"}[request.param]
    return request.getfixturevalue(fixture)


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of the Valkey that the tests of this run share."""
    with run_valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture
def redis_url(valkey_server: str) -> str:
    """Return the URL of a Valkey with nothing in it."""
    with redis.Redis.from_url(valkey_server) as client:
        client.flushall()
    return valkey_server


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Return the path of the browser; fail, and say how to get one, where there is none."""
    path = find_chromium()
    if path is None:
        pytest.fail(ADVICE)
    return path
