"""Meta is away: nothing goes out, nothing is lost, nothing is used up, and it ends by itself."""

import json
import queue
import time
from datetime import timedelta

import pytest
import redis
import responses
from sqlalchemy import create_engine, event, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from flask_messenger.errors import (
    GraphTimeoutError,
    GraphUnavailableError,
    RateLimitedError,
)
from flask_messenger.models import Account, Message
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.outbox.board import Board
from flask_messenger.outbox.breaker import Breaker, Outage, is_outage
from flask_messenger.outbox.calls import Calls
from flask_messenger.outbox.evidence import Evidence
from flask_messenger.outbox.outages import Outages, Probed, outage_of_workspace
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.outbox.conftest import redis_that_is_away
from tests.support.app import GRAPH_URL
from tests.support.ingest import rows

pytestmark = pytest.mark.databases("postgresql")

APP = "default"
FAILURE = GraphUnavailableError("away", code=2)


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def breaker(client):
    return Breaker(Board(client))


def fail(evidence, times, *, accounts=2, error=FAILURE):
    ids = [new_id() for _ in range(accounts)]
    for turn in range(times):
        evidence.note_failure(APP, ids[turn % accounts], error)
    return evidence.is_enough(APP)


def test_failures_of_several_accounts_are_enough():
    evidence = Evidence(failures=3)

    assert not fail(evidence, 2)
    assert fail(evidence, 1)
    assert not evidence.is_enough("other")


def test_failures_of_one_account_are_not_unless_there_is_no_other():
    evidence = Evidence(failures=3)

    assert not fail(evidence, 9, accounts=1)
    assert evidence.apps_of_one_account() == [APP]
    assert evidence.is_enough(APP, is_only_account=True)


def test_no_connection_at_all_is_nobodys_in_particular():
    error = GraphUnavailableError("no route")
    error.is_unreachable = True

    assert fail(Evidence(failures=3), 3, accounts=1, error=error)


def test_answer_in_between_shows_that_meta_is_there():
    evidence = Evidence(failures=3)
    fail(evidence, 2)
    evidence.note_answer(APP)

    assert not fail(evidence, 2)


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
    other = Breaker(Board(client))
    assert breaker.open(APP)

    assert other.outage_of(APP) == breaker.outage_of(APP)
    assert other.outage_of("other") is None
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
    breaker.open(APP)
    let_time_come(client)
    assert breaker.may_probe(APP, for_seconds=9)
    assert not breaker.close(APP), "nothing was tried yet"

    assert breaker.pass_probe(APP)
    assert breaker.outage_of(APP).is_trial
    assert breaker.close(APP)

    assert breaker.outage_of(APP) is None


def test_each_failed_try_waits_longer_and_the_beginning_stays(client, breaker):
    breaker.open(APP)
    began = breaker.outage_of(APP).since
    for expected in (10, 20, 40, 60, 60):
        let_time_come(client)
        assert breaker.may_probe(APP, for_seconds=9)
        before = time.time()
        breaker.fail_probe(APP)
        assert before + expected <= breaker.outage_of(APP).probe_at <= time.time() + expected
    assert breaker.outage_of(APP).since == began


def test_finding_it_a_second_time_changes_nothing(client, breaker):
    breaker.open(APP)
    breaker.fail_probe(APP)
    outage = breaker.outage_of(APP)

    assert not Breaker(Board(client)).open(APP)

    assert breaker.outage_of(APP) == outage


def test_without_redis_a_worker_has_its_own():
    breaker = Breaker(Board(redis_that_is_away()))

    assert breaker.open(APP)
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
    # Who left has nothing that waits.
    with system_scope("test"):
        talk.session.execute(update(Account).values(status="disconnected"))
        assert outage_of_workspace(talk.session, state_of(talk.app), "w1") is None
        talk.session.rollback()


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


@pytest.fixture
def new_outages(talk):
    """Makes what one runner knows of outages, with a thread pool that is never asked."""

    def make():
        return Outages(talk.app, Calls(0, queue.SimpleQueue()))

    return make


def fail_five(outages):
    return [outages.note_failure(APP, new_id(), FAILURE) for _ in range(5)]


