"""Claiming: one message of a lane at a time, whoever asks, in the order they were made."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flask_messenger.models import Account, Message
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.outbox.claim import claim_heads, find_due, find_next_due, find_waiting
from flask_messenger.outbox.lane import lock_conversation
from flask_messenger.outbox.prepare import Preparer
from flask_messenger.outbox.runner import run_outbox
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support.app import PAGE_TOKEN


def claim(talk, *, now=None):
    """Return the id of the message that was claimed; None where none could be."""
    with system_scope("test"):
        found = claim_heads(talk.session, [talk.conversation_id], now=now or utc_now())
        talk.session.commit()
        return found[0].message_id if found else None


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


def test_heads_of_many_lanes_are_claimed_together(talk, factory):
    first, _ = talk.queue("one", "two")
    others = [factory.conversation(talk.account, last_inbound_at=utc_now()) for _ in range(3)]
    heads = [talk.compose("there", conversation_id=each.id).message.id for each in others]

    with system_scope("test"):
        lanes = [talk.conversation_id, *(each.id for each in others)]
        claimed = claim_heads(talk.session, lanes, now=utc_now())
        talk.session.commit()

    assert {each.message_id for each in claimed} == {first, *heads}


@pytest.mark.parametrize("status", ["needs_reauth", "error"])
def test_lane_of_an_account_that_cannot_send_is_not_claimed(talk, status):
    [message_id] = talk.queue("one")
    talk.change(Account, talk.account_id, status=status)

    assert claim(talk) is None
    assert talk.states(message_id) == ["queued"]


@pytest.mark.databases("postgresql")
def test_conversation_that_somebody_holds_is_passed_over(talk):
    [message_id] = talk.queue("one")
    with Session(state_of(talk.app).db.engine) as other, system_scope("test"):
        lock_conversation(other, talk.conversation_id)

        assert claim(talk) is None

    assert claim(talk) == message_id


def test_next_try_and_waiting_lanes_are_found(talk, factory):
    now = utc_now()
    first, _ = talk.queue("one", "two")
    talk.change(Message, first, next_attempt_at=now + timedelta(seconds=9))
    other = factory.conversation(talk.account, last_inbound_at=now)
    talk.compose("there", conversation_id=other.id)

    with system_scope("test"):
        waiting = find_waiting(talk.session, now=now, limit=9)
        due = find_due(talk.session, [talk.conversation_id, other.id, new_id()])
        next_due = find_next_due(talk.session, now=now)

    assert [each.conversation_id for each in waiting] == [other.id]
    assert due == {talk.conversation_id: now + timedelta(seconds=9), other.id: None}
    assert next_due == now + timedelta(seconds=9)


def test_account_with_many_lanes_leaves_room_for_another_workspace(talk, factory, new_talk):
    for _ in range(3):
        another = factory.conversation(talk.account)
        factory.message(another, direction="outbound", status="queued", external_id=None)
    other = new_talk(workspace_id="w2")
    other.compose("late", tenant_workspace_id="w2")

    with system_scope("test"):
        found = find_waiting(talk.session, now=utc_now(), limit=2)

    assert {each.workspace_id for each in found} == {"w1", "w2"}


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

    together(app, 4, lambda: run_outbox(app, until_idle=True, threads=0))
    talk.run()

    assert meta.texts == texts
    assert talk.states(*ids) == ["sent"] * 12


def test_dispatch_shows_neither_token_nor_text_nor_person(talk):
    talk.queue("the secret words")
    with system_scope("test"):
        [dispatch] = claim_heads(talk.session, [talk.conversation_id], now=utc_now())
        talk.session.commit()
    call = Preparer(talk.app).prepare(dispatch)

    assert call.token == PAGE_TOKEN
    for secret in (PAGE_TOKEN, "secret words", "v1.k1", "recipient_id"):
        assert secret not in repr(dispatch)
        assert secret not in repr(call)
