import socket
import urllib.request
from collections.abc import Callable
from contextlib import suppress

import psycopg
import pytest
import redis
from sqlalchemy import create_engine, text

from tests.conftest import guard
from tests.network import NetworkUsedError, is_local


def test_each_database_answers(database_url: str) -> None:
    engine = create_engine(database_url)

    with engine.connect() as connection:
        answer = connection.scalar(text("SELECT 1"))

    engine.dispose()
    assert answer == 1


@pytest.mark.databases("postgresql")
def test_marker_narrows_the_databases(database_url: str) -> None:
    assert database_url.startswith("postgresql+psycopg:")


def test_new_postgres_databases_are_apart(new_postgres_database: Callable[[], str]) -> None:
    first, second = (
        url.replace("postgresql+psycopg:", "postgresql:")
        for url in (new_postgres_database(), new_postgres_database())
    )

    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE only_here (id int)")

    with psycopg.connect(second) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM only_here")


@pytest.mark.parametrize("run", [1, 2])
def test_valkey_starts_each_test_empty(redis_url: str, run: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        keys_before = client.dbsize()
        client.set("run", run)

    assert keys_before == 0


@pytest.mark.network
def test_guard_refuses_another_machine() -> None:
    with pytest.raises(NetworkUsedError, match=r"203\.0\.113\.1"), guard.closed():
        socket.create_connection(("203.0.113.1", 80), timeout=1)


@pytest.mark.network
def test_guard_tells_of_an_attempt_that_was_caught() -> None:
    def ask_and_carry_on() -> None:
        with suppress(RuntimeError):
            urllib.request.urlopen("http://meta.example/")

    with pytest.raises(NetworkUsedError, match=r"turned to meta\.example"), guard.closed():
        ask_and_carry_on()


@pytest.mark.parametrize("host", [None, "", "localhost", "127.0.0.1", b"127.3.2.1", "::1"])
def test_this_machine_is_local(host: object) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["meta.example", "10.0.0.1", "2001:db8::1"])
def test_other_machines_are_not_local(host: object) -> None:
    assert not is_local(host)