def attend(talk, outages, session=None):
    outages._looked_at = 0.0  # noqa: SLF001 - it looks at most so often
    with system_scope("test"):
        outages.attend(session or talk.session)


def test_noting_asks_neither_database_nor_redis(talk, new_outages, client):
    outages = new_outages()
    asked = []
    listen = (talk.session.get_bind(), "before_cursor_execute", lambda *_: asked.append(1))
    talk.session.rollback()
    event.listen(*listen)
    before = client.info("stats")["total_commands_processed"]

    assert fail_five(outages)[-1]
    outages.note_answer(APP)
    outages.note_probe(Probed(APP, answered=True))

    assert client.info("stats")["total_commands_processed"] == before + 1
    event.remove(*listen)
    assert not asked


def test_what_could_not_be_told_is_told_when_the_database_is_back(talk, new_outages, pages):
    outages = new_outages()
    assert fail_five(outages) == [False] * 4 + [True]

    away = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    with Session(away) as session, pytest.raises(OperationalError):
        attend(talk, outages, session)
    assert outages.room(APP, under_way=0) == 0
    assert "outage" not in {each["type"] for each in pages()}
    attend(talk, outages)

    assert "outage" in {each["type"] for each in pages()}
    away.dispose()


def test_what_another_runner_ended_has_ended_here(breaker, talk, new_outages):
    outages = new_outages()
    fail_five(outages)
    attend(talk, outages)
    breaker.pass_probe(APP)
    breaker.close(APP)

    attend(talk, outages)

    # It counts from the beginning, and by itself it can find Meta away again.
    assert outages.room(APP, under_way=0) > 1
    assert fail_five(outages) == [False] * 4 + [True]


def test_answer_after_the_failures_is_the_last_word(breaker, talk, new_outages):
    outages = new_outages()
    fail_five(outages)
    outages.note_answer(APP)

    attend(talk, outages)

    assert breaker.outage_of(APP) is None


def test_only_the_message_that_was_let_go_says_that_meta_is_still_away(breaker, talk, new_outages):
    trying, other = new_outages(), new_outages()
    breaker.open(APP)
    breaker.pass_probe(APP)
    for each in (trying, other):
        attend(talk, each)
    assert trying.room(APP, under_way=0) == 1
    assert other.room(APP, under_way=0) == 0

    assert other.note_failure(APP, talk.account_id, FAILURE)
    attend(talk, other)
    assert breaker.outage_of(APP).is_trial

    assert trying.note_failure(APP, talk.account_id, FAILURE)
    attend(talk, trying)
    assert not breaker.outage_of(APP).is_trial


def test_the_only_account_of_an_app_speaks_for_meta(talk, new_outages):
    outages = new_outages()
    failures = [outages.note_failure(APP, talk.account_id, FAILURE) for _ in range(2)]
    attend(talk, outages)

    failures += [outages.note_failure(APP, talk.account_id, FAILURE) for _ in range(3)]

    assert failures == [False] * 4 + [True]


def test_five_failures_before_the_accounts_were_counted_are_enough(breaker, talk, new_outages):
    outages = new_outages()
    assert not any(outages.note_failure(APP, talk.account_id, FAILURE) for _ in range(5))

    attend(talk, outages)

    assert breaker.outage_of(APP) is not None
    assert outages.room(APP, under_way=0) == 0


def test_one_of_two_accounts_does_not(breaker, talk, new_outages, factory):
    factory.account()
    outages = new_outages()

    for _ in range(3):
        assert not any(outages.note_failure(APP, talk.account_id, FAILURE) for _ in range(3))
        attend(talk, outages)

    assert breaker.outage_of(APP) is None


def test_nothing_is_said_while_the_next_message_is_to_show_it(breaker, talk):
    breaker.open(APP)
    with workspace_scope("w1"):
        assert outage_of_workspace(talk.session, state_of(talk.app), "w1") is not None

    breaker.pass_probe(APP)

    with workspace_scope("w1"):
        assert outage_of_workspace(talk.session, state_of(talk.app), "w1") is None
