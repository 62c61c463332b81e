"""How long the webhook's own connections wait, and which of them they give up."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, create_engine, event

from flask_messenger.errors import JournalUnavailableError
from flask_messenger.ingest.express import ExpressWriter
from flask_messenger.ingest.express_connection import ExpressConnection, TooSlowError
from flask_messenger.ingest.journal import make_rows
from flask_messenger.ingest.receive import Delivery, JournalRows
from flask_messenger.models import WebhookEntry
from flask_messenger.state import state_of
from tests.ingest.relay import NAME, Relay, run_relay
from tests.support.graph import wait_until
from tests.support.ingest import rows

LONG = 60.0
"""Seconds: longer than anything here takes on a loaded machine."""
SHORT = 0.5
"""Seconds: what is waited out where an answer never comes."""

pytestmark = pytest.mark.databases("postgresql")


class Thrice:
    """Lets three threads go on once all of them came."""

    def __init__(self) -> None:
        self.came = 0
        self._barrier = threading.Barrier(3)

    def wait(self) -> None:
        self.came += 1
        if self.came <= 3:
            self._barrier.wait(LONG)


def new_engine(app: Flask, **options: Any) -> Engine:
    """An engine as the host's, whose handlers no other part of the application meets."""
    return create_engine(state_of(app).db.engine.url, **options)


@pytest.fixture
def engine(app: Flask) -> Iterator[Engine]:
    engine = new_engine(app)
    yield engine
    engine.dispose()


@pytest.fixture
def relay(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """What the engine's new connections go through."""
    server = Path(str(engine.url.query["host"])) / NAME
    folder = tmp_path_factory.mktemp("relay")

    def redirect(_dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
        parameters["host"] = str(folder)

    event.listen(engine, "do_connect", redirect)
    with run_relay(folder, server) as relay:
        yield relay


@pytest.fixture
def made(engine: Engine) -> list[Any]:
    return watch(engine)


def watch(engine: Engine) -> list[Any]:
    """Return a list that every connection `engine` makes from now on is added to."""
    seen: list[Any] = []
    event.listen(engine, "connect", lambda connection, _record: seen.append(connection))
    return seen


def make() -> JournalRows:
    return make_rows(Delivery("page", (b"{}",)), app_name="default")


def new_writer(engine: Engine, *, timeout_seconds: float = LONG, **more: float) -> ExpressWriter:
    return ExpressWriter(engine, size=8, timeout_seconds=timeout_seconds, **more)


def write_three_at_once(writer: ExpressWriter, engine: Engine) -> None:
    """Leave three idle connections: each is made only while the others are."""
    thrice = Thrice()
    event.listen(engine, "do_connect", lambda *_: thrice.wait())
    threads = [threading.Thread(target=writer.write, args=(make(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_one_silent_connection_gives_up_those_beside_it(
    app: Flask, engine: Engine, relay: Relay, made: list[Any]
) -> None:
    writer = new_writer(engine)
    write_three_at_once(writer, engine)
    assert relay.accepted == 3

    relay.forget()
    writer.timeout_seconds = SHORT
    with pytest.raises(TooSlowError):
        writer.write(make())
    writer.timeout_seconds = LONG
    writer.write(make())  # the first one of the next time would be silent as well

    assert [each.closed for each in made] == [True, True, True, False]
    assert len(rows(app, WebhookEntry)) == 4
    writer.close()


def test_a_connection_that_was_idle_for_long_is_not_used(engine: Engine, made: list[Any]) -> None:
    writer = new_writer(engine, idle_seconds=0.0)

    writer.write(make())
    writer.write(make())

    assert [each.closed for each in made] == [True, False]
    writer.close()


@pytest.mark.parametrize(("recycle_seconds", "is_over"), [(0, True), (3600, False), (-1, False)])
def test_a_connection_lives_as_long_as_the_hosts_own_do(
    app: Flask, recycle_seconds: int, *, is_over: bool
) -> None:
    engine = new_engine(app, pool_recycle=recycle_seconds)
    made = watch(engine)
    writer = new_writer(engine)

    writer.write(make())
    first = made[-1]
    writer.write(make())

    assert first.closed == is_over
    writer.close()


def test_connections_do_not_wait_for_each_other_to_be_made(app: Flask) -> None:
    engine = new_engine(app, pool_size=1, max_overflow=0, pool_timeout=1)
    writer = new_writer(engine)

    write_three_at_once(writer, engine)
    writer.close()

    assert len(rows(app, WebhookEntry)) == 3


def test_making_a_connection_has_the_same_limit(
    app: Flask, engine: Engine, made: list[Any]
) -> None:
    may_go_on = threading.Event()
    event.listen(engine, "do_connect", lambda *_: may_go_on.wait(LONG) and None)
    writer = new_writer(engine, timeout_seconds=SHORT)

    with pytest.raises(TooSlowError) as caught:
        writer.write(make())

    assert caught.value.state == "connect"
    may_go_on.set()
    wait_until(lambda: bool(made) and made[0].closed)  # nobody waits for it any more
    assert rows(app, WebhookEntry) == []


def test_waiting_for_a_place_has_the_same_limit(engine: Engine) -> None:
    writer = ExpressWriter(engine, size=0, timeout_seconds=SHORT)

    with pytest.raises(TooSlowError) as caught:
        writer.write(make())

    assert caught.value.state == "busy"


def test_what_is_too_late_is_not_sent(app: Flask, engine: Engine) -> None:
    raw = engine.raw_connection()
    connection: Any = raw.dbapi_connection
    raw.detach()
    ours = ExpressConnection(connection, timeout_seconds=LONG, ends_at=time.monotonic() + LONG)

    with pytest.raises(TooSlowError):
        ours.insert(make(), time.monotonic(), is_repeat=False)

    assert connection.info.transaction_status == TransactionStatus.IDLE
    assert rows(app, WebhookEntry) == []
    ours.close()


def test_whatever_a_hosts_handler_raises_the_delivery_may_be_spooled(engine: Engine) -> None:
    def fetch_password(*_: object) -> None:
        raise LookupError("the secret store is away")

    event.listen(engine, "do_connect", fetch_password)

    with pytest.raises(JournalUnavailableError) as caught:
        new_writer(engine).write(make())

    assert caught.value.state == "LookupError"
    assert "secret" not in str(caught.value)


def test_a_hosts_handler_may_ask_for_the_application(app: Flask, engine: Engine) -> None:
    seen: list[str] = []
    event.listen(engine, "do_connect", lambda *_: seen.append(current_app.name) and None)

    writer = new_writer(engine)
    writer.write(make())
    writer.close()

    assert seen == [app.name]
