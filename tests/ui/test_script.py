"""What the script of the inbox does, in a real Chromium against the real routes.

There is no worker: what a worker would do, the tests do to the rows, and publish it.
"""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect

from flask_messenger.connect.findings import Finding
from flask_messenger.models import Identity
from flask_messenger.models.base import utc_now
from flask_messenger.outbox.breaker import Breaker
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.ui.site import PHONE, SECOND, Site, is_live, write

pytestmark = [pytest.mark.browser, pytest.mark.databases("postgresql")]

WATCH_STATES = """
() => {
  window.statesSeen = [];
  const sign = document.querySelector('#fm-live');
  new MutationObserver(() => {
    if (sign.dataset.state !== 'live') window.statesSeen.push(sign.dataset.state);
  }).observe(sign, {attributes: true});
}
"""


def test_news_shows_without_reloading(site: Site, open_page: Callable[..., Page]) -> None:
    thread = site.threads.make("hello")
    other = site.threads.make("hi", name="Lena Vogel", age_minutes=5)
    page = open_page(site, f"/messenger/inbox/{thread.id}")
    is_live(page)

    site.receive(thread, "Is the class open?")
    site.receive(other, "And yoga?")

    expect(page.locator(".fm-m-in", has_text="Is the class open?")).to_be_visible(timeout=SECOND)
    expect(page.locator(".fm-row", has_text="And yoga?")).to_be_visible(timeout=SECOND)
    expect(page.locator("#fm-announce")).to_contain_text("Maya Okafor: Is the class open?")
    # What stands open before the agent's eyes is read.
    expect(page.locator(".fm-row", has_text="Is the class open?")).not_to_contain_text("unread")
    expect(page).to_have_title(re.compile(r"^\(1\) Inbox"))


def test_an_answer_shows_at_once_and_is_sent_once(
    site: Site, open_page: Callable[..., Page]
) -> None:
    thread = site.threads.make("hello")
    page = open_page(site, f"/messenger/inbox/{thread.id}")
    page.route("**/messages", lambda route: (page.wait_for_timeout(300), route.continue_())[-1])

    write(page, "Yes, it is.\nSee you")

    bubble = page.locator(".fm-m-out")
    expect(bubble).to_contain_text("Sending", timeout=200)
    expect(bubble).to_contain_text("Queued")
    expect(bubble).to_have_count(1)
    expect(page.locator("#fm-write")).to_have_value("")
    assert site.sent() == 1


def test_an_answer_without_a_connection_waits_for_a_decision(
    site: Site, open_page: Callable[..., Page]
) -> None:
    thread = site.threads.make("hello")
    page = open_page(site, f"/messenger/inbox/{thread.id}")
    is_live(page)
    page.context.set_offline(True)

    write(page, "one")
    write(page, "two")

    bubble = page.locator(".fm-m-out", has_text="one")
    expect(bubble).to_contain_text("Not sent: no connection")
    page.locator(".fm-m-out", has_text="two").get_by_role("button", name="Discard").click()
    expect(page.locator(".fm-m-out")).to_have_count(1)

    page.context.set_offline(False)
    page.reload()
    expect(bubble).to_contain_text("Not sent: the page was left before it was sent")
    bubble.get_by_role("button", name="Try again").click()

    expect(bubble).to_contain_text("Queued")
    expect(bubble).to_have_count(1)
    page.reload()
    expect(bubble).to_have_count(1)
    assert site.sent() == 1


def test_a_refused_answer_says_why(site: Site, open_page: Callable[..., Page]) -> None:
    thread = site.threads.make("hello")
    page = open_page(site, f"/messenger/inbox/{thread.id}")
    page.locator("#fm-write").fill("too late")
    site.threads.update(thread.conversation, last_inbound_at=utc_now() - timedelta(days=2))

    page.locator("#fm-write").press("Enter")

    expect(page.locator(".fm-m-out")).to_contain_text("Not sent: The 24 hours to reply are over")
    assert site.sent() == 0


def test_drafts_stay_with_their_conversation(site: Site, open_page: Callable[..., Page]) -> None:
    first = site.threads.make("hello", name="Maya Okafor")
    site.threads.make("hi", name="Lena Vogel", age_minutes=5)
    page = open_page(site, f"/messenger/inbox/{first.id}")
    page.locator("#fm-write").fill("for Maya")

    page.locator(".fm-row", has_text="Lena").click()
    expect(page.locator("#fm-thread-name")).to_have_text("Lena Vogel")
    expect(page.locator("#fm-write")).to_have_value("")
    page.locator("#fm-write").fill("for Lena")
    page.locator(".fm-row", has_text="Maya").click()
    expect(page.locator("#fm-write")).to_have_value("for Maya")
    page.reload()

    expect(page.locator("#fm-write")).to_have_value("for Maya")


