"""Who waits for whom in the database: conversations first, their messages then."""

import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from flask_messenger.hooks import Tenant
from flask_messenger.models import Conversation, Message
from flask_messenger.models.base import utc_now
from flask_messenger.outbox import reconcile, records
from flask_messenger.outbox.claim import claim_heads
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope

pytestmark = pytest.mark.databases("postgresql")

AGENT = Tenant(workspace_id="w1", user_id="u1", permissions=frozenset({"reply"}))
SECONDS = 10


def claim(talk):
    """Take the first message of the lane as a worker does."""
    with system_scope("test"):
        [dispatch] = claim_heads(talk.session, [talk.conversation_id], now=utc_now())
        talk.session.commit()
        return dispatch


@contextmanager
def other_session(app):
    """Give another connection to the same database: somebody who applies deliveries."""
    with system_scope("test"), Session(state_of(app).db.engine) as session:
        yield session


def run_against(talk, message_id, write):
    """Run `write` while another session holds the conversation and then wants the message.

    That session asks for the message without waiting: it fails where `write` took it first.
    """

    def run():
        with talk.app.app_context(), system_scope("test"):
            try:
                write(state_of(talk.app).db.session)
            finally:
                state_of(talk.app).db.session.remove()

    thread = threading.Thread(target=run)
    talk.session.rollback()
    with other_session(talk.app) as session:
        lock = select(Conversation.id).where(Conversation.id == talk.conversation_id)
        session.execute(lock.with_for_update())
        thread.start()
        wait_for_waiter(session)
        wanted = select(Message.id).where(Message.id == message_id)
        session.execute(wanted.with_for_update(nowait=True))
        session.commit()
    thread.join(SECONDS)
    assert not thread.is_alive()


def wait_for_waiter(session):
    ends_at = time.monotonic() + SECONDS
    # Not pg_stat_activity: within a transaction that never changes.
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while session.scalar(waiting) == 0:
        assert time.monotonic() < ends_at, "nobody waits for the conversation"
        time.sleep(0.02)


def test_answer_of_meta_waits_for_whoever_has_the_conversation(talk):
    [message_id] = talk.queue("hello")
    dispatch = claim(talk)

    run_against(
        talk,
        message_id,
        lambda session: records.record_sent(
            session, dispatch, external_id="m_1", tag=None, now=utc_now()
        ),
    )

    assert talk.states(message_id) == ["sent"]


def test_answer_that_is_merged_with_its_echo_waits_too(talk, factory):
    [message_id] = talk.queue("hello")
    dispatch = claim(talk)
    factory.message(talk.conversation, direction="outbound", status="delivered", external_id="m_1")

    run_against(
        talk,
        message_id,
        lambda session: records.record_sent(
            session, dispatch, external_id="m_1", tag=None, now=utc_now()
        ),
    )

    assert talk.states(message_id) == ["delivered"]
    assert len(talk.outbound) == 1


@pytest.mark.parametrize(
    ("decision", "status"), [("discard_message", "discarded"), ("mark_as_sent", "sent")]
)
def test_decision_of_a_person_waits_for_whoever_has_the_conversation(talk, decision, status):
    [message_id] = talk.queue("hello")
    talk.change(Message, message_id, status="unknown")

    def decide(session):
        getattr(reconcile, decision)(session, tenant=AGENT, message_id=message_id, now=utc_now())
        session.commit()

    run_against(talk, message_id, decide)

    assert talk.states(message_id) == [status]


def test_message_that_is_being_settled_is_not_given_up(talk):
    [message_id] = talk.queue("hello")
    claim(talk)
    now = utc_now()
    with other_session(talk.app) as session, system_scope("test"):
        session.execute(select(Message.id).where(Message.id == message_id).with_for_update())
        held = reconcile.give_up_unanswered(
            talk.session, before=now + timedelta(minutes=1), now=now
        )
        talk.session.commit()
        session.rollback()
        free = reconcile.give_up_unanswered(
            talk.session, before=now + timedelta(minutes=1), now=now
        )
        talk.session.commit()

    assert held == []
    assert [each.message_id for each in free] == [message_id]
