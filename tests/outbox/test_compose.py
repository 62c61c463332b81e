"""Queueing a message: everything that can be refused is refused before it is stored."""

import threading
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select

from flask_messenger.content import Media, Text
from flask_messenger.errors import (
    ConflictError,
    ContentError,
    InvalidRequestError,
    NotFoundError,
    PolicyError,
    TierError,
)
from flask_messenger.models import Account, Attachment, Conversation
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.outbox.compose import send_answer
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.outbox.conftest import switch_human_agent_on


def test_message_is_queued_with_what_colleagues_see_of_it(talk):
    composed = talk.compose(" Hello ", sent_by_ref="u1", sent_by_name="Sam Reyes")

    message = composed.message
    assert composed.created
    assert (message.status, message.direction, message.kind) == ("queued", "outbound", "text")
    assert (message.text, message.sent_by, message.sent_by_name) == ("Hello", "person", "Sam Reyes")
    assert message.external_id is None
    assert composed.change.ids == {
        "conversation_id": str(talk.conversation_id),
        "message_id": str(message.id),
        "account_id": str(talk.account_id),
        "location_id": "l1",
    }


def test_conversation_shows_the_queued_message_as_its_last(talk):
    message = talk.compose().message

    conversation = talk.row(Conversation, talk.conversation_id)
    assert conversation.last_message_id == message.id
    assert conversation.last_message_at == message.sent_at


def test_later_message_stays_the_last(talk):
    later = utc_now() + timedelta(minutes=1)
    talk.change(Conversation, talk.conversation_id, last_message_at=later, last_message_id=new_id())

    talk.compose()

    assert talk.row(Conversation, talk.conversation_id).last_message_at == later


def test_attachment_is_kept_with_type_and_address(talk):
    message = talk.compose(Media("image", "https://cdn.example/a.jpg")).message

    with system_scope("test"):
        attachment = talk.session.scalars(select(Attachment)).one()
    assert (attachment.message_id, attachment.position) == (message.id, 0)
    assert (attachment.type, attachment.url) == ("image", "https://cdn.example/a.jpg")
    assert (message.kind, message.text) == ("media", None)


def test_answer_of_the_send_route_has_what_is_promised(talk):
    composed = talk.compose()
    thread = composed.thread

    answer = send_answer(composed.message, thread.conversation, thread.identity, thread.account)

    assert answer == {
        "id": str(composed.message.id),
        "status": "queued",
        "message_id": None,
        "recipient_id": "7",
        "platform": "facebook",
        "conversation_id": str(talk.conversation_id),
        "used_message_tag": None,
    }


def test_person_can_be_written_to_by_account_and_id(talk):
    composed = talk.compose(account_id=talk.account_id, recipient_external_id="7")

    assert composed.message.conversation_id == talk.conversation_id


@pytest.mark.parametrize("place", ["nowhere", "half"])
def test_message_needs_somewhere_to_go(talk, place):
    values = {"conversation_id": None}
    if place == "half":
        values["recipient_external_id"] = "7"

    with pytest.raises(InvalidRequestError) as caught:
        talk.compose(**values)

    assert caught.value.field == "conversation_id"


def test_person_who_never_wrote_to_the_account_is_not_found(talk):
    with pytest.raises(NotFoundError):
        talk.compose(account_id=talk.account_id, recipient_external_id="8")


@pytest.mark.parametrize("known", [True, False])
def test_conversation_of_another_workspace_is_answered_like_one_that_does_not_exist(talk, known):
    conversation_id = talk.conversation_id if known else uuid.uuid4()

    with pytest.raises(NotFoundError) as caught:
        talk.compose(tenant_workspace_id="w2", conversation_id=conversation_id)

    assert str(caught.value) == "There is no such conversation."


def test_account_of_another_workspace_is_not_found(talk):
    with pytest.raises(NotFoundError):
        talk.compose(
            tenant_workspace_id="w2", account_id=talk.account_id, recipient_external_id="7"
        )


def test_conversation_of_a_location_one_does_not_see_is_not_found(talk):
    talk.compose(location_ids=frozenset({"l1"}))

    with pytest.raises(NotFoundError):
        talk.compose(location_ids=frozenset({"l2"}))
    with pytest.raises(NotFoundError):
        talk.compose(location_ids=frozenset())


def test_plan_without_the_channel_is_told_which_one_has_it(talk, host):
    host.plans["w1"] = "free"

    with pytest.raises(TierError) as caught:
        talk.compose()

    assert (caught.value.feature, caught.value.needed_plan) == ("facebook", "plus")
    assert len(talk.outbound) == 0


def test_disconnected_account_sends_nothing(talk):
    talk.change(Account, talk.account_id, status="disconnected")

    with pytest.raises(ConflictError, match="disconnected"):
        talk.compose()


