"""Claiming: one message of a lane at a time, whoever asks, in the order they were made."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from flask_messenger.crypto import KeyRing
from flask_messenger.models import Message
from flask_messenger.models.base import utc_now
from flask_messenger.outbox.deliver import run_lane
from flask_messenger.outbox.lane import claim_next, find_lane, load_dispatch
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.support.app import PAGE_TOKEN


def claim(talk, *, workspace_id="w1", now=None):
    with workspace_scope(workspace_id):
        claimed = claim_next(
            talk.session, conversation_id=talk.conversation_id, now=now or utc_now()
        )
        talk.session.commit()
        return claimed


def together(app, count, work):
    """Run `work` in several threads at once, each with its own application context."""
    start = threading.Barrier(count)
    errors = []

    def run():
        with app.app_context(), system_scope("test"):
            try:
                start.wait()
                work()
            except Exception as error:  # noqa: BLE001 - shown by the assertion
                errors.append(error)
            finally:
                state_of(app).db.session.remove()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_first_message_is_claimed_first_and_alone(talk):
    first, second = talk.queue("one", "two")

    assert claim(talk) == first
    assert claim(talk) is None
    assert talk.states(first, second) == ["sending", "queued"]
    assert talk.message(first).attempts == 1


def test_message_that_waits_is_not_overtaken(talk):
    first, _ = talk.queue("one", "two")
    now = utc_now()
    talk.change(Message, first, next_attempt_at=now + timedelta(seconds=1))

    assert claim(talk, now=now) is None
    assert claim(talk, now=now + timedelta(seconds=1)) == first


def test_lane_of_another_workspace_is_out_of_reach(talk):
    [message_id] = talk.queue("one")

    assert claim(talk, workspace_id="w2") is None
    assert talk.states(message_id) == ["queued"]


def test_lanes_do_not_wait_for_each_other(talk, factory):
    talk.queue("one")
    claim(talk)
    other = factory.conversation(talk.account, last_inbound_at=utc_now())
    [message_id] = [talk.compose("there", conversation_id=other.id).message.id]

    with workspace_scope("w1"):
        assert claim_next(talk.session, conversation_id=other.id, now=utc_now()) == message_id


def test_database_itself_lets_one_message_of_a_lane_be_on_its_way(talk):
    first, second = talk.queue("one", "two")
    talk.change(Message, first, status="sending")

    with pytest.raises(IntegrityError):
        talk.change(Message, second, status="sending")
    talk.session.rollback()


def test_many_claims_at_once_give_one_message_away(talk, app):
    first, second = talk.queue("one", "two")
    claimed = []

    together(app, 6, lambda: claimed.append(claim(talk)))

    assert sorted(claimed, key=str) == [first, *[None] * 5]
    assert talk.states(first, second) == ["sending", "queued"]


def test_many_workers_on_one_lane_send_each_message_once_and_in_order(talk, app, meta):
    texts = [f"text {number}" for number in range(12)]
    ids = talk.queue(*texts)

    together(app, 4, lambda: run_lane(app, talk.conversation_id))
    talk.run()

    assert meta.texts == texts
    assert talk.states(*ids) == ["sent"] * 12


def test_dispatch_shows_neither_token_nor_text_nor_person(talk):
    talk.queue("the secret words")
    message_id = claim(talk)
    with workspace_scope("w1"):
        lane = find_lane(talk.session, talk.conversation_id)
        keys = state_of(talk.app).get(KeyRing)
        dispatch = load_dispatch(talk.session, keys, lane, message_id=message_id)

    assert dispatch.token == PAGE_TOKEN
    for secret in (PAGE_TOKEN, "secret words", "v1.k1", "recipient_id"):
        assert secret not in repr(dispatch)