def test_the_composer_closes_by_itself(site: Site, open_page: Callable[..., Page]) -> None:
    thread = site.threads.make("hello")
    margin = timedelta(seconds=state_of(site.app).settings.window_margin_seconds)
    site.threads.update(
        thread.conversation,
        last_inbound_at=utc_now() - timedelta(hours=24) + margin + timedelta(seconds=3),
    )
    page = open_page(site, f"/messenger/inbox/{thread.id}")
    page.locator("#fm-write").fill("just in ti")
    expect(page.locator("#fm-composer")).to_contain_text("1 m to reply")

    expect(page.locator("#fm-closed")).to_contain_text(
        "The 24 hours to reply are over.", timeout=30 * SECOND
    )
    expect(page.locator("#fm-closed textarea")).to_be_disabled()

    site.receive(thread, "are you there?")
    expect(page.locator("#fm-write")).to_have_value("just in ti")


def test_without_the_stream_the_page_asks(
    new_site: Callable[..., Site], open_page: Callable[..., Page]
) -> None:
    site = new_site(MESSENGER_REDIS_URL="redis://127.0.0.1:9/0")
    thread = site.threads.make("hello")
    page = open_page(site, "/messenger/inbox")
    expect(page.locator("#fm-live")).to_contain_text("Updating every few seconds")

    site.receive(thread, "anybody?")

    expect(page.locator(".fm-row", has_text="anybody?")).to_be_visible(timeout=6 * SECOND)


def test_two_tabs_share_one_stream(site: Site, open_page: Callable[..., Page]) -> None:
    thread = site.threads.make("hello")
    streams: list[str] = []
    first = open_page(site, "/messenger/deletion/unknown")
    first.context.on(
        "request", lambda request: "/events" in request.url and streams.append(request.url)
    )
    first.goto("/messenger/inbox")
    is_live(first)
    second = open_page(site, "/messenger/inbox", context=first.context)
    is_live(second)

    site.receive(thread, "to both")

    for page in (first, second):
        expect(page.locator(".fm-row", has_text="to both")).to_be_visible(timeout=SECOND)
    assert len(streams) == 1

    first.close()
    expect(second.locator("#fm-live")).to_contain_text("Live")
    second.wait_for_timeout(500)
    site.receive(thread, "to the one left")
    expect(second.locator(".fm-row", has_text="to the one left")).to_be_visible(timeout=SECOND)
    assert len(streams) == 2


def test_a_stream_that_ends_by_plan_is_followed_by_another_and_nobody_sees_it(
    new_site: Callable[..., Site], open_page: Callable[..., Page]
) -> None:
    site = new_site(MESSENGER_STREAM_SECONDS="1")
    thread = site.threads.make("hello")
    page = open_page(site, "/messenger/inbox")
    streams: list[str] = []
    page.on("request", lambda request: "/events" in request.url and streams.append(request.url))
    is_live(page)
    page.evaluate(WATCH_STATES)

    page.wait_for_event(
        "request",
        lambda request: "/events" in request.url and len(streams) > 1,
        timeout=20 * SECOND,
    )
    site.receive(thread, "still here")

    expect(page.locator(".fm-row", has_text="still here")).to_be_visible(timeout=5 * SECOND)
    assert page.evaluate("window.statesSeen") == []


def test_the_inbox_works_with_keys_alone(site: Site, open_page: Callable[..., Page]) -> None:
    site.threads.make("hello", name="Maya Okafor")
    site.threads.make("hi", name="Lena Vogel", age_minutes=5)
    page = open_page(site, "/messenger/inbox")
    keys = page.keyboard

    keys.press("j")
    expect(page.locator(".fm-row", has_text="Maya")).to_be_focused()
    keys.press("ArrowDown")
    expect(page.locator(".fm-row", has_text="Lena")).to_be_focused()
    keys.press("k")
    keys.press("j")
    keys.press("Enter")
    expect(page.locator("#fm-thread-name")).to_have_text("Lena Vogel")
    expect(page.locator("#fm-write")).to_be_focused()
    keys.type("hello j/k")
    keys.press("Shift+Enter")
    keys.type("you")
    expect(page.locator("#fm-write")).to_have_value("hello j/k\nyou")
    keys.press("Escape")
    expect(page.locator(".fm-row", has_text="Lena")).to_be_focused()
    keys.press("r")
    expect(page.locator("#fm-write")).to_be_focused()
    keys.press("Escape")
    keys.press("/")
    expect(page.locator("#fm-q")).to_be_focused()
    keys.type("maya")
    expect(page.locator(".fm-row")).to_have_count(1)
    expect(page).to_have_url(re.compile("q=maya"))


