"""Subscriptions that Meta dropped are found and made again."""

from collections.abc import Callable
from typing import Any

import pytest
import redis
from flask import Flask

from flask_messenger import jobs
from flask_messenger.connect.subscriptions import (
    CHECKED_KEY,
    check_subscription,
    check_subscriptions,
    find_due,
)
from flask_messenger.models import Account, AuditEntry
from flask_messenger.simulator.constants import APP_ID, APP_SECRET
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.connect.conftest import PAGE_FIELDS, URL, Meta
from tests.simulator.conftest import DOWNTOWN, Running, callback, start
from tests.support.app import Factory
from tests.test_jobs import work

__all__ = ["callback", "start"]

PAGE = "555"
ALL = list(PAGE_FIELDS.all)
PERIOD = 3600


def subscribes(meta: Meta, *fields: str, app_id: str = "4242") -> None:
    """Answer what our app is subscribed to; nothing where no fields are given."""
    found = [{"id": app_id, "subscribed_fields": list(fields)}] if fields else []
    meta.get(f"{URL}/{PAGE}/subscribed_apps", json={"data": found})


def check(app: Flask, account_id: Any) -> str:
    with app.app_context(), system_scope("test"):
        return check_subscription(app, account_id)


@pytest.fixture
def account(make: Callable[..., Any]) -> Account:
    row: Account = make("account", external_id=PAGE, subscribed_fields=ALL)
    return row


def test_what_is_complete_is_left_alone(app, meta, account, rows) -> None:
    subscribes(meta, *ALL)

    assert check(app, account.id) == "kept"
    assert meta.paths("POST") == []
    assert rows(AuditEntry) == []


@pytest.mark.parametrize("left", [(), tuple(ALL[:3])])
def test_what_is_missing_is_subscribed_again_and_recorded(
    app, meta, account, rows, left: tuple[str, ...]
) -> None:
    subscribes(meta, *left)
    meta.post(f"{URL}/{PAGE}/subscribed_apps", json={"success": True})

    assert check(app, account.id) == "restored"

    (entry,) = rows(AuditEntry)
    assert (entry.actor, entry.action, entry.subject) == (
        "system",
        "subscription_restored",
        str(account.id),
    )
    assert entry.details["fields"] == sorted(set(ALL) - set(left))
    assert [each.status for each in rows(Account)] == ["active"]


def test_what_meta_never_agreed_to_is_not_missed(app, meta, make) -> None:
    account = make("account", external_id=PAGE, subscribed_fields=list(PAGE_FIELDS.core))
    subscribes(meta, *PAGE_FIELDS.core)

    assert check(app, account.id) == "kept"


def test_a_dead_token_asks_for_a_reconnection(app, meta, account, rows, heard) -> None:
    meta.fails("GET", f"{PAGE}/subscribed_apps", 190, 460)

    assert check(app, account.id) == "lost"
    assert check(app, account.id) == "unknown"  # it is not asked about again

    assert [(each.status, each.status_reason) for each in rows(Account)] == [
        ("needs_reauth", "token_expired")
    ]
    assert [name for name, _ in heard] == ["needs_reauth"]


def test_a_refused_subscription_asks_for_a_reconnection(app, meta, account, rows, heard) -> None:
    subscribes(meta)
    meta.fails("POST", f"{PAGE}/subscribed_apps", 200)

    assert check(app, account.id) == "lost"

    assert [each.status_reason for each in rows(Account)] == ["subscription_lost"]
    assert "subscription_lost" in [each.action for each in rows(AuditEntry)]
    assert [name for name, _ in heard] == ["needs_reauth"]


@pytest.mark.parametrize("code", [3, 104])
def test_what_is_wrong_with_the_app_ends_no_connection(app, meta, account, rows, code: int) -> None:
    subscribes(meta)
    meta.fails("POST", f"{PAGE}/subscribed_apps", code)

    assert check(app, account.id) == "unknown"
    assert [each.status for each in rows(Account)] == ["active"]


@pytest.mark.parametrize("code", [1, 2, 3, 100, 104])
def test_doubt_changes_nothing(app, meta, account, rows, code: int) -> None:
    meta.fails("GET", f"{PAGE}/subscribed_apps", code)

    assert check(app, account.id) == "unknown"
    assert [each.status for each in rows(Account)] == ["active"]


