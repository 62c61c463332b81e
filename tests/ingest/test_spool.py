"""While the database is away: what was answered 200 is not lost, and comes once."""

import json
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from flask import Flask
from rq import Queue
from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from werkzeug.test import TestResponse

from flask_messenger import jobs
from flask_messenger.crypto import KeyRing
from flask_messenger.ingest.journal import Journal
from flask_messenger.ingest.spool import BYTES, CONTEXT, STREAM, Spool, empty_spool, has_spooled
from flask_messenger.ingest.wake import INGEST_QUEUE
from flask_messenger.models import Message, WebhookEntry, schema
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.state import state_of
from tests.ingest.outages import OwnPostgres, run_own_postgres, run_own_valkey
from tests.servers import connect_to
from tests.support import meta
from tests.support.app import Factory, empty_tables
from tests.support.ingest import drain, rows

NewApp = Callable[..., Flask]
NOBODY = "postgresql+psycopg://nobody@127.0.0.1:1/none"
NOWHERE = "redis://127.0.0.1:1/0"
PAGE = "555"
WAIT_SECONDS = 60

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture(scope="module")
def durable_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey that writes what it is told to disk, as the spool asks for."""
    with run_own_valkey(tmp_path_factory.mktemp("durable"), appendonly="yes") as server:
        yield server.connection_url


@pytest.fixture
def durable_url(durable_valkey: str) -> str:
    with redis.Redis.from_url(durable_valkey) as client:
        client.flushall()
    return durable_valkey


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[OwnPostgres]:
    with run_own_postgres() as server:
        yield server


@pytest.fixture
def own_app(
    new_app: NewApp, own_postgres: OwnPostgres, durable_url: str
) -> Iterator[Callable[..., Flask]]:
    """Makes an application on a PostgreSQL that the test may stop, and whose processes it may."""
    made: list[Flask] = []

    def make(**settings: Any) -> Flask:
        app = new_app(
            SQLALCHEMY_DATABASE_URI=own_postgres.url, MESSENGER_REDIS_URL=durable_url, **settings
        )
        with app.app_context():
            schema.upgrade(state_of(app).db.engine)
        empty_tables(app)
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            state_of(app).db.session.remove()
            state_of(app).db.engine.dispose()


@pytest.fixture
def spooling_app(new_app: NewApp, durable_url: str) -> Iterator[Flask]:
    """An application whose database a test takes away, with a spool."""
    app = new_app(MESSENGER_REDIS_URL=durable_url)
    with app.app_context():
        yield app


@pytest.fixture
def refuse_writes(database_url: str) -> Iterator[Callable[[], None]]:
    """Returns what turns the database read-only, as a server that is no longer the primary is.

    It is undone at the end of the test, or by calling the function it returns.
    """
    url = make_url(database_url)
    name = url.database

    def be(value: str) -> None:
        with connect_to(url) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(
                f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}'
            )
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND query LIKE '%messenger_webhook_entries%' AND query LIKE 'INSERT%'"
            )

    def refuse() -> Callable[[], None]:
        be("on")
        return lambda: be("off")

    yield refuse
    with connect_to(url) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')


def post(app: Flask, *texts: str) -> TestResponse:
    """Send a delivery with an entry for each text."""
    entries = [meta.entry(PAGE, meta.message(PAGE, "900001", each)) for each in texts]
    return meta.post(app.test_client(), meta.delivery(*entries))


def entry_texts(app: Flask) -> list[str]:
    return [
        json.loads(each.raw)["messaging"][0]["message"]["text"] for each in rows(app, WebhookEntry)
    ]


def wait_until(is_so: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < ends_at, "It did not happen in time."
        time.sleep(0.02)


def move_until(app: Flask, count: int) -> None:
    """Empty the spool as the worker does, again and again, until the journal has `count` rows."""

    def is_moved() -> bool:
        empty_spool(app)
        return len(rows(app, WebhookEntry)) == count

    wait_until(is_moved)


def test_a_database_that_stops_and_starts_again(
    own_app: Callable[..., Flask], own_postgres: OwnPostgres
) -> None:
    app = own_app()
    with app.app_context():
        Factory(app).account(external_id=PAGE)
        state_of(app).db.session.remove()
        answers = [post(app, "before")]
        own_postgres.stop()
        answers.append(post(app, "while it is away", "and this"))
        assert empty_spool(app) == 0
        answers.append(post(app, "still away"))
        own_postgres.start()
        move_until(app, 4)
        drain(app)
        state_of(app).db.session.remove()
        # Now its connections die unnoticed: the webhook's, and the host's.
        own_postgres.stop()
        own_postgres.start()
        answers.append(post(app, "after a restart"))
        state_of(app).db.engine.dispose()

        assert [answer.status_code for answer in answers] == [200] * 4
        assert not has_spooled(app)
        assert len(rows(app, Message)) == 4
        assert entry_texts(app) == [
            "before",
            "while it is away",
            "and this",
            "still away",
            "after a restart",
        ]


def test_a_database_that_may_not_be_written_to_is_waited_for(
    spooling_app: Flask, refuse_writes: Callable[[], Callable[[], None]]
) -> None:
    allow = refuse_writes()

    answers = [post(spooling_app, "one"), post(spooling_app, "two")]
    assert rows(spooling_app, WebhookEntry) == []
    allow()
    move_until(spooling_app, 2)

    assert [answer.status_code for answer in answers] == [200, 200]
    assert entry_texts(spooling_app) == ["one", "two"]


def test_the_worker_finds_what_nobody_woke_it_for(
    spooling_app: Flask, refuse_writes: Callable[[], Callable[[], None]], durable_url: str
) -> None:
    Factory(spooling_app).account(external_id=PAGE)
    state_of(spooling_app).db.session.remove()
    allow = refuse_writes()
    post(spooling_app, "spooled")
    allow()
    state_of(spooling_app).db.engine.dispose()

    jobs.sweep()
    with redis.Redis.from_url(durable_url) as client:
        assert Queue(INGEST_QUEUE, connection=client).count == 1
    jobs.drain()

    assert [each.text for each in rows(spooling_app, Message)] == ["spooled"]


def test_what_was_spooled_is_journalled_as_it_came(
    spooling_app: Flask, refuse_writes: Callable[[], Callable[[], None]]
) -> None:
    body = b'{"object":"instagram","entry":[{"id": "1",  "x":"\xff"},{"id":2}]}'
    allow = refuse_writes()
    meta.post(spooling_app.test_client(), body)
    ((_, spooled),) = _spooled(spooling_app)
    allow()
    move_until(spooling_app, 2)

    entries = rows(spooling_app, WebhookEntry)
    assert [each.raw for each in entries] == [b'{"id": "1",  "x":"\xff"}', b'{"id":2}']
    assert [each.id.bytes for each in entries] == list(spooled.ids)
    assert {each.received_at for each in entries} == {spooled.received_at}
    assert {(each.object, each.app_name, each.state) for each in entries} == {
        ("instagram", "default", "pending")
    }


def _spooled(app: Flask) -> list[tuple[str, Any]]:
    return [(each.id, each.rows) for batch in state_of(app).get(Spool).batches() for each in batch]


def test_what_an_older_version_spooled_is_read(spooling_app: Flask) -> None:
    entry_id, at = new_id(), utc_now()
    older = {
        "ids": [entry_id],  # as text
        "app_name": "default",
        "object": "page",
        "received_at": at,
        "raws": [b"{}"],
    }
    sealed = (
        state_of(spooling_app)
        .get(KeyRing)
        .seal_bytes(msgspec.msgpack.encode(older), context=CONTEXT)
    )
    state_of(spooling_app).get(redis.Redis).xadd(STREAM, {"d": sealed})

    move_until(spooling_app, 1)

    assert [(each.id, each.received_at) for each in rows(spooling_app, WebhookEntry)] == [
        (entry_id, at)
    ]


def test_the_spool_shows_nobodys_words(new_app: NewApp, durable_url: str) -> None:
    app = new_app(SQLALCHEMY_DATABASE_URI=NOBODY, MESSENGER_REDIS_URL=durable_url)

    assert post(app, "a very private word").status_code == 200

    with redis.Redis.from_url(durable_url) as client:
        (item,) = client.xrange(STREAM)
        assert int(client.get(BYTES)) == len(item[1][b"d"])
    assert b"private" not in item[1][b"d"]
    assert b"900001" not in item[1][b"d"]


def test_a_mover_that_dies_after_its_commit_moves_nothing_twice(
    spooling_app: Flask, refuse_writes: Callable[[], Callable[[], None]], durable_url: str
) -> None:
    allow = refuse_writes()
    for word in ("one", "two", "three"):
        post(spooling_app, word)
    allow()
    with redis.Redis.from_url(durable_url) as client:
        # The journal takes them; the spool is gone before it could forget them.
        client.execute_command("ACL", "SETUSER", "default", "-eval")
        try:
            move_until(spooling_app, 3)
        finally:
            client.execute_command("ACL", "SETUSER", "default", "+eval")
        assert client.xlen(STREAM) == 3

    wait_until(lambda: empty_spool(spooling_app) > 0)

    assert entry_texts(spooling_app) == ["one", "two", "three"]
    assert not has_spooled(spooling_app)
    assert state_of(spooling_app).get(Spool).size_bytes() == 0


def test_a_second_mover_leaves_the_work_to_the_first(spooling_app: Flask) -> None:
    spool = state_of(spooling_app).get(Spool)

    with spool.moving() as first, spool.moving() as second:
        assert (first(), second()) == (True, False)
    with spool.moving() as third:
        assert third()


def test_an_insert_nobody_knows_the_end_of_is_stored_once(
    own_app: Callable[..., Flask], own_postgres: OwnPostgres
) -> None:
    app = own_app(MESSENGER_WEBHOOK_DATABASE_SECONDS=1)
    with app.app_context(), connect_to(make_url(own_postgres.url)) as owner:
        wait_until(
            lambda: (
                post(app, "wakes a connection").status_code == 200
                and _is_journalled(app)
                and bool(_writers(owner))
            )
        )
        before = len(rows(app, WebhookEntry))
        pids = _writers(owner)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            answer = post(app, "to a frozen server")
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

        assert answer.status_code == 200
        assert has_spooled(app)
        # The frozen server goes on with what it was given, and the spool brings it once more.
        wait_until(lambda: len(rows(app, WebhookEntry)) == before + 1)
        wait_until(lambda: bool(empty_spool(app)) or not has_spooled(app))

        assert entry_texts(app)[before:] == ["to a frozen server"]


def _is_journalled(app: Flask) -> bool:
    empty_spool(app)
    return bool(rows(app, WebhookEntry)) and not has_spooled(app)


def _writers(owner: Any) -> list[int]:
    """Return the processes of the server that serve our connections for the journal."""
    found = owner.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND query LIKE '%messenger_webhook_entries%' AND query LIKE '%''pending'', 0%'"
        " AND pid <> pg_backend_pid() AND state = 'idle'"
    )
    return [row[0] for row in found]


def test_a_table_that_is_locked_costs_a_request_its_limit_only(
    new_app: NewApp, durable_url: str, database_url: str
) -> None:
    app = new_app(MESSENGER_REDIS_URL=durable_url, MESSENGER_WEBHOOK_DATABASE_SECONDS=0.3)
    with app.app_context(), connect_to(make_url(database_url)) as owner:
        with owner.transaction():
            owner.execute("LOCK TABLE messenger_webhook_entries IN ACCESS EXCLUSIVE MODE")
            answer = post(app, "behind a lock")
        move_until(app, 1)

        assert answer.status_code == 200
        assert entry_texts(app) == ["behind a lock"]


def test_both_away_is_503(new_app: NewApp) -> None:
    app = new_app(SQLALCHEMY_DATABASE_URI=NOBODY, MESSENGER_REDIS_URL=NOWHERE)

    assert [post(app, "lost?").status_code for _ in range(3)] == [503, 503, 503]


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({}, id="nothing on disk"),
        pytest.param(
            {"appendonly": "yes", "maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"},
            id="forgets what was not used lately",
        ),
    ],
)
def test_a_redis_that_may_forget_is_no_spool(
    new_app: NewApp, tmp_path: Path, config: dict[str, str]
) -> None:
    with run_own_valkey(tmp_path / "valkey", **config) as valkey:
        app = new_app(SQLALCHEMY_DATABASE_URI=NOBODY, MESSENGER_REDIS_URL=valkey.connection_url)

        assert post(app, "lost?").status_code == 503
        with redis.Redis.from_url(valkey.connection_url) as client:
            assert not client.exists(STREAM)


def test_more_replicas_than_there_are_is_503(new_app: NewApp, durable_url: str) -> None:
    app = new_app(
        SQLALCHEMY_DATABASE_URI=NOBODY, MESSENGER_REDIS_URL=durable_url, MESSENGER_SPOOL_REPLICAS=1
    )

    assert post(app, "lost?").status_code == 503


def test_the_spool_can_be_switched_off(new_app: NewApp, durable_url: str) -> None:
    app = new_app(
        SQLALCHEMY_DATABASE_URI=NOBODY, MESSENGER_REDIS_URL=durable_url, MESSENGER_SPOOL_MAX_BYTES=0
    )

    assert post(app, "lost?").status_code == 503


def test_a_full_spool_is_503_until_it_is_emptied(
    new_app: NewApp,
    durable_url: str,
    refuse_writes: Callable[[], Callable[[], None]],
) -> None:
    app = new_app(MESSENGER_REDIS_URL=durable_url, MESSENGER_SPOOL_MAX_BYTES=1000)
    with app.app_context():
        allow = refuse_writes()
        statuses = [post(app, "some words").status_code for _ in range(5)]
        taken = statuses.count(200)
        allow()
        move_until(app, taken)
        refuse_writes()
        again = post(app, "more words")

        assert statuses == [200] * taken + [503] * (5 - taken)
        assert 0 < taken < 5
        assert again.status_code == 200


def test_what_no_key_opens_waits_for_its_key(
    new_app: NewApp, durable_url: str, refuse_writes: Callable[[], Callable[[], None]]
) -> None:
    other_key = "k9:" + "A" * 43 + "="
    app = new_app(MESSENGER_REDIS_URL=durable_url)
    other = new_app(MESSENGER_REDIS_URL=durable_url, MESSENGER_ENCRYPTION_KEYS=other_key)
    allow = refuse_writes()
    post(app, "sealed with the first key")
    post(other, "sealed with the other key")
    allow()

    with other.app_context():
        move_until(other, 1)
        assert entry_texts(other) == ["sealed with the other key"]
        assert has_spooled(other)
    with app.app_context():
        move_until(app, 2)
        assert not has_spooled(app)


def test_what_no_key_opens_is_not_opened_again_before_each_drain(
    new_app: NewApp,
    durable_url: str,
    refuse_writes: Callable[[], Callable[[], None]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    other_key = "k9:" + "A" * 43 + "="
    app = new_app(MESSENGER_REDIS_URL=durable_url)
    other = new_app(MESSENGER_REDIS_URL=durable_url, MESSENGER_ENCRYPTION_KEYS=other_key)
    allow = refuse_writes()
    for number in range(3):
        post(app, f"sealed with the first key {number}")
    post(other, "sealed with the other key")
    allow()
    with other.app_context():
        move_until(other, 1)
        caplog.clear()

        read = [_spooled(other) for _ in range(2)]
        empty_spool(other)
        refuse_writes()
        post(other, "later")
        is_later = [rows_ is not None for _, rows_ in _spooled(other)]

        assert read == [[], []]
        assert is_later == [True]
        assert "spool_unreadable" not in caplog.text
        assert state_of(other).get(Spool).count() == 4
        # After a while, or in another process, they are tried again.
        state_of(other).get(Spool)._passed_until = 0.0  # noqa: SLF001 - a minute goes by
        assert [rows_ is None for _, rows_ in _spooled(other)] == [True, True, True, False]


def test_a_batch_out_of_the_spool_is_bounded_in_entries_and_bytes(
    spooling_app: Flask, refuse_writes: Callable[[], Callable[[], None]]
) -> None:
    allow = refuse_writes()
    many = b'{"object":"page","entry":[' + b"0," * 2_999 + b"0]}"
    large = b'{"object":"page","entry":[{"x":"' + b"y" * 3_000_000 + b'"}]}'
    for body in (many, many, many, large, large, b'{"object":"page","entry":[0]}'):
        assert meta.post(spooling_app.test_client(), body).status_code == 200

    batches = [len(batch) for batch in state_of(spooling_app).get(Spool).batches()]
    allow()
    move_until(spooling_app, 9_003)

    assert batches == [2, 3, 1]


def test_a_silent_database_server_costs_one_request_its_limit(
    new_app: NewApp, durable_url: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://nobody@127.0.0.1:{silent.getsockname()[1]}/none"
        app = new_app(SQLALCHEMY_DATABASE_URI=url, MESSENGER_REDIS_URL=durable_url)
        statuses = {post(app, "hello").status_code for _ in range(3)}

    assert statuses == {200}


@pytest.mark.parametrize("count", [1, 2, 10_000])
def test_a_delivery_is_one_insert_whatever_its_size(spooling_app: Flask, count: int) -> None:
    raws = [f'{{"id":"{number}"}}' for number in range(count)]

    answer = meta.post(
        spooling_app.test_client(), f'{{"object":"page","entry":[{",".join(raws)}]}}'.encode()
    )

    found = state_of(spooling_app).db.session.execute(
        text("SELECT DISTINCT xmin::text, cmin::text FROM messenger_webhook_entries")
    )
    assert answer.status_code == 200
    assert len(found.all()) == 1
    assert [each.raw.decode() for each in rows(spooling_app, WebhookEntry)] == raws


def test_the_webhooks_connections_close_with_the_hosts(spooling_app: Flask) -> None:
    made: list[Any] = []
    engine = state_of(spooling_app).db.engine
    event.listen(engine, "connect", lambda connection, _record: made.append(connection))
    post(spooling_app, "hello")
    assert not made[-1].closed

    engine.dispose()

    assert made[-1].closed
    assert post(spooling_app, "hello again").status_code == 200


@pytest.mark.databases("sqlite")
def test_a_locked_sqlite_is_503_and_no_more(new_app: NewApp, database_url: str) -> None:
    app = new_app(MESSENGER_WEBHOOK_DATABASE_SECONDS=0.1)
    path = make_url(database_url).database
    with app.app_context():
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        locked = post(app, "hello")
        other.execute("ROLLBACK")
        other.close()
        free = post(app, "hello")
        with state_of(app).db.engine.connect() as connection:
            usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()

        assert (locked.status_code, free.status_code) == (503, 200)
        assert usual == 10_000
        assert not state_of(app).get(Journal).may_spool
