"""Every content, from the request over the row to what Graph is asked, on both channels."""

import json
import re
from datetime import timedelta

import pytest
import responses
from sqlalchemy import func, select

from flask_messenger.channels.sending import ThreadControl
from flask_messenger.content import Text, UtilityTemplate, content_from_json
from flask_messenger.errors import ConflictError, ContentError, InvalidRequestError, PolicyError
from flask_messenger.models import Attachment, Conversation, Message, Persona, Template
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.outbox.actions import send_action
from flask_messenger.outbox.extras import Extras
from flask_messenger.tenancy import system_scope
from tests.outbox.conftest import Talk, switch_human_agent_on
from tests.support.app import GRAPH_URL, INSTAGRAM_GRAPH_URL
from tests.support.ingest import rows

pytestmark = pytest.mark.databases("postgresql")

URL = "https://cdn.example/a.jpg"
BUTTON = {"type": "web_url", "title": "Shop", "url": "https://shop.example/"}
ELEMENT = {"title": "Vase", "subtitle": "Blue", "buttons": [BUTTON]}
QUESTION = {"id": "q1", "type": "csat", "title": "How was it?"}
BOTH = [
    {"kind": "text", "text": "hello"},
    {"kind": "media", "type": "image", "url": URL},
    {"kind": "media", "type": "video", "url": "https://cdn.example/a.mp4"},
    {"kind": "media", "type": "audio", "attachment_id": "185"},
    {"kind": "media", "type": "file", "url": "https://cdn.example/a.pdf"},
    {"kind": "images", "images": [{"url": URL}, {"attachment_id": "186"}]},
    {
        "kind": "quick_replies",
        "text": "Which?",
        "replies": [{"title": "Red", "payload": "R"}, {"title": "Blue", "payload": "B"}],
    },
    {"kind": "button_template", "text": "Look", "buttons": [BUTTON]},
    {"kind": "generic_template", "elements": [ELEMENT]},
    {"kind": "product_template", "product_ids": ["1"]},
]
MESSENGER = [
    {"kind": "sticker", "sticker_id": "369239263222822"},
    {"kind": "coupon_template", "title": "10 % off", "coupon_code": "TEN"},
    {
        "kind": "customer_information_template",
        "countries": ["US"],
        "privacy_url": "https://shop.example/privacy",
    },
]
INSTAGRAM = [{"kind": "heart"}, {"kind": "shared_post", "post_id": "178"}]


@pytest.fixture
def instagram(app, factory, meta):
    return Talk(app, factory, meta, channel="instagram", page_external_id="1001")


def name_of(content):
    return content["kind"] if isinstance(content, dict) else None


def send(talk, content, **values):
    made = content_from_json(content) if isinstance(content, dict) else content
    message_id = talk.compose(made, **values).message.id
    talk.run()
    return talk.message(message_id)


@pytest.mark.parametrize("content", BOTH + MESSENGER, ids=name_of)
def test_every_content_of_messenger_goes_through_the_outbox_as_it_was_given(talk, meta, content):
    made = content_from_json(content)

    message = send(talk, made)

    assert (message.status, message.kind) == ("sent", content["kind"])
    assert message.text == made.words
    [asked] = meta.asked
    assert asked["message"].pop("metadata") == f"fm:{message.id}"
    assert asked["message"]


@pytest.mark.parametrize("content", BOTH + INSTAGRAM, ids=name_of)
def test_every_content_of_instagram_goes_through_its_page(instagram, meta, content):
    message = send(instagram, content)

    assert message.status == "sent"
    assert meta.mock.calls[0].request.path_url.startswith("/v25.0/1001/messages")
    assert meta.asked[0]["recipient"] == {"id": "7"}


@pytest.mark.parametrize("content", MESSENGER, ids=name_of)
def test_what_instagram_lacks_is_refused_before_anything_is_stored(instagram, content):
    with pytest.raises(ContentError):
        send(instagram, content)
    instagram.session.rollback()

    assert instagram.outbound == []


def test_account_of_instagrams_own_login_sends_by_its_own_host(app, factory, meta):
    talk = Talk(app, factory, meta, channel="instagram", external_id="1784", login="instagram")
    url = re.compile(re.escape(INSTAGRAM_GRAPH_URL) + r"/v25\.0/1784/messages")
    meta.mock.add_callback(responses.POST, url, callback=meta.answer)

    message = send(talk, Text("hello"))

    assert message.status == "sent"
    assert "appsecret_proof" not in meta.mock.calls[0].request.url


def add_persona(talk, **values):
    with system_scope("test"):
        talk.session.add(
            Persona(
                id=new_id(), workspace_id="w1", account_id=talk.account_id, name="Ida", **values
            )
        )
        talk.session.commit()


