"""The pages of templates: ours, written with a preview, and those that Meta approves."""

from typing import Any, Final
from uuid import UUID

import pytest
import responses
from sqlalchemy import select

from flask_messenger.models import Template
from flask_messenger.models.base import new_id
from flask_messenger.tenancy import system_scope
from tests.support.app import GRAPH_URL, Factory, Host
from tests.ui.conftest import Browser, words_of

PAGE = "/settings/templates"
AT_META = f"{GRAPH_URL}/v25.0/777/message_templates"
SCRIPT = {"HX-Request": "true"}
CARDS = {
    "kind": "generic_template",
    "name": "Classes",
    "card-0-title": "Evening strength",
    "card-0-subtitle": "Mon to Thu, 18:00",
    "card-0-image_url": "https://irongym.example/a.jpg",
    "card-0-url": "https://irongym.example/strength",
    "card-0-b-type": ["web_url", "postback", "web_url"],
    "card-0-b-title": ["Book", "Ask", ""],
    "card-0-b-value": ["https://irongym.example/book", "", ""],
    "card-1-title": "",
    "card-1-subtitle": "",
    "card-1-image_url": "",
    "card-1-url": "",
}
BUTTONS = {
    "kind": "button_template",
    "name": "Hours",
    "text": "Hi {{ first_name }}, 6 to 22.",
    "button-b-type": ["phone_number", "web_url"],
    "button-b-title": ["Call", ""],
    "button-b-value": ["+14155550123", ""],
}
WRONG: Final = [
    ({"kind": "text", "text": ""}, "Nothing is written yet."),
    ({"kind": "text", "text": "", "reply": "Yes"}, "text is empty"),
    ({"kind": "text", "text": "{% for x in y %}{% endfor %}"}, "a loop cannot be used"),
    ({"kind": "generic_template", "card-0-title": "x"}, "Card 1: Beside its title"),
]

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture(autouse=True)
def admin(host: Host) -> None:
    host.sign_in()


def kept(factory: Factory) -> list[Template]:
    factory.session.rollback()
    with system_scope("test"):
        return list(factory.session.scalars(select(Template)))


def add(factory: Factory, **values: Any) -> UUID:
    row = Template(
        **{
            "id": new_id(),
            "workspace_id": "w1",
            "name": "Welcome",
            "content_kind": "text",
            "content": {},
            **values,
        }
    )
    with system_scope("test"):
        factory.session.add(row)
        factory.session.commit()
        return row.id


def test_cards_are_written_changed_and_deleted(browser: Browser, factory: Factory) -> None:
    assert "Card 1" in browser.read(f"{PAGE}/new?kind=generic_template")

    assert browser.post(PAGE, data=CARDS).status_code == 303

    [row] = kept(factory)
    [element] = row.content["elements"]
    assert element == {
        "title": "Evening strength",
        "subtitle": "Mon to Thu, 18:00",
        "image_url": "https://irongym.example/a.jpg",
        "default_action": {"url": "https://irongym.example/strength"},
        "buttons": [
            {"type": "web_url", "title": "Book", "url": "https://irongym.example/book"},
            {"type": "postback", "title": "Ask", "payload": "Ask"},
        ],
    }
    assert "Classes Evening strength Cards" in browser.read(PAGE)
    html = browser.get(f"{PAGE}/{row.id}").text
    assert 'value="https://irongym.example/book"' in html
    assert f'name="template_id" value="{row.id}"' in html

    assert browser.post(f"{PAGE}/{row.id}", data={**CARDS, "name": "Lessons"}).status_code == 303
    assert kept(factory)[0].name == "Lessons"
    assert browser.post(f"{PAGE}/{row.id}/delete").status_code == 303
    assert kept(factory) == []


