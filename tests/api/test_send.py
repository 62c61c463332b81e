"""POST /send: queue, wait, repeat, refuse."""

import threading
import time
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from flask_messenger.models import Message
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.api.conftest import Api, Thread, Threads
from tests.support.app import Factory, Host
from tests.support.ingest import rows
from tests.support.wakes import hear_wakes


def outbound(app: Flask) -> list[Message]:
    return rows(app, Message, direction="outbound")


def finish(app: Flask, status: str, **values: Any) -> threading.Thread:
    """Do what the worker does to the first message that is queued, as soon as there is one."""

    def work() -> None:
        with app.app_context(), system_scope("test"):
            session = state_of(app).db.session
            for _ in range(200):
                message = session.query(Message).filter_by(status="queued").one_or_none()
                if message is not None:
                    message.status = status
                    for name, value in values.items():
                        setattr(message, name, value)
                    session.commit()
                    return
                session.rollback()
                time.sleep(0.02)

    worker = threading.Thread(target=work)
    worker.start()
    return worker


@pytest.fixture
def thread(host: Host, threads: Threads) -> Thread:
    host.sign_in()
    return threads.make("hello")


def test_text_is_queued_and_its_lane_woken(app: Flask, api: Api, thread: Thread) -> None:
    with hear_wakes(app) as hear:
        answer = api.post("/send", json={"conversation_id": str(thread.id), "text": "Hi Maya"})

        assert hear() == str(thread.id)
    assert answer.status_code == 202
    body = answer.json
    assert body["status"] == "queued"
    assert body["message_id"] is None
    assert body["platform"] == "facebook"
    assert body["conversation_id"] == str(thread.id)
    assert body["used_message_tag"] is None
    assert body["recipient_id"]
    assert body["message"]["text"] == "Hi Maya"
    assert body["message"]["sent_by_id"] == "u1"
    assert body["message"]["sent_by_name"] == "Sam Reyes"


def test_person_is_found_by_account_and_recipient(api: Api, thread: Thread) -> None:
    shown = api.get(f"/conversations/{thread.id}").json
    address = {
        "account_id": str(thread.account.id),
        "recipient_id": shown["person"]["recipient_id"],
    }

    answer = api.post("/send", json={**address, "text": "Hi"})

    assert answer.status_code == 202
    assert answer.json["conversation_id"] == str(thread.id)


def test_attachment_is_queued(api: Api, thread: Thread) -> None:
    attachment = {"type": "image", "url": "https://cdn.example.test/menu.png"}

    answer = api.post("/send", json={"conversation_id": str(thread.id), "attachment": attachment})

    assert answer.status_code == 202
    assert answer.json["message"]["kind"] == "media"
    assert answer.json["message"]["attachments"][0]["url"] == attachment["url"]


def test_bot_is_not_named_after_the_person(api: Api, thread: Thread) -> None:
    body = {"conversation_id": str(thread.id), "text": "Hi", "sender": "bot"}

    message = api.post("/send", json=body).json["message"]

    assert message["sent_by"] == "bot"
    assert message["sent_by_name"] is None


def test_reply_quotes_a_message(api: Api, thread: Thread) -> None:
    quoted = thread.messages[0].external_id
    body = {"conversation_id": str(thread.id), "text": "Hi", "reply_to": quoted}

    assert api.post("/send", json=body).json["message"]["reply_to"] == quoted


def test_reply_to_an_unknown_message_is_refused(api: Api, thread: Thread) -> None:
    body = {"conversation_id": str(thread.id), "text": "Hi", "reply_to": "m_nobody"}

    answer = api.post("/send", json=body)

    assert answer.status_code == 422
    assert answer.json["field"] == "reply_to"


@pytest.mark.parametrize("place", ["header", "body", "both"])
def test_same_key_sends_once(app: Flask, api: Api, thread: Thread, place: str) -> None:
    body = {"conversation_id": str(thread.id), "text": "Hi"}
    headers = {}
    if place in {"header", "both"}:
        headers["Idempotency-Key"] = "k-1"
    if place in {"body", "both"}:
        body["idempotency_key"] = "k-1"

    first = api.post("/send", json=body, headers=headers)
    second = api.post("/send", json=body, headers=headers)

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json["id"] == second.json["id"]
    assert first.json["message"]["idempotency_key"] == "k-1"
    assert len(outbound(app)) == 1


def test_same_key_for_another_text_is_a_conflict(api: Api, thread: Thread) -> None:
    body = {"conversation_id": str(thread.id), "text": "Hi", "idempotency_key": "k-1"}
    api.post("/send", json=body)

    answer = api.post("/send", json={**body, "text": "Bye"})

    assert answer.status_code == 409


