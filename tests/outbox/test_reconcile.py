"""What nobody answered for, and what a person decides about it."""

import uuid
from datetime import timedelta

import pytest

from flask_messenger.errors import ConflictError, NotFoundError, PolicyError, TierError
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, AuditEntry, Conversation, Message
from flask_messenger.models.base import utc_now
from flask_messenger.outbox import reconcile
from flask_messenger.state import state_of
from flask_messenger.tenancy import workspace_scope
from tests.outbox.conftest import READ_TIMEOUT
from tests.support.ingest import drain, rows
from tests.support.meta import delivery, echo, entry, post

AGENT = Tenant(workspace_id="w1", user_id="u1", permissions=frozenset({"reply"}))
LONG_AGO = timedelta(minutes=5)


def leave_unanswered(talk, meta, *texts):
    """Queue messages; the first goes out and gets no answer."""
    meta.fail(READ_TIMEOUT)
    ids = talk.queue(*texts)
    talk.run()
    return ids


def age(talk, message_id):
    talk.change(Message, message_id, sending_since=utc_now() - LONG_AGO)


def make_unknown(talk, meta, *texts):
    ids = leave_unanswered(talk, meta, *texts)
    age(talk, ids[0])
    reconcile.sweep(talk.app)
    return ids


def make_failed(talk, meta, text="hello"):
    meta.refuse(100)
    [message_id] = talk.queue(text)
    talk.run()
    return message_id


def decide(talk, decision, message_id, *, tenant=AGENT):
    values = {"tenant": tenant, "message_id": message_id, "now": utc_now()}
    arguments = [talk.session]
    if decision == "retry_message":
        arguments.append(state_of(talk.app))
    with workspace_scope(tenant.workspace_id):
        message = getattr(reconcile, decision)(*arguments, **values)
        talk.session.commit()
        return message


def test_unanswered_message_becomes_unknown_and_the_lane_goes_on(talk, meta, heard, pages):
    first, second = leave_unanswered(talk, meta, "one", "two")
    age(talk, first)
    pages()

    assert reconcile.sweep(talk.app) == 1
    talk.run()

    assert talk.states(first, second) == ["unknown", "sent"]
    assert meta.texts == ["one", "two"]
    assert (heard[0][1]["message_id"], heard[0][1]["status"]) == (first, "unknown")
    assert heard[0][1]["kind"] == "text"
    assert [each["message_id"] for each in pages()] == [str(first), str(second)]


def test_answer_may_still_come_for_a_while(talk, meta):
    [message_id] = leave_unanswered(talk, meta, "one")

    assert reconcile.sweep(talk.app) == 0
    assert talk.states(message_id) == ["sending"]


def test_echo_settles_what_was_unknown(talk, meta, client):
    [message_id] = make_unknown(talk, meta, "one")
    page = talk.account.external_id

    event = echo(page, "7", "one", mid="m_1", metadata=f"fm:{message_id}")
    post(client, delivery(entry(page, event)))
    drain(talk.app)

    message = talk.message(message_id)
    assert (message.status, message.external_id) == ("sent", "m_1")


def test_failed_message_is_sent_after_a_retry(talk, meta):
    message_id = make_failed(talk, meta)

    message = decide(talk, "retry_message", message_id)

    assert (message.status, message.attempts, message.error_slug) == ("queued", 0, None)
    talk.run()
    assert talk.states(message_id) == ["sent"]
    assert talk.message(message_id).error_code is None


def test_unknown_message_is_sent_again_only_by_a_persons_decision(talk, meta):
    [message_id] = make_unknown(talk, meta, "one")
    talk.run()
    assert meta.texts == ["one"]

    decide(talk, "retry_message", message_id)
    talk.run()

    assert meta.texts == ["one", "one"]
    assert talk.states(message_id) == ["sent"]


def test_discarded_message_is_gone_from_the_summary(talk, meta):
    message_id = make_failed(talk, meta)

    decide(talk, "discard_message", message_id)

    assert talk.states(message_id) == ["discarded"]
    assert talk.row(Conversation, talk.conversation_id).last_message_id != message_id
    talk.run()
    assert len(meta.asked) == 1


def test_unknown_message_a_person_saw_arrive_is_sent(talk, meta):
    [message_id] = make_unknown(talk, meta, "one")

    assert decide(talk, "mark_as_sent", message_id).status == "sent"


def test_what_a_person_saw_arrive_is_read_where_the_thread_was_read(talk, meta):
    [message_id] = make_unknown(talk, meta, "one")
    talk.change(Message, message_id, error_slug="graph_timeout", error_code=1, error_subcode=2)
    later = utc_now() + timedelta(seconds=5)
    talk.change(Conversation, talk.conversation_id, read_until=later)

    assert decide(talk, "mark_as_sent", message_id).status == "read"

    message = talk.message(message_id)
    assert (message.sending_since, message.next_attempt_at) == (None, None)
    assert (message.error_slug, message.error_code, message.error_subcode) == (None, None, None)


def test_decisions_are_audited(talk, meta):
    message_id = make_failed(talk, meta, "the secret words")

    decide(talk, "discard_message", message_id)

    [entry_] = rows(talk.app, AuditEntry)
    assert (entry_.actor, entry_.action) == ("u1", "message_discarded")
    assert (entry_.subject, entry_.details) == (str(message_id), {"before": "failed"})


@pytest.mark.parametrize("decision", ["retry_message", "discard_message", "mark_as_sent"])
def test_message_that_needs_no_decision_takes_none(talk, decision):
    [message_id] = talk.queue("one")

    with pytest.raises(ConflictError, match="queued"):
        decide(talk, decision, message_id)


def test_failed_message_did_not_arrive(talk, meta):
    message_id = make_failed(talk, meta)

    with pytest.raises(ConflictError, match="failed"):
        decide(talk, "mark_as_sent", message_id)


@pytest.mark.parametrize("decision", ["retry_message", "discard_message", "mark_as_sent"])
@pytest.mark.parametrize(
    "tenant",
    [
        Tenant(workspace_id="w2", user_id="u9"),
        Tenant(workspace_id="w1", user_id="u8", location_ids=frozenset({"l2"})),
    ],
    ids=["workspace", "location"],
)
def test_message_one_does_not_see_is_answered_like_one_that_does_not_exist(
    talk, meta, decision, tenant
):
    message_id = make_failed(talk, meta)

    for each in (message_id, uuid.uuid4()):
        with pytest.raises(NotFoundError, match="There is no such message"):
            decide(talk, decision, each, tenant=tenant)
        talk.session.rollback()
    assert talk.states(message_id) == ["failed"]


def test_received_message_takes_no_decision(talk):
    [received] = rows(talk.app, Message, direction="inbound")

    with pytest.raises(ConflictError):
        decide(talk, "discard_message", received.id)


def test_retry_asks_policy_plan_and_connection_again(talk, meta, host):
    message_id = make_failed(talk, meta)

    host.plans["w1"] = "free"
    with pytest.raises(TierError):
        decide(talk, "retry_message", message_id)
    host.plans["w1"] = "pro"
    talk.change(Account, talk.account_id, status="disconnected")
    with pytest.raises(ConflictError):
        decide(talk, "retry_message", message_id)
    talk.change(Account, talk.account_id, status="active")
    talk.change(Conversation, talk.conversation_id, last_inbound_at=utc_now() - timedelta(days=8))
    with pytest.raises(PolicyError):
        decide(talk, "retry_message", message_id)
    assert talk.states(message_id) == ["failed"]
