"""The inbox as the server writes it, on real rows."""

import uuid
from datetime import timedelta

import pytest
from flask import Flask
from markupsafe import Markup

from flask_messenger.models import Identity
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.api.conftest import Thread, Threads
from tests.support.app import Factory, Host
from tests.ui.conftest import Browser, words_of

SCRIPT = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def somebody(host: Host) -> None:
    host.sign_in()


def test_a_row_says_who_what_where_and_when(browser: Browser, threads: Threads) -> None:
    account = threads.factory.account(name="Iron Gym", location_id="l1")
    threads.make("Is the class open?", account=account, age_minutes=2)

    words = browser.read("/inbox")

    assert "MO Maya Okafor 2 min Is the class open? 1 unread Downtown · Iron Gym" in words


def test_a_row_says_what_was_sent_without_words(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello")
    message = threads.factory.message(thread.conversation, kind="media", text=None)
    threads.update(thread.conversation, last_message_id=message.id)
    assert "Sent an attachment" in browser.read("/inbox")

    threads.attach(message, type="audio")
    assert "Sent a voice message" in browser.read("/inbox")


def test_tabs_count_what_is_open(browser: Browser, threads: Threads) -> None:
    threads.make(assignee_ref="u1")
    threads.make()
    threads.make(status="closed")

    assert "Mine 1 Unassigned 1 All 2" in browser.read("/inbox")


def test_the_first_tab_is_the_one_with_something_to_do(browser: Browser, threads: Threads) -> None:
    threads.make(name="Lena Vogel")

    assert "Lena Vogel" in browser.read("/inbox")

    threads.make(name="Tomas Duarte", assignee_ref="u1")

    words = browser.read("/inbox")
    assert "Tomas Duarte" in words
    assert "Lena Vogel" not in words


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("tab=all", {"Maya", "Lena", "Nils"}),
        ("tab=all&status=closed", {"Carl"}),
        ("tab=all&status=any", {"Maya", "Lena", "Nils", "Carl"}),
        ("tab=all&location=l2", {"Nils"}),
        ("tab=all&q=YOGA", {"Lena"}),
        ("tab=all&q=nils", {"Nils"}),
        ("tab=mine", {"Lena"}),
        ("tab=all&channel=facebook", {"Maya", "Lena", "Nils"}),
        # What an address cannot mean is as if it were not there.
        ("tab=all&status=lost&location=elsewhere&channel=fax&q=%00", {"Maya", "Lena", "Nils"}),
    ],
)
def test_filters_narrow_the_list(
    browser: Browser, threads: Threads, query: str, found: set[str]
) -> None:
    threads.make("hello", name="Maya")
    threads.make("is yoga on?", name="Lena", assignee_ref="u1")
    threads.make("hello", name="Nils", account=threads.factory.account(location_id="l2"))
    threads.make("bye", name="Carl", status="closed")

    words = browser.read(f"/inbox/list?{query}", headers=SCRIPT)

    assert {name for name in ("Maya", "Lena", "Nils", "Carl") if name in words} == found


def test_an_empty_inbox_says_what_fills_it(browser: Browser, host: Host, factory: Factory) -> None:
    assert "No account is connected yet" in browser.read("/inbox")
    assert "Connect an account" in browser.read("/inbox")

    host.sign_in(permissions={"reply"})
    assert "Connect an account" not in browser.read("/inbox")

    factory.account()
    assert "No open conversations New messages appear here by themselves." in browser.read("/inbox")


def test_a_search_without_a_hit_says_so(browser: Browser, threads: Threads) -> None:
    threads.make("hello")

    assert "Nothing found" in browser.read("/inbox?tab=all&q=zzz")


