"""Messages to people on Instagram: by the Page's edge, and by graph.instagram.com."""

from typing import Any

import pytest

from tests.simulator.business import INSTAGRAM, PAGE, Business, template
from tests.simulator.conftest import Running
from tests.simulator.driver import SCOPE, error_of
from tests.simulator.instagram import COACH, Instagram

URL = "https://example.com/x"
TAP = {"type": "postback", "title": "Yes", "payload": "YES"}


@pytest.fixture
def business(graph: Running) -> Business:
    return Business(graph)


def test_goes_by_the_page_with_its_token(business: Business) -> None:
    igsid = business.write(account=INSTAGRAM)

    answer = business.send(igsid, {"text": "Hello"}).json()

    assert answer["recipient_id"] == igsid
    assert not answer["message_id"].startswith("m_")
    assert business.messages(account=INSTAGRAM)[-1]["text"] == "Hello"


def test_kinds_of_instagram(business: Business) -> None:
    igsid = business.write(account=INSTAGRAM)
    post_id, _ = business.comment(INSTAGRAM, kind="photo")
    taken: list[Any] = [
        {"text": "ü" * 500},
        {"attachment": {"type": "like_heart"}},
        {"attachment": {"type": "MEDIA_SHARE", "payload": {"id": post_id}}},
        template("generic", elements=[{"title": "A", "buttons": [TAP]}]),
        template("button", text="Go?", buttons=[TAP]),
        {"text": "x", "quick_replies": [{"content_type": "text", "title": "A", "payload": "B"}]},
    ]
    refused: list[tuple[Any, tuple[int, int | None]]] = [
        ({"text": "ü" * 501}, (100, None)),
        ({"sticker_id": "1"}, (100, 2534015)),
        ({"template": {"name": "x"}}, (100, 2534015)),
        ({"attachment": {"type": "MEDIA_SHARE", "payload": {"id": "1"}}}, (100, 2534015)),
        (template("receipt", order_number="1"), (100, None)),
        (template("coupon", title="x", coupon_code="y"), (100, None)),
        (template("media", elements=[]), (100, None)),
        ({"text": "x", "quick_replies": [{"content_type": "user_email"}]}, (100, None)),
        ({"attachments": [{"type": "image", "payload": {"url": URL}}] * 11}, (100, None)),
        (
            template(
                "button",
                text="x",
                buttons=[{"type": "phone_number", "title": "x", "payload": "+1"}],
            ),
            (100, None),
        ),
    ]

    for message in taken:
        assert business.send(igsid, message).ok, message
    for message, error in refused:
        assert error_of(business.send(igsid, message)) == error, message


def test_words_that_instagram_does_not_know(business: Business) -> None:
    igsid = business.write(account=INSTAGRAM)
    mid = business.messages(account=INSTAGRAM)[0]["mid"]
    tagged = {"messaging_type": "MESSAGE_TAG"}

    assert business.send(igsid, {"text": "x"}, tag="HUMAN_AGENT", **tagged).ok
    answer = business.send(igsid, {"text": "x"}, tag="CUSTOMER_FEEDBACK", **tagged)
    assert error_of(answer) == (100, None)
    assert error_of(business.send(igsid, {"text": "x"}, persona_id="1")) == (100, 2534015)
    assert business.send(
        igsid, sender_action="react", payload={"message_id": mid, "reaction": "love"}
    ).ok
    answer = business.send(
        igsid, sender_action="react", payload={"message_id": mid, "reaction": "wow"}
    )
    assert error_of(answer) == (100, None)
    assert business.send(igsid, sender_action="typing_on").ok
    assert business.send(igsid, {"text": "x"}, reply_to={"mid": mid}).ok


def test_window_and_switches(business: Business) -> None:
    igsid = business.write(account=INSTAGRAM)
    graph = business.graph

    graph.control("PATCH", f"instagram/{INSTAGRAM}", allows_messages=False)
    assert error_of(business.send(igsid, {"text": "x"})) == (200, 2534041)
    graph.control("PATCH", f"instagram/{INSTAGRAM}", allows_messages=True)
    graph.control("POST", f"threads/{INSTAGRAM}/maya-okafor/age")
    assert error_of(business.send(igsid, {"text": "x"})) == (10, 2534022)
    graph.control("PATCH", f"instagram/{INSTAGRAM}", page_id=None)
    assert error_of(business.send(igsid, {"text": "x"})) == (100, 2534013)


def test_person_of_another_account(business: Business) -> None:
    stranger = business.write(account=COACH)

    assert error_of(business.send(stranger, {"text": "x"})) == (100, 2534014)


def test_permission_is_instagrams_own(graph: Running) -> None:
    token = graph.connect(PAGE)
    igsid = graph.chat(f"{INSTAGRAM}/maya-okafor/messages", text="Hi")["psid"]

    assert "instagram" not in SCOPE
    assert error_of(graph.send(PAGE, token, igsid, text="x")) == (230, None)


class TestInstagramLogin:
    def test_message_and_action(self, graph: Running) -> None:
        instagram = Instagram(graph)
        token = instagram.connect()
        igsid = graph.chat(f"{COACH}/maya-okafor/messages", text="Hi")["psid"]
        body = {"recipient": {"id": igsid}, "message": {"text": "Hello"}}

        by_me = instagram.post("v25.0/me/messages", token, json=body)
        by_id = instagram.post(f"v25.0/{COACH}/messages", token, json=body)
        seen = {"recipient": {"id": igsid}, "sender_action": "mark_seen"}

        assert by_me.json()["recipient_id"] == igsid
        assert by_id.ok
        assert instagram.post("v25.0/me/messages", token, json=seen).ok

    def test_stranger_and_missing_permission(self, graph: Running) -> None:
        instagram = Instagram(graph)
        granted = ["instagram_business_basic"]
        body = {"recipient": {"id": "6000000000000000"}, "message": {"text": "Hello"}}

        unknown = instagram.post("v25.0/me/messages", instagram.log_in(), json=body)
        answer = instagram.post(
            "v25.0/me/messages", instagram.log_in("studio.sol", permission=granted), json=body
        )

        assert error_of(unknown) == (100, 2534014)
        assert error_of(answer) == (230, None)

    def test_profile_and_conversations(self, graph: Running) -> None:
        instagram = Instagram(graph)
        token = instagram.connect()
        igsid = graph.chat(f"{COACH}/maya-okafor/messages", text="Hi")["psid"]
        menu = [{"locale": "default", "call_to_actions": [TAP | {"title": "Help"}]}]

        listed = instagram.get(
            "v25.0/me/conversations", token, platform="instagram", fields="participants"
        ).json()["data"]
        person = instagram.get(f"v25.0/{igsid}", token, fields="username,follower_count").json()
        told = instagram.post(
            "v25.0/me/messenger_profile",
            token,
            platform="instagram",
            json={"persistent_menu": menu},
        )

        assert listed[0]["participants"]["data"][0] == {"username": "maya.okafor", "id": igsid}
        assert person["username"] == "maya.okafor"
        assert told.json() == {"result": "success"}
