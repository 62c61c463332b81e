"""Messages of a conversation, and one by itself."""

from typing import Any

import pytest
from flask import Flask

from flask_messenger import signals
from tests.api.conftest import Api, Threads
from tests.support.app import Host
from tests.support.wakes import hear_wakes


def texts(answer) -> list[str]:
    return [item["text"] for item in answer.json["items"]]


def test_newest_page_comes_first_and_reads_downwards(
    api: Api, host: Host, threads: Threads
) -> None:
    host.sign_in()
    thread = threads.make("1", "2", "3", "4", "5")
    path = f"/conversations/{thread.id}/messages"

    newest = api.get(f"{path}?limit=2")
    older = api.get(f"{path}?limit=2&before={newest.json['older_cursor']}")
    oldest = api.get(f"{path}?limit=2&before={older.json['older_cursor']}")

    assert [texts(each) for each in (newest, older, oldest)] == [["4", "5"], ["2", "3"], ["1"]]
    assert oldest.json["older_cursor"] is None


def test_newer_messages_follow_a_cursor(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in()
    thread = threads.make("1", "2", "3", "4")
    path = f"/conversations/{thread.id}/messages"
    cursor = api.get(f"{path}?limit=4").json["newer_cursor"]

    nothing = api.get(f"{path}?after={cursor}")
    threads.factory.message(thread.conversation, text="5")
    something = api.get(f"{path}?after={nothing.json['newer_cursor']}")

    assert texts(nothing) == []
    assert nothing.json["newer_cursor"] == cursor
    assert texts(something) == ["5"]


def test_both_cursors_at_once_are_refused(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in()
    thread = threads.make("1", "2")
    cursor = api.get(f"/conversations/{thread.id}/messages").json["newer_cursor"]

    answer = api.get(f"/conversations/{thread.id}/messages?before={cursor}&after={cursor}")

    assert answer.status_code == 422


def test_messages_of_one_moment_are_each_shown_once(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in()
    thread = threads.make("first")
    at = thread.messages[0].sent_at
    for place in range(4):
        threads.factory.message(thread.conversation, text=str(place), sent_at=at)
    seen: list[str] = []
    query = "limit=2"

    while True:
        page = api.get(f"/conversations/{thread.id}/messages?{query}")
        seen += texts(page)
        if page.json["older_cursor"] is None:
            break
        query = f"limit=2&before={page.json['older_cursor']}"

    assert sorted(seen) == ["0", "1", "2", "3", "first"]


@pytest.mark.parametrize("query", ["before=x", "after=e30", "limit=1000", "page=2"])
def test_invalid_pages_are_refused(api: Api, host: Host, threads: Threads, query: str) -> None:
    host.sign_in()
    thread = threads.make()

    assert api.get(f"/conversations/{thread.id}/messages?{query}").status_code == 422


def test_message_carries_attachments_in_order(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in()
    message = threads.make("look").messages[0]
    threads.attach(message, position=1, type="file", url=None, title="Price list")
    threads.attach(message, position=0)

    shown = api.get(f"/messages/{message.id}").json

    assert [each["type"] for each in shown["attachments"]] == ["image", "file"]
    assert shown["attachments"][1]["title"] == "Price list"
    assert shown["message_id"] == message.external_id
    assert shown["status"] == "received"
    assert shown["error"] is None


@pytest.mark.parametrize(
    ("before", "decision", "after"),
    [
        ("failed", "retry", "queued"),
        ("unknown", "retry", "queued"),
        ("failed", "discard", "discarded"),
        ("unknown", "discard", "discarded"),
        ("unknown", "mark-sent", "sent"),
    ],
)
def test_somebody_decides_about_what_did_not_go_out(
    *, app: Flask, api: Api, host: Host, threads: Threads, before: str, decision: str, after: str
) -> None:
    host.sign_in()
    thread = threads.make()
    message = threads.factory.message(
        thread.conversation, direction="outbound", status=before, error_slug="graph_timeout"
    )
    heard: list[Any] = []

    def hear(_sender: Any, **values: Any) -> None:
        heard.append((values["message_id"], values["status"]))

    with (
        hear_wakes(app) as hear_wake,
        signals.message_status_changed.connected_to(hear, sender=app),
    ):
        answer = api.post(f"/messages/{message.id}/{decision}")
        if decision == "retry":
            assert hear_wake() == str(thread.id)

    assert answer.status_code == 200
    assert answer.json["status"] == after
    assert heard == [(message.id, after)]


def test_message_is_taken_back_while_it_waits(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in()
    thread = threads.make("hello")
    sent = api.post("/send", json={"conversation_id": str(thread.id), "text": "Hi Maya"})
    message_id = sent.json["id"]

    answer = api.post(f"/messages/{message_id}/cancel")
    again = api.post(f"/messages/{message_id}/cancel")

    assert (answer.status_code, answer.json["status"]) == (200, "cancelled")
    assert again.status_code == 409
    assert "too late" in again.json["detail"]


@pytest.mark.parametrize("decision", ["retry", "discard", "mark-sent"])
def test_nothing_is_decided_about_what_went_out(
    api: Api, host: Host, threads: Threads, decision: str
) -> None:
    host.sign_in()
    thread = threads.make()
    message = threads.factory.message(thread.conversation, direction="outbound", status="sent")

    assert api.post(f"/messages/{message.id}/{decision}").status_code == 409
    host.sign_in(permissions=())
    assert api.post(f"/messages/{message.id}/{decision}").status_code == 403
    host.sign_in(location_ids={"l2"})
    assert api.post(f"/messages/{message.id}/{decision}").status_code == 404
