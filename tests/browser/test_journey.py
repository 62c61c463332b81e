"""The main job as people do it: connect a Page, write as a customer, see it, answer it.

Real processes, started as `make run` starts them; a real Chromium. Pictures go to var/screenshots.
"""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, expect

from flask_messenger.simulator.seeds import page_id_of, psid_of
from tests.example_app.running import ROOT, Example, port_settings

pytestmark = [pytest.mark.alone, pytest.mark.browser]

PICTURES = ROOT / "var" / "screenshots"
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
SECOND = 1000
PAGE_NAME, PAGE_SLUG = "Iron Gym Downtown", "iron-gym-downtown"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    with Example(tmp_path_factory.mktemp("journey"), **port_settings()) as example:
        yield example


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory, example: Example) -> Path:
    """Return where this run keeps its data and logs."""
    del example
    return next(tmp_path_factory.getbasetemp().glob("journey*"))


@pytest.fixture
def simulator_url(example: Example) -> str:
    return f"http://127.0.0.1:{example.settings['SIMULATOR_PORT']}"


@pytest.fixture(scope="module")
def agent(browser: Browser, example: Example) -> Iterator[Page]:
    """An agency admin, signed in, at a desk."""
    context = browser.new_context(viewport=WIDE, base_url=example.crm_url)
    page = context.new_page()
    sign_in(page, "sam@brightside.example")
    yield page
    context.close()


@pytest.fixture(scope="module")
def customer(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=PHONE)
    yield context
    context.close()


def sign_in(page: Page, email: str) -> None:
    page.goto("/login")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill("demo")
    page.get_by_role("button", name="Log in").click()
    expect(page).not_to_have_url(re.compile("/login"))


def take_picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")


def connect_page(agent: Page) -> None:
    """Settings → Integrations → Connect → the dialog → choose → back, connected."""
    agent.goto("/messenger/settings")
    agent.get_by_label("Location").first.select_option(label=PAGE_NAME)
    agent.get_by_role("button", name=re.compile("Connect .*Page")).click()
    agent.get_by_test_id("person-sam-reyes").click()
    take_picture(agent, "dialog")
    agent.get_by_test_id("dialog-continue").click()
    expect(agent.get_by_role("heading", name="Choose Pages")).to_be_visible()
    take_picture(agent, "choose-pages")
    for box in agent.locator("input[name=page]:enabled").all():
        box.uncheck()
    agent.get_by_label(re.compile(f"^{PAGE_NAME}")).first.check()
    agent.get_by_role("button", name="Connect chosen Pages").click()


def test_a_page_is_connected_through_the_dialog(agent: Page) -> None:
    connect_page(agent)

    row = agent.locator(".fm-acct", has_text=PAGE_NAME)
    expect(row).to_contain_text("Connected")
    take_picture(agent, "integrations")


def test_a_message_shows_in_under_a_second_without_reloading(
    agent: Page, customer: BrowserContext, simulator_url: str
) -> None:
    agent.goto("/messenger/inbox")
    expect(agent.locator("#fm-live")).to_contain_text("Live")
    chat = customer.new_page()
    chat.goto(f"{simulator_url}/chat/{PAGE_SLUG}/maya-okafor")

    chat.get_by_test_id("chat-input").fill("Is the 6 pm class still open tomorrow?")
    started = time.monotonic()
    chat.get_by_test_id("chat-send").click()
    row = agent.locator("[data-fm-conversation]", has_text="Is the 6 pm class still open")
    expect(row).to_be_visible(timeout=SECOND)

    assert time.monotonic() - started < 1.5  # the click and the drawing of the chat included
    expect(row).to_contain_text("Maya Okafor", timeout=5 * SECOND)
    expect(row.locator("[class*=facebook]").first).to_be_visible()


def test_the_answer_arrives_and_its_state_is_told(agent: Page, customer: BrowserContext) -> None:
    (chat,) = customer.pages
    agent.locator("[data-fm-conversation]").first.click()
    expect(agent.get_by_text(re.compile(r"2[34] h.*to reply")).first).to_be_visible()
    expect(agent.get_by_role("complementary")).to_contain_text("Lead")

    chat.goto("about:blank")  # the customer looks away: delivered, not read
    agent.locator("#fm-write").fill("Yes, two places left. Shall I hold one for you?")
    agent.locator("#fm-write").press("Enter")

    bubble = agent.locator("[data-fm-message]", has_text="two places left")
    expect(bubble).to_contain_text("Delivered", timeout=10 * SECOND)
    chat.go_back()
    expect(chat.get_by_test_id("chat-log")).to_contain_text("two places left")
    expect(bubble).to_contain_text("Read", timeout=10 * SECOND)
    expect(agent.locator("#fm-write")).to_have_value("")
    take_picture(agent, "inbox")
    take_picture(chat, "chat")


def test_an_answer_from_the_page_inbox_is_shown_as_such(agent: Page, simulator_url: str) -> None:
    answer = requests.post(
        f"{simulator_url}/control/api/threads/{PAGE_SLUG}/maya-okafor/page-inbox",
        json={"text": "From the Page inbox"},
        timeout=5,
    )
    assert answer.ok, answer.text

    bubble = agent.locator("[data-fm-message]", has_text="From the Page inbox")
    expect(bubble).to_contain_text("Page inbox", timeout=5 * SECOND)


