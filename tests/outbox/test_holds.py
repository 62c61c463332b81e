"""Messages that wait because the thread is another app's, or our settings are wrong."""

from datetime import timedelta

import pytest

from flask_messenger.channels.sending import ThreadControl
from flask_messenger.events import UNNAMED
from flask_messenger.models import Conversation, Message
from flask_messenger.models.base import utc_now
from flask_messenger.outbox.extras import Extras
from flask_messenger.outbox.holds import release_held
from flask_messenger.outbox.ownership import PAGE_INBOX
from flask_messenger.tenancy import system_scope


def release(talk):
    with system_scope("test"):
        released = release_held(talk.session, [talk.conversation_id], now=utc_now())
        talk.session.commit()
        return released


def take_thread(talk, app_id=PAGE_INBOX, **values):
    values = {"thread_owner_app_id": app_id, "thread_owner_at": utc_now()} | values
    talk.change(Conversation, talk.conversation_id, **values)


@pytest.mark.parametrize(("code", "subcode"), [(10, 2018300), (100, 2018321), (100, 2534037)])
def test_message_refused_for_the_threads_owner_is_held_and_not_failed(talk, meta, code, subcode):
    (message_id,) = talk.queue("hello")
    for _ in range(8):  # more often than a message is tried
        meta.refuse(code, subcode)
        talk.run()
        talk.change(Message, message_id, next_attempt_at=None)

    message = talk.message(message_id)
    assert (message.status, message.error_slug) == ("queued", "graph_thread_taken")
    assert (message.error_code, message.error_subcode) == (code, subcode)
    assert message.attempts == 0
    assert len(meta.asked) == 8


def test_refusal_tells_that_the_thread_is_another_apps_for_a_while(talk, meta):
    talk.queue("hello")
    meta.refuse(10, 2018300)

    talk.run()

    conversation = talk.row(Conversation, talk.conversation_id)
    assert conversation.thread_owner_app_id == UNNAMED
    assert utc_now() < conversation.thread_owner_until < utc_now() + timedelta(minutes=6)


def test_refusal_tells_that_a_thread_that_was_ours_is_so_no_more(talk, meta):
    talk.queue("hello")
    take_thread(talk, "4242")
    meta.refuse(10, 2018300)

    talk.run()

    assert talk.row(Conversation, talk.conversation_id).thread_owner_app_id == UNNAMED


def test_message_that_went_out_after_all_frees_those_behind_it(talk):
    ids = talk.queue("one", "two")
    take_thread(talk)
    talk.run()
    talk.change(Message, ids[0], next_attempt_at=None)

    talk.run()

    assert talk.states(*ids) == ["sent", "sent"]
    assert talk.row(Conversation, talk.conversation_id).thread_owner_app_id == ""


@pytest.mark.parametrize(
    ("control", "owner"),
    [
        (ThreadControl(control_type="pass", app_id=PAGE_INBOX), PAGE_INBOX),
        (ThreadControl(control_type="pass"), UNNAMED),
        (ThreadControl(control_type="release"), ""),
    ],
)
def test_message_that_hands_the_thread_over_is_the_last_of_ours(talk, meta, control, owner):
    take_thread(talk, "4242")
    talk.compose("goodbye", extras=Extras(thread_control=control))
    (next_id,) = talk.queue("one more")

    talk.run()

    assert talk.row(Conversation, talk.conversation_id).thread_owner_app_id == owner
    assert talk.message(next_id).error_slug == (None if owner == "" else "graph_thread_taken")
    assert meta.texts == (["goodbye", "one more"] if owner == "" else ["goodbye"])


def test_refusal_leaves_the_owner_that_meta_named(talk, meta):
    talk.queue("hello")
    take_thread(talk, thread_owner_at=utc_now() - timedelta(days=2))  # control has ended since
    talk.change(Conversation, talk.conversation_id, last_inbound_at=utc_now() - timedelta(hours=23))
    take_thread(talk, "77")
    talk.run()
    meta.refuse(10, 2018300)
    talk.change(Message, talk.outbound[0].id, next_attempt_at=None)

    talk.run()

    assert len(meta.asked) == 1
    assert talk.row(Conversation, talk.conversation_id).thread_owner_app_id == "77"


def test_message_waits_unasked_while_meta_named_another_owner(talk, meta):
    (message_id,) = talk.queue("hello")
    take_thread(talk)

    talk.run()

    message = talk.message(message_id)
    assert meta.asked == []
    assert (message.status, message.error_slug) == ("queued", "graph_thread_taken")
    assert message.next_attempt_at > utc_now()


def test_held_message_asks_meta_later_since_a_release_is_told_to_nobody(talk, meta):
    (message_id,) = talk.queue("hello")
    take_thread(talk)
    talk.run()

    talk.change(Message, message_id, next_attempt_at=None)
    talk.run()

    message = talk.message(message_id)
    assert meta.texts == ["hello"]
    assert (message.status, message.error_slug) == ("sent", None)


def test_what_was_held_goes_in_its_order_when_the_thread_is_ours(talk, meta):
    ids = talk.queue("one", "two")
    take_thread(talk)
    talk.run()

    take_thread(talk, "4242")
    assert release(talk) == {talk.conversation_id}
    talk.run()

    assert meta.texts == ["one", "two"]
    assert talk.states(*ids) == ["sent", "sent"]
    assert release(talk) == set()


def test_held_message_fails_when_its_window_closes(talk):
    (message_id,) = talk.queue("hello")
    take_thread(talk)
    talk.run()
    talk.change(Conversation, talk.conversation_id, last_inbound_at=utc_now() - timedelta(days=8))
    talk.change(Message, message_id, next_attempt_at=None)

    talk.run()

    assert talk.message(message_id).status == "failed"
    assert talk.message(message_id).error_slug == "window_closed"


@pytest.mark.parametrize(
    ("code", "text"),
    [(104, "no"), (100, "Invalid appsecret_proof provided in the API argument")],
)
def test_wrong_secret_of_ours_holds_messages_until_it_is_mended(talk, meta, code, text):
    (message_id,) = talk.queue("hello")
    for _ in range(8):
        meta.refuse(code, message=text)
        talk.run()
        talk.change(Message, message_id, next_attempt_at=None)
    message = talk.message(message_id)
    assert (message.status, message.error_slug) == ("queued", "graph_configuration")

    talk.run()

    assert talk.states(message_id) == ["sent"]


def test_message_of_a_bot_fails_where_a_person_has_begun_to_answer(talk, meta):
    message_id = talk.compose("automatic", sender="bot").message.id
    talk.change(Conversation, talk.conversation_id, bot_paused_until=utc_now() + timedelta(hours=1))

    talk.run()

    assert meta.asked == []
    assert talk.message(message_id).error_slug == "bot_paused"
