"""The jobs as a worker runs them: real queues, a real worker, in this process."""

import uuid
from datetime import timedelta

import pytest
import redis
import responses
from flask import Flask
from flask.testing import FlaskClient
from rq import Queue, SimpleWorker
from rq.utils import import_attribute
from sqlalchemy import Engine, text, update

from flask_messenger import (
    conversation_updated,
    jobs,
    message_received,
    message_status_changed,
    system_scope,
)
from flask_messenger.ingest.wake import DrainWaker, schedule_drain
from flask_messenger.models import Conversation, Identity, Message
from flask_messenger.models.base import utc_now
from flask_messenger.state import state, state_of
from tests.support import meta
from tests.support.app import GRAPH_URL, Factory, Host
from tests.support.ingest import drain, rows
from tests.support.wakes import hear_wakes

PAGE, PERSON = "555", "9001001"


def work(app: Flask) -> None:
    """Do what is queued, and what that queues, as one worker would."""
    state_of(app).get(DrainWaker).close()
    client = state_of(app).get(redis.Redis)
    queues = [Queue(name, connection=client) for name in jobs.QUEUES.values()]
    worker = SimpleWorker(queues, connection=client, log_job_description=False)
    worker.work(burst=True, logging_level="CRITICAL")


@pytest.fixture
def heard() -> list[dict[str, object]]:
    return []


@pytest.mark.covers("facebook", "do:profiles")
@responses.activate
def test_from_the_webhook_to_the_hosts_signal(
    app: Flask, client: FlaskClient, factory: Factory, host: Host, heard: list[dict[str, object]]
) -> None:
    account_id = factory.account(external_id=PAGE).id
    responses.get(
        f"{GRAPH_URL}/v25.0/{PERSON}",
        json={"id": PERSON, "name": "Maya Okafor", "profile_pic": "https://cdn.example/m.jpg"},
    )

    def listen(sender: Flask, **arguments: object) -> None:
        heard.append({"sender": sender, **arguments})

    message_received.connect(listen)
    meta.post(client, meta.delivery(meta.entry(PAGE, meta.message(PAGE, PERSON, "Hello there"))))
    work(app)
    message_received.disconnect(listen)

    (message,), (identity,) = rows(app, Message), rows(app, Identity)
    assert (identity.name, identity.contact_ref) == ("Maya Okafor", "lead-1")
    (signal,) = heard
    assert signal == {
        "sender": app,
        "workspace_id": "w1",
        "location_id": "l1",
        "account_id": account_id,
        "conversation_id": message.conversation_id,
        "message_id": message.id,
        "contact_ref": "lead-1",
        "channel": "facebook",
        "kind": "text",
        "is_standby": False,
    }
    assert [each.name for each in host.resolved] == ["Maya Okafor"]


@responses.activate
def test_a_faulty_receiver_stops_nobody(
    app: Flask, client: FlaskClient, factory: Factory, heard: list[dict[str, object]]
) -> None:
    factory.account(external_id=PAGE, token=None)

    def fail(sender: Flask, **arguments: object) -> None:
        raise RuntimeError(f"{sender} {arguments}")

    def listen(sender: Flask, **arguments: object) -> None:
        heard.append({"sender": sender, **arguments})

    message_received.connect(fail)
    message_received.connect(listen)
    meta.post(client, meta.delivery(meta.entry(PAGE, meta.message(PAGE, PERSON, "Hello there"))))
    work(app)
    message_received.disconnect(fail)
    message_received.disconnect(listen)

    assert len(heard) == 1


