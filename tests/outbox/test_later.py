"""Messages that are put off, and messages that are taken back."""

import threading
from datetime import timedelta

import pytest

from flask_messenger.errors import ConflictError, InvalidRequestError
from flask_messenger.hooks import Tenant
from flask_messenger.models import AuditEntry, Conversation, Message
from flask_messenger.models.base import new_id, new_id_at, utc_now
from flask_messenger.outbox.claim import claim_heads
from flask_messenger.outbox.reconcile import cancel_message
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.support.ingest import rows

AGENT = Tenant(workspace_id="w1", user_id="u1", permissions=frozenset({"reply"}))


def come(talk, message_id):
    """Let the time of a message that was put off come."""
    past = utc_now() - timedelta(seconds=1)
    talk.change(Message, message_id, send_at=past, next_attempt_at=past)


def cancel(talk, message_id):
    with workspace_scope("w1"):
        try:
            cancel_message(talk.session, tenant=AGENT, message_id=message_id, now=utc_now())
            talk.session.commit()
        except ConflictError:
            talk.session.rollback()
            raise


def test_message_waits_for_its_time_and_holds_no_other(talk, meta):
    later = talk.compose("later", send_at=utc_now() + timedelta(hours=1)).message.id
    [now_id] = talk.queue("now")

    talk.run()

    assert talk.states(later, now_id) == ["queued", "sent"]
    come(talk, later)
    talk.run()
    assert meta.texts == ["now", "later"]
    assert talk.states(later) == ["sent"]


def test_messages_go_out_in_the_order_of_their_times(talk, meta):
    now = utc_now()
    second = talk.compose("second", send_at=now + timedelta(hours=2)).message.id
    first = talk.compose("first", send_at=now + timedelta(hours=1)).message.id

    come(talk, first)
    come(talk, second)
    talk.run()

    assert meta.texts == ["first", "second"]


def test_id_of_a_later_message_sorts_by_its_time():
    now = utc_now()

    assert new_id() < new_id_at(now + timedelta(seconds=5)) < new_id_at(now + timedelta(days=9))


def test_thread_is_summed_up_without_what_is_for_later(talk):
    before = talk.row(Conversation, talk.conversation_id).last_message_id

    talk.compose("later", send_at=utc_now() + timedelta(hours=1))

    assert talk.row(Conversation, talk.conversation_id).last_message_id == before


def test_policy_is_asked_again_when_the_time_has_come(talk, meta):
    composed = talk.compose("later", send_at=utc_now() + timedelta(days=2))
    message_id = composed.message.id
    talk.change(Conversation, talk.conversation_id, last_inbound_at=utc_now() - timedelta(days=2))

    come(talk, message_id)
    talk.run()

    message = talk.message(message_id)
    assert composed.will_be_closed
    assert (message.status, message.error_slug) == ("failed", "window_closed")
    assert meta.asked == []


@pytest.mark.parametrize("away", [timedelta(0), timedelta(days=366)])
def test_time_that_cannot_be_is_refused(talk, away):
    now = utc_now()

    with pytest.raises(InvalidRequestError) as caught:
        talk.compose("later", send_at=now + away, now=now)

    talk.session.rollback()
    assert caught.value.field == "send_at"


def test_cancelled_message_never_goes_out(talk, meta):
    later = talk.compose("later", send_at=utc_now() + timedelta(hours=1)).message.id
    [waiting] = talk.queue("waiting")

    for message_id in (later, waiting):
        cancel(talk, message_id)
    talk.run()

    assert talk.states(later, waiting) == ["cancelled", "cancelled"]
    assert meta.asked == []
    assert talk.row(Conversation, talk.conversation_id).last_message_id not in {later, waiting}
    assert [each.action for each in rows(talk.app, AuditEntry)] == ["message_cancelled"] * 2


@pytest.mark.parametrize("status", ["sending", "sent", "failed", "unknown", "cancelled"])
def test_what_is_not_queued_cannot_be_cancelled(talk, status):
    [message_id] = talk.queue("one")
    talk.change(Message, message_id, status=status)

    with pytest.raises(ConflictError, match="too late"):
        cancel(talk, message_id)

    assert talk.states(message_id) == [status]


def test_of_cancelling_and_claiming_exactly_one_wins(talk):
    for _ in range(8):
        [message_id] = talk.queue("one")
        won = race(talk, message_id)

        assert len(won) == 1
        assert talk.states(message_id) == ["cancelled" if won == ["cancel"] else "sending"]
        talk.change(Message, message_id, status="cancelled", sending_since=None)


def race(talk, message_id):
    """Cancel and claim a message at once; return who had it."""
    start = threading.Barrier(2)
    won = []

    def claim():
        for _ in range(200):
            # One that finds the conversation held comes back, as the runner does.
            found = claim_heads(talk.session, [talk.conversation_id], now=utc_now())
            talk.session.commit()
            if found:
                won.append("claim")
                return
            if won:
                return

    def take_back():
        try:
            cancel(talk, message_id)
        except ConflictError:
            return
        won.append("cancel")

    def run(work):
        with talk.app.app_context(), system_scope("test"):
            start.wait()
            try:
                work()
            finally:
                state_of(talk.app).db.session.remove()

    talk.session.rollback()
    threads = [threading.Thread(target=run, args=(work,)) for work in (claim, take_back)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won