def test_a_phone_shows_one_pane_at_a_time(site: Site, open_page: Callable[..., Page]) -> None:
    thread = site.threads.make(*(f"number {number}" for number in range(30)))
    page = open_page(site, "/messenger/inbox", viewport=PHONE)
    expect(page.locator("#fm-thread")).to_be_hidden()

    page.locator(".fm-row").click()
    expect(page.locator("#fm-thread")).to_be_visible()
    expect(page.locator(".fm-list")).to_be_hidden()
    expect(page.locator("#fm-write")).to_be_in_viewport()
    expect(page.locator(".fm-m", has_text="number 29")).to_be_in_viewport()
    page.get_by_role("button", name="About Maya Okafor").click()
    expect(page.locator("#fm-person")).to_be_visible()
    page.locator("#fm-person").get_by_role("button", name="Close").click()
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator(".fm-list")).to_be_visible()
    expect(page.locator(".fm-row")).to_be_focused()
    assert str(thread.id) not in page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("path", ["/messenger/inbox", "/messenger/settings"])
def test_targets_are_large_enough_for_fingers(
    site: Site, open_page: Callable[..., Page], path: str
) -> None:
    thread = site.threads.make("hello")
    page = open_page(site, path if "settings" in path else f"{path}/{thread.id}", viewport=PHONE)
    small = page.evaluate(
        """() => [...document.querySelectorAll('.fm-btn, .fm-row, .fm-input, .fm-select')]
        .map(e => [e.textContent.trim() || e.ariaLabel, e.getBoundingClientRect()])
        .filter(([, box]) => box.height && (box.height < 43.5 || box.width < 43.5))
        .map(([name, box]) => `${name} ${box.width}x${box.height}`)"""
    )

    assert small == []


def test_a_reader_further_up_is_not_pulled_down(site: Site, open_page: Callable[..., Page]) -> None:
    thread = site.threads.make(*(f"number {number}" for number in range(40)))
    page = open_page(site, f"/messenger/inbox/{thread.id}")
    is_live(page)
    expect(page.locator(".fm-m", has_text="number 39")).to_be_in_viewport()
    page.locator("#fm-msgs").evaluate("box => { box.scrollTop = 200 }")

    site.receive(thread, "far below")

    button = page.get_by_role("button", name="New messages")
    expect(button).to_be_visible(timeout=SECOND)
    assert page.locator("#fm-msgs").evaluate("box => box.scrollTop") == 200
    button.click()
    expect(page.locator(".fm-m", has_text="far below")).to_be_in_viewport()
    expect(button).to_be_hidden()


def test_older_messages_come_in_above_and_stay(site: Site, open_page: Callable[..., Page]) -> None:
    thread = site.threads.make(*(f"number {number}." for number in range(120)))
    page = open_page(site, f"/messenger/inbox/{thread.id}")
    is_live(page)
    first = page.locator(".fm-m", has_text="number 70.")
    page.locator("#fm-msgs").evaluate("box => { box.scrollTop = 0 }")
    before = first.bounding_box()

    page.get_by_role("button", name="Load older messages").click()
    expect(page.locator(".fm-m", has_text="number 20.")).to_be_attached()
    after = first.bounding_box()

    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2
    assert page.locator(".fm-day:visible").count() == 1
    site.receive(thread, "new one")
    expect(page.locator(".fm-m", has_text="new one")).to_be_attached()
    expect(page.locator(".fm-m", has_text="number 20.")).to_be_attached()
    expect(page.locator(".fm-m")).to_have_count(101)


