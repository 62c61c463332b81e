"""The Send API: shapes, limits, windows, recipients, attachments, echoes."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from flask_messenger.simulator.seeds import MANY_PAGES, page_id_of
from tests.simulator.conftest import Running
from tests.simulator.driver import APP_ID, SCOPE, Callback, Graph, error_of, wait_until

DOWNTOWN, RIVERSIDE = page_id_of("Iron Gym Downtown"), page_id_of("Iron Gym Riverside")
CHAT = f"{DOWNTOWN}/maya-okafor"


class Talk:
    """A connected Page and a customer who wrote to it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.token = graph.connect(DOWNTOWN)
        self.written = graph.chat(f"{CHAT}/messages", text="Hi")
        self.psid = self.written["psid"]

    def post(self, **body: Any) -> requests.Response:
        body.setdefault("recipient", {"id": self.psid})
        return self.graph.post(f"{DOWNTOWN}/messages", self.token, json=body)

    def say(self, **message: Any) -> requests.Response:
        return self.post(messaging_type="RESPONSE", message=message)

    def shown(self) -> dict[str, Any]:
        answer = self.graph.session.get(f"{self.graph.base_url}/chat/api/{CHAT}", timeout=5)
        return dict(answer.json())


@pytest.fixture
def talk(graph: Graph) -> Talk:
    return Talk(graph)


def test_text_is_sent(talk: Talk) -> None:
    answer = talk.say(text="Hello").json()

    assert answer["recipient_id"] == talk.psid
    assert answer["message_id"].startswith("m_")
    assert talk.shown()["messages"][-1]["text"] == "Hello"


def test_form_with_json_strings_is_the_same(talk: Talk) -> None:
    form = {
        "recipient": json.dumps({"id": talk.psid}),
        "message": json.dumps({"text": "Hello"}),
        "messaging_type": "UPDATE",
    }

    assert talk.graph.post("me/messages", talk.token, data=form).json()["message_id"]


def test_recipient_id_may_be_a_number(talk: Talk) -> None:
    assert talk.post(recipient={"id": int(talk.psid)}, message={"text": "Hello"}).ok


def test_two_thousand_characters_are_the_limit(talk: Talk) -> None:
    assert talk.say(text="ü" * 2000).ok

    answer = talk.say(text="x" * 2001)

    assert error_of(answer) == (100, None)
    assert answer.json()["error"]["message"] == (
        "(#100) Length of param message[text] must be less than or equal to 2000"
    )


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"text": ""},
        {"text": 5},
        {"text": None},
        {"texts": "x"},
        {"text": "x", "metadata": "y" * 1001},
        {"text": "x", "attachment": {"type": "image", "payload": {"url": "http://x/y"}}},
        {"attachment": "x"},
        {"attachment": {"type": "gif", "payload": {"url": "http://x/y"}}},
        {"attachment": {"type": "image"}},
        {"attachment": {"type": "image", "payload": {}}},
        {"attachment": {"type": "image", "payload": {"url": "ftp://x/y"}}},
        {"attachment": {"type": "image", "payload": {"url": "http://x", "attachment_id": "1"}}},
        {"attachment": {"type": "image", "payload": {"url": "http://x", "size": 1}}},
        {"attachment": {"type": "image", "payload": {"url": "http://x"}}, "attachments": []},
        {"attachments": []},
        {"attachments": [{"type": "file", "payload": {"url": "http://x/y"}}]},
        {"text": "x", "quick_replies": []},
        {"text": "x", "quick_replies": "no"},
        {"text": "x", "quick_replies": [{"content_type": "location"}]},
        {"text": "x", "quick_replies": [{"content_type": "text", "title": "A"}]},
        {"text": "x", "quick_replies": [{"content_type": "text", "payload": "A"}]},
        {
            "text": "x",
            "quick_replies": [{"content_type": "text", "title": "A", "payload": "B" * 1001}],
        },
        {
            "text": "x",
            "quick_replies": [{"content_type": "text", "title": "A", "payload": "B"}] * 14,
        },
    ],
)
def test_message_of_the_wrong_shape(talk: Talk, message: dict[str, Any]) -> None:
    assert error_of(talk.say(**message))[0] == 100
    assert len(talk.shown()["messages"]) == 1


