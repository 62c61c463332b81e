"""How the pages show messages that were edited, taken back or reacted to."""

import pytest

from flask_messenger.models.base import utc_now
from flask_messenger.models.messages import UNDELIVERED
from tests.api.conftest import Thread, Threads
from tests.api.test_message_changes import react
from tests.support.app import Host
from tests.ui.conftest import Browser


@pytest.fixture(autouse=True)
def somebody(host: Host) -> None:
    host.sign_in()


def opened(browser: Browser, thread: Thread) -> str:
    return browser.read(f"/inbox/{thread.id}")


def test_an_edited_message_says_so(browser: Browser, threads: Threads) -> None:
    thread = threads.make("First!")
    assert "· edited" not in opened(browser, thread)

    threads.update(thread.messages[0], edited_at=utc_now(), edit_number=1)

    words = opened(browser, thread)
    assert "First!" in words
    assert "· edited" in words


def test_a_message_that_was_taken_back_leaves_a_trace(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello", "secret")
    threads.update(thread.messages[1], text=None, deleted_at=utc_now())

    assert "Message deleted" in opened(browser, thread)
    assert "Message deleted" in browser.read("/inbox")


def test_nothing_can_be_decided_about_what_was_taken_back(
    browser: Browser, threads: Threads
) -> None:
    thread = threads.make("hello")
    values = {"direction": "outbound", "status": "failed", "error_slug": UNDELIVERED}
    ours = threads.factory.message(thread.conversation, text="for you", **values)
    words = opened(browser, thread)
    assert "Meta took it, but it did not reach the person" in words
    assert "Try again" in words

    threads.update(ours, text=None, deleted_at=utc_now())

    assert "Try again" not in opened(browser, thread)


def test_reactions_stand_under_their_message(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello")
    react(threads, thread.messages[0], emoji="❤", name="love")
    react(threads, thread.messages[0], actor="555", direction="outbound", name="sparkle")
    react(threads, thread.messages[0], actor="777", emoji="😡", is_removed=True)

    words = opened(browser, thread)

    assert "Their reaction: ❤" in words
    assert "Your reaction: sparkle" in words
    assert "😡" not in words


def test_what_a_reaction_says_is_never_markup(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello")
    react(threads, thread.messages[0], emoji="<b>x</b>")

    html = browser.get(f"/inbox/{thread.id}").text

    assert "<b>x</b>" not in html
    assert "&lt;b&gt;x&lt;/b&gt;" in html
