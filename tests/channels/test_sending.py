"""The bodies of the Send API, and where they go."""

import pytest

from flask_messenger.channels.registry import CHANNELS
from flask_messenger.channels.sending import Endpoint, Recipient, SendOptions, ThreadControl
from flask_messenger.content import Media, Text
from flask_messenger.errors import ContentError, InvalidGraphRequestError, InvalidRequestError

FACEBOOK = CHANNELS["facebook"]
INSTAGRAM = CHANNELS["instagram"]
PAGE = Endpoint(external_id="1001")
BY_PAGE = Endpoint(external_id="17841", page_external_id="1001")
BY_ITSELF = Endpoint(external_id="17841", login="instagram")
SENDING = [(FACEBOOK, PAGE), (INSTAGRAM, BY_PAGE)]


def request(content, *, channel=FACEBOOK, endpoint=PAGE, recipient=None, **options):
    return channel.build_message(
        content,
        endpoint=endpoint,
        recipient=recipient or Recipient(id="7"),
        options=SendOptions(**{"metadata": "fm:x"} | options),
    )


def build(content, **values):
    return request(content, **values).body


@pytest.mark.parametrize(("channel", "endpoint"), SENDING)
def test_text_is_a_response_with_metadata(channel, endpoint):
    assert build(Text(" Hello "), channel=channel, endpoint=endpoint) == {
        "recipient": {"id": "7"},
        "messaging_type": "RESPONSE",
        "message": {"text": "Hello", "metadata": "fm:x"},
    }


@pytest.mark.parametrize(
    ("channel", "endpoint", "host", "path"),
    [
        (FACEBOOK, PAGE, "graph", "1001/messages"),
        (INSTAGRAM, BY_PAGE, "graph", "1001/messages"),
        (INSTAGRAM, BY_ITSELF, "instagram", "17841/messages"),
    ],
)
def test_account_says_where_the_request_goes(channel, endpoint, host, path):
    sent = request(Text("Hello"), channel=channel, endpoint=endpoint)
    acted = channel.build_action("typing_on", endpoint=endpoint, recipient=Recipient(id="7"))

    assert (sent.method, sent.host, sent.path) == ("POST", host, path)
    assert (acted.method, acted.host, acted.path) == ("POST", host, path)


def test_instagram_account_that_lost_its_page_is_not_asked():
    with pytest.raises(InvalidGraphRequestError):
        request(Text("Hello"), channel=INSTAGRAM, endpoint=Endpoint(external_id="17841"))


def test_instagrams_own_host_gets_no_key_it_does_not_document():
    body = build(
        Text("Hello"),
        channel=INSTAGRAM,
        endpoint=BY_ITSELF,
        persona_id="5",
        notification_type="NO_PUSH",
    )

    assert body == {
        "recipient": {"id": "7"},
        "messaging_type": "RESPONSE",
        "message": {"text": "Hello"},
    }


@pytest.mark.parametrize(("channel", "endpoint"), SENDING)
def test_tagged_message_says_its_type_and_tag(channel, endpoint):
    body = build(Text("Hello"), channel=channel, endpoint=endpoint, tag="HUMAN_AGENT")

    assert (body["messaging_type"], body["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")


@pytest.mark.covers("facebook", "do:reply_to")
@pytest.mark.covers("instagram", "do:reply_to")
@pytest.mark.parametrize(("channel", "endpoint"), SENDING)
def test_reply_names_the_message(channel, endpoint):
    body = build(Text("Hello"), channel=channel, endpoint=endpoint, reply_to_external_id="m_1")

    assert body["reply_to"] == {"mid": "m_1"}


def test_persona_push_and_what_becomes_of_the_thread_go_beside_the_message():
    body = build(
        Text("Hello"),
        persona_id="5",
        notification_type="SILENT_PUSH",
        thread_control=ThreadControl(control_type="pass", app_id="42"),
    )

    assert (body["persona_id"], body["notification_type"]) == ("5", "SILENT_PUSH")
    assert body["thread_control"] == {"control_type": "pass", "app_id": "42"}


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        (ThreadControl(control_type="pass"), {"control_type": "pass"}),
        (ThreadControl(control_type="release", app_id="42"), {"control_type": "release"}),
    ],
)
def test_thread_is_passed_to_the_default_app_or_released(control, expected):
    assert build(Text("Hello"), thread_control=control)["thread_control"] == expected


@pytest.mark.parametrize(
    "recipient",
    [{"id": "7"}, {"comment_id": "1_2"}, {"post_id": "1001_1"}, {"user_ref": "box"}],
)
def test_recipient_is_named_as_the_send_api_wants_it(recipient):
    assert build(Text("Hello"), recipient=Recipient(**recipient))["recipient"] == recipient