@pytest.mark.covers("facebook", "do:persona")
def test_agents_message_carries_their_persona_and_a_bots_does_not(talk, meta):
    add_persona(talk, external_id="55", user_ref="u2")

    talk.compose("automatic", sender="bot", sent_by_ref="u2")
    talk.compose("hello", sent_by_ref="u2")
    talk.compose("hello", sent_by_ref="u3")
    talk.change(Conversation, talk.conversation_id, bot_paused_until=None)
    talk.run()

    assert [each.get("persona_id") for each in meta.asked] == [None, "55", None]
    with pytest.raises(InvalidRequestError) as caught:
        talk.compose("hello", extras=Extras(persona_id="99"))
    assert caught.value.field == "persona_id"


def test_same_request_is_the_same_whoever_signs_by_now(talk):
    first = talk.compose("hello", sent_by_ref="u2", idempotency_key="k")
    add_persona(talk, external_id="55", user_ref="u2")

    again = talk.compose("hello", sent_by_ref="u2", idempotency_key="k")

    assert (again.message.id, again.created) == (first.message.id, False)
    with pytest.raises(ConflictError):
        talk.compose("goodbye", sent_by_ref="u2", idempotency_key="k")


def test_message_whose_persona_is_gone_goes_out_unsigned(talk, meta):
    add_persona(talk, external_id="55", user_ref="u2")
    message_id = talk.compose("hello", sent_by_ref="u2").message.id
    meta.refuse(100)

    talk.run()

    assert [each.get("persona_id") for each in meta.asked] == ["55", None]
    assert meta.texts == ["hello", "hello"]
    assert talk.states(message_id) == ["sent"]


@pytest.mark.parametrize(
    ("code", "subcode", "asked"), [(100, None, 2), (100, 2018320, 1), (551, None, 1), (2, None, 1)]
)
def test_other_refusals_of_a_signed_message_stay(talk, meta, code, subcode, asked):
    add_persona(talk, external_id="55", user_ref="u2")
    message_id = talk.compose("hello", sent_by_ref="u2").message.id
    meta.refuse(code, subcode)
    meta.refuse(code, subcode)

    talk.run()

    assert len(meta.asked) == asked
    assert talk.message(message_id).status != "sent"


@pytest.mark.covers("facebook", "do:typing_on", "do:mark_seen")
@pytest.mark.covers("instagram", "do:typing_on", "do:mark_seen")
@pytest.mark.parametrize("channel", ["facebook", "instagram"])
def test_typing_and_seen_are_shown_on_both_channels(app, factory, meta, channel):
    talk = Talk(app, factory, meta, channel=channel, page_external_id="1001")

    shown = [send_action(app, talk.conversation_id, each) for each in ("typing_on", "mark_seen")]

    assert shown == [True, True]
    assert [each["sender_action"] for each in meta.asked] == ["typing_on", "mark_seen"]


@pytest.mark.parametrize(
    "values", [{"kind": "comments"}, {"thread_owner_app_id": "77", "thread_owner_at": utc_now()}]
)
def test_nothing_is_shown_under_a_post_or_in_anothers_thread(talk, meta, values):
    talk.change(Conversation, talk.conversation_id, **values)

    assert not send_action(talk.app, talk.conversation_id, "typing_on")
    assert meta.asked == []


@pytest.mark.covers("facebook", "do:reply_to")
def test_what_goes_beside_the_content_reaches_meta(talk, meta, factory):
    factory.message(talk.conversation, external_id="m_before")
    add_persona(talk, external_id="55")
    extras = Extras(
        persona_id="55",
        notification_type="SILENT_PUSH",
        thread_control=ThreadControl(control_type="pass", app_id="263902037430900"),
    )

    send(talk, Text("hello"), extras=extras, reply_to_external_id="m_before")

    asked = meta.asked[0]
    assert asked["persona_id"] == "55"
    assert asked["notification_type"] == "SILENT_PUSH"
    assert asked["thread_control"] == {"control_type": "pass", "app_id": "263902037430900"}
    assert asked["reply_to"] == {"mid": "m_before"}


