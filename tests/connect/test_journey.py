"""The whole way against the simulated Meta, which knows nothing of our client."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from flask import Flask

from flask_messenger.models import Account
from flask_messenger.simulator import constants
from flask_messenger.simulator.seeds import page_id_of
from tests.connect.conftest import API, SCOPES, Browser, notice_of, query_of
from tests.simulator.conftest import Running, callback, start
from tests.support import ingest

__all__ = ["callback", "start"]  # fixtures

DOWNTOWN, RIVERSIDE = page_id_of("Iron Gym Downtown"), page_id_of("Iron Gym Riverside")


@dataclass
class Journey:
    """A person's browser between the CRM and the simulated Meta."""

    app: Flask
    browser: Browser
    simulator: Running

    def log_in(
        self,
        person: str,
        *pages: str,
        answer: str = "continue",
        permissions: tuple[str, ...] = SCOPES,
        **query: str,
    ) -> Any:
        """Start at the CRM, answer the dialog, and come back to the CRM."""
        dialog = self.browser.start(**query).location
        assert requests.get(dialog, timeout=5).status_code == 200
        form = [*parse_qsl(urlsplit(dialog).query), ("person", person), ("answer", answer)]
        form += [("page", each) for each in pages]
        form += [("permission", each) for each in permissions]
        address = urlsplit(dialog)._replace(query="").geturl()
        back = requests.post(address, data=form, timeout=5, allow_redirects=False)
        assert back.status_code == 302, back.text
        return self.browser.client.get(
            f"{API}/callback", query_string=urlsplit(back.headers["Location"]).query
        )

    def connect(self, person: str, *pages: str) -> Any:
        """Log in and connect all the Pages that were ticked."""
        attempt_id = urlsplit(self.log_in(person, *pages).location).path.rpartition("/")[2]
        return self.browser.choose(attempt_id, *pages)


@pytest.fixture
def journey(new_app, start) -> Journey:
    simulator = start(
        SIMULATOR_REDIRECT_URI=f"https://crm.example.test{API}/callback",
        SIMULATOR_START_SENDER=False,
    )
    app = new_app(
        MESSENGER_SIMULATOR_URL=simulator.base_url,
        META_GRAPH_URL=simulator.base_url,
        META_DIALOG_URL=simulator.base_url,
        META_APP_ID=constants.APP_ID,
        META_APP_SECRET=constants.APP_SECRET,
    )
    app.extensions["host"].sign_in()
    return Journey(app, Browser(app.test_client()), simulator)


@pytest.fixture
def rows(journey: Journey) -> Callable[..., list[Any]]:
    def read(model: Any, **filters: Any) -> list[Any]:
        with journey.app.app_context():
            return ingest.rows(journey.app, model, **filters)

    return read


def test_pages_are_connected_and_disconnected(journey, rows) -> None:
    answer = journey.connect("sam-reyes", DOWNTOWN, RIVERSIDE)

    accounts = rows(Account)
    assert answer.json["notice"] == "connected"
    assert [each.name for each in accounts] == ["Iron Gym Downtown", "Iron Gym Riverside"]
    assert all(each.picture_url and each.meta_user_id for each in accounts)
    path = f"{API}/accounts/{accounts[0].id}/disconnect"
    assert journey.browser.client.post(path).status_code == 200
    first, second = rows(Account)
    assert (first.status, first.token_sealed) == ("disconnected", None)
    assert second.status == "active"


def test_every_page_of_a_person_with_many_is_offered(journey) -> None:
    pages = [page_id_of(f"Corner Shop {number:03}") for number in range(1, 131)]
    attempt_id = urlsplit(journey.log_in("max-many", *pages).location).path.rpartition("/")[2]

    answer = journey.browser.choose(attempt_id, pages[0], pages[128], pages[129])

    reasons = [each["reason"] for each in answer.json["pages"]]
    assert reasons == [None, None, "task_missing"]


def test_person_can_decline_all_or_one(journey) -> None:
    assert notice_of(journey.log_in("sam-reyes", answer="cancel")) == "declined"
    missing = tuple(each for each in SCOPES if each != "pages_messaging")
    declined = journey.log_in("sam-reyes", DOWNTOWN, permissions=missing)
    assert notice_of(declined) == "permission_declined"
    assert notice_of(journey.log_in("sam-reyes", DOWNTOWN)) == "permission_declined"

    again = journey.log_in("sam-reyes", DOWNTOWN, rerequest="1")

    assert "connections" in again.location


def test_person_without_pages(journey) -> None:
    answer = journey.log_in("noa-levi")

    assert notice_of(answer) == "no_pages"
    assert query_of(answer)["pending"]


def test_later_login_that_leaves_a_page_out_is_noticed(journey, rows) -> None:
    journey.connect("sam-reyes", DOWNTOWN, RIVERSIDE)

    answer = journey.connect("sam-reyes", DOWNTOWN)

    assert answer.json["lost"] == ["Iron Gym Riverside"]
    found = {each.name: (each.status, each.status_reason) for each in rows(Account)}
    assert found == {
        "Iron Gym Downtown": ("active", None),
        "Iron Gym Riverside": ("needs_reauth", "grant_replaced"),
    }
    journey.connect("sam-reyes", DOWNTOWN, RIVERSIDE)
    assert {each.status for each in rows(Account)} == {"active"}