BUTTON = {"type": "postback", "title": "Go", "payload": "GO"}


@pytest.mark.parametrize(
    "payload",
    [
        {"template_type": "list"},
        {},
        {"template_type": "button", "buttons": [BUTTON]},
        {"template_type": "button", "text": "x", "buttons": []},
        {"template_type": "button", "text": "x", "buttons": [BUTTON] * 4},
        {"template_type": "button", "text": "x" * 641, "buttons": [BUTTON]},
        {"template_type": "button", "text": "x", "buttons": [{**BUTTON, "title": "x" * 21}]},
        {"template_type": "button", "text": "x", "buttons": [{**BUTTON, "type": "nonsense"}]},
        {"template_type": "button", "text": "x", "buttons": [{"type": "web_url", "title": "x"}]},
        {"template_type": "generic", "elements": []},
        {"template_type": "generic", "elements": [{"title": "x"}]},
        {"template_type": "generic", "elements": [{"title": "x" * 81, "subtitle": "y"}]},
        {"template_type": "generic", "elements": [{"title": "x", "subtitle": "y"}] * 11},
    ],
)
def test_template_of_the_wrong_shape(talk: Talk, payload: dict[str, Any]) -> None:
    answer = talk.say(attachment={"type": "template", "payload": payload})

    assert error_of(answer) == (100, None)


@pytest.mark.parametrize(
    "payload",
    [
        {"template_type": "button", "text": "Choose", "buttons": [BUTTON]},
        {
            "template_type": "generic",
            "elements": [{"title": "Class", "subtitle": "18:00", "buttons": [BUTTON]}],
        },
    ],
)
def test_template_is_shown_with_its_button(talk: Talk, payload: dict[str, Any]) -> None:
    assert talk.say(attachment={"type": "template", "payload": payload}).ok

    assert talk.shown()["messages"][-1]["templates"] == [payload]


@pytest.mark.parametrize(
    "body",
    [
        {"message": {"text": "x"}, "messaging_type": "REPLY"},
        {"message": {"text": "x"}, "notification_type": "LOUD"},
        {"message": {"text": "x"}, "messaging_type": "MESSAGE_TAG"},
        {"message": {"text": "x"}, "tag": "HUMAN_AGENT"},
        {"message": {"text": "x"}, "messaging_type": "MESSAGE_TAG", "tag": "NEWS"},
        {"message": {"text": "x"}, "messaging_type": "UTILITY"},
        {"message": {"text": "x"}, "messaging_type": "MESSAGE_TAG", "tag": "CUSTOMER_FEEDBACK"},
        {"message": {"text": "x"}, "reply_to": {"mid": "m_nonsense"}},
        {"message": {"text": "x"}, "reply_to": {"id": "m_nonsense"}},
        {"message": {"text": "x"}, "reply_to": "m_nonsense"},
        {"message": {"text": "x"}, "persona_id": "1"},
        {"message": "x"},
        {"message": [1]},
        {},
        {"sender_action": "dance"},
        {"message": {"text": "x"}, "recipient": {}},
        {"message": {"text": "x"}, "recipient": {"name": "Maya"}},
        {"message": {"text": "x"}, "recipient": {"id": "maya"}},
        {"message": {"text": "x"}, "recipient": "7"},
        {"message": {"text": "x"}, "recipient": None},
    ],
)
def test_call_of_the_wrong_shape(talk: Talk, body: dict[str, Any]) -> None:
    assert error_of(talk.post(**body)) == (100, None)


@pytest.mark.parametrize(
    "tag", ["CONFIRMED_EVENT_UPDATE", "ACCOUNT_UPDATE", "POST_PURCHASE_UPDATE"]
)
def test_dead_tags_are_refused_even_inside_the_window(talk: Talk, tag: str) -> None:
    answer = talk.post(messaging_type="MESSAGE_TAG", tag=tag, message={"text": "x"})

    assert error_of(answer) == (100, None)


