"""Meta is away: nothing goes out, nothing is lost, nothing is used up, and it ends by itself."""

import json
import time
from datetime import timedelta

import pytest
import redis
import responses

from flask_messenger.errors import (
    GraphTimeoutError,
    GraphUnavailableError,
    RateLimitedError,
)
from flask_messenger.models import Account, Message
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.outbox.board import Board
from flask_messenger.outbox.breaker import Breaker, Outage, is_outage
from flask_messenger.outbox.outages import outage_of_workspace
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.outbox.conftest import redis_that_is_away
from tests.support.app import GRAPH_URL
from tests.support.ingest import rows

APP = "default"
FAILURE = GraphUnavailableError("away", code=2)


def breaker_of(client, **values):
    return Breaker(Board(client), **values)


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def breaker(client):
    return breaker_of(client, failures=3)


def fail(breaker, times, *, accounts=2, error=FAILURE):
    ids = [new_id() for _ in range(accounts)]
    return [breaker.note_failure(APP, ids[turn % accounts], error) for turn in range(times)]


def test_failures_of_several_accounts_open_it(breaker):
    assert fail(breaker, 3) == [False, False, True]
    assert breaker.outage_of(APP) is not None
    assert breaker.outage_of("other") is None


def test_failures_of_one_account_do_not(breaker):
    assert not any(fail(breaker, 9, accounts=1))
    assert breaker.is_suspected(APP)


def test_no_connection_at_all_is_nobodys_in_particular(breaker):
    error = GraphUnavailableError("no route")
    error.is_unreachable = True

    assert fail(breaker, 3, accounts=1, error=error)[-1]


def test_answer_in_between_shows_that_meta_is_there(breaker):
    fail(breaker, 2)
    breaker.note_answer(APP)

    assert fail(breaker, 2) == [False, False]


@pytest.mark.parametrize(
    ("error", "tells"),
    [
        (GraphUnavailableError("no route"), True),
        (GraphUnavailableError("later", code=2), True),
        (GraphTimeoutError("no answer"), True),
        (GraphUnavailableError("the file", code=100, subcode=2018008), False),
        (GraphTimeoutError("perhaps", code=1, subcode=1357046), False),
        (RateLimitedError("busy", code=4), False),
    ],
)
def test_only_what_says_something_of_meta_counts(error, tells):
    assert is_outage(error) is tells


def test_all_workers_know_and_one_of_them_asks(client, breaker):
    other = breaker_of(client)
    fail(breaker, 3)

    assert other.outage_of(APP) == breaker.outage_of(APP)
    assert not other.may_probe(APP, for_seconds=9), "it is too early"
    let_time_come(client)
    assert [each.may_probe(APP, for_seconds=9) for each in (other, breaker)] == [True, False]


def let_time_come(client):
    """Let the time of the next probe come."""
    board = Board(client)
    [value] = board.get_many([f"messenger:breaker:{APP}"])
    outage = json.loads(value) | {"probe_at": 0.0}
    board.put(f"messenger:breaker:{APP}", json.dumps(outage), seconds=60)


def test_trial_that_goes_through_closes_it(client, breaker):
    fail(breaker, 3)
    let_time_come(client)
    assert breaker.may_probe(APP, for_seconds=9)

    breaker.pass_probe(APP)
    assert breaker.outage_of(APP).is_trial
    assert breaker.note_answer(APP)

    assert breaker.outage_of(APP) is None


def test_each_failed_try_waits_longer_and_the_beginning_stays(client, breaker):
    fail(breaker, 3)
    began = breaker.outage_of(APP).since
    for expected in (10, 20, 40, 60, 60):
        let_time_come(client)
        assert breaker.may_probe(APP, for_seconds=9)
        before = time.time()
        breaker.fail_probe(APP)
        assert before + expected <= breaker.outage_of(APP).probe_at <= time.time() + expected
    assert breaker.outage_of(APP).since == began


def test_without_redis_a_worker_has_its_own():
    breaker = breaker_of(redis_that_is_away(), failures=3)

    assert fail(breaker, 3)[-1]
    assert breaker.outage_of(APP) is not None


@pytest.fixture
def crowd(talk, factory):
    """Eight people, of two accounts, each with a message that waits."""
    accounts = [talk.account, factory.account()]
    ids = []
    for number in range(8):
        account = accounts[number % 2]
        conversation = factory.conversation(account, last_inbound_at=utc_now())
        factory.message(conversation)
        ids.append(talk.compose(f"text {number}", conversation_id=conversation.id).message.id)
    return ids


def break_down(talk, meta):
    """Let Meta fail until the breaker is open."""
    for _ in range(8):
        meta.refuse(2)
    talk.run()
    meta.answers.clear()


def make_due(talk, ids):
    for each in ids:
        if talk.message(each).next_attempt_at is not None:
            talk.change(Message, each, next_attempt_at=utc_now() - timedelta(seconds=1))


def test_messages_wait_while_meta_is_away_and_use_up_no_tries(talk, meta, crowd, pages):
    break_down(talk, meta)
    asked = len(meta.asked)
    make_due(talk, crowd)

    talk.run()

    # Five failures opened it; what waited was not even tried.
    assert asked == len(meta.asked) == 5
    assert set(talk.states(*crowd)) == {"queued"}
    assert sum(talk.message(each).attempts for each in crowd) == 4
    assert "outage" in {each["type"] for each in pages()}
    with workspace_scope("w1"):
        outage = outage_of_workspace(talk.session, state_of(talk.app), "w1")
    assert isinstance(outage, Outage)
    with workspace_scope("w2"):
        assert outage_of_workspace(talk.session, state_of(talk.app), "w2") is None


def test_one_harmless_question_and_one_message_end_it(talk, meta, crowd, pages):
    break_down(talk, meta)
    make_due(talk, crowd)
    let_time_come(state_of(talk.app).get(redis.Redis))
    probe = meta.mock.add(
        responses.GET, f"{GRAPH_URL}/v25.0/{talk.account.external_id}", json={"id": "1"}
    )
    other = meta.mock.add(responses.GET, _page_url(talk), json={"id": "1"})
    pages()

    run_until(talk, lambda: set(talk.states(*crowd)) == {"sent"})

    assert probe.call_count + other.call_count == 1
    assert "outage" in {each["type"] for each in pages()}
    with system_scope("test"):
        assert outage_of_workspace(talk.session, state_of(talk.app), "w1") is None


def test_question_that_is_not_answered_keeps_it_open(talk, meta, crowd):
    break_down(talk, meta)
    make_due(talk, crowd)
    let_time_come(state_of(talk.app).get(redis.Redis))
    for url in (f"{GRAPH_URL}/v25.0/{talk.account.external_id}", _page_url(talk)):
        meta.mock.add(responses.GET, url, status=503, body="<html>")

    breaker = state_of(talk.app).get(Breaker)
    run_until(talk, lambda: breaker.outage_of(APP).times == 1)

    assert len(meta.asked) == 5
    assert set(talk.states(*crowd)) == {"queued"}


def _page_url(talk):
    """Return the address of the other account."""

    [other] = [each for each in rows(talk.app, Account) if each.id != talk.account_id]
    return f"{GRAPH_URL}/v25.0/{other.external_id}"


def run_until(talk, is_done):
    """Run the outbox again and again until something is so."""
    for _ in range(100):
        talk.run()
        if is_done():
            return
    pytest.fail("it never came")
