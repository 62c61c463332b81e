"""The pages of admins: journal, personal data, audit log."""

import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from flask_messenger.models import (
    Attachment,
    AuditEntry,
    Conversation,
    DataRequest,
    Identity,
    Message,
    WebhookEntry,
)
from flask_messenger.models.base import utc_now
from flask_messenger.privacy.work import work_on
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support import meta
from tests.support.app import Factory, Host
from tests.support.ingest import drain, journal_states, rows
from tests.ui.conftest import Browser

pytestmark = pytest.mark.databases("postgresql")
PAGE, PERSON, WORDS = "1001", "200100001", "a secret of theirs"
ADMIN_PAGES = ("/journal", "/personal-data", "/audit")


@pytest.fixture
def entries(app: Flask, factory: Factory, signed_in: Host) -> list[Any]:
    """Two entries of one Page, drained."""
    del signed_in
    factory.account(external_id=PAGE, name="Iron Gym")
    for number in range(2):
        body = meta.delivery(
            meta.entry(PAGE, meta.message(PAGE, PERSON, WORDS, at=meta.T0 + number))
        )
        assert meta.post(app.test_client(), body).status_code == 200
    drain(app)
    return [each.id for each in rows(app, WebhookEntry)]


@pytest.mark.parametrize("path", ADMIN_PAGES)
def test_they_are_for_those_who_may_change_settings(
    browser: Browser, host: Host, path: str
) -> None:
    host.sign_in(permissions={"reply", "connect", "assign"})

    assert browser.get(path).status_code == 403
    host.tenant = None
    assert browser.get(path).status_code == 401


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/journal", "Meta has not sent anything"),
        ("/personal-data", "Nobody has asked"),
        ("/audit", "Nothing has happened"),
    ],
)
@pytest.mark.usefixtures("signed_in")
def test_an_empty_page_says_so(browser: Browser, path: str, words: str) -> None:
    assert words in browser.read(path)


def test_the_journal_lists_entries_and_narrows(browser: Browser, entries: list[Any]) -> None:
    assert browser.read("/journal").count("Iron Gym 1 event") == 2
    assert "Nothing matches" in browser.read("/journal?state=failed")
    one = browser.read(f"/journal?id={entries[0]}")
    assert one.count("Iron Gym 1 event") == 1
    assert "Replay 1 entry" in one
    assert "Replay" not in browser.read("/journal")
    assert browser.read("/journal?since=2020-01-01T00:00").count("Iron Gym 1 event") == 2


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=yesterday", "time is not one"),
        ("id=7", "id is not one"),
        ("account=7", "id is not one"),
        ("state=lost", "no such state"),
        ("before=x", "id is not one"),
    ],
)
def test_a_filter_that_makes_no_sense_is_said(
    browser: Browser, entries: list[Any], query: str, words: str
) -> None:
    del entries
    page = browser.read(f"/journal?{query}")

    assert words in page
    assert page.count("Iron Gym 1 event") == 2


def test_an_entry_is_masked_until_somebody_asks_and_that_is_noted(
    app: Flask, browser: Browser, entries: list[Any]
) -> None:
    path = f"/journal/{entries[0]}"
    masked = browser.read(path)
    assert "are masked" in masked
    for private in (WORDS, PERSON):
        assert private not in masked
    assert rows(app, AuditEntry) == []

    revealed = browser.post(path + "/reveal")

    assert WORDS in revealed.text
    (act,) = rows(app, AuditEntry)
    assert (act.actor, act.action, act.subject) == (
        "u1",
        "journal_entry_revealed",
        str(entries[0]),
    )
    assert "Looked at personal data in the journal" in browser.read("/audit")


def test_one_entry_or_a_list_is_replayed(app: Flask, browser: Browser, entries: list[Any]) -> None:
    answer = browser.post(f"/journal/{entries[0]}/replay")
    assert answer.status_code == 303
    assert journal_states(app) == ["pending", "done"]
    assert "1 entry is being applied again" in browser.read(answer.location)

    answer = browser.post("/journal/replay", data={"state": "done"})
    assert "1 entry is being applied again" in browser.read(answer.location)
    assert journal_states(app) == ["pending", "pending"]
    assert browser.post("/journal/replay").status_code == 422
    drain(app)
    assert len(rows(app, Message)) == 2
    assert "Replayed journal entries 1 entry" in browser.read("/audit")