def test_account_that_needs_a_reconnection_still_takes_messages(talk):
    talk.change(Account, talk.account_id, status="needs_reauth")

    assert talk.compose().message.status == "queued"


def test_too_long_a_text_is_never_stored(talk):
    with pytest.raises(ContentError):
        talk.compose("a" * 2001)

    assert len(talk.outbound) == 0


def test_closed_window_refuses_and_says_what_can_be_done(new_talk):
    talk = new_talk(last_inbound_at=utc_now() - timedelta(hours=25))

    with pytest.raises(PolicyError) as caught:
        talk.compose()

    assert caught.value.reason == "human_agent_off"
    assert "switches on" in caught.value.remedy
    assert len(talk.outbound) == 0


def test_person_who_never_wrote_cannot_be_written_to(new_talk):
    talk = new_talk(last_inbound_at=None)

    with pytest.raises(PolicyError) as caught:
        talk.compose()

    assert caught.value.reason == "never_wrote"


def test_window_closes_a_margin_early(new_talk):
    talk = new_talk(last_inbound_at=utc_now() - timedelta(hours=24, seconds=-30))

    with pytest.raises(PolicyError):
        talk.compose()


def test_person_answers_within_seven_days_where_switched_on(new_talk):
    talk = new_talk(last_inbound_at=utc_now() - timedelta(days=3))
    switch_human_agent_on(talk)

    assert talk.compose().message.tag == "HUMAN_AGENT"
    with pytest.raises(PolicyError) as caught:
        talk.compose(sender="bot")
    assert caught.value.reason == "bot_window_closed"


def test_switch_of_another_workspace_changes_nothing(new_talk):
    talk = new_talk(last_inbound_at=utc_now() - timedelta(days=3))
    switch_human_agent_on(talk, "w2")

    with pytest.raises(PolicyError):
        talk.compose()


def test_same_key_and_content_is_the_same_message(talk):
    first = talk.compose("hello", idempotency_key="k1")
    again = talk.compose("hello ", idempotency_key="k1")

    assert (first.created, again.created) == (True, False)
    assert first.message.id == again.message.id
    assert len(talk.outbound) == 1


def test_same_key_is_answered_even_after_the_window_closed(talk):
    first = talk.compose("hello", idempotency_key="k1")
    talk.change(Conversation, talk.conversation_id, last_inbound_at=utc_now() - timedelta(days=9))

    assert talk.compose("hello", idempotency_key="k1").message.id == first.message.id


@pytest.mark.parametrize(
    "other", [Text("other"), Media("image", "https://cdn.example/a.jpg")], ids=["text", "media"]
)
def test_same_key_for_another_message_is_refused(talk, other):
    talk.compose("hello", idempotency_key="k1")

    with pytest.raises(ConflictError, match="another message"):
        talk.compose(other, idempotency_key="k1")


def test_same_key_for_another_conversation_is_refused(talk, new_talk):
    talk.compose("hello", idempotency_key="k1")
    other = new_talk()

    with pytest.raises(ConflictError):
        other.compose("hello", idempotency_key="k1")


def test_key_belongs_to_its_workspace(talk, new_talk):
    talk.compose("hello", idempotency_key="k1")
    other = new_talk(workspace_id="w2")

    assert other.compose("hello", idempotency_key="k1", tenant_workspace_id="w2").created


@pytest.mark.parametrize("key", ["", "a" * 256, "a\x00b", "a\nb"])
def test_malformed_key_names_its_field(talk, key):
    with pytest.raises(InvalidRequestError) as caught:
        talk.compose(idempotency_key=key)

    assert caught.value.field == "idempotency_key"


def test_key_used_by_many_at_once_makes_one_message(talk, app):
    start = threading.Barrier(6)
    made, errors = [], []

    def send():
        with app.app_context():
            try:
                start.wait()
                made.append(talk.compose("hello", idempotency_key="k1"))
            except Exception as error:  # noqa: BLE001 - shown by the assertion
                errors.append(error)
            finally:
                state_of(app).db.session.remove()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert sorted(each.created for each in made) == [False] * 5 + [True]
    assert len(talk.outbound) == 1


def test_quoted_message_is_one_of_the_conversation(talk, factory):
    quoted = factory.message(talk.conversation, external_id="m_asked")
    elsewhere = factory.message(factory.conversation(talk.account), external_id="m_elsewhere")

    assert talk.compose(reply_to_external_id=quoted.external_id).message.reply_to_external_id
    for unknown in (elsewhere.external_id, "m_none"):
        with pytest.raises(InvalidRequestError) as caught:
            talk.compose(reply_to_external_id=unknown)
        assert caught.value.field == "reply_to"


def test_ids_of_messages_sort_by_the_time_they_were_made():
    ids = [new_id() for _ in range(2000)]

    assert ids == sorted(ids)
