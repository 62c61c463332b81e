"""The simulator's own pages in a real browser: dialog, phone, control."""

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from flask_messenger.simulator.seeds import page_id_of
from tests.simulator.driver import FIELDS, SCOPE, Callback, Graph, wait_until

pytestmark = pytest.mark.browser

DOWNTOWN = page_id_of("Iron Gym Downtown")
CHAT = f"{DOWNTOWN}/maya-okafor"
WIDTHS = [1280, 390]


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    # Chromium's sandbox does not start for root, nor in most containers.
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium_path, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser, graph: Graph) -> Iterator[Callable[..., Page]]:
    """Open a page of the simulator; anything on its console fails the test."""
    context = browser.new_context(base_url=graph.base_url)
    context.set_default_timeout(5000)
    said: list[str] = []

    def begin(path: str, width: int = 1280) -> Page:
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 844})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path)
        return page

    yield begin
    context.close()
    assert said == []


@pytest.fixture
def talk(graph: Graph) -> tuple[str, str]:
    """Return token and PSID of a connected Page and a customer who wrote."""
    token = graph.connect(DOWNTOWN)
    return token, graph.chat(f"{CHAT}/messages", text="Hi")["psid"]


def no_sideways_scroll(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("width", WIDTHS)
def test_person_goes_through_the_dialog(
    graph: Graph, callback: Callback, open_page: Callable[..., Page], width: int
) -> None:
    back = callback.url + "/back"
    graph.control("POST", "apps", id="2000000000000002", secret="x", redirect_uris=[back])
    page = open_page(
        f"/v25.0/dialog/oauth?client_id=2000000000000002&redirect_uri={back}&state=s%201&scope={SCOPE}",
        width,
    )
    assert no_sideways_scroll(page)

    page.get_by_test_id("person-sam-reyes").click()
    page.get_by_test_id("pages-none").click()
    page.get_by_label("Iron Gym Riverside").check()
    page.get_by_test_id("permission-pages_read_engagement").uncheck()
    assert no_sideways_scroll(page)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Back at the app")).to_be_visible()

    assert "code=" in page.url
    assert "state=s+1" in page.url
    grant = graph.control("GET", "state")["grants"][0]
    assert grant["page_ids"] == [page_id_of("Iron Gym Riverside")]
    assert grant["permissions"]["pages_read_engagement"] == "declined"
    assert grant["permissions"]["pages_messaging"] == "granted"


def test_person_cancels(graph: Graph, callback: Callback, open_page: Callable[..., Page]) -> None:
    back = callback.url + "/back"
    graph.control("POST", "apps", id="2000000000000002", secret="x", redirect_uris=[back])
    page = open_page(f"/v25.0/dialog/oauth?client_id=2000000000000002&redirect_uri={back}")

    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Back at the app")).to_be_visible()

    assert "error=access_denied" in page.url


@pytest.mark.parametrize("width", WIDTHS)
def test_customer_chats(
    graph: Graph,
    callback: Callback,
    open_page: Callable[..., Page],
    talk: tuple[str, str],
    width: int,
) -> None:
    token, psid = talk
    page = open_page(f"/chat/{CHAT}", width)
    page.get_by_label("Message to Iron Gym Downtown").fill("Is it open?")
    page.get_by_test_id("chat-send").click()
    callback.wait(lambda got: "Is it open?" in str(got.events()))

    graph.send(DOWNTOWN, token, psid, text="Yes, come in!")

    expect(page.get_by_test_id("chat-log")).to_contain_text("Yes, come in!")
    callback.wait_for_kinds("echo", "delivery", "read")  # the page is open, so it is read
    expect(page.get_by_test_id("chat-message")).to_have_count(3)
    assert page.get_by_test_id("chat-input").input_value() == ""
    assert no_sideways_scroll(page)


def test_enter_sends_and_shift_enter_breaks_the_line(
    callback: Callback, open_page: Callable[..., Page], talk: tuple[str, str]
) -> None:
    page = open_page(f"/chat/{CHAT}")
    box = page.get_by_test_id("chat-input")

    box.press_sequentially("One")
    box.press("Shift+Enter")
    expect(box).to_have_value("One\n")
    box.press_sequentially("Two")
    expect(box).to_have_value("One\nTwo")
    box.press("Enter")
    callback.wait(lambda got: len(got.events()) == 2)

    assert callback.events()[1]["message"]["text"] == "One\nTwo"
    assert callback.events()[1]["sender"] == {"id": talk[1]}


def test_customer_sees_typing_and_that_they_were_seen(
    graph: Graph, open_page: Callable[..., Page], talk: tuple[str, str]
) -> None:
    token, psid = talk
    page = open_page(f"/chat/{CHAT}")
    expect(page.get_by_test_id("chat-state")).to_have_text("Sent")

    for action in ("mark_seen", "typing_on"):
        body = {"recipient": {"id": psid}, "sender_action": action}
        graph.post("me/messages", token, json=body)

    expect(page.get_by_test_id("chat-state")).to_have_text("Seen")
    expect(page.get_by_test_id("chat-typing")).to_be_visible()
    graph.send(DOWNTOWN, token, psid, text="There")
    expect(page.get_by_test_id("chat-typing")).to_have_count(0)


def test_customer_sends_a_photo_and_taps(
    graph: Graph, callback: Callback, open_page: Callable[..., Page], talk: tuple[str, str]
) -> None:
    token, psid = talk
    button = {"type": "postback", "title": "Book", "payload": "BOOK"}
    template = {"template_type": "button", "text": "Come?", "buttons": [button]}
    graph.send(DOWNTOWN, token, psid, attachment={"type": "template", "payload": template})
    reply = {"content_type": "text", "title": "Red", "payload": "PICK_RED"}
    graph.send(DOWNTOWN, token, psid, text="Colour?", quick_replies=[reply])
    page = open_page(f"/chat/{CHAT}")

    page.get_by_test_id("quick-reply").click()
    expect(page.get_by_test_id("quick-reply")).to_have_count(0)
    page.get_by_test_id("chat-button").click()
    callback.wait_for_kinds("postback")
    page.get_by_test_id("chat-photo-open").click()
    page.get_by_test_id("chat-photo-sea").click()
    callback.wait(lambda got: "attachments" in str(got.events()[-1]))

    taps = [event for event in callback.events() if "quick_reply" in str(event)]
    assert taps[0]["message"]["quick_reply"] == {"payload": "PICK_RED"}
    expect(page.get_by_alt_text("Photo")).to_be_visible()


def test_customer_gets_started(
    graph: Graph, callback: Callback, open_page: Callable[..., Page]
) -> None:
    graph.connect(DOWNTOWN)
    page = open_page(f"/chat/{DOWNTOWN}/lena-vogel")

    page.get_by_test_id("chat-get-started").click()

    callback.wait_for_kinds("postback")
    expect(page.get_by_test_id("chat-get-started")).to_be_hidden()


def test_what_people_write_stays_text(
    graph: Graph, open_page: Callable[..., Page], talk: tuple[str, str]
) -> None:
    token, psid = talk
    graph.send(DOWNTOWN, token, psid, text="<img src=x onerror=alert(1)>")

    page = open_page(f"/chat/{CHAT}")

    expect(page.get_by_test_id("chat-log")).to_contain_text("<img src=x")


def test_list_leads_to_a_chat(graph: Graph, open_page: Callable[..., Page]) -> None:
    graph.connect(DOWNTOWN)
    page = open_page("/chat/", 390)
    assert no_sideways_scroll(page)

    page.get_by_test_id("chat-iron-gym-downtown-maya-okafor").click()

    expect(page.get_by_text("You are Maya Okafor")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_control_page_steers(
    graph: Graph, open_page: Callable[..., Page], talk: tuple[str, str], width: int
) -> None:
    page = open_page("/control/", width)
    assert no_sideways_scroll(page)

    page.get_by_test_id("switch-duplicate").check()
    wait_until(lambda: bool(graph.control("GET", "state")["webhooks"]["duplicate"]))
    page.get_by_role("button", name="Close the window").click()
    expect(page.get_by_text("Done. hours: 25")).to_be_visible()
    page.get_by_test_id("page-inbox-send").click()
    wait_until(lambda: len(graph.control("GET", "threads")["threads"]) == 1)
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#faults")).to_contain_text("*/messages")
    page.get_by_role("button", name="Remove all").click()
    expect(page.locator("#faults")).to_contain_text("Nothing goes wrong")
    page.get_by_test_id("fault-error").select_option(index=1)
    page.get_by_role("button", name="Add").click()
    wait_until(lambda: len(graph.control("GET", "faults")["faults"]) == 1)
    page.get_by_test_id("control-move").click()
    expect(page.get_by_text("Done. new_owner_app_id")).to_be_visible()
    page.get_by_test_id("webhook-test").click()
    expect(page.get_by_text("Done. queued: 1")).to_be_visible()
    page.get_by_role("button", name="Age the uploads").click()
    expect(page.get_by_text("Done. aged: 0")).to_be_visible()
    page.get_by_role("button", name="Verify the callback").click()
    expect(page.get_by_text("Done. verified: true")).to_be_visible()

    assert graph.control("GET", "threads")["threads"][0]["psid"] == talk[1]


def test_customer_changes_takes_back_and_answers_one_message(
    graph: Graph, callback: Callback, open_page: Callable[..., Page], talk: tuple[str, str]
) -> None:
    graph.post(f"{DOWNTOWN}/subscribed_apps", talk[0], subscribed_fields=FIELDS + ",message_edits")
    graph.chat(f"{CHAT}/messages", text="Wrong")
    page = open_page(f"/chat/{CHAT}", 375)

    page.get_by_test_id("message-more").nth(1).click()
    page.get_by_test_id("tool-unsend").click()
    expect(page.get_by_text("You unsent a message")).to_be_visible()
    page.get_by_test_id("message-more").click()
    page.get_by_test_id("tool-edit").click()
    page.get_by_test_id("chat-input").fill("Hi there")
    page.get_by_test_id("chat-send").click()
    expect(page.get_by_text("Edited")).to_be_visible()
    page.get_by_test_id("message-more").click()
    page.get_by_test_id("tool-reply").click()
    page.get_by_test_id("chat-input").fill("It is me")
    page.get_by_test_id("chat-send").click()
    callback.wait(lambda got: "It is me" in str(got.events()))

    assert set(callback.events()[-1]["message"]) == {"mid", "text", "reply_to"}
    assert no_sideways_scroll(page)


@pytest.mark.usefixtures("talk")
def test_customer_does_everything_else(callback: Callback, open_page: Callable[..., Page]) -> None:
    page = open_page(f"/chat/{CHAT}", 375)
    for name in ("location", "ig_reel", "unsupported", "ad"):
        page.get_by_test_id("chat-more-open").click()
        assert no_sideways_scroll(page)
        page.get_by_test_id(f"act-{name}").click()
        expect(page.get_by_test_id(f"act-{name}")).to_be_hidden()
    callback.wait(lambda got: len(got.events()) == 5)

    kinds = [each["message"].get("attachments", [{}])[0].get("type") for each in callback.events()]
    assert kinds == [None, "location", "ig_reel", None, None]
    assert callback.events()[-1]["message"]["referral"]["source"] == "ADS"


def test_customer_answers_a_story_and_taps_an_ice_breaker(
    graph: Graph, callback: Callback, open_page: Callable[..., Page]
) -> None:
    scope = f"{SCOPE},instagram_basic,instagram_manage_messages"
    login = graph.log_in(pages=[DOWNTOWN], permissions=scope.split(","), scope=scope)
    token = graph.page_token(login, DOWNTOWN)
    graph.post(f"{DOWNTOWN}/subscribed_apps", token, subscribed_fields="messages")
    account = "irongym.downtown"
    graph.post_json(f"/posts/api/{account}/posts", kind="story", picture="hills", text="Open day")
    questions = [{"question": "Your hours?", "payload": "HOURS"}]
    profile = {"ice_breakers": [{"locale": "default", "call_to_actions": questions}]}
    answer = graph.post("me/messenger_profile", token, json=profile, platform="instagram")
    assert answer.ok, answer.text
    page = open_page(f"/chat/{account}/lena-vogel", 375)

    page.get_by_test_id("ice-breaker").click()
    page.get_by_test_id("story").click()
    page.get_by_test_id("chat-input").fill("Is it free?")
    page.get_by_test_id("chat-send").click()
    callback.wait(lambda got: "Is it free?" in str(got.events()))

    tap, reply = callback.events()
    assert tap["postback"]["payload"] == "HOURS"
    assert reply["message"]["reply_to"]["story"]["id"]
    expect(page.get_by_text("You answered their story")).to_be_visible()
    assert no_sideways_scroll(page)


def test_customer_comments(
    graph: Graph, callback: Callback, open_page: Callable[..., Page]
) -> None:
    graph.connect(DOWNTOWN, fields="feed")
    page = open_page("/posts/iron-gym-downtown?as=lena-vogel", 375)

    page.get_by_text("Publish something").click()
    page.get_by_test_id("publish").click()
    page.get_by_test_id("comment-text").fill("How much is it?")
    page.get_by_test_id("comment-send").click()
    expect(page.get_by_test_id("comment")).to_contain_text("Lena Vogel")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_test_id("comment")).to_have_count(0)
    callback.wait(lambda got: len(got.received) == 2)

    verbs = [body["entry"][0]["changes"][0]["value"]["verb"] for body in callback.bodies()]
    assert verbs == ["add", "remove"]
    assert no_sideways_scroll(page)


def test_cards_forms_and_coupons_can_be_tapped(
    graph: Graph, callback: Callback, open_page: Callable[..., Page], talk: tuple[str, str]
) -> None:
    token, psid = talk
    buttons = [{"type": "postback", "title": "Buy", "payload": "BUY"}]
    cards = [{"title": f"Pass {number}", "buttons": buttons} for number in (1, 2)]
    question = {"id": "q1", "type": "csat", "title": "How was it?"}
    survey = {
        "template_type": "customer_feedback",
        "title": "Rate us",
        "button_title": "Rate",
        "feedback_screens": [{"questions": [question]}],
        "business_privacy": {"url": "https://shop.example/privacy"},
    }
    for payload in ({"template_type": "generic", "elements": cards}, survey):
        attachment = {"type": "template", "payload": payload}
        sent = graph.send(DOWNTOWN, token, psid, attachment=attachment)
        assert sent.ok, sent.text
    fields = FIELDS + ",messaging_feedback"
    graph.post(f"{DOWNTOWN}/subscribed_apps", token, subscribed_fields=fields)
    page = open_page(f"/chat/{CHAT}", 375)

    page.get_by_test_id("chat-button").last.click()
    page.get_by_test_id("feedback-4").click()
    callback.wait_for_kinds("postback", "messaging_feedback")

    assert no_sideways_scroll(page)
