"""Telling the host beside the sending: a receiver that hangs stops neither messages nor pages."""

import threading
from dataclasses import replace

import pytest

from flask_messenger.models.base import new_id, utc_now
from flask_messenger.outbox import announcer as announcer_module
from flask_messenger.outbox.announcer import Announcer
from flask_messenger.outbox.claim import claim_heads
from flask_messenger.outbox.helper import Helper
from flask_messenger.outbox.ledger import Written
from flask_messenger.outbox.runner import run_outbox
from flask_messenger.outbox.verdicts import Verdict
from flask_messenger.signals import message_changed, message_sent, message_status_changed
from flask_messenger.tenancy import system_scope
from tests.support import meta as webhooks
from tests.support.graph import wait_until
from tests.support.ingest import drain


class Receiver:
    """A receiver of the host's that hangs until it is released, and remembers what it heard."""

    def __init__(self):
        self.heard = []
        self.released = threading.Event()

    def __call__(self, _app, *, message_id, **_arguments):
        self.heard.append(message_id)
        self.released.wait(60)


@pytest.fixture
def receiver(app):
    receiver = Receiver()
    with message_sent.connected_to(receiver, sender=app):
        yield receiver
        receiver.released.set()


@pytest.fixture
def announcer(app, receiver):
    announcer = Announcer(app, threaded=True)
    yield announcer
    receiver.released.set()
    announcer.close()


@pytest.fixture
def statuses(app):
    heard = []

    def receive(_app, *, message_id, **_arguments):
        heard.append(message_id)

    with message_status_changed.connected_to(receive, sender=app):
        yield heard


@pytest.fixture
def tell(talk, announcer):
    """Tells of so many messages that have gone out, one after the other; returns their ids."""
    talk.queue("hello")
    with system_scope("test"):
        [dispatch] = claim_heads(talk.session, [talk.conversation_id], now=utc_now())
        talk.session.commit()

    def tell(count):
        ids = [new_id() for _ in range(count)]
        for each in ids:
            verdict = Verdict(dispatch=replace(dispatch, message_id=each), status="sent")
            announcer.tell(Written(sent={each: ("sent", True)}), {each: verdict})
        return ids

    return tell


def test_receiver_that_hangs_keeps_no_page_from_moving_on(tell, receiver, pages):
    ids = tell(3)
    wait_until(lambda: len(receiver.heard) == 1)

    told = []
    wait_until(lambda: told.extend(pages()) or len(told) == 3)

    assert [each["message_id"] for each in told] == [str(each) for each in ids]


def test_what_may_be_missed_is_dropped_and_said_once(tell, receiver, statuses, monkeypatch, caplog):
    monkeypatch.setattr(announcer_module, "BACKLOG", 3)
    ids = tell(20)
    receiver.released.set()

    wait_until(lambda: len(receiver.heard) == 20)

    assert receiver.heard == ids, "that a message went out is told of all"
    assert statuses == ids[: len(statuses)]
    assert 3 <= len(statuses) <= 6
    assert caplog.text.count("outbox_news_dropped what=message_status_changed") == 1


def test_memory_has_an_end(tell, receiver, monkeypatch, caplog):
    monkeypatch.setattr(announcer_module, "BACKLOG", 3)
    monkeypatch.setattr(announcer_module, "MOST_NEWS", 5)
    monkeypatch.setattr(announcer_module, "COMPLAIN_SECONDS", 0.0)
    tell(20)
    receiver.released.set()
    wait_until(lambda: len(receiver.heard) >= 6)

    assert "outbox_news_dropped what=message_sent" in caplog.text
    assert tell(1)[0] in wait_for(receiver, 7)


def wait_for(receiver, count):
    wait_until(lambda: len(receiver.heard) >= count)
    return receiver.heard


def test_end_waits_for_what_is_left_but_not_for_ever(app, caplog):
    helper, done, released = Helper(app, "test-helper"), [], threading.Event()
    helper.do(lambda: done.append(1))
    helper.close()
    assert done == [1]

    hung = Helper(app, "test-hung")
    hung.do(lambda: released.wait(60) and None)
    hung.do(lambda: done.append(2))
    hung.close(seconds=0.1)
    released.set()

    assert "outbox_helper_given_up helper=test-hung left=2" in caplog.text
    wait_until(lambda: not any(each.name == "test-hung" for each in threading.enumerate()))
    assert done == [1]


def test_work_that_fails_stops_no_other(app, caplog):
    def ends_the_thread():
        raise SystemExit

    helper, done = Helper(app, "test-helper"), []
    for work in (lambda: 1 / 0, ends_the_thread, lambda: done.append(1)):
        helper.do(work)
    helper.close()

    assert done == [1]
    assert "outbox_helper_failed helper=test-helper error=ZeroDivisionError" in caplog.text
    assert "outbox_helper_failed helper=test-helper error=SystemExit" in caplog.text


def test_messages_go_out_while_a_receiver_hangs(app, talk, receiver, monkeypatch):
    monkeypatch.setattr(announcer_module, "BACKLOG", 0)
    monkeypatch.setattr(announcer_module, "HOST_SECONDS", 0.1)
    ids = talk.queue(*[f"text {number}" for number in range(6)])

    with system_scope("test"):
        run_outbox(app, lambda: set(talk.states(*ids)) == {"sent"}, threads=2)

    assert not receiver.released.is_set()
    assert len(receiver.heard) == 1


def test_host_hears_of_a_receipt_that_came_before_the_answer(talk, meta, heard):
    person = {"sender": {"id": "7"}, "recipient": {"id": talk.account.external_id}}
    told = {**person, "timestamp": webhooks.T0}
    early = [
        {**told, "delivery": {"mids": ["m_out_1"], "watermark": 1}},
        {**told, "reaction": {"mid": "m_out_1", "action": "react", "emoji": "❤"}},
    ]
    changed = []

    def tell_early(_asked):
        entry = webhooks.entry(talk.account.external_id, *early)
        webhooks.post(talk.app.test_client(), webhooks.delivery(entry))
        drain(talk.app)

    meta.on_request = tell_early
    [message_id] = talk.queue("hello")

    def hear(_app, *, message_id, **_arguments):
        changed.append(message_id)

    with message_changed.connected_to(hear, sender=talk.app):
        talk.run()

    assert talk.states(message_id) == ["delivered"]
    statuses = [said["status"] for name, said in heard if name == "message_status_changed"]
    assert statuses == ["sent", "delivered"]
    assert changed == [message_id]
