"""The RQ worker of a process: what it says, and keeps, of a job that failed."""

import logging
from collections.abc import Iterator
from contextlib import suppress

import pytest
import redis
import responses
from flask import Flask
from flask.testing import FlaskClient
from rq import Queue
from rq.job import Job
from sqlalchemy import Engine, text

from flask_messenger import jobs
from flask_messenger.cli.queueing import QueueWorker, WatchedQueue
from flask_messenger.models import Message
from flask_messenger.state import state, state_of
from tests.support import meta
from tests.support.app import GRAPH_URL, Factory
from tests.support.ingest import drain, rows

PAGE, PERSON, NAME = "555", "9001001", "Maya Okafor"
CHECK = "ck_no_maya"


@pytest.fixture
def picky_table(tables_owner: Engine) -> Iterator[None]:
    """A table that refuses the person's name; PostgreSQL quotes the whole row when it does."""
    table = "messenger_identities"
    with tables_owner.begin() as connection:
        connection.execute(
            text(f"ALTER TABLE {table} ADD CONSTRAINT {CHECK} CHECK (name <> '{NAME}')")
        )
    yield
    with tables_owner.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {CHECK}"))


def stored_in(client: "redis.Redis", job: Job) -> str:
    """Everything Redis holds of a job, and of its results, as text."""
    results = [f"{each.exc_string} {each.return_value}" for each in job.results()]
    return " ".join([str(client.hgetall(job.key)), *results])


def run_jobs(app: Flask, group: str) -> None:
    client = state_of(app).get(redis.Redis)
    queue = WatchedQueue(jobs.QUEUES[group], connection=client)
    worker = QueueWorker([queue], queue_class=WatchedQueue, connection=client)
    with app.app_context():
        worker.work(burst=True, logging_level="WARNING")


@responses.activate
@pytest.mark.databases("postgresql")
@pytest.mark.usefixtures("picky_table", "handlers")
def test_neither_log_nor_redis_holds_what_a_failed_statement_quotes(
    app: Flask,
    client: FlaskClient,
    factory: Factory,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    factory.account(external_id=PAGE)
    responses.get(f"{GRAPH_URL}/v25.0/{PERSON}", json={"id": PERSON, "name": NAME})
    meta.post(client, meta.delivery(meta.entry(PAGE, meta.message(PAGE, PERSON, "Hello"))))
    drain(app)
    (message,) = rows(app, Message)
    redis_client = state_of(app).get(redis.Redis)
    queue = Queue(jobs.QUEUES["default"], connection=redis_client)
    job = queue.enqueue("flask_messenger.jobs.announce", [str(message.id)], failure_ttl=60)

    with caplog.at_level(logging.INFO):
        run_jobs(app, "default")

    out, err = capfd.readouterr()
    said = f"{caplog.text} {out} {err}"
    kept = stored_in(redis_client, job)
    assert "job_failed job=flask_messenger.jobs.announce" in said
    assert "CheckViolation 23514 at ingest/profiles.py:" in said
    assert "CheckViolation 23514" in kept
    for quoted in (NAME, PERSON, CHECK, "Failing row"):
        assert quoted not in said
        assert quoted not in kept


@pytest.mark.databases("postgresql")
@pytest.mark.usefixtures("handlers")
def test_what_fails_beside_the_job_is_named_without_what_went_before(
    app: Flask, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The job fails, and Redis takes nothing any more when that is to be noted."""
    client = state_of(app).get(redis.Redis)
    queue = Queue(jobs.QUEUES["default"], connection=client)
    queue.enqueue("tests.cli.test_queueing.fail_and_break")

    with suppress(redis.ResponseError):  # the worker cannot sign off either
        run_jobs(app, "default")

    said = caplog.text + "".join(capfd.readouterr())
    assert "job_left" in said
    assert "what a person wrote" not in said


def fail_and_break() -> None:
    """Make every key of RQ's worker one of another kind, as an operator's mistake might."""
    client = state().get(redis.Redis)
    for key in client.smembers("rq:workers"):
        client.delete(key)
        client.set(key, "x")
    raise LookupError("what a person wrote")