@pytest.mark.covers("facebook", "do:human_agent")
@pytest.mark.covers("instagram", "do:human_agent")
@pytest.mark.parametrize("channel", ["facebook", "instagram"])
def test_late_answer_of_a_person_goes_out_with_its_tag(app, factory, meta, channel):
    talk = Talk(
        app,
        factory,
        meta,
        channel=channel,
        page_external_id="1001",
        last_inbound_at=utc_now() - timedelta(days=3),
    )
    switch_human_agent_on(talk)

    message = send(talk, Text("late"))

    assert message.tag == "HUMAN_AGENT"
    assert (meta.asked[0]["messaging_type"], meta.asked[0]["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")


FEEDBACK = {
    "kind": "feedback_template",
    "title": "How was it?",
    "subtitle": "Tell us",
    "button_title": "Rate",
    "question": QUESTION,
    "privacy_url": "https://shop.example/privacy",
}
UTILITY = {"kind": "utility_template", "name": "order_update", "language": "en"}


def test_survey_goes_out_with_its_own_tag_after_a_day(new_talk, meta):
    talk = new_talk(last_inbound_at=utc_now() - timedelta(days=3))

    message = send(talk, FEEDBACK, sender="bot")

    assert message.tag == "CUSTOMER_FEEDBACK"
    assert meta.asked[0]["tag"] == "CUSTOMER_FEEDBACK"


@pytest.mark.parametrize(
    ("status", "fits"),
    [("approved", True), (None, True), ("pending", False), ("paused", False), ("deleted", False)],
)
def test_template_that_meta_did_not_approve_is_refused_at_once(talk, status, fits):
    if status is not None:
        template = {"name": "order_update", "language": "en", "status": status, "kind": "utility"}
        with system_scope("test"):
            talk.session.add(
                Template(
                    id=new_id(),
                    workspace_id="w1",
                    account_id=talk.account_id,
                    content_kind="utility_template",
                    content={},
                    **template,
                )
            )
            talk.session.commit()

    if fits:
        assert talk.compose(UtilityTemplate("order_update", "en")).created
        return
    with pytest.raises(ConflictError, match=status):
        talk.compose(UtilityTemplate("order_update", "en"))


def test_utility_template_goes_out_long_after_the_window(new_talk, meta):
    talk = new_talk(last_inbound_at=utc_now() - timedelta(days=200))

    message = send(talk, UTILITY, sender="bot")

    assert (message.status, message.tag) == ("sent", None)
    assert meta.asked[0]["messaging_type"] == "UTILITY"
    with pytest.raises(PolicyError):
        send(talk, Text("hello"), sender="bot")


def test_degraded_content_says_what_was_changed_and_keeps_its_order(instagram, meta):
    coupon = content_from_json(MESSENGER[1])

    composed = instagram.compose(coupon, on_unsupported="degrade", idempotency_key="k")
    instagram.run()

    assert composed.notes
    ids = [composed.message.id, *(each.id for each in composed.more)]
    assert instagram.states(*ids) == ["sent"] * len(ids)
    again = instagram.compose(coupon, on_unsupported="degrade", idempotency_key="k")
    assert [again.message.id, *(each.id for each in again.more)] == ids
    assert not again.created
    assert len(meta.asked) == len(ids)


def test_nobody_is_sent_a_thousand_messages_by_one_request(instagram, meta):
    with pytest.raises(ContentError, match="messages; at most"):
        instagram.compose("word " * 20_000, on_unsupported="degrade")

    assert meta.asked == []


def test_reaction_is_not_a_message(talk):
    with pytest.raises(ContentError, match="react"):
        send(talk, {"kind": "reaction", "message_external_id": "m_1", "emoji": "x"})


def test_files_of_a_message_are_kept_with_it(talk):
    message = send(talk, BOTH[5])

    files = [each for each in rows(talk.app, Attachment) if each.message_id == message.id]
    assert sorted((each.position, each.type, each.url) for each in files) == [
        (0, "image", URL),
        (1, "image", None),
    ]


def test_file_that_is_not_there_is_refused_before_anything_is_stored(talk):
    upload = {"kind": "media", "type": "image", "upload_id": "01890000-0000-7000-8000-000000000000"}

    with pytest.raises(InvalidRequestError) as caught:
        send(talk, upload)
    assert caught.value.field == "attachment.upload_id"


def test_person_who_answers_makes_bots_quiet(talk):
    send(talk, Text("hello"))

    with pytest.raises(PolicyError) as caught:
        send(talk, Text("automatic"), sender="bot")

    assert caught.value.reason == "bot_paused"
    talk.session.rollback()
    talk.change(Conversation, talk.conversation_id, bot_paused_until=utc_now())
    assert send(talk, Text("automatic"), sender="bot").status == "sent"


def test_failed_content_is_sent_again_as_it_was(talk, meta):
    meta.refuse(100)
    message = send(talk, BOTH[7])
    assert message.status == "failed"
    talk.change(Message, message.id, status="queued", attempts=0)

    talk.run()

    assert meta.asked[0]["message"] == meta.asked[1]["message"]
    with system_scope("test"):
        assert talk.session.scalar(select(func.count()).select_from(Message)) == 2
    assert json.dumps(meta.asked[1])
    assert GRAPH_URL in meta.mock.calls[1].request.url