def test_what_the_form_does_not_know_stays(browser: Browser, factory: Factory) -> None:
    button = {"type": "web_url", "title": "Book", "url": "https://a.example"}
    tall = {**button, "webview_height_ratio": "tall"}
    kept_card = {"title": "A", "buttons": [tall]}
    content = {"elements": [kept_card], "image_aspect_ratio": "square"}
    template_id = add(factory, content_kind="generic_template", content=content)

    changed = {
        "name": "A",
        "card-0-title": "B",
        "card-0-b-type": "web_url",
        "card-0-b-title": "Book",
        "card-0-b-value": "https://b.example",
    }
    assert browser.post(f"{PAGE}/{template_id}", data=changed).status_code == 303

    [row] = kept(factory)
    assert row.content["image_aspect_ratio"] == "square"
    [element] = row.content["elements"]
    assert element["title"] == "B"
    assert element["buttons"] == [{**tall, "url": "https://b.example"}]


def test_texts_keep_their_answers(browser: Browser, factory: Factory) -> None:
    data = {"kind": "text", "name": "Hi", "text": "Shall we?", "reply": ["Yes", " ", "No"]}

    assert browser.post(PAGE, data=data).status_code == 303

    [row] = kept(factory)
    replies = [{"payload": each, "title": each} for each in ("Yes", "No")]
    assert (row.text, row.content) == ("Shall we?", {"quick_replies": replies})
    assert 'value="No"' in browser.get(f"{PAGE}/{row.id}").text


def test_a_template_is_a_locations_or_an_accounts(
    browser: Browser, factory: Factory, host: Host
) -> None:
    account = factory.account(name="Iron Gym")
    data = {"kind": "text", "text": "Hi"}

    for reach in ("", "l:l1", f"a:{account.id}"):
        assert browser.post(PAGE, data={**data, "name": "x", "reach": reach}).status_code == 303

    found = {(row.location_id, row.account_id) for row in kept(factory)}
    assert found == {(None, None), ("l1", None), (None, account.id)}
    assert "Iron Gym (Messenger)" in browser.read(f"{PAGE}/new")
    assert browser.post(PAGE, data={**data, "name": "x", "reach": "a:1"}).status_code == 422
    host.sign_in(location_ids=["l1"])
    assert "Everybody" not in browser.read(f"{PAGE}/new")


def test_what_is_wrong_is_said_with_its_place_and_stays_in_the_form(
    browser: Browser, factory: Factory
) -> None:
    data = {**CARDS, "card-0-b-value": ["not an address", "", ""]}

    answer = browser.post(PAGE, data=data)

    assert answer.status_code == 422
    assert "Card 1, button 1, address: The url has to be a public http" in words_of(answer.text)
    assert 'value="not an address"' in answer.text
    assert kept(factory) == []


def test_the_preview_fills_in_every_variable(browser: Browser, factory: Factory) -> None:
    factory.account(channel="facebook")
    factory.account(channel="instagram")
    text = "Hi {{ first_name }}, order {{ order.number | upper }} at {{ location }}."

    answer = browser.post(f"{PAGE}/preview", data={**BUTTONS, "text": text}, headers=SCRIPT)

    words = words_of(answer.text)

    assert "Hi Maya, order ORDER.NUMBER at Downtown. Call" in words
    assert "Messenger can carry it" in words
    assert "Instagram Button 1, type" in words


def test_the_preview_says_what_is_wrong(browser: Browser) -> None:
    for data, words in WRONG:
        answer = browser.post(f"{PAGE}/preview", data=data, headers=SCRIPT)
        assert answer.status_code == 200
        assert words in words_of(answer.text)


def test_a_part_more_and_a_part_less(browser: Browser) -> None:
    more = browser.post(f"{PAGE}/draft", data={**CARDS, "add": "card"}, headers=SCRIPT).text
    button = browser.post(f"{PAGE}/draft", data={**CARDS, "add": "card-1"}, headers=SCRIPT).text
    less = browser.post(f"{PAGE}/draft", data={**CARDS, "remove": "card-0-1"}, headers=SCRIPT).text
    # Without our script the whole page comes back.
    page = browser.post(f"{PAGE}/draft", data={**CARDS, "remove": "card-0"}).text

    assert "Card 3" in more
    assert 'name="card-2-title" autofocus' in more
    assert 'name="card-1-b-title" autofocus' in button
    assert '<button class="fm-btn" autofocus name="add" value="card-0"' in less
    assert '<button class="fm-btn" autofocus name="add" value="card"' in page
    assert 'hx-swap-oob="true"' in more
    assert "Title of button 1 of card 2" in button
    assert 'value="Ask"' not in less
    assert 'value="Book"' in less
    assert "<h1>" in page
    assert "Card 2" not in page
    assert 'value="Classes"' in page