def test_the_lead_and_its_timeline_are_the_hosts_own(agent: Page) -> None:
    agent.goto("/leads")
    agent.get_by_role("link", name="Maya Okafor").first.click()

    expect(agent.get_by_role("main")).to_contain_text("Maya Okafor")
    take_picture(agent, "lead")


def test_it_works_on_a_phone(browser: Browser, example: Example) -> None:
    context = browser.new_context(viewport=PHONE, base_url=example.crm_url, has_touch=True)
    page = context.new_page()
    sign_in(page, "kim@brightside.example")

    page.goto("/messenger/inbox")
    row = page.locator("[data-fm-conversation]").first
    expect(row).to_be_visible()
    take_picture(page, "phone-list")
    row.click()
    expect(page.locator("#fm-write")).to_be_in_viewport()
    take_picture(page, "phone-thread")
    page.get_by_role("link", name="Back").or_(page.get_by_role("button", name="Back")).click()
    expect(row).to_be_visible()
    width = page.evaluate("document.documentElement.scrollWidth")
    context.close()

    assert width <= PHONE["width"]


def test_the_keyboard_alone_is_enough(agent: Page) -> None:
    agent.goto("/messenger/inbox")
    agent.keyboard.press("/")
    expect(agent.get_by_role("searchbox")).to_be_focused()
    agent.keyboard.press("Escape")
    agent.locator("body").press("j")
    agent.keyboard.press("Enter")

    expect(agent.locator("#fm-write")).to_be_visible()


def test_a_closed_window_disables_the_composer_and_says_why(
    agent: Page, simulator_url: str
) -> None:
    page_id = page_id_of(PAGE_NAME)
    two_days_ago = int((time.time() - 2 * 86_400) * 1000)
    body = {
        "object": "page",
        "entry": [
            {
                "id": page_id,
                "time": two_days_ago,
                "messaging": [
                    {
                        "sender": {"id": psid_of(page_id, "jonas-berg")},
                        "recipient": {"id": page_id},
                        "timestamp": two_days_ago,
                        "message": {"mid": "m_two_days_ago", "text": "Can I freeze my membership?"},
                    }
                ],
            }
        ],
    }
    sent = requests.post(
        f"{simulator_url}/control/api/webhooks/send", json={"body": body}, timeout=5
    )
    assert sent.ok, sent.text
    agent.goto("/messenger/inbox")
    agent.locator("[data-fm-conversation]", has_text="freeze my membership").click()

    closed = agent.locator("#fm-closed")
    expect(closed).to_be_visible()
    expect(closed.locator("textarea")).to_be_disabled()
    expect(closed).to_contain_text(re.compile("24 hours|write again"))
    take_picture(agent, "window-closed")


def test_declining_is_said_and_offers_another_try(agent: Page) -> None:
    agent.goto("/messenger/settings")
    agent.get_by_label("Location").first.select_option(label="Iron Gym Harbour")
    agent.get_by_role("button", name=re.compile("Connect .*Page")).click()
    agent.get_by_test_id("dialog-cancel").click()

    expect(agent.locator(".fm-notice").first).to_be_visible()
    expect(agent).to_have_url(re.compile("/messenger/settings"))
    take_picture(agent, "declined")


def test_a_lower_plan_shows_what_it_would_unlock(browser: Browser, example: Example) -> None:
    context = browser.new_context(viewport=WIDE, base_url=example.crm_url)
    page = context.new_page()
    page.goto("/login")
    email = re.search(r"\S+@solo\.example", example.output)
    assert email
    sign_in(page, email[0])

    page.goto("/messenger/settings")

    expect(page.locator(".fm-lock").first).to_contain_text(re.compile("plus", re.IGNORECASE))
    take_picture(page, "locked-plan")
    context.close()


def test_pages_run_without_a_word_from_the_console(agent: Page) -> None:
    problems: list[str] = []
    agent.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    agent.on("pageerror", lambda error: problems.append(str(error)))

    for path in ("/messenger/inbox", "/messenger/settings", "/leads"):
        agent.goto(path)
        agent.wait_for_timeout(300)

    assert problems == []


def test_nothing_private_is_in_the_logs_and_no_token_in_the_database(var: Path) -> None:
    logs = "".join(path.read_text() for path in (var / "log").glob("*.log"))
    page_id = page_id_of(PAGE_NAME)
    with closing(sqlite3.connect(var / "simulator.sqlite")) as simulated:
        tokens = [row[0] for row in simulated.execute("SELECT token FROM tokens")]
    database = b"".join(path.read_bytes() for path in var.glob("crm*"))

    assert logs
    assert tokens
    assert database
    private = ["Is the 6 pm class", "two places left", "Maya", psid_of(page_id, "maya-okafor")]
    assert [each for each in (*private, *tokens) if each in logs] == []
    assert [token for token in tokens if token.encode() in database] == []
