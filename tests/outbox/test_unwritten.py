"""What Meta said is kept until it is committed, whatever ends or disturbs the run."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from flask_messenger.models import Account, Conversation, Identity, Message
from flask_messenger.models.base import utc_now
from flask_messenger.models.messages import QUEUED, SENT
from flask_messenger.outbox.claim import Place, claim_heads, return_unbegun
from flask_messenger.outbox.lane import lock_conversation
from flask_messenger.outbox.ledger import write_together
from flask_messenger.outbox.runner import run_outbox
from flask_messenger.outbox.unwritten import Leftovers, Pending
from flask_messenger.outbox.verdicts import Verdict
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support.graph import run_slow_graph, wait_until
from tests.support.ingest import drain, rows
from tests.support.lanes import THREADS, Lanes, running
from tests.support.leaks import watch_leaks
from tests.support.meta import delivery, entry, post, receipt

pytestmark = pytest.mark.databases("postgresql")

FAIL_TWICE = """
CREATE SEQUENCE refusals;
CREATE FUNCTION refuse_twice() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
  IF nextval('refusals') <= 2 THEN
    RAISE EXCEPTION 'not now' USING ERRCODE = '40P01';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refuse_twice BEFORE UPDATE OF status ON messenger_accounts
  FOR EACH ROW EXECUTE FUNCTION refuse_twice();
"""
FAIL_NO_MORE = "DROP FUNCTION refuse_twice CASCADE; DROP SEQUENCE refusals"


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


@pytest.fixture
def accounts_that_refuse_twice(app, tables_owner):
    """The database does not let an account be stopped at the first and second try."""
    state_of(app).db.session.rollback()
    with tables_owner.begin() as connection:
        connection.execute(text(FAIL_TWICE))
    yield
    state_of(app).db.session.rollback()
    with tables_owner.begin() as connection:
        connection.execute(text(FAIL_NO_MORE))


@pytest.fixture
def held_call(graph) -> Callable[[], None]:
    """Calls to Graph wait for the returned function."""
    release = threading.Event()
    graph.work = lambda *_: release.wait(60) and None
    return release.set


def claim(app, conversation):
    session = state_of(app).db.session
    with system_scope("test"):
        [dispatch] = claim_heads(session, [conversation.id], now=utc_now())
        session.commit()
    return dispatch


def place_of(dispatch):
    return Place(
        conversation_id=dispatch.lane.conversation_id,
        account_id=dispatch.lane.account_id,
        workspace_id=dispatch.lane.workspace_id,
        app_name=dispatch.app_name,
    )


def leave(app, *, said=(), unbegun=()):
    """Leave what a runner could not write down when it ended."""
    pending = [
        Pending(Verdict(dispatch=each, status=SENT, external_id="m_left"), place_of(each))
        for each in said
    ]
    state_of(app).get(Leftovers).leave(pending, unbegun)


def message_of(app, dispatch):
    [message] = rows(app, Message, id=dispatch.message_id)
    return message


def test_run_that_fails_writes_down_what_comes_back_and_sends_nothing_more(
    app,
    graph,
    lanes,
    held_call,
):
    for account in (lanes.account(), lanes.account("w2"), lanes.account("w3")):
        for conversation in lanes.make(account, THREADS):
            lanes.queue(conversation, "text")

    def fail() -> bool:
        if graph.most < THREADS:
            return False
        threading.Timer(0.2, held_call).start()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_outbox(app, fail, threads=THREADS)

    states = lanes.states()
    assert states.count("sent") == graph.count >= THREADS
    assert set(states) == {"sent", "queued"}
    untouched = rows(app, Message, direction="outbound", status="queued")
    assert {each.attempts for each in untouched} == {0}


REFUSE = """
    CREATE FUNCTION host_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'no' USING ERRCODE = 'string_data_right_truncation';
    END $$;
    CREATE TRIGGER host_refuses BEFORE UPDATE ON messenger_messages
    FOR EACH ROW WHEN (NEW.external_id = 'm_odd') EXECUTE FUNCTION host_refuses()
"""


@pytest.fixture
def a_host_that_refuses(app, tables_owner):
    """A trigger of the host's own on our table, which takes no message `m_odd`."""
    with tables_owner.begin() as connection:
        connection.execute(text(REFUSE))
    yield
    state_of(app).db.session.rollback()
    with tables_owner.begin() as connection:
        connection.execute(text("DROP FUNCTION host_refuses CASCADE"))


@pytest.mark.usefixtures("a_host_that_refuses")
def test_answer_that_the_database_refuses_costs_no_other(app, graph, lanes):
    together = threading.Barrier(4)

    def work(_page, body):
        together.wait(60)
        if body["message"]["text"] == "odd":
            return 200, {"recipient_id": "7", "message_id": "m_odd"}
        return None

    graph.work = work
    account, other = lanes.account(), lanes.account("w2")
    for conversation in (*lanes.make(account, 1), *lanes.make(other, 2)):
        lanes.queue(conversation, "good")
    [conversation] = lanes.make(account, 1)
    lanes.queue(conversation, "odd")

    with running(app):
        wait_until(lambda: lanes.states().count("sent") == 3)

    [odd] = rows(app, Message, direction="outbound", status="sending")
    assert odd.text == "odd"