@pytest.mark.parametrize("named", [{}, {"id": "7", "comment_id": "1_2"}, {"id": ""}])
def test_message_is_for_exactly_one_recipient(named):
    with pytest.raises(InvalidRequestError, match="for one"):
        Recipient(**named)


@pytest.mark.parametrize(
    ("channel", "endpoint", "host", "path"),
    [
        (FACEBOOK, PAGE, "graph", "1001_1/comments"),
        (INSTAGRAM, BY_PAGE, "graph", "1001_1/replies"),
        (INSTAGRAM, BY_ITSELF, "instagram", "1001_1/replies"),
    ],
)
def test_public_answer_is_a_comment(channel, endpoint, host, path):
    to = Recipient(public_reply_to="1001_1")
    sent = request(Text("Thank you"), channel=channel, endpoint=endpoint, recipient=to)

    assert (sent.method, sent.host, sent.path) == ("POST", host, path)
    assert sent.body == {"message": "Thank you"}


@pytest.mark.parametrize("type_", ["audio", "file", "image", "video"])
@pytest.mark.parametrize(("channel", "endpoint"), SENDING)
def test_attachment_goes_by_url_and_is_not_kept_by_meta(channel, endpoint, type_):
    media = Media(type_, "https://cdn.example/a")

    assert build(media, channel=channel, endpoint=endpoint)["message"] == {
        "attachment": {
            "type": type_,
            "payload": {"url": "https://cdn.example/a", "is_reusable": False},
        },
        "metadata": "fm:x",
    }


@pytest.mark.parametrize(
    ("channel", "text"),
    [
        (FACEBOOK, "\N{GRINNING FACE}" * 2000),
        (INSTAGRAM, "a" * 1000),
        (INSTAGRAM, "\N{GRINNING FACE}" * 250),
    ],
)
def test_text_may_be_as_long_as_the_channel_counts(channel, text):
    channel.check_content(Text(text))


@pytest.mark.parametrize(
    ("channel", "text", "told"),
    [
        (FACEBOOK, "a" * 2001, "2000 characters; this one has 2001"),
        (INSTAGRAM, "a" * 1001, "1000 bytes; this one has 1001"),
        (INSTAGRAM, "\N{GRINNING FACE}" * 251, "1000 bytes; this one has 1004"),
    ],
)
def test_longer_text_is_refused_and_told_by_how_much(channel, text, told):
    with pytest.raises(ContentError, match=told) as caught:
        channel.check_content(Text(text))

    assert caught.value.field == "text"


@pytest.mark.parametrize("action", ["mark_seen", "typing_off", "typing_on"])
@pytest.mark.parametrize(("channel", "endpoint"), SENDING)
def test_action_stands_alone(channel, endpoint, action):
    built = channel.build_action(action, endpoint=endpoint, recipient=Recipient(id="7"))

    assert built.body == {"recipient": {"id": "7"}, "sender_action": action}


@pytest.mark.parametrize(("channel", "endpoint"), SENDING)
def test_unknown_action_is_refused(channel, endpoint):
    with pytest.raises(ContentError, match="An action is one of"):
        channel.build_action("dance", endpoint=endpoint, recipient=Recipient(id="7"))


@pytest.mark.parametrize(
    ("channel", "endpoint", "emoji", "reaction"),
    [
        (FACEBOOK, PAGE, "\N{GRINNING FACE}", "\N{GRINNING FACE}"),
        (INSTAGRAM, BY_PAGE, "\N{HEAVY BLACK HEART}\ufe0f", "love"),
        (INSTAGRAM, BY_ITSELF, "love", "love"),
    ],
)
def test_reaction_is_what_the_channel_knows(channel, endpoint, emoji, reaction):
    built = channel.build_reaction("m_1", emoji, endpoint=endpoint, recipient=Recipient(id="7"))

    assert built.body == {
        "recipient": {"id": "7"},
        "sender_action": "react",
        "payload": {"message_id": "m_1", "reaction": reaction},
    }


@pytest.mark.parametrize(("channel", "endpoint"), SENDING)
def test_reaction_is_taken_back(channel, endpoint):
    built = channel.build_reaction("m_1", None, endpoint=endpoint, recipient=Recipient(id="7"))

    assert built.body["sender_action"] == "unreact"
    assert built.body["payload"] == {"message_id": "m_1"}


def test_instagram_has_no_other_reaction_than_the_heart():
    with pytest.raises(ContentError, match="a heart") as caught:
        INSTAGRAM.build_reaction(
            "m_1", "\N{GRINNING FACE}", endpoint=BY_PAGE, recipient=Recipient(id="7")
        )

    assert caught.value.field == "emoji"
