"""The bodies of the Send API."""

import pytest

from flask_messenger.channels.registry import CHANNELS
from flask_messenger.content import Media, Text
from flask_messenger.errors import ContentError

FACEBOOK = CHANNELS["facebook"]


def build(content, **values):
    values = {"recipient_id": "7", "metadata": "fm:x", "tag": None} | values
    values.setdefault("reply_to_external_id", None)
    return FACEBOOK.build_message(content, **values)


def test_text_is_a_response_with_metadata():
    assert build(Text(" Hello ")) == {
        "recipient": {"id": "7"},
        "messaging_type": "RESPONSE",
        "message": {"text": "Hello", "metadata": "fm:x"},
    }


def test_tagged_message_says_its_type_and_tag():
    request = build(Text("Hello"), tag="HUMAN_AGENT")

    assert request["messaging_type"] == "MESSAGE_TAG"
    assert request["tag"] == "HUMAN_AGENT"


def test_reply_names_the_message():
    assert build(Text("Hello"), reply_to_external_id="m_1")["reply_to"] == {"mid": "m_1"}


@pytest.mark.parametrize("type_", ["audio", "file", "image", "video"])
def test_attachment_goes_by_url_and_is_not_kept_by_meta(type_):
    request = build(Media(type_, "https://cdn.example/a"))

    assert request["message"] == {
        "attachment": {
            "type": type_,
            "payload": {"url": "https://cdn.example/a", "is_reusable": False},
        },
        "metadata": "fm:x",
    }


def test_text_may_have_2000_characters_whatever_they_are():
    FACEBOOK.check_content(Text("\N{GRINNING FACE}" * 2000))


def test_longer_text_is_refused_and_told_by_how_much():
    with pytest.raises(ContentError, match=r"2000 characters; this one has 2001") as caught:
        FACEBOOK.check_content(Text("a" * 2001))

    assert caught.value.field == "text"


@pytest.mark.parametrize("action", ["mark_seen", "typing_off", "typing_on"])
def test_action_stands_alone(action):
    request = FACEBOOK.build_action(action, recipient_id="7")

    assert request == {"recipient": {"id": "7"}, "sender_action": action}


def test_unknown_action_is_refused():
    with pytest.raises(ContentError, match="An action is one of"):
        FACEBOOK.build_action("dance", recipient_id="7")