def test_a_limit_leaves_the_rest_for_later(app, meta, make, rows) -> None:
    ids = [make("account", external_id=each).id for each in (PAGE, "556")]
    meta.fails("GET", f"{PAGE}/subscribed_apps", 4)

    with app.app_context(), system_scope("test"):
        assert check_subscriptions(app, ids) == []

    assert meta.paths() == [f"{PAGE}/subscribed_apps"]
    assert [each.status for each in rows(Account)] == ["active", "active"]


def test_an_account_that_was_disconnected_meanwhile_is_not_subscribed(
    app, meta, account, rows
) -> None:
    subscribes(meta)

    def disconnect(_request: Any) -> tuple[int, dict[str, str], str]:
        with app.app_context(), system_scope("test"):
            session = state_of(app).db.session
            session.get_one(Account, account.id).status = "disconnected"
            session.commit()
        return 200, {}, '{"success": true}'

    meta.add_callback("POST", f"{URL}/{PAGE}/subscribed_apps", disconnect)
    meta.delete(f"{URL}/{PAGE}/subscribed_apps", json={"success": True})

    assert check(app, account.id) == "unknown"
    assert meta.paths("DELETE") == [f"{PAGE}/subscribed_apps"]
    assert rows(AuditEntry) == []


def test_every_account_has_its_minute(app, make) -> None:
    ids = {make("account", str(number % 3)).id for number in range(9)}
    make("account", status="needs_reauth")

    with app.app_context(), system_scope("test"):
        session = state_of(app).db.session
        each_minute = [
            find_due(session, minutes=[minute], period_seconds=PERIOD) for minute in range(60)
        ]
        hour = find_due(session, minutes=range(1000, 1060), period_seconds=PERIOD)

    found = [each for due in each_minute for group in due.values() for each in group]
    assert sorted(found) == sorted(ids)
    assert {each for group in hour.values() for each in group} == ids
    assert set(hour) == {"0", "1", "2"}


def test_new_account_has_another_turn_in_the_minute_after_it_was_connected(app, make) -> None:
    account = make("account")
    connected_in = int(account.connected_at.timestamp()) // 60
    own = account.id.int % 60
    minutes = [connected_in + 1 + ahead for ahead in range(-1, 3)]

    with app.app_context(), system_scope("test"):
        session = state_of(app).db.session
        due = {
            minute: bool(find_due(session, minutes=[minute], period_seconds=PERIOD))
            for minute in minutes
        }

    assert due == {minute: minute == connected_in + 1 or minute % 60 == own for minute in minutes}


def test_account_that_meta_blocked_is_heard_as_before(app, meta, make, rows) -> None:
    blocked = {"status": "error", "status_reason": "policy_block"}
    account = make("account", external_id=PAGE, subscribed_fields=list(ALL), **blocked)
    subscribes(meta)
    meta.post(f"{URL}/{PAGE}/subscribed_apps", json={"success": True})

    assert check(app, account.id) == "restored"
    assert [each.status for each in rows(Account)] == ["error"]


def test_the_schedule_finds_a_page_that_meta_unsubscribed_after_an_hour_of_failing(
    new_app: Callable[..., Flask], start: Callable[..., Running]
) -> None:
    graph = start()
    token = graph.connect(DOWNTOWN)
    app = new_app(META_GRAPH_URL=graph.base_url, META_APP_ID=APP_ID, META_APP_SECRET=APP_SECRET)
    graph.control("POST", "webhooks/disable", page_id=DOWNTOWN)
    assert graph.get(f"{DOWNTOWN}/subscribed_apps", token).json() == {"data": []}

    with app.app_context(), system_scope("test"):
        Factory(app).account(external_id=DOWNTOWN, token=token)
        state_of(app).get(redis.Redis).set(CHECKED_KEY, 0)  # nobody has looked for long
        jobs.sweep([each for each in jobs.SCHEDULE if each.name == "sweep_subscriptions"])
        work(app)

    (found,) = graph.get(f"{DOWNTOWN}/subscribed_apps", token).json()["data"]
    assert set(PAGE_FIELDS.core) <= set(found["subscribed_fields"])