def test_what_a_program_made_keeps_its_parts(browser: Browser, factory: Factory) -> None:
    buttons = [{"type": "account_link", "url": "https://a.example"}]
    content = {"buttons": buttons}
    linking = add(factory, content_kind="button_template", text="Hi", content=content)
    other = add(factory, content_kind="sticker", content={"sticker_id": "369239263222822"})

    for template_id, kind in ((linking, "Text with buttons"), (other, "Sticker")):
        words = browser.read(f"{PAGE}/{template_id}")
        assert "A program made this one" in words
        assert kind in words
        data = {"name": "New", "kind": "text", "text": "gone"}
        assert browser.post(f"{PAGE}/{template_id}", data=data).status_code == 303
    found = {row.id: row for row in kept(factory)}
    assert (found[linking].name, found[linking].text) == ("New", "Hi")
    assert found[linking].content == content
    assert found[other].content == {"sticker_id": "369239263222822"}


def test_odd_parts_that_a_program_made_cost_nobody_the_page(
    browser: Browser, factory: Factory, host: Host
) -> None:
    host.sign_in(user_name=" ")
    odd = {"quick_replies": [{"title": ["{{ name }}"]}, {"title": {"a": 1}}]}
    row_id = add(factory, text="Hi {{ agent_first_name }}", content=odd)

    assert browser.get(f"{PAGE}/{row_id}").status_code == 200


def test_only_who_may_change_settings_sees_the_pages(browser: Browser, host: Host) -> None:
    host.sign_in(permissions={"reply"})

    for path in (PAGE, f"{PAGE}/new", f"{PAGE}/propose"):
        assert browser.get(path).status_code == 403


def test_what_meta_says_of_a_template_is_shown(browser: Browser, factory: Factory) -> None:
    account = factory.account(name="Iron Gym")
    common = {"kind": "utility", "content_kind": "utility_template", "account_id": account.id}
    add(factory, name="order_sent", language="en", status="approved", text="On its way", **common)
    reason = {"status": "rejected", "status_reason": "TAG_SHOULD_BE_MARKETING"}
    rejected = add(factory, name="sale", language="en", text="Sale", **reason, **common)

    words = browser.read(PAGE)

    assert "Approved order_sent On its way en Iron Gym" in words
    assert "Meta rejected it. TAG_SHOULD_BE_MARKETING" in words
    assert browser.get(f"{PAGE}/{rejected}").status_code == 302


@responses.activate
def test_a_template_is_proposed_read_back_and_deleted(browser: Browser, factory: Factory) -> None:
    account = factory.account(external_id="777", name="Iron Gym")
    data = {
        "account_id": str(account.id),
        "name": "order_sent",
        "language": "en",
        "header": "Your order",
        "body": "Order {{order_number}} is on its way.",
        "b-type": ["URL", "POSTBACK", "URL"],
        "b-text": ["Track", "Help", ""],
        "b-url": ["https://irongym.example/t", "", ""],
    }
    responses.post(AT_META, json={"id": "55", "status": "PENDING", "category": "UTILITY"})
    assert "Propose to Meta" in browser.read(f"{PAGE}/propose")

    assert browser.post(f"{PAGE}/propose", data=data).status_code == 303

    [row] = kept(factory)
    assert (row.status, row.text) == ("pending", "Order {{order_number}} is on its way.")
    kinds = [each["type"] for each in row.content["components"]]
    assert kinds == ["HEADER", "BODY", "BUTTONS"]
    assert "Proposed." in browser.read(f"{PAGE}?notice=proposed")

    theirs = {"id": "55", "name": "order_sent", "language": "en", "status": "APPROVED"}
    responses.get(AT_META, json={"data": [{**theirs, "components": row.content["components"]}]})
    read = browser.post(f"/settings/accounts/{account.id}/templates/read")
    assert read.status_code == 303
    assert kept(factory)[0].status == "approved"

    responses.delete(AT_META, json={"success": True})
    assert browser.post(f"{PAGE}/{row.id}/delete").status_code == 303
    assert kept(factory) == []


