"""GET and PATCH of conversations, seen and typing."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
import redis
from flask import Flask
from rq import Queue

from flask_messenger import signals
from flask_messenger.jobs import QUEUES
from flask_messenger.models import AuditEntry
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from tests.api.conftest import Api, Threads
from tests.support.app import Factory, Host
from tests.support.ingest import rows

NOBODY = uuid.UUID("0199f0aa-0000-7000-8000-000000000000")


def names(answer: Any) -> list[str]:
    return [item["person"]["name"] for item in answer.json["items"]]


def test_conversations_come_newest_first_and_in_pages(
    api: Api, host: Host, threads: Threads
) -> None:
    host.sign_in()
    for age, name in ((3, "Cleo"), (1, "Ana"), (2, "Ben")):
        threads.make("hi", name=name, age_minutes=age)

    first = api.get("/conversations?limit=2")
    second = api.get(f"/conversations?limit=2&cursor={first.json['next_cursor']}")

    assert first.status_code == 200
    assert names(first) == ["Ana", "Ben"]
    assert names(second) == ["Cleo"]
    assert second.json["next_cursor"] is None


def test_conversation_without_a_message_is_not_listed(
    api: Api, host: Host, factory: Factory
) -> None:
    host.sign_in()
    factory.conversation(factory.account())

    assert api.get("/conversations").json["items"] == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("channel=facebook", ["Ana", "Ben", "Cleo"]),
        ("channel=instagram", []),
        ("location_id=l2", ["Ben"]),
        ("status=closed", ["Cleo"]),
        ("assignee=me", ["Ana"]),
        ("assignee=none", ["Cleo"]),
        ("assignee=u2", ["Ben"]),
        ("text=ANA", ["Ana"]),
        ("text=50%25", ["Ben"]),
        ("text=5_%25", []),
        ("text=%25", ["Ben"]),
        ("text=discount&status=open", ["Ben"]),
    ],
)
def test_filters_narrow_the_list(
    *, api: Api, host: Host, factory: Factory, threads: Threads, query: str, expected: list[str]
) -> None:
    host.sign_in()
    other = factory.account(location_id="l2")
    threads.make("hi", name="Ana", age_minutes=1, assignee_ref="u1")
    threads.make(
        "a 50% Discount", "ok", name="Ben", age_minutes=2, account=other, assignee_ref="u2"
    )
    threads.make("bye", name="Cleo", age_minutes=3, status="closed")

    assert names(api.get(f"/conversations?{query}")) == expected


def test_account_filter(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in()
    wanted = threads.make(name="Ana")
    threads.make(name="Ben")

    assert names(api.get(f"/conversations?account_id={wanted.account.id}")) == ["Ana"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("cursor=nonsense", "cursor"),
        ("cursor=%F0%9F%98%80", "cursor"),
        ("cursor=WzEsMl0", "cursor"),
        ("cursor=bnVsbA", "cursor"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("limit=ten", "limit"),
        ("status=lost", "status"),
        ("account_id=7", "account_id"),
        ("text=a%00b", "text"),
        ("assignee=%00", "assignee"),
        ("assignee=", "assignee"),
        ("colour=red", "colour"),
        ("text=" + "x" * 201, "text"),
    ],
)
def test_invalid_queries_are_named(api: Api, host: Host, query: str, field: str) -> None:
    host.sign_in()

    answer = api.get(f"/conversations?{query}")

    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert answer.json["field"] == field
    assert answer.json["type"].endswith("#problem-invalid_request")


def test_invalid_text_is_not_repeated(api: Api, host: Host) -> None:
    host.sign_in()

    answer = api.get("/conversations?status=secretword")

    assert "secretword" not in answer.text


def test_conversation_shows_what_a_list_needs(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in()
    thread = threads.make("one", "two")
    threads.update(thread.messages[0], direction="outbound", status="failed")

    shown = api.get(f"/conversations/{thread.id}").json

    assert shown["id"] == str(thread.id)
    assert shown["has_failed"] is True
    assert shown["last_message"]["text"] == "two"
    assert shown["person"]["recipient_id"]
    assert shown["location_id"] == "l1"
    assert shown["last_message_at"].endswith("Z")
    assert shown["reply_window"]["window"] == "standard"
    assert shown["reply_window"]["allowed"] is True


def test_person_without_a_name_is_called_by_the_username(
    api: Api, host: Host, threads: Threads
) -> None:
    host.sign_in()
    thread = threads.make(name=None)
    path = f"/conversations/{thread.id}"
    assert api.get(path).json["person"]["name"] is None

    threads.update(thread.identity, username="priya.raman")

    person = api.get(path).json["person"]
    assert (person["name"], person["username"]) == ("@priya.raman", "priya.raman")
    assert "@priya.raman" in api.get(f"/messenger/inbox/{thread.id}").text


def test_closed_window_says_why_and_what_to_do(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in()
    thread = threads.make(age_minutes=60 * 25)

    window = api.get(f"/conversations/{thread.id}").json["reply_window"]

    assert window["allowed"] is False
    assert window["reason"] == "human_agent_off"
    assert "switches on" in window["remedy"]


@pytest.mark.parametrize(
    "path",
    [
        f"/conversations/{NOBODY}",
        "/conversations/7",
        "/conversations/%00",
        f"/conversations/{NOBODY}/messages",
        f"/messages/{NOBODY}",
        f"/accounts/{NOBODY}",
        "/nothing",
    ],
)
def test_unknown_is_a_404_problem(api: Api, host: Host, path: str) -> None:
    host.sign_in()

    answer = api.get(path)

    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"


def test_location_restricts_everything(
    api: Api, host: Host, factory: Factory, threads: Threads
) -> None:
    hidden = threads.make(name="Hidden", account=factory.account(location_id="l2"))
    nowhere = threads.make(name="Nowhere", account=factory.account(location_id=None))
    seen = threads.make(name="Seen", account=factory.account(location_id="l1"))
    host.sign_in(location_ids={"l1"})

    assert names(api.get("/conversations")) == ["Seen"]
    assert [item["id"] for item in api.get("/accounts").json["items"]] == [str(seen.account.id)]
    for thread in (hidden, nowhere):
        assert api.get(f"/conversations/{thread.id}").status_code == 404
        assert api.get(f"/conversations/{thread.id}/messages").status_code == 404
        assert api.get(f"/messages/{thread.messages[0].id}").status_code == 404
        assert api.get(f"/accounts/{thread.account.id}").status_code == 404
        assert api.post(f"/conversations/{thread.id}/seen").status_code == 404
        assert api.post(f"/conversations/{thread.id}/typing").status_code == 404
        change = {"status": "closed", "assignee": "me"}
        assert api.patch(f"/conversations/{thread.id}", json=change).status_code == 404


def test_no_location_means_nothing_is_seen(api: Api, host: Host, threads: Threads) -> None:
    threads.make()
    host.sign_in(location_ids=())

    assert api.get("/conversations").json["items"] == []


def test_change_closes_reopens_snoozes_and_assigns(
    app: Flask, api: Api, host: Host, threads: Threads
) -> None:
    host.sign_in()
    thread = threads.make()
    heard: list[dict[str, Any]] = []
    until = (utc_now() + timedelta(hours=3)).isoformat()

    def hear(_sender: Any, **values: Any) -> None:
        heard.append(values)

    with signals.conversation_updated.connected_to(hear, sender=app):
        answers = [
            api.patch(f"/conversations/{thread.id}", json=change)
            for change in (
                {"assignee": "me"},
                {"assignee": "u2", "status": "closed"},
                {"status": "closed"},
                {"status": "open", "assignee": None},
                {"status": "snoozed", "snoozed_until": until},
                {},
            )
        ]

    assert [answer.status_code for answer in answers] == [200] * 6
    states = [(answer.json["status"], answer.json["assignee"]) for answer in answers]
    assert states == [
        ("open", "u1"),
        ("closed", "u2"),
        ("closed", "u2"),
        ("open", None),
        ("snoozed", None),
        ("snoozed", None),
    ]
    assert answers[-1].json["snoozed_until"] is not None
    changes = [values["change"] for values in heard]
    assert changes == ["assigned", "assigned", "closed", "unassigned", "reopened", "snoozed"]
    assert heard[0]["conversation_id"] == thread.id
    assert heard[0]["location_id"] == "l1"
    audited = [entry.action for entry in rows(app, AuditEntry)]
    assert audited == [f"conversation_{change}" for change in changes]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"assignee": "stranger"}, "assignee"),
        ({"assignee": "a\x00"}, "assignee"),
        ({"assignee": 7}, "assignee"),
        ({"status": "lost"}, "status"),
        ({"status": None}, "status"),
        ({"status": "snoozed"}, "snoozed_until"),
        ({"status": "closed", "snoozed_until": "2999-01-01T00:00:00Z"}, "snoozed_until"),
        ({"snoozed_until": "2020-01-01T00:00:00Z"}, "snoozed_until"),
        ({"snoozed_until": "2999-01-01T00:00:00Z"}, "snoozed_until"),
        ({"snoozed_until": "2027-01-01T00:00:00"}, "snoozed_until"),
        ({"snoozed_until": "tomorrow"}, "snoozed_until"),
        ({"snoozed_until": 10**30}, "snoozed_until"),
        ({"colour": "red"}, "colour"),
        ([], "body"),
        ("text", "body"),
    ],
)
def test_invalid_changes_are_named_and_change_nothing(
    api: Api, host: Host, threads: Threads, change: Any, field: str
) -> None:
    host.sign_in()
    thread = threads.make()

    answer = api.patch(f"/conversations/{thread.id}", json=change)

    assert answer.status_code == 422
    assert answer.json["field"] == field
    assert threads.reload(thread.conversation).status == "open"


def test_half_a_change_is_none(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in()
    thread = threads.make()

    answer = api.patch(f"/conversations/{thread.id}", json={"assignee": "me", "status": "snoozed"})

    assert answer.status_code == 422
    assert threads.reload(thread.conversation).assignee_ref is None


@pytest.mark.parametrize(
    ("permissions", "change", "status"),
    [
        ((), {"status": "closed"}, 403),
        ((), {"assignee": "me"}, 403),
        (("assign",), {"assignee": "me"}, 200),
        (("assign",), {"assignee": "me", "status": "closed"}, 403),
        (("reply",), {"status": "closed"}, 200),
        (("reply",), {"assignee": None}, 403),
    ],
)
def test_changes_need_their_permission(
    *, api: Api, host: Host, threads: Threads, permissions: Any, change: Any, status: int
) -> None:
    host.sign_in(permissions=permissions)
    thread = threads.make()

    assert api.patch(f"/conversations/{thread.id}", json=change).status_code == status


def test_seen_moves_forward_and_counts_again(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in()
    thread = threads.make("one", "two", "three")

    middle = {"message_id": str(thread.messages[1].id)}
    first = api.post(f"/conversations/{thread.id}/seen", json=middle)
    all_of_it = api.post(f"/conversations/{thread.id}/seen")
    back = api.post(f"/conversations/{thread.id}/seen", json=middle)

    assert first.json["unread_count"] == 1
    assert all_of_it.json["unread_count"] == 0
    assert back.json["unread_count"] == 0
    assert back.json["seen_until"] == all_of_it.json["seen_until"]


def test_seen_refuses_a_message_of_another_conversation(
    api: Api, host: Host, threads: Threads
) -> None:
    host.sign_in()
    thread, other = threads.make(), threads.make()

    answer = api.post(
        f"/conversations/{thread.id}/seen", json={"message_id": str(other.messages[0].id)}
    )

    assert answer.status_code == 404


def test_seen_and_typing_reach_the_outbox(
    app: Flask, api: Api, host: Host, threads: Threads
) -> None:
    host.sign_in()
    thread = threads.make()

    api.post(f"/conversations/{thread.id}/seen")
    api.post(f"/conversations/{thread.id}/seen")
    typing = api.post(f"/conversations/{thread.id}/typing")

    queue = Queue(QUEUES["outbox"], connection=state_of(app).get(redis.Redis))
    assert typing.status_code == 204
    assert [job.args for job in queue.jobs] == [
        (str(thread.id), "mark_seen"),
        (str(thread.id), "typing_on"),
    ]


def test_looking_without_replying_leaves_no_trace(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in(permissions=())
    thread = threads.make()

    assert api.get(f"/conversations/{thread.id}").status_code == 200
    assert api.post(f"/conversations/{thread.id}/seen").status_code == 403
    assert api.post(f"/conversations/{thread.id}/typing").status_code == 403