def test_rows_come_in_pages_without_repeating(browser: Browser, threads: Threads) -> None:
    account = threads.factory.account()
    for number in range(55):
        threads.make(f"hello {number}", name=f"P{number:02d}", account=account, age_minutes=number)

    first = browser.get("/inbox/list?tab=all", headers=SCRIPT).text
    assert first.count("fm-row-name") == 50
    cursor = first.split("before=")[1].split('"')[0].split("&")[0]
    second = browser.get(f"/inbox/rows?tab=all&before={cursor}", headers=SCRIPT).text

    assert second.count("fm-row-name") == 5
    assert "P54" in second
    assert "Load older" not in second


def test_a_refreshed_list_is_as_long_as_the_one_on_the_page(
    browser: Browser, threads: Threads
) -> None:
    account = threads.factory.account()
    for number in range(105):
        threads.make(name=f"P{number}", account=account, age_minutes=number)

    def rows(wanted: str) -> int:
        html = browser.get(f"/inbox/list?tab=all&rows={wanted}", headers=SCRIPT).text
        return html.count("fm-row-name")

    assert rows("104") == 104
    assert rows("9999") == 105
    assert rows("1") == 50
    assert rows("many") == 50


def test_rows_warn_of_windows_that_close_soon(browser: Browser, threads: Threads) -> None:
    threads.make("hello", age_minutes=22 * 60 + 48)

    assert "1 h 1" in browser.read("/inbox")
    assert "left" in browser.read("/inbox")


def test_rows_say_what_was_not_delivered(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello")
    threads.factory.message(thread.conversation, direction="outbound", status="failed")

    assert "Not delivered" in browser.read("/inbox")


def test_snoozed_and_closed_rows_say_so(browser: Browser, threads: Threads) -> None:
    threads.make(status="snoozed", snoozed_until=utc_now() + timedelta(days=30))
    threads.make(status="closed")

    words = browser.read("/inbox?tab=all&status=any")

    assert "Snoozed to" in words
    assert "Closed" in words


def test_a_conversation_has_its_messages_by_day(browser: Browser, threads: Threads) -> None:
    thread = threads.make("older", "newer", age_minutes=60 * 24 * 3)
    threads.factory.message(thread.conversation, text="today")

    html = browser.get(f"/inbox/{thread.id}").text

    assert html.index("older") < html.index("newer") < html.index("Today")
    assert html.count("fm-day-") == 2


def test_times_are_those_of_the_readers_zone(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello")
    at = utc_now().replace(hour=12, minute=30)
    threads.factory.message(thread.conversation, text="noon", sent_at=at)

    assert "12:30" in browser.read(f"/inbox/{thread.id}")

    browser.cookies["messenger_zone"] = "Asia/Tokyo"
    assert "21:30" in browser.read(f"/inbox/{thread.id}")

    browser.cookies["messenger_zone"] = "Nowhere/Land"
    assert "12:30" in browser.read(f"/inbox/{thread.id}")


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"status": "queued", "sent_by_ref": "u1"}, "You · {} Queued"),
        ({"status": "sending", "sent_by_ref": "u1"}, "You · {} Sending"),
        ({"status": "sent", "sent_by_ref": "u2", "sent_by_name": "Ida"}, "Ida · {} Sent"),
        ({"status": "delivered", "sent_by_ref": "u2"}, "Ida · {} Delivered"),
        ({"status": "read", "sent_by": "page_inbox"}, "Page inbox · {} Read"),
        (
            {"status": "failed", "sent_by_ref": "u1", "error_slug": "graph_rate_limited"},
            "You · {} Not sent: Meta was busy · Try again · Discard",
        ),
        (
            {"status": "unknown", "sent_by_ref": "u1", "error_slug": "graph_timeout"},
            "You · {} Could not confirm: Meta did not answer in time · Send again · Mark as sent",
        ),
    ],
)
def test_states_are_said_in_words(
    browser: Browser, threads: Threads, values: dict[str, str], shown: str
) -> None:
    thread = threads.make("hello")
    at = utc_now()
    threads.factory.message(
        thread.conversation,
        **{"direction": "outbound", "sent_by": "person", "sent_at": at, **values},
    )

    assert shown.format(f"{at:%H:%M}") in browser.read(f"/inbox/{thread.id}")