class TestWindow:
    def test_closes_after_twenty_four_hours(self, talk: Talk) -> None:
        talk.graph.control("POST", f"threads/{CHAT}/age", hours=23.9)
        assert talk.say(text="Still open").ok

        talk.graph.control("POST", f"threads/{CHAT}/age", hours=0.2)

        answer = talk.say(text="Too late")
        assert error_of(answer) == (10, 2018278)
        assert error_of(talk.post(messaging_type="UPDATE", message={"text": "x"}))[0] == 10
        assert error_of(talk.post(sender_action="typing_on")) == (10, 2018278)

    def test_human_agent_has_seven_days(self, talk: Talk) -> None:
        tagged = {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT", "message": {"text": "x"}}
        talk.graph.control("POST", f"threads/{CHAT}/age", hours=6 * 24)
        assert talk.post(**tagged).ok

        talk.graph.control("POST", f"threads/{CHAT}/age", hours=25)

        assert error_of(talk.post(**tagged)) == (10, 2018278)

    def test_human_agent_needs_approval(self, talk: Talk) -> None:
        talk.graph.control("PATCH", f"apps/{APP_ID}", has_human_agent=False)

        answer = talk.post(messaging_type="MESSAGE_TAG", tag="HUMAN_AGENT", message={"text": "x"})

        assert error_of(answer) == (100, 2018276)

    def test_customers_next_message_opens_it_again(self, talk: Talk) -> None:
        talk.graph.control("POST", f"threads/{CHAT}/age", hours=48)

        talk.graph.chat(f"{CHAT}/messages", text="Hello again")

        assert talk.say(text="Open").ok

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("postbacks", {"title": "Go", "payload": "GO"}),
            ("messages", {"quick_reply": {"title": "Go", "payload": "GO"}}),
        ],
    )
    def test_taps_open_it_too(self, talk: Talk, path: str, body: dict[str, Any]) -> None:
        talk.graph.control("POST", f"threads/{CHAT}/age", hours=48)

        talk.graph.chat(f"{CHAT}/{path}", **body)

        assert talk.say(text="Open").ok

    def test_own_messages_do_not_open_it(self, talk: Talk) -> None:
        talk.graph.control("POST", f"threads/{CHAT}/age", hours=48)
        talk.graph.control("POST", f"threads/{CHAT}/page-inbox", text="Hello?")

        assert error_of(talk.say(text="x")) == (10, 2018278)

    def test_late_webhook_carries_the_time_of_writing(self, talk: Talk, callback: Callback) -> None:
        callback.wait_for_kinds("message")
        talk.graph.chat(f"{DOWNTOWN}/lena-vogel/messages", text="Old", hours_ago=30)
        callback.wait(lambda got: got.kinds().count("message") == 2)

        first, second = callback.events()
        assert first["timestamp"] - second["timestamp"] > 29.9 * 3_600_000


class TestRecipient:
    def test_stranger(self, talk: Talk) -> None:
        answer = talk.post(recipient={"id": "7000000000000001"}, message={"text": "x"})

        assert error_of(answer) == (100, 2018001)

    def test_customer_of_another_page(self, talk: Talk) -> None:
        other = talk.graph.chat(f"{RIVERSIDE}/maya-okafor/messages", text="Hi")["psid"]

        assert error_of(talk.post(recipient={"id": other}, message={"text": "x"})) == (100, 2018001)

    def test_customer_who_only_opened_the_chat(self, talk: Talk) -> None:
        url = f"{talk.graph.base_url}/chat/api/{DOWNTOWN}/lena-vogel"
        psid = talk.graph.session.get(url, timeout=5).json()["psid"]

        assert error_of(talk.post(recipient={"id": psid}, message={"text": "x"})) == (100, 2018001)

    @pytest.mark.parametrize(
        ("key", "error"),
        [
            ("comment_id", (10903, None)),
            ("post_id", (10903, None)),
            ("user_ref", (100, None)),
            ("notification_messages_token", (100, None)),
            ("one_time_notif_token", (100, None)),
            ("phone_number", (200, 2018021)),
        ],
    )
    def test_other_ways_that_name_nobody(
        self, talk: Talk, key: str, error: tuple[int, int | None]
    ) -> None:
        assert error_of(talk.post(recipient={key: "1"}, message={"text": "x"})) == error

    def test_customer_who_blocked_the_page(self, talk: Talk) -> None:
        talk.graph.control("POST", f"threads/{CHAT}/block")
        assert error_of(talk.say(text="x")) == (551, 1545041)

        talk.graph.control("POST", f"threads/{CHAT}/block", blocked=False)

        assert talk.say(text="x").ok