def test_answer_that_one_runner_left_is_written_by_the_next(app, lanes):
    [conversation] = lanes.make(lanes.account(), 1)
    lanes.queue(conversation, "one", "two")
    dispatch = claim(app, conversation)
    leave(app, said=[dispatch])

    run_outbox(app, until_idle=True, threads=1)

    message = message_of(app, dispatch)
    assert (message.status, message.external_id) == ("sent", "m_left")
    assert lanes.states() == ["sent", "sent"]


def test_message_whose_claim_was_in_doubt_goes_out_at_once(app, graph, lanes):
    [conversation] = lanes.make(lanes.account(), 1)
    lanes.queue(conversation, "one")
    dispatch = claim(app, conversation)
    leave(app, unbegun=[dispatch])

    run_outbox(app, until_idle=True, threads=1)

    message = message_of(app, dispatch)
    assert (message.status, message.attempts, graph.count) == ("sent", 1, 1)


def test_claim_of_another_runner_is_not_taken_back(app, lanes):
    [conversation] = lanes.make(lanes.account(), 1)
    lanes.queue(conversation, "one")
    first = claim(app, conversation)
    session = state_of(app).db.session
    with system_scope("test"):
        return_unbegun(session, [first], now=utc_now())
        session.commit()
    second = claim(app, conversation)

    with system_scope("test"):
        return_unbegun(session, [first], now=utc_now())
        session.commit()

    message = message_of(app, second)
    assert (message.status, message.attempts) == ("sending", 1)
    assert message.sending_since == second.sending_since


def test_answer_for_a_conversation_that_is_gone_is_dropped(app, lanes, caplog):
    [conversation] = lanes.make(lanes.account(), 1)
    lanes.queue(conversation, "one")
    dispatch = claim(app, conversation)
    session = state_of(app).db.session
    with system_scope("test"):
        session.execute(delete(Message).where(Message.id == dispatch.message_id))
        session.execute(delete(Conversation).where(Conversation.id == conversation.id))
        session.commit()
    leave(app, said=[dispatch])

    run_outbox(app, until_idle=True, threads=1)

    assert f"verdict_dropped message_id={dispatch.message_id}" in caplog.text


@pytest.mark.usefixtures("accounts_that_refuse_twice")
def test_account_with_a_dead_token_is_stopped_even_where_that_fails_first(app, graph, lanes):
    refused, held = lanes.account(), lanes.account("w2")
    refused_id, refused_page = refused.id, refused.external_id
    asked: list[str] = []
    together = threading.Barrier(2)

    def work(page, _body):
        asked.append(page)
        together.wait(60)
        if page == refused_page:
            return 400, {"error": {"message": "no", "code": 190, "fbtrace_id": "T"}}
        return None

    graph.work = work
    [waiting], [busy] = lanes.make(refused, 1), lanes.make(held, 1)
    lanes.queue(waiting, "refused")
    lanes.queue(busy, "held")

    def is_stopped():
        [account] = rows(app, Account, id=refused_id)
        return account.status == "needs_reauth"

    with Session(state_of(app).db.engine) as other, running(app):
        wait_until(lambda: len(asked) == 2)
        with system_scope("test"):
            lock_conversation(other, busy.id)
        wait_until(is_stopped)
        other.rollback()
        wait_until(lambda: sorted(lanes.states()) == ["queued", "sent"])

    assert asked.count(refused_page) == 1


def test_only_lanes_with_another_message_go_on(app, lanes):
    lone, long = lanes.make(lanes.account(), 2)
    lanes.queue(lone, "one")
    lanes.queue(long, "one", "two")
    dispatches = [claim(app, each) for each in (lone, long)]
    verdicts = [
        Verdict(dispatch=dispatches[0], status=SENT, external_id="m_1"),
        Verdict(dispatch=dispatches[1], status=QUEUED, wait=timedelta(0)),
    ]
    session = state_of(app).db.session

    with system_scope("test"):
        written = write_together(session, verdicts, now=utc_now())
        session.rollback()

    assert written.next == {long.id}


def test_receipt_that_waited_for_the_id_is_applied_beside_the_sending(app, lanes):
    account = lanes.account()
    [conversation] = lanes.make(account, 1)
    lanes.queue(conversation, "text")
    [person] = rows(app, Identity)
    given = receipt(
        account.external_id,
        person.external_id,
        "delivery",
        mids=["m_slow_1"],
        watermark=1_763_000_000_000,
    )
    post(app.test_client(), delivery(entry(account.external_id, given)))
    drain(app)

    run_outbox(app, until_idle=True, threads=1)

    assert lanes.states() == ["delivered"]