def test_discarded_messages_are_gone(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello")
    threads.factory.message(
        thread.conversation, direction="outbound", status="discarded", text="never mind"
    )

    assert "never mind" not in browser.read(f"/inbox/{thread.id}")


def test_taps_and_attachments_have_words(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello")
    threads.factory.message(thread.conversation, kind="postback", text="Classes")
    threads.factory.message(thread.conversation, kind="quick_reply", text=None)
    photo = threads.factory.message(thread.conversation, kind="media", text=None)
    threads.attach(photo)
    link = threads.factory.message(thread.conversation, kind="media", text=None)
    threads.attach(link, type="fallback", url="javascript:alert(1)", title="Look")
    threads.factory.message(thread.conversation, kind="unsupported", text=None)

    html = browser.get(f"/inbox/{thread.id}").text

    assert "tapped “Classes”" in html
    assert "Tapped a button" in html
    assert '<img src="https://cdn.example.test/photo.jpg"' in html
    assert "Cannot be shown here" in html
    assert "javascript:" not in html
    assert "Something that cannot be shown here" in html


def test_text_is_never_markup(browser: Browser, threads: Threads) -> None:
    thread = threads.make(
        "<script>alert(1)</script> https://a.example/x?a=1&b=2 <b>", name="<b>Eve</b>"
    )

    html = browser.get(f"/inbox/{thread.id}").text

    assert "<script>alert" not in html
    assert "<b>Eve" not in html
    assert 'href="https://a.example/x?a=1&amp;b=2"' in html
    assert 'rel="nofollow noopener noreferrer"' in html


def test_older_messages_come_in_pages(browser: Browser, threads: Threads) -> None:
    thread = threads.make(*(f"number {number}." for number in range(120)))

    page = browser.get(f"/inbox/{thread.id}").text
    assert "number 119." in page
    assert "number 69." not in page
    cursor = page.split("older?before=")[1].split('"')[0]

    older = browser.get(f"/inbox/{thread.id}/older?before={cursor}", headers=SCRIPT).text

    assert "number 69." in older
    assert "number 20." in older
    assert "number 70." not in older
    assert "Load older messages" in older


def test_a_refreshed_conversation_begins_where_the_page_does(
    browser: Browser, threads: Threads
) -> None:
    thread = threads.make(*(f"number {number}." for number in range(130)))

    def refresh(oldest: object) -> str:
        return browser.get(f"/inbox/{thread.id}/thread?from={oldest}", headers=SCRIPT).text

    recent = refresh(thread.messages[110].id)
    assert recent.count("data-fm-message") == 20
    assert 'id="fm-older" data-fm-keep' in recent

    far = refresh(thread.messages[5].id)
    assert far.count("data-fm-message") == 125
    assert 'id="fm-older" data-fm-keep' in far

    # A message that is not there (any more): begin anew, and replace what stands above, too.
    anew = refresh(uuid.uuid4())
    assert 'id="fm-older" data-fm-keep' not in anew


def test_an_unchanged_part_costs_no_bytes(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello", age_minutes=90)
    for path in ("/inbox/list?tab=all", f"/inbox/{thread.id}/thread", f"/inbox/{thread.id}/person"):
        first = browser.get(path, headers=SCRIPT)
        again = browser.get(path, headers={**SCRIPT, "If-None-Match": first.headers["ETag"]})

        assert again.status_code == 304, path
        assert again.data == b""


def test_opening_a_conversation_leaves_its_person_for_later(
    browser: Browser, threads: Threads
) -> None:
    thread = threads.make("hello")

    html = browser.get(
        f"/inbox/{thread.id}/thread", headers={**SCRIPT, "HX-Target": "fm-thread"}
    ).text

    assert 'hx-swap-oob="outerHTML"' in html
    assert f'hx-get="/messenger/inbox/{thread.id}/person" hx-trigger="load"' in html


def test_the_address_follows_the_filters(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello")
    headers = {
        **SCRIPT,
        "HX-Target": "fm-listing",
        "HX-Current-URL": f"https://crm.example.test/messenger/inbox/{thread.id}?tab=mine",
    }

    answer = browser.get("/inbox/list?tab=all&status=closed", headers=headers)

    assert answer.headers["HX-Replace-Url"] == (
        f"/messenger/inbox/{thread.id}?tab=all&status=closed"
    )


def test_people_without_a_name_are_somebody(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello", name=None)

    assert "Somebody on Messenger" in browser.read(f"/inbox/{thread.id}")


def test_the_host_shows_its_contact(
    browser: Browser, threads: Threads, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    thread = threads.make("hello")
    with system_scope("test"):
        identity = threads.factory.session.get(Identity, thread.conversation.identity_id)
        threads.update(identity, contact_ref="lead-7")
    hooks = state_of(app).hooks
    path = f"/inbox/{thread.id}/person"

    hooks.contact_panel = lambda ref: Markup("<p id=lead>{}</p>").format(ref)
    assert "<p id=lead>lead-7</p>" in browser.get(path).text

    hooks.contact_panel = lambda ref: f"<p>{ref}</p>"
    assert "&lt;p&gt;lead-7" in browser.get(path).text

    hooks.contact_panel = lambda _: None
    assert "lead-7" not in browser.get(path).text

    def broken(ref: str) -> str:
        message = f"secret of {ref}"
        raise RuntimeError(message)

    hooks.contact_panel = broken
    assert "cannot be shown just now" in browser.read(path)
    assert "contact_panel_failed" in caplog.text
    assert "secret" not in caplog.text


def composer(browser: Browser, thread: Thread) -> str:
    html = browser.get(f"/inbox/{thread.id}/thread", headers=SCRIPT).text
    return words_of(html[html.index('id="fm-composer"') - 30 :])


def test_the_composer_counts_down(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello", age_minutes=60)

    words = composer(browser, thread)

    assert "Reply to Maya" in words
    assert "22 h 5" in words
    assert "to reply" in words


def test_after_the_window_the_composer_says_why_and_what_can_be_done(
    browser: Browser, threads: Threads, host: Host
) -> None:
    thread = threads.make("hello", age_minutes=26 * 60)

    words = composer(browser, thread)
    assert "Closed The 24 hours to reply are over. It ended" in words
    assert "You can answer when they write again." in words
    assert "Open settings" in words

    host.sign_in(permissions={"reply"})
    assert "Open settings" not in composer(browser, thread)


def test_people_may_answer_late_where_that_is_switched_on(
    browser: Browser, threads: Threads
) -> None:
    thread = threads.make("hello", age_minutes=26 * 60)
    browser.post("/settings/answering", data={"human_agent": "on"})

    words = composer(browser, thread)
    assert "Your answer goes out as a person's late answer" in words
    assert "5 d 2" in words
    browser.post(f"/inbox/{thread.id}/messages", data={"text": "hi"}, headers=SCRIPT)
    assert "hi" in browser.read(f"/inbox/{thread.id}")

    old = threads.make("hello", name="Lena", age_minutes=8 * 24 * 60)
    assert "The time to reply is over." in composer(browser, old)


def test_a_thread_they_never_wrote_in_waits_for_them(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello")
    threads.update(thread.conversation, last_inbound_at=None)

    assert "This person has not written to you yet." in composer(browser, thread)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("needs_reauth", "Iron Gym has to be connected again. Your answer waits until then."),
        ("error", "Iron Gym has a problem. Your answer waits until it is mended."),
        ("disconnected", "Iron Gym is disconnected. The conversation stays here."),
    ],
)
def test_the_composer_says_how_the_account_is(
    browser: Browser, threads: Threads, status: str, said: str
) -> None:
    account = threads.factory.account(name="Iron Gym", status=status)
    thread = threads.make("hello", account=account)

    assert said in composer(browser, thread)
