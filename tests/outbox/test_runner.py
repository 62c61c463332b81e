"""Many lanes at once, over real connections: order, fairness, waking, stopping."""

import random
import threading
import time
from datetime import timedelta

import pytest
import redis
from sqlalchemy.orm import Session

from flask_messenger.graph.usage import Usage
from flask_messenger.models import Message
from flask_messenger.models.base import utc_now
from flask_messenger.outbox import sight
from flask_messenger.outbox.lane import lock_conversation
from flask_messenger.outbox.pacing import Pacer
from flask_messenger.outbox.wake import CHANNEL, publish_wake
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support.graph import run_slow_graph, wait_until
from tests.support.ingest import rows
from tests.support.lanes import THREADS, Lanes, running
from tests.support.leaks import watch_leaks

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture
def graph():
    with run_slow_graph() as graph:
        yield graph


@pytest.fixture
def app(new_app, graph):
    app = new_app(META_GRAPH_URL=graph.url)
    with watch_leaks(app), app.app_context():
        yield app


@pytest.fixture
def lanes(app):
    return Lanes(app)


@pytest.mark.parametrize("count", [1, 3], ids=["one runner", "three runners"])
def test_order_holds_in_every_lane_and_nothing_goes_out_twice(app, graph, lanes, count):
    chance = random.Random(7)  # noqa: S311 - how long an answer takes
    graph.work = lambda *_: time.sleep(chance.random() / 100)
    texts = [f"text {number}" for number in range(4)]
    accounts = [lanes.account(), lanes.account("w2"), lanes.account("w2")]
    for account in accounts:
        for conversation in lanes.make(account, 6):
            lanes.queue(conversation, *texts)

    with running(app, count=count):
        wait_until(lanes.are_all("sent"))

    assert list(graph.texts.values()) == [texts] * 18
    assert graph.overlaps == []
    assert 1 < graph.most <= THREADS * count


def test_slow_account_holds_no_other(app, graph, lanes):
    slow, quick = lanes.account(), lanes.account("w2")
    slow_page, release = slow.external_id, threading.Event()
    graph.work = lambda page, _: (release.wait(60) and None) if page == slow_page else None
    for conversation in lanes.make(slow, THREADS * 3):
        lanes.queue(conversation, "slow")
    with running(app):
        wait_until(lambda: graph.most >= THREADS // 2)
        [conversation] = lanes.make(quick, 1)
        lanes.queue(conversation, "one", "two", "three")
        lanes.wake(conversation)

        try:
            wait_until(lambda: graph.count == 3)
        finally:
            release.set()
        wait_until(lanes.are_all("sent"))


def test_refused_account_holds_no_other(app, graph, lanes):
    busy, free = lanes.account(), lanes.account("w2")
    refusal = (400, {"error": {"message": "no", "code": 613, "fbtrace_id": "T"}})
    busy_page = busy.external_id
    graph.work = lambda page, _: refusal if page == busy_page else None
    for account in (busy, free):
        for conversation in lanes.make(account, 4):
            lanes.queue(conversation, "one", "two")

    with running(app):
        wait_until(lambda: graph.count == 8)

    assert sorted(lanes.states()) == ["queued"] * 8 + ["sent"] * 8


def test_message_for_an_idle_runner_goes_out_when_it_is_woken(app, graph, lanes):
    [conversation] = lanes.make(lanes.account(), 1)
    with running(app):
        for number in range(3):
            lanes.queue(conversation, f"text {number}")
            lanes.wake(conversation)
            wait_until(lambda expected=number + 1: graph.count == expected)
        wait_until(lanes.are_all("sent"))


def test_wake_by_place_or_by_id_or_that_makes_no_sense_is_heard(app, graph, lanes):
    [conversation] = lanes.make(lanes.account(), 1)
    client = state_of(app).get(redis.Redis)
    wakes = [
        lambda: publish_wake(client, lanes.place(conversation)),
        lambda: publish_wake(client, conversation.id),
        lambda: client.publish(CHANNEL, "[1, 2]"),
        lambda: publish_wake(client),
    ]
    with running(app):
        wait_until(lambda: client.pubsub_numsub(CHANNEL)[0][1] == 1)
        for number, wake in enumerate(wakes, 1):
            lanes.queue(conversation, f"text {number}")
            wake()
            wait_until(lambda expected=number: graph.count == expected)
        wait_until(lanes.are_all("sent"))


def test_lanes_that_are_held_keep_no_other_out_of_sight(app, graph, lanes, monkeypatch):
    monkeypatch.setattr(sight, "LOOK_LIMIT", 2)
    held, free = lanes.account(), lanes.account("w2")
    free_page = free.external_id
    state_of(app).get(Pacer).pause(held.id, timedelta(minutes=10))
    for conversation in (*lanes.make(held, 3), *lanes.make(free, 14)):
        lanes.queue(conversation, "text")
    asked = []
    graph.work = lambda page, _: asked.append(page)

    with running(app):
        wait_until(lambda: graph.count == 14)

    assert set(asked) == {free_page}


def test_lanes_with_nothing_to_send_cost_a_slowed_account_no_turn(app, graph, lanes):
    account = lanes.account()
    empty, [conversation] = lanes.make(account, 8), lanes.make(account, 1)
    lanes.queue(conversation, "text")
    state_of(app).get(Pacer).note_usage(account.id, "default", Usage(percent=94.9))
    with running(app):
        for each in (*empty, conversation):
            lanes.wake(each)

        wait_until(lambda: graph.count == 1)


def test_what_was_put_off_goes_out_by_itself(app, lanes):
    [conversation] = lanes.make(lanes.account(), 1)
    at = utc_now() + timedelta(seconds=1)
    lanes.queue(conversation, "later", send_at=at)

    with running(app):
        wait_until(lanes.are_all("sent"))

    [message] = rows(app, Message, direction="outbound")
    assert message.sent_at >= at


def test_runner_that_is_stopped_finishes_what_is_on_its_way(app, graph, lanes):
    release = threading.Event()
    graph.work = lambda *_: release.wait(60) and None
    for conversation in lanes.make(lanes.account(), THREADS * 3):
        lanes.queue(conversation, "text")

    with running(app) as stopping:
        wait_until(lambda: graph.most >= THREADS // 2)
        stopping.set()
        release.set()

    states = lanes.states()
    assert states.count("sent") == graph.count >= THREADS // 2
    assert set(states) == {"sent", "queued"}
    assert all(
        each.attempts == 0 for each in rows(app, Message, direction="outbound", status="queued")
    )


def test_conversation_that_somebody_holds_keeps_no_other_waiting(app, graph, lanes):
    held, *others = lanes.make(lanes.account(), 6)
    begun, release = threading.Event(), threading.Event()

    def work(_page, body):
        if body["message"]["text"] == "held":
            begun.set()
            release.wait(60)

    graph.work = work
    lanes.queue(held, "held")
    with running(app), Session(state_of(app).db.engine) as session:
        assert begun.wait(60)
        with system_scope("test"):
            lock_conversation(session, held.id)
        release.set()
        for conversation in others:
            lanes.queue(conversation, "text")
            lanes.wake(conversation)
        wait_until(lambda: lanes.states().count("sent") == 5)

        assert "sending" in lanes.states()
        session.rollback()
        wait_until(lanes.are_all("sent"))