class TestPermission:
    def test_needs_a_page_token(self, graph: Graph) -> None:
        answer = graph.post(f"{DOWNTOWN}/messages", graph.log_in(pages=[DOWNTOWN]), json={})

        assert error_of(answer) == (190, 2069032)

    def test_needs_this_pages_token(self, talk: Talk) -> None:
        answer = talk.graph.post(f"{RIVERSIDE}/messages", talk.token, json={})

        assert error_of(answer) == (100, 33)

    def test_needs_pages_messaging(self, talk: Talk) -> None:
        talk.graph.control("POST", "people/sam-reyes/decline", permission="pages_messaging")

        answer = talk.say(text="x")

        assert error_of(answer) == (230, None)
        assert answer.status_code == 403

    def test_needs_the_messaging_task(self, graph: Graph) -> None:
        page_id = page_id_of(f"Corner Shop {MANY_PAGES:03}")
        token = graph.page_token(graph.log_in("max-many", pages=[page_id]), page_id)
        psid = graph.chat(f"{page_id}/maya-okafor/messages", text="Hi")["psid"]

        assert error_of(graph.send(page_id, token, psid, text="x")) == (200, None)

    def test_lost_role_ends_the_token(self, talk: Talk) -> None:
        talk.graph.control("POST", "people/sam-reyes/roles", page_id=DOWNTOWN, tasks=[])

        assert error_of(talk.say(text="x")) == (190, 492)

    def test_removed_app_ends_the_token(self, talk: Talk) -> None:
        talk.graph.control("POST", "people/sam-reyes/deauthorize", notify=False)

        assert error_of(talk.say(text="x")) == (190, 458)


class TestActions:
    def test_typing_shows_and_ends_with_the_message(self, talk: Talk) -> None:
        assert talk.post(sender_action="typing_on").json() == {"recipient_id": talk.psid}
        assert talk.shown()["typing_ms"] > 15_000

        talk.say(text="Done")

        assert talk.shown()["typing_ms"] == 0

    def test_typing_off(self, talk: Talk) -> None:
        talk.post(sender_action="typing_on")
        talk.post(sender_action="typing_off")

        assert talk.shown()["typing_ms"] == 0

    def test_mark_seen(self, talk: Talk) -> None:
        assert talk.shown()["messages"][0]["state"] == "sent"

        talk.post(sender_action="mark_seen")

        assert talk.shown()["messages"][0]["state"] == "seen"

    def test_actions_stand_alone(self, talk: Talk) -> None:
        answer = talk.post(sender_action="typing_on", message={"text": "x"})

        assert error_of(answer) == (100, 2018014)


