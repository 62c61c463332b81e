"""What one does in the inbox, route by route, and who may."""

import uuid
from typing import Any

import pytest
import redis
from flask import Flask
from rq import Queue
from sqlalchemy import select

from flask_messenger.jobs import QUEUES
from flask_messenger.models import Conversation, Message
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.api.conftest import Threads
from tests.support.app import Host
from tests.support.wakes import hear_wakes
from tests.ui.conftest import Browser, words_of

pytestmark = pytest.mark.databases("postgresql")

SCRIPT = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def somebody(host: Host) -> None:
    host.sign_in()


def jobs(app: Flask) -> list[str]:
    queue = Queue(QUEUES["outbox"], connection=state_of(app).get(redis.Redis))
    return [job.func_name.rpartition(".")[2] for job in queue.jobs]


def answers(threads: Threads) -> list[Message]:
    session = threads.factory.session
    session.rollback()
    with system_scope("test"):
        return list(session.scalars(select(Message).where(Message.direction == "outbound")))


def test_an_answer_is_queued_once_whatever_is_pressed(
    app: Flask, browser: Browser, threads: Threads
) -> None:
    thread = threads.make("hello")
    data = {"text": " Yes. ", "key": uuid.uuid4().hex}

    with hear_wakes(app) as hear:
        first = browser.post(f"/inbox/{thread.id}/messages", data=data, headers=SCRIPT)
        assert hear() == str(thread.id)
    again = browser.post(f"/inbox/{thread.id}/messages", data=data, headers=SCRIPT)

    [message] = answers(threads)
    assert (first.status_code, again.status_code) == (204, 204)
    assert first.headers["HX-Trigger"] == "fm:changed"
    assert (message.text, message.status) == ("Yes.", "queued")
    assert (message.sent_by, message.sent_by_ref, message.sent_by_name) == (
        "person",
        "u1",
        "Sam Reyes",
    )
    assert f"fm-k-{data['key']}" in browser.get(f"/inbox/{thread.id}").text


def test_an_attachment_goes_by_its_address(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello")

    browser.post(
        f"/inbox/{thread.id}/messages",
        data={"attachment": "https://a.example/cat.jpg", "kind": "image"},
        headers=SCRIPT,
    )

    [message] = answers(threads)
    assert message.kind == "media"
    assert 'src="https://a.example/cat.jpg"' in browser.get(f"/inbox/{thread.id}").text


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        ({"text": ""}, "Write something first"),
        ({"text": "x" * 2001}, "2000 characters; this one has 2001"),
        ({"attachment": "ftp://a.example/x", "kind": "image"}, "http or https address"),
        ({"attachment": "https://a.example/x", "kind": "virus"}, "An attachment is one of"),
        ({"text": "x", "key": "k" * 300}, "idempotency key"),
    ],
)
def test_what_cannot_be_sent_is_said(
    browser: Browser, threads: Threads, data: dict[str, str], detail: str
) -> None:
    thread = threads.make("hello")

    answer = browser.post(f"/inbox/{thread.id}/messages", data=data, headers=SCRIPT)

    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert detail in answer.json["detail"]
    assert answers(threads) == []


def test_a_form_without_script_comes_back_to_the_conversation(
    browser: Browser, threads: Threads
) -> None:
    thread = threads.make("hello")

    answer = browser.post(f"/inbox/{thread.id}/messages", data={"text": "hi"})

    assert answer.status_code == 303
    assert answer.location == f"/messenger/inbox/{thread.id}"


def test_a_plan_without_the_channel_answers_nobody(
    browser: Browser, threads: Threads, host: Host
) -> None:
    thread = threads.make("hello")
    host.plans["w1"] = "free"

    words = browser.read(f"/inbox/{thread.id}")
    assert "Answering on Messenger is part of the Plus plan." in words
    answer = browser.post(f"/inbox/{thread.id}/messages", data={"text": "hi"}, headers=SCRIPT)

    assert answer.status_code == 402


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("close", {}, "closed"),
        ("reopen", {}, "open"),
        ("snooze", {"until": "2999-01-01T00:00:00Z"}, None),
        ("snooze", {"until": "tomorrow"}, None),
    ],
)
def test_a_conversation_changes(
    browser: Browser, threads: Threads, path: str, data: dict[str, str], status: str | None
) -> None:
    thread = threads.make("hello", status="closed" if path == "reopen" else "open")

    answer = browser.post(f"/inbox/{thread.id}/{path}", data=data, headers=SCRIPT)

    conversation: Conversation = threads.reload(thread.conversation)
    if status is None:
        assert answer.status_code == 422
        assert conversation.status == "open"
    else:
        assert answer.status_code == 204
        assert conversation.status == status


