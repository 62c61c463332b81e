"""The profile of an account: what each channel has, its limits, what differs, what is asked."""

import time
from typing import Any

import pytest

from flask_messenger.channels.profile import INSTAGRAM_PROFILE, MESSENGER_PROFILE, ProfileRules
from flask_messenger.channels.registry import CHANNELS
from flask_messenger.channels.sending import Endpoint
from flask_messenger.errors import ProfileError

ITEM = {"type": "postback", "title": "Help", "payload": "HELP"}
LINK = {"type": "web_url", "title": "Shop", "url": "https://shop.example/"}
WHOLE: dict[str, Any] = {
    "greeting": [
        {"locale": "default", "text": "Hi {{user_first_name}}"},
        {"locale": "de_DE", "text": "Hallo"},
    ],
    "get_started": {"payload": "START"},
    "persistent_menu": [
        {
            "locale": "default",
            "composer_input_disabled": True,
            "call_to_actions": [ITEM, {**LINK, "webview_height_ratio": "tall"}],
        }
    ],
    "ice_breakers": [
        {"locale": "default", "call_to_actions": [{"question": "Open?", "payload": "OPEN"}]}
    ],
    "commands": [
        {"locale": "default", "commands": [{"name": "book", "description": "Book a class"}]}
    ],
    "whitelisted_domains": ["https://shop.example"],
    "account_linking_url": "https://shop.example/link",
}


def menu(*items: Any, **more: Any) -> dict[str, Any]:
    return {"persistent_menu": [{"locale": "default", "call_to_actions": list(items), **more}]}


def ask(*questions: str) -> dict[str, Any]:
    items = [{"question": each, "payload": "P"} for each in questions]
    return {"ice_breakers": [{"locale": "default", "call_to_actions": items}]}


def wrong(rules: ProfileRules, document: dict[str, Any]) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        rules.check(document)
    assert caught.value.field == caught.value.errors[0]["field"]
    assert all(each["message"].endswith(".") for each in caught.value.errors)
    return [each["field"] for each in caught.value.errors]


def test_whole_profile_is_taken_as_it_is() -> None:
    assert MESSENGER_PROFILE.check(WHOLE) == WHOLE
    assert INSTAGRAM_PROFILE.check({**ask("Open?"), **menu(ITEM, LINK)})


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ({"home_url": {}}, ["home_url"]),
        ({"greeting": "Hi"}, ["greeting"]),
        ({"greeting": [{"locale": "en_US", "text": "Hi"}]}, ["greeting"]),
        ({"greeting": [{"locale": "default", "text": "x" * 161}]}, ["greeting[0].text"]),
        ({"greeting": [{"locale": "default", "text": "{{name}}"}]}, ["greeting[0].text"]),
        ({"greeting": [{"locale": "default", "text": 7}]}, ["greeting[0].text"]),
        (
            {"greeting": [{"locale": "default", "text": "a"}, {"locale": "english", "text": "a"}]},
            ["greeting[1].locale"],
        ),
        (
            {"greeting": [{"locale": "default", "text": "a"}, {"locale": "default", "text": "b"}]},
            ["greeting[1].locale"],
        ),
        (
            {"greeting": [{"locale": "default", "text": "a"}, {"locale": [], "text": "a"}]},
            ["greeting[1].locale"],
        ),
        ({"get_started": {"payload": "x" * 1001}}, ["get_started.payload"]),
        ({"get_started": {"text": "Go"}}, ["get_started.text", "get_started.payload"]),
        (menu(), ["persistent_menu[0].call_to_actions"]),
        (menu(*[ITEM] * 21), ["persistent_menu[0].call_to_actions"]),
        (menu({**ITEM, "title": "x" * 31}), ["persistent_menu[0].call_to_actions[0].title"]),
        (menu({**ITEM, "payload": ""}), ["persistent_menu[0].call_to_actions[0].payload"]),
        (menu({**ITEM, "type": "nested"}), ["persistent_menu[0].call_to_actions[0].type"]),
        (menu({**LINK, "url": "ftp://x"}), ["persistent_menu[0].call_to_actions[0].url"]),
        (menu({**LINK, "payload": "P"}), ["persistent_menu[0].call_to_actions[0].payload"]),
        (
            menu({**LINK, "webview_height_ratio": "huge"}),
            ["persistent_menu[0].call_to_actions[0].webview_height_ratio"],
        ),
        (menu(ITEM, composer_input_disabled="no"), ["persistent_menu[0].composer_input_disabled"]),
        (ask(*"abcde"), ["ice_breakers[0].call_to_actions"]),
        (ask(""), ["ice_breakers[0].call_to_actions[0].question"]),
        (
            {"commands": [{"locale": "default", "commands": [{"name": "/a", "description": ""}]}]},
            ["commands[0].commands[0].name", "commands[0].commands[0].description"],
        ),
        ({"whitelisted_domains": ["http://shop.example"]}, ["whitelisted_domains[0]"]),
        ({"whitelisted_domains": ["https://x.example"] * 51}, ["whitelisted_domains"]),
        ({"account_linking_url": "http://shop.example"}, ["account_linking_url"]),
    ],
)
def test_what_messenger_does_not_take_is_named(document: dict[str, Any], fields: list[str]) -> None:
    assert wrong(MESSENGER_PROFILE, document) == fields


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ({"greeting": WHOLE["greeting"]}, ["greeting"]),
        (menu(ITEM, composer_input_disabled=True), ["persistent_menu[0].composer_input_disabled"]),
        (
            menu({**LINK, "webview_height_ratio": "full"}),
            ["persistent_menu[0].call_to_actions[0].webview_height_ratio"],
        ),
    ],
)
def test_instagram_has_less_of_it(document: dict[str, Any], fields: list[str]) -> None:
    assert wrong(INSTAGRAM_PROFILE, document) == fields


