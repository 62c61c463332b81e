"""Many lanes at once, over real connections: order, fairness, waking, stopping."""

import random
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
import redis
from sqlalchemy.orm import Session

from flask_messenger.content import Text
from flask_messenger.models import Message
from flask_messenger.models.base import utc_now
from flask_messenger.outbox.compose import compose
from flask_messenger.outbox.lane import lock_conversation
from flask_messenger.outbox.runner import run_outbox
from flask_messenger.outbox.wake import publish_wake
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.support.app import Factory
from tests.support.graph import run_slow_graph, wait_until
from tests.support.ingest import rows
from tests.support.leaks import watch_leaks

pytestmark = pytest.mark.databases("postgresql")
THREADS = 6


@pytest.fixture
def graph():
    with run_slow_graph() as graph:
        yield graph


@pytest.fixture
def app(new_app, graph):
    app = new_app(META_GRAPH_URL=graph.url)
    with watch_leaks(app), app.app_context():
        yield app


class Lanes:
    """Conversations, and messages in them."""

    def __init__(self, app):
        self.app, self.factory = app, Factory(app)

    def account(self, workspace_id="w1"):
        return self.factory.account(workspace_id)

    def make(self, account, count):
        """Return conversations of an account that may be answered."""
        return [self.factory.conversation(account, last_inbound_at=utc_now()) for _ in range(count)]

    def queue(self, conversation, *texts, **values):
        session = state_of(self.app).db.session
        with workspace_scope(conversation.workspace_id):
            for text in texts:
                compose(
                    session,
                    state_of(self.app),
                    tenant_workspace_id=conversation.workspace_id,
                    conversation_id=conversation.id,
                    content=Text(text),
                    sender="person",
                    now=utc_now(),
                    **values,
                )
            session.commit()

    def wake(self, conversation):
        publish_wake(state_of(self.app).get(redis.Redis), conversation.id)

    def states(self):
        return [each.status for each in rows(self.app, Message, direction="outbound")]

    def are_all(self, status):
        return lambda: set(self.states()) == {status}


@pytest.fixture
def lanes(app):
    return Lanes(app)


@contextmanager
def running(app, *, count=1, threads=THREADS):
    """Run the outbox in so many threads of this process; stop it at the end."""
    stopping = threading.Event()

    def run():
        with app.app_context():
            run_outbox(app, stopping.is_set, threads=threads)
            state_of(app).db.session.remove()

    runners = [threading.Thread(target=run) for _ in range(count)]
    for runner in runners:
        runner.start()
    try:
        yield stopping
    finally:
        stopping.set()
        for runner in runners:
            runner.join()


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
