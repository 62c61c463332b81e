"""The messenger profile, the menu of one person, personas."""

import json
from typing import Any

import pytest

from tests.simulator.business import INSTAGRAM, OTHER_PAGE, PAGE, Business
from tests.simulator.conftest import Running
from tests.simulator.driver import error_of

URL = "https://example.com/x"
ITEM = {"type": "postback", "title": "Help", "payload": "HELP"}
MENU = [{"locale": "default", "composer_input_disabled": False, "call_to_actions": [ITEM]}]
START = {"payload": "GET_STARTED"}
BREAKER = {"question": "Open today?", "payload": "OPEN"}
REFUSED: list[dict[str, Any]] = [
    {"greeting": [{"locale": "en_US", "text": "Hi"}]},
    {"greeting": [{"locale": "default", "text": "x" * 161}]},
    {"greeting": [{"locale": "default", "text": "Hi"}, {"locale": "default", "text": "Hi"}]},
    {"greeting": [{"locale": "english", "text": "Hi"}]},
    {"get_started": {}},
    {"get_started": {"payload": "x" * 1001}},
    {"persistent_menu": [{"locale": "default", "call_to_actions": [ITEM] * 21}]},
    {"persistent_menu": [{"locale": "default", "call_to_actions": [{"type": "nested"}]}]},
    {"persistent_menu": [{"locale": "default", "call_to_actions": [ITEM | {"title": "x" * 31}]}]},
    {"ice_breakers": [{"locale": "default", "call_to_actions": [BREAKER] * 5}]},
    {"ice_breakers": [{"locale": "de_DE", "call_to_actions": [BREAKER]}]},
    {"ice_breakers": [{"question": "x" * 81, "payload": "y"}]},
    {"commands": [{"locale": "default", "commands": [{"name": "/a", "description": "b"}]}]},
    {"whitelisted_domains": ["http://example.com"]},
    {"account_linking_url": "http://example.com"},
    {"home_url": {"url": URL}},
    {"platform": "instagram", "greeting": [{"locale": "default", "text": "Hi"}]},
    {"platform": "fax", "get_started": START},
    {},
]


@pytest.fixture
def business(graph: Running) -> Business:
    return Business(graph)


def test_properties_are_set_read_and_removed(business: Business) -> None:
    edge = "me/messenger_profile"
    everything: dict[str, Any] = {
        "get_started": START,
        "persistent_menu": MENU,
        "greeting": [{"locale": "default", "text": "Hi {{user_first_name}}"}],
        "ice_breakers": [{"locale": "default", "call_to_actions": [BREAKER]}],
        "commands": [{"locale": "default", "commands": [{"name": "a", "description": "b"}]}],
        "whitelisted_domains": ["https://example.com"],
        "account_linking_url": URL,
    }

    assert business.get(edge, fields="greeting").json() == {"data": []}
    assert business.post(edge, **everything).json() == {"result": "success"}
    told = business.get(edge, fields=",".join(everything)).json()["data"]
    assert told == [everything]
    assert error_of(business.delete(edge, fields="get_started")) == (100, 2018145)
    removed = business.delete(edge, fields=json.dumps(["get_started", "persistent_menu"]))
    assert removed.json() == {"result": "success"}
    assert business.get(edge, fields="persistent_menu").json() == {"data": []}


def test_menu_needs_the_get_started_button(business: Business) -> None:
    answer = business.post("me/messenger_profile", persistent_menu=MENU)

    assert error_of(answer) == (100, 2018145)


def test_wrong_properties_are_refused(business: Business) -> None:
    for body in REFUSED:
        assert error_of(business.post("me/messenger_profile", **body))[0] == 100, body


def test_instagram_has_its_own(business: Business) -> None:
    menu = [{"locale": "default", "call_to_actions": [ITEM]}]
    body = {"platform": "instagram", "persistent_menu": menu, "ice_breakers": [BREAKER]}

    assert business.post(f"{PAGE}/messenger_profile", **body).json() == {"result": "success"}

    asked = {"fields": "persistent_menu,ice_breakers"}
    by_instagram = business.get("me/messenger_profile", platform="instagram", **asked).json()
    assert by_instagram["data"] == [{"persistent_menu": menu, "ice_breakers": [BREAKER]}]
    assert business.get("me/messenger_profile", **asked).json() == {"data": []}
    full = {"platform": "instagram", "persistent_menu": MENU}
    assert error_of(business.post("me/messenger_profile", **full)) == (100, None)
    business.graph.control("PATCH", f"instagram/{INSTAGRAM}", page_id=None)
    assert error_of(business.post("me/messenger_profile", **body)) == (100, 2534013)


def test_ten_calls_in_ten_minutes(business: Business) -> None:
    answers = [business.post("me/messenger_profile", get_started=START) for _ in range(11)]

    assert all(answer.ok for answer in answers[:10])
    assert error_of(answers[10]) == (613, None)


def test_menu_of_one_person(business: Business) -> None:
    psid = business.write()
    edge = "me/custom_user_settings"

    assert business.post(edge, psid=psid, persistent_menu=MENU).json() == {"result": "success"}
    told = business.get(edge, psid=psid).json()["data"]
    assert told == [{"user_level_persistent_menu": MENU}]
    removed = business.delete(edge, psid=psid, params='["persistent_menu"]')
    assert removed.json() == {"result": "success"}
    assert business.get(edge, psid=psid).json() == {"data": []}
    assert error_of(business.post(edge, psid="7", persistent_menu=MENU)) == (100, 2018001)
    assert error_of(business.delete(edge, psid=psid)) == (100, None)


class TestPersonas:
    def test_life_of_a_persona(self, business: Business) -> None:
        psid = business.write()
        told = business.post(f"{PAGE}/personas", name="Jo", profile_picture_url=URL).json()

        assert business.get(f"{PAGE}/personas").json()["data"][0]["name"] == "Jo"
        assert business.get(told["id"]).json()["profile_picture_url"] == URL
        assert business.send(psid, {"text": "I am Jo"}, persona_id=told["id"]).ok
        assert business.delete(told["id"]).json() == {"success": True}
        assert error_of(business.get(told["id"])) == (100, 33)
        assert error_of(business.send(psid, {"text": "x"}, persona_id=told["id"])) == (100, None)

    def test_refusals(self, business: Business) -> None:
        edge = f"{PAGE}/personas"

        assert error_of(business.post(edge, name="x" * 51, profile_picture_url=URL))[0] == 100
        assert error_of(business.post(edge, name="x", profile_picture_url="x"))[0] == 100
        assert error_of(business.post(edge, name="x"))[0] == 100
        assert error_of(business.get(f"{OTHER_PAGE}/personas")) == (100, 33)
