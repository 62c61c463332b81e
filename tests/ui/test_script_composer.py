"""What goes into an answer besides words, and the editor of templates, in a real Chromium."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from flask_messenger.models import HistoryRun, Message, SavedReply, Template, Upload
from flask_messenger.models.base import new_id
from flask_messenger.tenancy import system_scope
from tests.ui.site import PHONE, Site
from tests.ui.test_vocabulary import PNG

pytestmark = [pytest.mark.browser, pytest.mark.databases("postgresql")]


def add(site: Site, row: Any) -> Any:
    session = site.threads.factory.session
    with system_scope("test"):
        session.add(row)
        session.commit()
    return row


def all_of(site: Site, model: type) -> list[Any]:
    session = site.threads.factory.session
    session.rollback()
    with system_scope("test"):
        return list(session.scalars(select(model)))


def answers(site: Site) -> list[Message]:
    return [each for each in all_of(site, Message) if each.direction == "outbound"]


def test_files_are_uploaded_taken_out_and_sent_before_the_words(
    site: Site, open_page: Callable[..., Page]
) -> None:
    thread = site.threads.make("hello")
    page = open_page(site, f"/messenger/inbox/{thread.id}")
    items = page.locator(".fm-tray-item")
    send = page.get_by_role("button", name="Send", exact=True)
    expect(send).to_be_disabled()

    files = [
        {"name": name, "mimeType": "image/png", "buffer": PNG} for name in ("one.png", "two.png")
    ]
    page.locator("#fm-files").set_input_files(files)

    expect(items).to_have_count(2)
    expect(send).to_be_enabled()
    empty = {"name": "empty.png", "mimeType": "image/png", "buffer": b""}
    page.locator("#fm-files").set_input_files([empty])
    expect(items.last).to_contain_text("The file is empty.")
    items.last.get_by_role("button", name="Remove").click()
    items.first.get_by_role("button", name="Remove").click()
    expect(items).to_have_count(1)
    page.locator("#fm-write").fill("Here it is")
    send.click()
    expect(page.locator(".fm-m-out")).to_have_count(2)
    expect(page.locator(".fm-m-out", has_text="Queued")).to_have_count(2)
    expect(items).to_have_count(0)
    expect(page.locator("#fm-write")).to_have_value("")
    first, second = sorted(answers(site), key=lambda each: each.id)
    assert (first.text, second.text) == (None, "Here it is")
    assert len(all_of(site, Upload)) == 1


def test_saved_replies_and_templates_come_by_keys_alone(
    site: Site, open_page: Callable[..., Page]
) -> None:
    thread = site.threads.make("hello")
    common = {"workspace_id": "w1"}
    text = "Hi {{ first_name }}, 6 to 22."
    add(site, SavedReply(id=new_id(), shortcut="hours", title="", text=text, **common))
    add(site, SavedReply(id=new_id(), shortcut="price", title="", text="12 euro.", **common))
    template = {"name": "Welcome", "content_kind": "text", "text": "Welcome {{ first_name }}!"}
    add(site, Template(id=new_id(), content={}, **template, **common))
    page = open_page(site, f"/messenger/inbox/{thread.id}")
    field = page.locator("#fm-write")
    field.focus()

    page.keyboard.type("/ho")

    options = page.locator("#fm-replies-list [role=option]:visible")
    expect(options).to_have_count(1)
    page.keyboard.press("Enter")
    expect(field).to_have_value("Hi Maya, 6 to 22.")
    assert answers(site) == []

    field.fill("")
    page.keyboard.type("/wel")
    expect(options).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#fm-preview")).to_contain_text("Welcome Maya!")
    page.keyboard.press("Enter")
    expect(page.locator(".fm-m-out")).to_contain_text("Welcome Maya!")
    expect(field).to_have_value("")
    assert [each.text for each in answers(site)] == ["Welcome Maya!"]


def test_one_message_is_answered(site: Site, open_page: Callable[..., Page]) -> None:
    thread = site.threads.make("Is it open?", "And yoga?")
    page = open_page(site, f"/messenger/inbox/{thread.id}")

    page.locator(".fm-m-in", has_text="Is it open?").get_by_role("button", name="Reply").click()

    expect(page.locator("#fm-quoting")).to_contain_text("Answering Is it open?")
    page.locator(".fm-m-in", has_text="And yoga?").get_by_role("button", name="Reply").click()
    expect(page.locator("#fm-quoting")).to_contain_text("Answering And yoga?")
    expect(page.locator("#fm-write")).to_be_focused()
    page.keyboard.type("It is")
    page.keyboard.press("Enter")
    expect(page.locator(".fm-m-out .fm-quote")).to_contain_text("And yoga?")
    expect(page.locator("#fm-quoting")).to_be_hidden()


def test_a_comment_is_not_deleted_by_one_slip(site: Site, open_page: Callable[..., Page]) -> None:
    thread = site.threads.make(kind="comments", subject="1_2")
    site.threads.update(thread.messages[0], kind="comment", external_id="1_22", text="Rude")
    page = open_page(site, f"/messenger/inbox/{thread.id}")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))

    page.get_by_role("button", name="Delete", exact=True).click()

    assert asked == ["Delete this comment for everybody?"]
    expect(page.locator(".fm-m-in")).to_contain_text("Rude")


def test_a_template_is_written_with_its_preview(site: Site, open_page: Callable[..., Page]) -> None:
    site.threads.make("hello")
    page = open_page(site, "/messenger/settings/templates/new?kind=generic_template")
    preview = page.locator("#fm-draft-preview")
    expect(preview).to_contain_text("Nothing is written yet.")

    page.get_by_label("Name").fill("Classes")
    page.get_by_label("Title of card 1", exact=True).fill("Yoga with {{ agent_first_name }}")
    expect(preview).to_contain_text("Beside its title an element needs")
    page.get_by_label("Subtitle of card 1").fill("Mondays")
    expect(preview).to_contain_text("Yoga with Sam")
    expect(preview).to_contain_text("Messenger can carry it")

    page.get_by_role("button", name="Add a card").click()
    expect(page.get_by_label("Title of card 2", exact=True)).to_be_focused()
    page.keyboard.type("Strength")
    expect(preview).to_contain_text("Card 2: Beside its title")
    page.get_by_role("button", name="Remove card 2").click()
    expect(page.get_by_label("Title of card 2", exact=True)).to_have_count(0)
    expect(preview).to_contain_text("Yoga with Sam")
    expect(page.get_by_role("button", name="Add a card")).to_be_focused()
    expect(page.get_by_label("Title of card 1", exact=True)).to_have_value(
        "Yoga with {{ agent_first_name }}"
    )

    page.get_by_label("Name").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    [template] = all_of(site, Template)
    assert [each["subtitle"] for each in template.content["elements"]] == ["Mondays"]


def test_a_run_is_followed_to_its_end(site: Site, open_page: Callable[..., Page]) -> None:
    account = site.threads.make("hello").account
    page = open_page(site, f"/messenger/settings/accounts/{account.id}", viewport=PHONE)
    part = page.locator("#fm-history")

    part.get_by_role("button", name="Fetch history").click()

    expect(part.locator(".fm-run")).to_contain_text("Waiting")
    [run] = all_of(site, HistoryRun)
    site.threads.update(run, state="done", result={"conversations": 1, "messages": 2, "new": 2})
    expect(part).to_contain_text("2 messages looked at, 2 new, 1 conversation", timeout=10_000)
    expect(part.get_by_role("button", name="Fetch history")).to_be_visible()


def test_what_is_written_does_not_cover_the_end(site: Site, open_page: Callable[..., Page]) -> None:
    thread = site.threads.make(*[f"Line {number}." for number in range(30)])
    page = open_page(site, f"/messenger/inbox/{thread.id}")
    last = page.locator(".fm-m", has_text="Line 29.")
    first = page.locator(".fm-m", has_text="Line 0.")
    expect(last).to_be_in_viewport(ratio=1)

    page.locator("#fm-write").fill("more\n" * 12)

    expect(last).to_be_in_viewport(ratio=1)
    first.scroll_into_view_if_needed()
    expect(last).not_to_be_in_viewport()
    page.locator("#fm-write").fill("")
    page.locator("#fm-write").fill("more\n" * 12)
    expect(first).to_be_in_viewport()