def test_acting_on_a_conversation_shows_everywhere(
    site: Site, open_page: Callable[..., Page]
) -> None:
    thread = site.threads.make("hello")
    page = open_page(site, f"/messenger/inbox/{thread.id}?tab=all")

    page.locator("#fm-assign summary").click()
    page.get_by_role("button", name="You").click()
    expect(page.locator("#fm-assign summary")).to_contain_text("Assigned to you")
    expect(page.locator(".fm-tabs")).to_contain_text("Mine1")
    page.get_by_role("button", name="Snooze").or_(page.locator("#fm-snooze summary")).click()
    page.get_by_role("button", name=re.compile("Tomorrow morning")).click()
    expect(page.locator(".fm-row")).to_have_count(0)
    page.get_by_role("button", name="Reopen").click()
    expect(page.locator(".fm-row")).to_have_count(1)
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".fm-thread .fm-pill", has_text="Closed")).to_be_visible()


def test_a_failed_message_offers_two_ways_on(site: Site, open_page: Callable[..., Page]) -> None:
    thread = site.threads.make("hello")
    for text in ("first", "second"):
        site.threads.factory.message(
            thread.conversation,
            text=text,
            direction="outbound",
            status="failed",
            error_slug="graph_rate_limited",
        )
    page = open_page(site, f"/messenger/inbox/{thread.id}")
    bubble = page.locator(".fm-m-out", has_text="first")
    expect(bubble).to_contain_text("Not sent: Meta was busy")

    bubble.get_by_role("button", name="Try again").click()
    expect(bubble).to_contain_text("Queued")
    page.locator(".fm-m-out", has_text="second").get_by_role("button", name="Discard").click()

    expect(page.locator(".fm-m-out")).to_have_count(1)


def test_what_is_refused_is_said(site: Site, open_page: Callable[..., Page]) -> None:
    thread = site.threads.make("hello")
    page = open_page(site, f"/messenger/inbox/{thread.id}")
    expect(page.get_by_role("button", name="Close")).to_be_visible()
    # What a page asks for when it opens would take the button away before it is pressed.
    page.wait_for_timeout(1500)
    site.host.sign_in(permissions=set())

    page.get_by_role("button", name="Close").click()

    expect(page.locator("#fm-toasts")).to_contain_text("permission")


def test_back_and_forward_go_where_one_was(site: Site, open_page: Callable[..., Page]) -> None:
    site.threads.make("hello", name="Maya Okafor")
    site.threads.make("hi", name="Lena Vogel", age_minutes=5)
    page = open_page(site, "/messenger/inbox")
    page.locator(".fm-row", has_text="Maya").click()
    expect(page.locator("#fm-thread-name")).to_have_text("Maya Okafor")
    page.locator(".fm-row", has_text="Lena").click()
    expect(page.locator("#fm-thread-name")).to_have_text("Lena Vogel")

    page.go_back()
    expect(page.locator("#fm-thread-name")).to_have_text("Maya Okafor")
    expect(page.locator(".fm-row[aria-current]")).to_contain_text("Maya Okafor")
    page.go_back()
    expect(page.locator("#fm-thread")).to_contain_text("Choose a conversation")
    page.go_forward()
    expect(page.locator("#fm-thread-name")).to_have_text("Maya Okafor")
    stored = page.evaluate("JSON.stringify([localStorage, sessionStorage])")
    assert "hello" not in stored


def test_times_are_the_browsers_own(chromium: Chromium, site: Site) -> None:
    thread = site.threads.make("hello")
    at = utc_now().replace(hour=12, minute=30)
    site.threads.factory.message(thread.conversation, text="noon", sent_at=at)
    context = chromium.new_context(timezone_id="Asia/Tokyo", base_url=site.url)
    page = context.new_page()

    page.goto(f"/messenger/inbox/{thread.id}")

    expect(page.locator(".fm-m", has_text="noon")).to_contain_text("21:30")
    cookie = next(each for each in context.cookies() if each["name"] == "messenger_zone")
    assert cookie["path"] == "/messenger"
    context.close()


def test_a_picture_that_does_not_load_leaves_the_initials(
    site: Site, open_page: Callable[..., Page]
) -> None:
    thread = site.threads.make("hello")
    with system_scope("test"):
        identity = site.threads.factory.session.get(Identity, thread.conversation.identity_id)
        site.threads.update(identity, picture_url=f"{site.url}/gone.jpg")

    page = open_page(site, "/messenger/inbox")

    expect(page.locator(".fm-row .fm-av img")).to_be_hidden()
    expect(page.locator(".fm-row .fm-av")).to_contain_text("MO")


