"""What an account's page says of its past, and what can be done about it there."""

from datetime import timedelta
from typing import Any, Final

import pytest
from sqlalchemy import select

from flask_messenger import jobs
from flask_messenger.models import Account, HistoryRun
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.tenancy import system_scope
from tests.support.app import Factory, Host
from tests.ui.conftest import Browser, words_of

SCRIPT = {"HX-Request": "true"}
RUNS: Final[list[tuple[dict[str, Any], str]]] = [
    (
        {"result": {"conversations": 3, "checked": 120, "missing": 2, "repaired": 2}},
        "Done Compared with Meta 120 messages compared, 2 missing, 2 repaired",
    ),
    (
        {"result": {"checked": 120, "missing": 2, "repaired": 1}},
        "Gaps left Compared with Meta 120 messages compared, 2 missing, 1 repaired",
    ),
    ({"result": {"checked": 1}}, "1 message compared, nothing missing"),
    (
        {
            "kind": "backfill",
            "result": {"conversations": 4, "messages": 1812, "new": 1790, "skipped": 1},
        },
        "1,812 messages looked at, 1790 new, 4 conversations, 1 conversation could not be read",
    ),
    (
        {
            "kind": "backfill",
            "state": "running",
            "progress": {"pending": ["a", "b", "c"]},
            "result": {"conversations": 2, "messages": 8, "new": 8},
        },
        "2 of 5 conversations that Meta has listed so far Cancel",
    ),
    (
        {"state": "running", "error": "graph_unavailable"},
        "Waiting Compared with Meta Meta is away or busy. It goes on by itself.",
    ),
    (
        {"state": "failed", "error": "graph_permission"},
        "Failed Compared with Meta A permission",
    ),
    ({"state": "failed", "error": "graph"}, "Meta did not show the conversations."),
    ({"state": "of_a_later_version", "kind": "other"}, "of_a_later_version Compared"),
]

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture(autouse=True)
def admin(host: Host) -> None:
    host.sign_in()


@pytest.fixture
def account(factory: Factory) -> Account:
    return factory.account(name="Iron Gym")


def page_of(account: Account) -> str:
    return f"/settings/accounts/{account.id}"


def add_run(factory: Factory, account: Account, **values: Any) -> HistoryRun:
    run = HistoryRun(
        **{
            "id": new_id(),
            "workspace_id": "w1",
            "account_id": account.id,
            "kind": "reconcile",
            "state": "done",
            "progress": {},
            "result": {},
            **values,
        }
    )
    with system_scope("test"):
        factory.session.add(run)
        factory.session.commit()
    return run


def runs(factory: Factory) -> list[HistoryRun]:
    factory.session.rollback()
    with system_scope("test"):
        return list(factory.session.scalars(select(HistoryRun)))


def test_history_is_fetched_and_cancelled(
    browser: Browser, factory: Factory, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[Any] = []
    monkeypatch.setattr(jobs, "wake_history", lambda *ids: woken.append(ids))
    assert "Nothing was fetched or compared yet." in browser.read(page_of(account))

    answer = browser.post(f"{page_of(account)}/history", data={"days": "90"})

    assert answer.status_code == 303
    [run] = runs(factory)
    assert woken == [("w1", run.id)]
    assert abs(utc_now() - timedelta(days=90) - run.since) < timedelta(minutes=5)
    html = browser.get(page_of(account)).text
    assert "History fetched since" in words_of(html)
    assert "data-fm-poll" in html
    assert "Fetch history" not in words_of(html)

    assert browser.post(f"{page_of(account)}/history/cancel").status_code == 303
    assert runs(factory)[0].state == "cancelled"
    html = browser.get(page_of(account)).text
    assert "Cancelled" in html
    assert "data-fm-poll" not in html


def test_a_run_says_what_became_of_it(browser: Browser, factory: Factory) -> None:
    for values, words in RUNS:
        account = factory.account()  # one run at a time may be open
        add_run(factory, account, **values)
        assert words in browser.read(f"{page_of(account)}/history", headers=SCRIPT)


def test_old_runs_are_folded_away(browser: Browser, factory: Factory, account: Account) -> None:
    for _ in range(6):
        add_run(factory, account, result={"checked": 1})

    html = browser.get(f"{page_of(account)}/history").text

    latest, earlier = html.split("<details")
    assert (latest.count("fm-run"), earlier.count("fm-run")) == (5, 1)


def test_what_cannot_be_begun_is_refused_with_the_reason(
    browser: Browser, factory: Factory, account: Account
) -> None:
    page = f"{page_of(account)}/history"
    add_run(factory, account, state="running")

    busy = browser.post(page, data={"days": ""}, headers=SCRIPT)
    odd = browser.post(page, data={"days": "1000000"}, headers=SCRIPT)

    assert busy.status_code == 409
    assert "looked at already" in busy.get_json()["detail"]
    assert odd.status_code == 422
    ended = page_of(factory.account(status="needs_reauth"))
    assert browser.post(f"{ended}/history/cancel").status_code == 409
    assert browser.post(f"{ended}/history").status_code == 409
    assert "Fetch history" not in browser.get(f"{ended}/history").text.split("fm-none")[0]


def test_who_may_not_connect_sees_and_does_nothing(
    browser: Browser, host: Host, account: Account
) -> None:
    host.sign_in(permissions={"reply"})

    assert browser.get(f"{page_of(account)}/history").status_code == 403
    assert browser.post(f"{page_of(account)}/history").status_code == 403