def person(app: Flask) -> Identity:
    return rows(app, Identity)[0]


def work(app: Flask) -> None:
    with system_scope("test"):
        for request in rows(app, DataRequest):
            request_id = request.id
            while work_on(app, request_id):
                pass
    state_of(app).db.session.rollback()


def test_a_persons_data_is_exported_and_downloaded(
    app: Flask, browser: Browser, entries: list[Any]
) -> None:
    del entries
    asked = browser.post(f"/people/{person(app).id}/export")
    assert asked.status_code == 303
    page = browser.read(asked.location)
    assert "The export is being collected" in page
    assert "Waiting" in page
    assert "Download" not in page

    work(app)
    (request,) = rows(app, DataRequest)
    request_id = request.id

    assert "Kept until" in browser.read("/personal-data")
    document = browser.post(f"/personal-data/{request_id}/document")
    assert "attachment" in document.headers["Content-Disposition"]
    assert [each["text"] for each in json.loads(document.text)["messages"]] == [WORDS, WORDS]
    assert "Downloaded a person's data" in browser.read("/audit")


def test_what_failed_says_why_and_has_a_button(
    app: Flask, browser: Browser, entries: list[Any]
) -> None:
    del entries
    browser.post(f"/people/{person(app).id}/export")
    request_id = rows(app, DataRequest)[0].id
    assert browser.post(f"/personal-data/{request_id}/retry").status_code == 409
    with system_scope("test"):
        state_of(app).db.session.execute(
            update(DataRequest).values(state="failed", error="SecretError")
        )
        state_of(app).db.session.commit()

    page = browser.read("/personal-data")
    assert "a key that is not configured" in page
    assert "Try again" in page
    again = browser.post(f"/personal-data/{request_id}/retry")
    assert "It is being tried again" in browser.read(again.location)
    work(app)
    assert "Download" in browser.read("/personal-data")


def test_a_person_is_erased_once_the_name_is_typed(
    app: Flask, browser: Browser, entries: list[Any]
) -> None:
    del entries
    path = f"/people/{person(app).id}"
    assert "Type “erase” to confirm" in browser.read(path + "/data")

    wrong = browser.post(path + "/erase", data={"confirmation": "yes"})
    assert wrong.status_code == 422
    assert "Type the name exactly" in wrong.text
    asked = browser.post(path + "/erase", data={"confirmation": "erase"})
    assert "is being erased" in browser.read(asked.location)
    work(app)

    assert rows(app, Identity) == []
    page = browser.read("/personal-data")
    assert "Erasure of somebody who is not known any more" in page
    assert "2 messages removed" in page
    assert browser.get(path + "/data").status_code == 404


def test_the_way_there_is_beside_the_conversation(
    app: Flask, browser: Browser, host: Host, entries: list[Any]
) -> None:
    del entries
    conversation = rows(app, Message)[0].conversation_id

    assert "Erase data…" in browser.read(f"/inbox/{conversation}")
    host.sign_in(permissions={"reply"})
    assert "Erase data…" not in browser.read(f"/inbox/{conversation}")


def test_whoever_sees_some_locations_sees_their_own_acts(
    browser: Browser, host: Host, entries: list[Any]
) -> None:
    browser.post(f"/journal/{entries[0]}/reveal")

    host.sign_in(user_id="u2", location_ids={"l1"})
    assert "Nothing has happened" in browser.read("/audit")
    browser.post(f"/journal/{entries[0]}/reveal")
    assert browser.read("/audit").count("Looked at personal data") == 1
    host.sign_in()
    assert browser.read("/audit").count("Looked at personal data") == 2


def test_an_attachment_past_its_time_says_so(
    browser: Browser, factory: Factory, signed_in: Host
) -> None:
    del signed_in
    conversation = factory.conversation(factory.account())
    message = factory.message(conversation, text=None, kind="media")
    conversation_id, message_id = conversation.id, message.id
    with system_scope("test"):
        factory.session.add(
            Attachment(
                workspace_id="w1", message_id=message_id, position=0, type="image", state="expired"
            )
        )
        factory.session.execute(
            update(Conversation)
            .where(Conversation.id == conversation_id)
            .values(last_message_id=message_id, last_message_at=utc_now())
        )
        factory.session.commit()

    assert "No longer kept" in browser.read(f"/inbox/{conversation_id}")