def test_two_different_keys_are_refused(api: Api, thread: Thread) -> None:
    body = {"conversation_id": str(thread.id), "text": "Hi", "idempotency_key": "k-1"}

    answer = api.post("/send", json=body, headers={"Idempotency-Key": "k-2"})

    assert answer.status_code == 422
    assert answer.json["field"] == "idempotency_key"


def test_waiting_answers_as_soon_as_it_is_sent(app: Flask, api: Api, thread: Thread) -> None:
    worker = finish(app, "sent", external_id="m_out")
    started = time.monotonic()

    answer = api.post(
        "/send",
        json={"conversation_id": str(thread.id), "text": "Hi"},
        headers={"Prefer": "respond-async, wait=9"},
    )

    worker.join()
    assert answer.status_code == 200
    assert answer.json["message_id"] == "m_out"
    assert answer.headers["Preference-Applied"] == "wait=9"
    assert time.monotonic() - started < 8


def test_waiting_for_what_fails_says_so(app: Flask, api: Api, thread: Thread) -> None:
    worker = finish(app, "failed", error_slug="graph_recipient_unavailable", error_code=551)

    answer = api.post(
        "/send",
        json={"conversation_id": str(thread.id), "text": "Hi"},
        headers={"Prefer": "wait=9"},
    )

    worker.join()
    assert answer.status_code == 202
    assert answer.json["status"] == "failed"
    assert answer.json["message"]["error"]["code"] == 551


def test_waiting_ends(api: Api, thread: Thread) -> None:
    answer = api.post(
        "/send",
        json={"conversation_id": str(thread.id), "text": "Hi"},
        headers={"Prefer": "wait=1"},
    )

    assert answer.status_code == 202
    assert answer.json["status"] == "queued"


@pytest.mark.parametrize("prefer", ["wait=", "wait=x", "", "wait=-3", "await=5", ";;,="])
def test_unreadable_preferences_are_passed_over(api: Api, thread: Thread, prefer: str) -> None:
    body = {"conversation_id": str(thread.id), "text": "Hi"}

    answer = api.post("/send", json=body, headers={"Prefer": prefer})

    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "Hi"}, "body"),
        ({"text": "Hi", "account_id": str(uuid.uuid4())}, "body"),
        ({"text": "Hi", "recipient_id": "1"}, "body"),
        ({"text": "Hi", "conversation_id": "7"}, "conversation_id"),
        ({"text": "Hi", "conversation_id": 7}, "conversation_id"),
        ({"text": "Hi", "conversation_id": None}, "conversation_id"),
        ({"conversation_id": str(uuid.uuid4())}, "body"),
        ({"conversation_id": str(uuid.uuid4()), "text": 7}, "text"),
        ({"conversation_id": str(uuid.uuid4()), "text": "a\x00b"}, "text"),
        ({"conversation_id": str(uuid.uuid4()), "text": "  "}, "text"),
        ({"conversation_id": str(uuid.uuid4()), "text": "Hi", "sender": "cat"}, "sender"),
        ({"conversation_id": str(uuid.uuid4()), "text": "Hi", "extra": 1}, "extra"),
        ({"conversation_id": str(uuid.uuid4()), "attachment": "x"}, "attachment"),
        (
            {
                "conversation_id": str(uuid.uuid4()),
                "attachment": {"type": "gif", "url": "https://e.test/"},
            },
            "attachment.type",
        ),
        (
            {
                "conversation_id": str(uuid.uuid4()),
                "attachment": {"type": "image", "url": "file:///etc/passwd"},
            },
            "attachment.url",
        ),
        (
            {
                "conversation_id": str(uuid.uuid4()),
                "attachment": {"type": "image", "url": "https://user@e.test/"},
            },
            "attachment.url",
        ),
        (
            {"conversation_id": str(uuid.uuid4()), "text": "Hi", "idempotency_key": "\n"},
            "idempotency_key",
        ),
    ],
)
def test_invalid_requests_are_named(
    app: Flask, api: Api, host: Host, body: dict[str, Any], field: str
) -> None:
    host.sign_in()

    answer = api.post("/send", json=body)

    assert answer.status_code == 422
    assert answer.json["field"] == field
    assert outbound(app) == []


@pytest.mark.parametrize(
    ("raw", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"text": "\\ud800"}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"", "application/json", 400),
        (b"text=hi", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
        (b'{"text": ' + b"9" * 10_000 + b"}", "application/json", 400),
        (b'{"text": ' + b"9" * 1_000 + b"}", "application/json", 422),
    ],
)
def test_bodies_that_are_not_ours(
    api: Api, host: Host, raw: bytes, content_type: str, status: int
) -> None:
    host.sign_in()

    answer = api.post("/send", data=raw, content_type=content_type)

    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"


