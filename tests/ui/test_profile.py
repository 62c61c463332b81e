"""The page of an account's profile."""

import json
from typing import Any

import pytest
import responses

from tests.support.app import GRAPH_URL, Factory, Host
from tests.ui.conftest import Browser, words_of

PROFILE = f"{GRAPH_URL}/v25.0/777/messenger_profile"
FRENCH = {"locale": "fr_FR", "text": "Bonjour"}

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture(autouse=True)
def admin(host: Host) -> None:
    host.sign_in()


def page_of(factory: Factory, **values: Any) -> str:
    account = factory.account(external_id="777", **values)
    return f"/settings/accounts/{account.id}/profile"


def sent() -> list[Any]:
    return [
        json.loads(call.request.body) for call in responses.calls if call.request.method == "POST"
    ]


@responses.activate
def test_what_the_form_says_is_shown_and_other_languages_stay(
    browser: Browser, factory: Factory
) -> None:
    page = page_of(factory)
    live = {"greeting": [{"locale": "default", "text": "Hello"}, FRENCH]}
    responses.get(PROFILE, json={"data": [live]})
    responses.post(PROFILE, json={"result": "success"})
    assert browser.post(f"{page}/read").status_code == 303
    assert ">Hello</textarea>" in browser.get(page).text

    answer = browser.post(
        page,
        data={
            "greeting": "Welcome!",
            "question": ["When are you open?", "", " "],
            "title": ["Book", "Ask", ""],
            "url": ["https://irongym.example/book", "", ""],
        },
    )

    assert answer.status_code == 303, answer.text
    [document] = sent()
    assert document["greeting"] == [{"locale": "default", "text": "Welcome!"}, FRENCH]
    assert document["get_started"] == {"payload": "GET_STARTED"}
    [menu] = document["persistent_menu"]
    assert [each["type"] for each in menu["call_to_actions"]] == ["web_url", "postback"]
    [asked] = document["ice_breakers"]
    assert asked["call_to_actions"] == [
        {"question": "When are you open?", "payload": "When are you open?"}
    ]
    assert 'value="When are you open?"' in browser.get(page).text


@responses.activate
def test_what_breaks_a_limit_stays_in_the_form_with_the_reason(
    browser: Browser, factory: Factory
) -> None:
    page = page_of(factory)

    answer = browser.post(page, data={"greeting": "x" * 161})

    assert answer.status_code == 422
    assert "greeting" in words_of(answer.text)
    assert "x" * 161 in answer.text
    assert sent() == []


@responses.activate
def test_what_meta_refuses_is_said(browser: Browser, factory: Factory) -> None:
    page = page_of(factory)
    responses.get(PROFILE, json={"error": {"code": 2, "message": "down"}}, status=500)

    answer = browser.post(f"{page}/read")

    assert answer.status_code == 502
    assert 'role="alert"' in answer.text


def test_instagram_has_no_greeting(browser: Browser, factory: Factory) -> None:
    text = browser.get(page_of(factory, channel="instagram")).text

    assert 'name="greeting"' not in text
    assert 'name="question"' in text