class TestAttachments:
    def test_file_is_fetched_and_kept(self, talk: Talk, callback: Callback) -> None:
        url = f"{talk.graph.base_url}/pictures/avatars/maya-okafor.png"

        answer = talk.say(attachment={"type": "image", "payload": {"url": url}})
        callback.wait_for_kinds("echo")

        assert answer.json().keys() == {"recipient_id", "message_id"}
        echo = next(
            event["message"] for event in callback.events() if "is_echo" in event["message"]
        )
        kept = echo["attachments"][0]["payload"]["url"]
        assert kept != url
        assert requests.get(kept, timeout=5).content == requests.get(url, timeout=5).content

    def test_several_images(self, talk: Talk) -> None:
        url = f"{talk.graph.base_url}/pictures/photos/sea.png"
        image = {"type": "image", "payload": {"url": url}}

        assert talk.say(attachments=[image, image]).ok
        assert len(talk.shown()["messages"][-1]["files"]) == 2

    def test_reusable_file_is_sent_again_by_its_id(self, talk: Talk) -> None:
        url = f"{talk.graph.base_url}/pictures/photos/sea.png"
        payload = {"url": url, "is_reusable": True}

        first = talk.say(attachment={"type": "image", "payload": payload}).json()
        again = {"type": "image", "payload": {"attachment_id": first["attachment_id"]}}

        assert talk.say(attachment=again).ok

    def test_unknown_attachment_id(self, talk: Talk) -> None:
        answer = talk.say(attachment={"type": "image", "payload": {"attachment_id": "9"}})

        assert error_of(answer) == (100, 2018074)

    def test_address_that_serves_nothing(self, talk: Talk) -> None:
        payload = {"url": "http://127.0.0.1:9/none.png"}

        answer = talk.say(attachment={"type": "image", "payload": payload})

        assert error_of(answer) == (100, 2018008)

    def test_file_that_is_something_else(self, talk: Talk) -> None:
        payload = {"url": f"{talk.graph.base_url}/chat/"}

        answer = talk.say(attachment={"type": "image", "payload": payload})

        assert error_of(answer) == (100, 2018047)

    def test_image_over_eight_megabytes(self, talk: Talk, tmp_path: Path) -> None:
        with sqlite3.connect(tmp_path / "simulator.sqlite") as db:
            row = ["1", DOWNTOWN, "image", "a.png", "image/png", 0, bytes(8 * 1024 * 1024 + 1)]
            db.execute(
                "INSERT INTO media (id, page_id, kind, name, mime_type, is_reusable, bytes)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        db.close()
        payload = {"url": f"{talk.graph.base_url}/media/1/a.png"}

        answer = talk.say(attachment={"type": "image", "payload": payload})

        assert error_of(answer) == (100, 2018109)

    def test_fetching_can_be_switched_off(self, start: Callable[..., Running]) -> None:
        talk = Talk(start(SIMULATOR_FETCH_ATTACHMENTS="0"))
        payload = {"url": "https://cdn.example/a.jpg"}

        assert talk.say(attachment={"type": "image", "payload": payload}).ok
        assert talk.shown()["messages"][-1]["files"][0]["payload"] == payload

    def test_upload_is_refused(self, talk: Talk) -> None:
        answer = requests.post(
            f"{talk.graph.base_url}/v25.0/me/messages",
            files={"filedata": b"x"},
            headers={"Authorization": f"Bearer {talk.token}"},
            timeout=5,
        )

        assert error_of(answer) == (100, None)


def test_reply_to_is_shown_and_echoed(talk: Talk, callback: Callback) -> None:
    talk.post(message={"text": "Yes"}, reply_to={"mid": talk.written["mid"]})
    callback.wait_for_kinds("echo")

    assert talk.shown()["messages"][-1]["reply_to"] == talk.written["mid"]
    assert callback.events()[1]["message"]["reply_to"] == {"mid": talk.written["mid"]}


def test_page_inbox_echo_has_another_app_and_no_metadata(talk: Talk, callback: Callback) -> None:
    talk.graph.control("POST", f"threads/{CHAT}/page-inbox", text="From the Page inbox")
    callback.wait_for_kinds("echo")

    echo = callback.events()[1]["message"]
    assert echo["app_id"] == 263902037430900
    assert "metadata" not in echo


def test_declined_permission_can_be_granted_again(talk: Talk) -> None:
    talk.graph.control("POST", "people/sam-reyes/decline", permission="pages_messaging")

    talk.graph.log_in(pages=[DOWNTOWN], permissions=SCOPE.split(","), auth_type="rerequest")

    assert talk.say(text="x").ok


def test_delivered_and_read_come_in_order(talk: Talk, callback: Callback) -> None:
    talk.say(text="One")
    talk.say(text="Two")
    talk.graph.chat(f"{CHAT}/seen")
    wait_until(lambda: "read" in callback.kinds())

    kinds = callback.kinds()
    assert kinds.index("read") > kinds.index("delivery")
    assert kinds.count("delivery") == 2
    reads = [event for event in callback.events() if "read" in event]
    deliveries = [event for event in callback.events() if "delivery" in event]
    assert reads[0]["read"]["watermark"] == deliveries[-1]["delivery"]["watermark"]