def test_managing_an_account_asks_before_it_disconnects(
    site: Site, open_page: Callable[..., Page]
) -> None:
    site.threads.factory.account(name="Iron Gym")
    page = open_page(site, "/messenger/settings")
    page.get_by_role("button", name="Manage Iron Gym").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Disconnect Iron Gym?")

    dialog.get_by_role("button", name="Keep connected").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Manage Iron Gym").click()
    dialog.get_by_label("Location").select_option(label="Riverside")
    dialog.get_by_role("button", name="Move").click()

    expect(page.locator(".fm-acct")).to_contain_text("Riverside")
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()


def test_an_answer_is_put_off_and_taken_back(site: Site, open_page: Callable[..., Page]) -> None:
    thread = site.threads.make("hello")
    page = open_page(site, f"/messenger/inbox/{thread.id}")
    page.get_by_role("button", name="Send later").click()
    at = page.locator("#fm-send-at")
    expect(at).not_to_have_value("")
    page.fill("#fm-write", "Good morning")
    at.fill(_local(page, timedelta(days=3)))
    expect(page.locator("#fm-later-note")).to_contain_text("The time to reply ends")
    at.fill(_local(page, timedelta(hours=3)))
    expect(page.locator("#fm-later-note")).to_be_hidden()

    page.get_by_role("button", name="Schedule").click()

    bubble = page.locator(".fm-m-out", has_text="Good morning")
    expect(bubble).to_contain_text("Scheduled", timeout=10 * SECOND)
    expect(page.locator("#fm-later")).to_be_hidden()
    expect(page.locator("#fm-send")).to_have_text("Send")
    bubble.get_by_role("button", name="Cancel").click()
    expect(bubble).to_contain_text("Cancelled")
    expect(bubble.get_by_role("button")).to_have_count(0)


def test_a_time_that_is_past_is_not_taken(site: Site, open_page: Callable[..., Page]) -> None:
    thread = site.threads.make("hello")
    page = open_page(site, f"/messenger/inbox/{thread.id}")
    page.get_by_role("button", name="Send later").click()
    page.fill("#fm-write", "Good morning")
    page.locator("#fm-send-at").fill(_local(page, timedelta(hours=-3)))

    page.get_by_role("button", name="Schedule").click()

    assert page.evaluate("document.querySelector('#fm-send-at').validity.customError")
    expect(page.locator("#fm-write")).to_have_value("Good morning")


def _local(page: Page, after: timedelta) -> str:
    """Return a time from now as the field of this browser takes it."""
    return str(
        page.evaluate(
            """after => {
              const at = new Date(Date.now() + after);
              return new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
            }""",
            after.total_seconds() * 1000,
        )
    )


def test_an_outage_shows_on_an_open_page_and_goes_away(
    site: Site, open_page: Callable[..., Page]
) -> None:
    thread = site.threads.make("hello")
    page = open_page(site, f"/messenger/inbox/{thread.id}")
    is_live(page)
    banner = page.locator("#fm-outage")
    expect(banner).to_have_text("")
    breaker = state_of(site.app).get(Breaker)

    breaker.open("default")
    site.tell("outage", thread)

    expect(banner).to_contain_text("Meta is not answering since")
    expect(banner).to_contain_text("go out by themselves")
    breaker.pass_probe("default")
    breaker.close("default")
    site.tell("outage", thread)
    expect(banner).to_have_text("")


def test_what_can_wait_is_put_aside(site: Site, open_page: Callable[..., Page]) -> None:
    ends_at = utc_now() + timedelta(days=5)
    soon = Finding(check="expiry", state="soon", title="", says="", mend="Reconnect the account.")
    thread = site.threads.make("hello")
    site.threads.update(thread.account, token_expires_at=ends_at, data_access_expires_at=ends_at)
    page = open_page(site, "/messenger/inbox?tab=all")
    is_live(page)
    line = page.locator("#fm-warnings .fm-notice")
    expect(line).to_have_count(0)

    site.threads.update(thread.account, findings=[soon.as_dict()])
    site.tell("account", thread)

    expect(line).to_contain_text("ends in 5 days. Reconnect it before then")
    expect(line.get_by_role("link", name="Reconnect")).to_be_visible()
    line.get_by_role("button", name="Not now").click()
    expect(line).to_be_hidden()
    expect(page.locator(".fm-row").first).to_be_focused()
    page.reload()
    is_live(page)
    expect(line).to_be_hidden()

    site.threads.update(thread.account, findings=[{**soon.as_dict(), "check": "data_access"}])
    site.tell("account", thread)
    expect(line).to_contain_text("Access to the messages of")