@responses.activate
def test_what_meta_or_we_refuse_stays_in_the_proposal(browser: Browser, factory: Factory) -> None:
    account = factory.account(external_id="777")
    data = {"account_id": str(account.id), "name": "sale", "language": "en", "body": "Sale!"}
    refused = {"error": {"code": 100, "message": "no", "error_user_msg": "No marketing."}}
    responses.post(AT_META, json=refused, status=400)
    responses.get(AT_META, json={"error": {"code": 2, "message": "down"}}, status=500)

    theirs = browser.post(f"{PAGE}/propose", data=data)
    ours = browser.post(f"{PAGE}/propose", data={**data, "name": "Not a name"})
    nobodys = browser.post(f"{PAGE}/propose", data={**data, "account_id": "1"})
    away = browser.post(f"/settings/accounts/{account.id}/templates/read")

    assert [each.status_code for each in (theirs, ours, nobodys, away)] == [502, 422, 422, 502]
    for answer in (theirs, ours, nobodys):
        assert 'role="alert"' in answer.text
        assert ">Sale!</textarea>" in answer.text
    assert "A name has lower case letters" in words_of(ours.text)
    assert 'role="alert"' in away.text
    assert kept(factory) == []


@responses.activate
def test_one_of_metas_own_is_found_and_taken_over(browser: Browser, factory: Factory) -> None:
    account = factory.account(external_id="777", name="Iron Gym")
    page = f"{PAGE}/library"
    found = {"name": "order_pick_up", "language": "en", "body": "Order {{1}} is ready."}
    responses.get(f"{GRAPH_URL}/v25.0/message_template_library", json={"data": [found]})
    taken = {"name": "pick_up", "language": "en", "components": [{"type": "BODY", "text": "Hi"}]}
    responses.post(AT_META, json={"id": "55", "status": "APPROVED", "category": "UTILITY"})
    responses.get(AT_META, json={"data": [{"id": "55", "status": "APPROVED", **taken}]})
    assert "Look" in browser.read(page)

    words = browser.read(page, query_string={"account_id": str(account.id), "words": "order"})

    assert "order_pick_up Order {{1}} is ready. en" in words
    data = {"account_id": str(account.id), "library_name": "order_pick_up", "language": "en"}
    assert browser.post(page, data={**data, "name": "pick_up"}).status_code == 303
    [row] = kept(factory)
    assert (row.name, row.status, row.text) == ("pick_up", "approved", "Hi")


@responses.activate
def test_what_the_library_refuses_is_said(browser: Browser, factory: Factory) -> None:
    account = factory.account(external_id="777")
    page = f"{PAGE}/library"
    down = {"error": {"code": 2, "message": "down"}}
    responses.get(f"{GRAPH_URL}/v25.0/message_template_library", json=down, status=500)
    responses.post(AT_META, json=down, status=500)
    mine = {"account_id": str(account.id), "language": "en", "library_name": "x"}

    answers = [
        browser.get(page, query_string={"account_id": str(account.id)}),
        browser.get(page, query_string={"account_id": "1"}),
        browser.post(page, data={**mine, "name": "x"}),
        browser.post(page, data={**mine, "name": "Not a name"}),
        browser.post(page, data={**mine, "account_id": "1"}),
    ]

    assert [each.status_code for each in answers] == [502, 422, 502, 422, 422]
    assert all('role="alert"' in each.text for each in answers)
    assert kept(factory) == []