def test_emoji_and_long_text_travel(api: Api, thread: Thread) -> None:
    text = "👩‍👩‍👧 привет " * 20

    answer = api.post("/send", json={"conversation_id": str(thread.id), "text": text})

    assert answer.json["message"]["text"] == text.strip()


def test_closed_window_is_a_conflict_with_a_remedy(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in()
    old = threads.make(age_minutes=60 * 25)

    answer = api.post("/send", json={"conversation_id": str(old.id), "text": "Hi"})

    assert answer.status_code == 409
    assert answer.json["reason"] == "human_agent_off"
    assert answer.json["remedy"]
    assert answer.json["type"].endswith("#problem-window_closed")


def test_human_agent_window_tags_the_message(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in()
    old = threads.make(age_minutes=60 * 25)
    api.patch("/settings", json={"human_agent_enabled": True})

    answer = api.post("/send", json={"conversation_id": str(old.id), "text": "Hi"})

    assert answer.status_code == 202
    assert answer.json["used_message_tag"] == "HUMAN_AGENT"


def test_plan_without_the_channel_pays_first(api: Api, host: Host, thread: Thread) -> None:
    host.plans["w1"] = "free"

    answer = api.post("/send", json={"conversation_id": str(thread.id), "text": "Hi"})

    assert answer.status_code == 402
    assert answer.json["feature"] == "facebook"
    assert answer.json["plan"] == "free"
    assert answer.json["needed_plan"] == "plus"


def test_sending_needs_the_permission(api: Api, host: Host, thread: Thread) -> None:
    host.sign_in(permissions=("assign",))

    answer = api.post("/send", json={"conversation_id": str(thread.id), "text": "Hi"})

    assert answer.status_code == 403
    assert "reply" in answer.json["detail"]


def test_other_locations_are_not_there(
    api: Api, host: Host, factory: Factory, threads: Threads
) -> None:
    hidden = threads.make(account=factory.account(location_id="l2"))
    host.sign_in(location_ids={"l1"})

    answer = api.post("/send", json={"conversation_id": str(hidden.id), "text": "Hi"})

    assert answer.status_code == 404


def test_text_too_long_for_the_channel_names_the_limit(api: Api, thread: Thread) -> None:
    answer = api.post("/send", json={"conversation_id": str(thread.id), "text": "x" * 2001})

    assert answer.status_code == 422
    assert answer.json["field"] == "text"
    assert "2000" in answer.json["detail"]


def test_message_is_put_off_until_its_time(app: Flask, api: Api, thread: Thread) -> None:
    at = utc_now() + timedelta(hours=2)
    body = {"conversation_id": str(thread.id), "text": "Hi Maya", "send_at": at.isoformat()}

    answer = api.post("/send", json=body, headers={"Prefer": "wait=10"})

    assert answer.status_code == 202
    shown = answer.json
    assert (shown["status"], shown["window_will_be_closed"]) == ("queued", False)
    assert datetime.fromisoformat(shown["message"]["send_at"]) == at
    assert [each.send_at for each in outbound(app)] == [at]
    assert api.get(f"/conversations/{thread.id}").json["last_message"]["text"] == "hello"


def test_answer_says_that_the_window_will_be_closed_by_then(api: Api, thread: Thread) -> None:
    at = utc_now() + timedelta(days=2)
    body = {"conversation_id": str(thread.id), "text": "Hi Maya", "send_at": at.isoformat()}

    answer = api.post("/send", json=body)

    assert (answer.status_code, answer.json["window_will_be_closed"]) == (202, True)


@pytest.mark.parametrize(
    ("at", "words"),
    [(timedelta(seconds=-1), "This time is past"), (timedelta(days=366), "365 days")],
)
def test_time_that_cannot_be_is_refused(
    app: Flask, api: Api, thread: Thread, at: timedelta, words: str
) -> None:
    body = {
        "conversation_id": str(thread.id),
        "text": "Hi",
        "send_at": (utc_now() + at).isoformat(),
    }

    answer = api.post("/send", json=body)

    assert answer.status_code == 422
    assert words in answer.json["detail"]
    assert outbound(app) == []


def test_same_key_with_another_time_is_a_conflict(api: Api, thread: Thread) -> None:
    body = {"conversation_id": str(thread.id), "text": "Hi", "idempotency_key": "k"}
    api.post("/send", json=body)

    later = (utc_now() + timedelta(hours=1)).isoformat()
    answer = api.post("/send", json={**body, "send_at": later})

    assert answer.status_code == 409