def test_a_conversation_is_given_to_somebody_and_back(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello")

    def assign(whom: str) -> tuple[int, str | None]:
        answer = browser.post(f"/inbox/{thread.id}/assign", data={"assignee": whom}, headers=SCRIPT)
        return answer.status_code, threads.reload(thread.conversation).assignee_ref

    assert assign("u2") == (204, "u2")
    assert "Assigned to Ida" in browser.read(f"/inbox/{thread.id}")
    assert assign("stranger") == (422, "u2")
    assert assign("") == (204, None)


def test_reading_is_noted_and_shown_to_the_person(
    app: Flask, browser: Browser, threads: Threads
) -> None:
    thread = threads.make("hello")

    assert browser.post(f"/inbox/{thread.id}/seen", headers=SCRIPT).status_code == 204
    assert threads.reload(thread.conversation).unread_count == 0
    assert jobs(app) == ["send_action"]

    browser.post(f"/inbox/{thread.id}/seen", headers=SCRIPT)
    assert jobs(app) == ["send_action"]


def test_typing_is_shown_to_the_person(app: Flask, browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello")

    assert browser.post(f"/inbox/{thread.id}/typing", headers=SCRIPT).status_code == 204
    assert jobs(app) == ["send_action"]


@pytest.mark.parametrize(
    ("status", "action", "result"),
    [
        ("failed", "retry", "queued"),
        ("unknown", "retry", "queued"),
        ("failed", "discard", "discarded"),
        ("unknown", "sent", "sent"),
    ],
)
def test_somebody_decides_about_a_message(
    browser: Browser, threads: Threads, status: str, action: str, result: str
) -> None:
    thread = threads.make("hello")
    message = threads.factory.message(thread.conversation, direction="outbound", status=status)

    answer = browser.post(f"/inbox/messages/{message.id}/{action}", headers=SCRIPT)

    assert answer.status_code == 204
    assert threads.reload(message).status == result
    second = browser.post(f"/inbox/messages/{message.id}/discard", headers=SCRIPT)
    assert second.status_code == 409


POSTS = ["messages", "typing", "seen", "assign", "close", "reopen", "snooze"]
GETS = ["", "/thread", "/older", "/person"]


@pytest.mark.parametrize("workspace", ["w1", "w2"])
def test_conversations_of_others_do_not_exist(
    browser: Browser, threads: Threads, host: Host, workspace: str
) -> None:
    """Another workspace's, or a location's one does not see: as if there were none."""
    account = threads.factory.account(workspace, location_id="l2")
    thread = threads.make("hello", account=account)
    mine = threads.factory.message(thread.conversation, direction="outbound", status="failed")
    host.sign_in(location_ids={"l1"})

    def walk(conversation_id: Any, message_id: Any) -> list[tuple[int, str]]:
        calls = [browser.get(f"/inbox/{conversation_id}{path}") for path in GETS]
        calls += [
            browser.post(
                f"/inbox/{conversation_id}/{path}",
                data={"text": "x", "assignee": "u1", "until": utc_now().isoformat()},
            )
            for path in POSTS
        ]
        calls += [
            browser.post(f"/inbox/messages/{message_id}/{path}")
            for path in ("retry", "discard", "sent")
        ]
        return [(each.status_code, words_of(each.text)) for each in calls]

    theirs, nothing = walk(thread.id, mine.id), walk(uuid.uuid4(), uuid.uuid4())

    assert theirs == nothing
    assert {status for status, _ in theirs} == {404}
    assert "hello" not in browser.get("/inbox?tab=all").text


def test_reading_needs_no_permission_and_acting_does(
    browser: Browser, threads: Threads, host: Host
) -> None:
    thread = threads.make("hello")
    message = threads.factory.message(thread.conversation, direction="outbound", status="failed")
    host.sign_in(permissions=set())

    words = browser.read(f"/inbox/{thread.id}")

    assert "You can read this conversation." in words
    assert "Try again" not in words
    for path in [*(f"{thread.id}/{each}" for each in POSTS), f"messages/{message.id}/retry"]:
        assert browser.post(f"/inbox/{path}", headers=SCRIPT).status_code == 403, path


def test_nobody_signed_in_sees_nothing(browser: Browser, host: Host) -> None:
    host.tenant = None

    assert "Please sign in" in browser.get("/inbox").text
    assert browser.get("/inbox").status_code == 401
    assert browser.get("/inbox/list", headers=SCRIPT).mimetype == "application/problem+json"


def test_a_host_leads_people_to_its_own_log_in(app: Flask, browser: Browser, host: Host) -> None:
    host.tenant = None
    app.register_error_handler(401, lambda _: ("please log in", 302, {"Location": "/login"}))

    answer = browser.get("/inbox")

    assert (answer.status_code, answer.location) == (302, "/login")


def test_every_change_needs_the_token_of_our_pages(new_app: Any) -> None:
    app = new_app(WTF_CSRF_ENABLED=True)
    app.extensions["host"].sign_in()
    browser = Browser(app, headers={"Accept": "text/html"})

    answer = browser.post(f"/inbox/{uuid.uuid4()}/close")

    assert answer.status_code == 403
    assert "Reload the page" in answer.text


def test_an_unknown_address_is_a_page_that_says_so(browser: Browser) -> None:
    answer = browser.get(f"/inbox/{uuid.uuid4()}")

    assert answer.status_code == 404
    assert "This does not exist, or it is not yours to see." in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("cursor", ["x", "%00", "W10", "a" * 500])
def test_a_broken_cursor_is_refused(browser: Browser, threads: Threads, cursor: str) -> None:
    thread = threads.make("hello")

    for path in (f"/inbox/rows?before={cursor}", f"/inbox/{thread.id}/older?before={cursor}"):
        assert browser.get(path, headers=SCRIPT).status_code == 422