def test_everything_wrong_is_told_at_once() -> None:
    document = {"greeting": "Hi", "account_linking_url": 7, **ask("")}

    assert len(wrong(MESSENGER_PROFILE, document)) == 3


def test_only_what_differs_is_changed_and_what_is_not_named_stays() -> None:
    live = {**WHOLE, "commands": []}
    document = {
        "greeting": [{"locale": "default", "text": "Hello"}],
        "get_started": WHOLE["get_started"],
        "ice_breakers": None,
        "commands": None,
    }

    diff = MESSENGER_PROFILE.compare(document, live)

    assert diff.changes == {"greeting": [{"locale": "default", "text": "Hello"}]}
    assert diff.removals == ("ice_breakers",)
    assert diff.calls == 2
    after = diff.apply_to(live)
    assert after["persistent_menu"] == WHOLE["persistent_menu"]
    assert "ice_breakers" not in after


def test_what_meta_adds_when_it_reads_back_is_no_difference() -> None:
    live = {
        "greeting": list(reversed(WHOLE["greeting"])),
        "persistent_menu": [
            {
                "locale": "default",
                "composer_input_disabled": False,
                "disabled_surfaces": [],
                "call_to_actions": [
                    ITEM,
                    {**LINK, "webview_height_ratio": "full", "messenger_extensions": False},
                ],
            }
        ],
        "get_started": {"payload": "START"},
        "ice_breakers": [{"question": "Open?", "payload": "OPEN"}],
        "whitelisted_domains": ["https://SHOP.example/"],
    }
    document = {
        **menu(ITEM, LINK),
        **ask("Open?"),
        **{name: WHOLE[name] for name in ("greeting", "get_started", "whitelisted_domains")},
    }
    document["ice_breakers"][0]["call_to_actions"][0]["payload"] = "OPEN"

    assert MESSENGER_PROFILE.compare(document, live).is_empty


def test_order_of_questions_is_a_difference() -> None:
    assert not MESSENGER_PROFILE.compare(ask("a", "b"), ask("b", "a")).is_empty


@pytest.mark.parametrize(
    ("document", "live"),
    [
        (menu(ITEM), {}),
        ({**menu(ITEM), "get_started": None}, {"get_started": {"payload": "START"}}),
        ({"get_started": None}, {"get_started": {"payload": "START"}, **menu(ITEM)}),
    ],
)
def test_menu_needs_a_get_started_button(document: dict[str, Any], live: dict[str, Any]) -> None:
    with pytest.raises(ProfileError) as caught:
        MESSENGER_PROFILE.compare(document, live)

    assert caught.value.field == "get_started"
    assert INSTAGRAM_PROFILE.compare(menu(ITEM), {}).calls == 1


def test_what_may_surprise_is_noted() -> None:
    document = {**ask("x" * 81), **menu(*[ITEM] * 6)}

    notes = INSTAGRAM_PROFILE.compare(document, {}).notes

    assert len(notes) == 2
    assert "81" in notes[0]


@pytest.mark.covers("facebook", "do:profile")
@pytest.mark.covers("instagram", "do:profile")
@pytest.mark.parametrize(
    ("channel", "endpoint", "host", "path", "platform"),
    [
        ("facebook", Endpoint(external_id="1001"), "graph", "1001/messenger_profile", {}),
        (
            "instagram",
            Endpoint(external_id="1789", page_external_id="1001"),
            "graph",
            "1001/messenger_profile",
            {"platform": "instagram"},
        ),
        (
            "instagram",
            Endpoint(external_id="1789", login="instagram"),
            "instagram",
            "me/messenger_profile",
            {"platform": "instagram"},
        ),
    ],
)
def test_requests_go_to_the_account_or_the_page_that_carries_it(
    channel: str, endpoint: Endpoint, host: str, path: str, platform: dict[str, str]
) -> None:
    rules = CHANNELS[channel].profile

    read = rules.read(endpoint)
    write = rules.write(endpoint, {**ask("a"), **menu(ITEM)})
    remove = rules.remove(endpoint, ("ice_breakers",))

    assert {(each.host, each.path) for each in (read, write, remove)} == {(host, path)}
    assert (read.method, write.method, remove.method) == ("GET", "POST", "DELETE")
    assert read.body == {"fields": ",".join(rules.names), **platform}
    assert write.body == {**menu(ITEM), **ask("a"), **platform}
    assert remove.body == {"fields": '["ice_breakers"]', **platform}


def test_button_is_set_before_the_menu_that_needs_it() -> None:
    request = MESSENGER_PROFILE.write(
        Endpoint(external_id="1"), dict(reversed(list(WHOLE.items())))
    )

    assert list(request.body) == list(MESSENGER_PROFILE.names)


@pytest.mark.parametrize(
    ("body", "live"),
    [
        ({"data": []}, {}),
        ({"data": None}, {}),
        ({}, {}),
        ({"data": [7, {"greeting": [], "theme": 1, **ask("a")}]}, ask("a")),
        (
            {"data": [{"ice_breakers": [{"question": "a", "payload": "P"}]}]},
            ask("a"),
        ),
    ],
)
def test_answer_of_meta_is_read_leniently(body: dict[str, Any], live: dict[str, Any]) -> None:
    assert MESSENGER_PROFILE.from_answer(body) == live


def test_endless_placeholder_costs_no_time() -> None:
    greeting = [{"locale": "default", "text": "{{" + " " * 2_000}]
    began = time.process_time()

    assert wrong(MESSENGER_PROFILE, {"greeting": greeting}) == ["greeting[0].text"]
    assert time.process_time() - began < 3  # of the processor: a busy machine changes nothing