@responses.activate
def test_a_profile_that_cannot_be_read_stops_nothing(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account(external_id=PAGE)
    responses.get(f"{GRAPH_URL}/v25.0/{PERSON}", status=500, body="<html>sorry</html>")

    meta.post(client, meta.delivery(meta.entry(PAGE, meta.message(PAGE, PERSON, "Hello there"))))
    work(app)

    (identity,) = rows(app, Identity)
    assert (identity.name, identity.contact_ref) == (None, "lead-1")


def test_a_failing_resolver_stops_nothing_and_is_asked_again(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account(external_id=PAGE, token=None)
    good = state_of(app).hooks.contact

    def fail(_: object) -> str:
        raise LookupError("Maya Okafor is not in the CRM")

    for resolver in (fail, good):
        state_of(app).hooks.contact = resolver
        event = meta.message(PAGE, PERSON, "Hello there")
        meta.post(client, meta.delivery(meta.entry(PAGE, event)))
        work(app)

    assert [each.contact_ref for each in rows(app, Identity)] == ["lead-1"]


def test_many_deliveries_are_one_drain(app: Flask, client: FlaskClient, factory: Factory) -> None:
    factory.account(external_id=PAGE, token=None)
    for number in range(30):
        event = meta.message(PAGE, PERSON, f"text {number}")
        meta.post(client, meta.delivery(meta.entry(PAGE, event)))
    state_of(app).get(DrainWaker).close()

    queue = Queue(jobs.QUEUES["ingest"], connection=state_of(app).get(redis.Redis))
    assert queue.count == 1
    work(app)
    assert len(rows(app, Message)) == 30


def test_the_sweeper_finds_what_nobody_was_woken_for(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account(external_id=PAGE, token=None)
    meta.post(client, meta.delivery(meta.entry(PAGE, meta.message(PAGE, PERSON, "Hello"))))
    state_of(app).get(DrainWaker).close()
    state_of(app).get(redis.Redis).flushall()

    jobs.sweep()
    work(app)

    assert len(rows(app, Message)) == 1


def test_a_drain_that_was_lost_with_its_worker_is_queued_again_at_once(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    """The note that one is queued outlives it; nobody waits for the note to expire."""
    factory.account(external_id=PAGE, token=None)
    meta.post(client, meta.delivery(meta.entry(PAGE, meta.message(PAGE, PERSON, "Hello"))))
    state_of(app).get(DrainWaker).close()
    redis_client = state_of(app).get(redis.Redis)
    redis_client.delete(f"rq:queue:{jobs.QUEUES['ingest']}")  # taken, and the worker was killed
    assert not schedule_drain(redis_client)

    jobs.sweep([each for each in jobs.SCHEDULE if each.name == "sweep_journal"])
    work(app)

    assert len(rows(app, Message)) == 1


@pytest.mark.databases("postgresql")
def test_a_part_of_the_schedule_that_hangs_is_broken_off(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []

    def hang() -> None:
        state().db.session.execute(text("SELECT pg_sleep(5)"))

    def follow() -> None:
        done.append(state().db.session.execute(text("SELECT 'here'")).scalar_one())

    with app.app_context():
        jobs.sweep([jobs.Part(hang), jobs.Part(follow)], limit_seconds=1)

    assert done == ["here"]
    assert "sweep_failed part=hang" in caplog.text


def test_a_wake_that_came_to_nothing_does_not_block_for_ever(app: Flask) -> None:
    client = state_of(app).get(redis.Redis)

    assert schedule_drain(client)
    assert not schedule_drain(client)
    assert 0 < client.ttl("messenger:drain:scheduled") <= 15


def test_a_snooze_ends_and_the_host_hears_of_it(
    app: Flask, factory: Factory, heard: list[dict[str, object]]
) -> None:
    conversation_id = factory.conversation(
        factory.account(), status="snoozed", snoozed_until=utc_now() - timedelta(minutes=1)
    ).id

    def listen(_: Flask, **arguments: object) -> None:
        heard.append(arguments)

    conversation_updated.connect(listen)
    jobs.sweep()
    conversation_updated.disconnect(listen)

    assert [each.status for each in rows(app, Conversation)] == ["open"]
    assert heard[0]["conversation_id"] == conversation_id


def test_a_message_nobody_was_told_of_is_found(
    app: Flask, client: FlaskClient, factory: Factory, heard: list[dict[str, object]]
) -> None:
    factory.account(external_id=PAGE, token=None)
    meta.post(client, meta.delivery(meta.entry(PAGE, meta.message(PAGE, PERSON, "Hello there"))))
    drain(app)  # and the job that would tell was lost
    with system_scope("test"):
        long_ago = utc_now() - timedelta(minutes=10)
        factory.session.execute(update(Message).values(created_at=long_ago))
        factory.session.commit()

    def listen(_: Flask, **arguments: object) -> None:
        heard.append(arguments)

    message_received.connect(listen)
    for _ in range(2):
        jobs.sweep()
        work(app)
    message_received.disconnect(listen)

    assert len(heard) == 1


def test_the_host_hears_of_delivered_and_read(
    app: Flask, client: FlaskClient, factory: Factory, heard: list[dict[str, object]]
) -> None:
    account = factory.account(external_id=PAGE, token=None)
    identity = factory.identity(account, external_id=PERSON)
    factory.message(
        factory.conversation(account, identity),
        direction="outbound",
        external_id="m_ours",
        sent_at=utc_now() - timedelta(days=900),
    )

    def listen(_: Flask, **arguments: object) -> None:
        heard.append(arguments)

    message_status_changed.connect(listen)
    receipts = (
        meta.receipt(PAGE, PERSON, "delivery", mids=["m_ours"], watermark=meta.T0),
        meta.receipt(PAGE, PERSON, "read", watermark=meta.T0 + 1),
    )
    for receipt in receipts:
        meta.post(client, meta.delivery(meta.entry(PAGE, receipt)))
        work(app)
    message_status_changed.disconnect(listen)

    assert [each["status"] for each in heard] == ["delivered", "read"]


def test_a_part_of_the_sweep_that_fails_stops_no_other(
    app: Flask, client: FlaskClient, factory: Factory, tables_owner: Engine
) -> None:
    factory.account(external_id=PAGE, token=None)
    meta.post(client, meta.delivery(meta.entry(PAGE, meta.message(PAGE, PERSON, "Hello"))))
    state_of(app).get(DrainWaker).close()
    redis_client = state_of(app).get(redis.Redis)
    redis_client.flushall()
    with tables_owner.begin() as connection:
        connection.execute(text("ALTER TABLE messenger_messages RENAME TO messenger_hidden"))
    try:
        jobs.sweep()
    finally:
        with tables_owner.begin() as connection:
            connection.execute(text("ALTER TABLE messenger_hidden RENAME TO messenger_messages"))

    assert Queue(jobs.QUEUES["ingest"], connection=redis_client).count == 1


def test_a_lane_is_woken_through_redis(app: Flask, factory: Factory) -> None:
    conversation_id = factory.conversation(factory.account()).id

    with hear_wakes(app) as hear:
        jobs.wake_lane(conversation_id)

        assert hear() == str(conversation_id)


STORED_JOBS = (
    "flask_messenger.jobs.announce",
    "flask_messenger.jobs.announce_statuses",
    "flask_messenger.jobs.drain",
    "flask_messenger.jobs.run_lane",
    "flask_messenger.jobs.send_action",
    "flask_messenger.jobs.take_turns",
)
STORED_PIECES = (
    "announce_chunk",
    "announce_status_chunk",
    "check_subscriptions",
    "work_on_data_request",
)
STORED_PARTS = (
    "sweep_connections",
    "sweep_data_requests",
    "sweep_retention",
    "sweep_subscriptions",
    "sweep_waiting",
)


@pytest.mark.parametrize("path", STORED_JOBS)
def test_a_job_that_an_older_worker_queued_is_still_found(path: str) -> None:
    assert callable(import_attribute(path))


def test_pieces_and_parts_go_by_the_names_that_other_versions_use() -> None:
    assert set(STORED_PIECES) <= jobs.PIECES.keys()
    assert set(STORED_PARTS) <= {each.name for each in jobs.SCHEDULE}


def test_what_is_queued_goes_by_the_names_that_other_versions_use(app: Flask) -> None:
    client = state_of(app).get(redis.Redis)
    with app.app_context():
        jobs.wake_action(uuid.uuid4(), "typing_on")
        jobs.wake_data_request("w1", uuid.uuid4())
    schedule_drain(client)

    queued = {
        job.func_name
        for name in jobs.QUEUES.values()
        for job in Queue(name, connection=client).get_jobs()
    }
    assert queued == {
        "flask_messenger.jobs.drain",
        "flask_messenger.jobs.send_action",
        "flask_messenger.jobs.take_turns",
    }
