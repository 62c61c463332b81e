"""The whole way against the simulated Meta, which knows nothing of our client."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from flask import Flask

from flask_messenger.channels.instagram import Instagram
from flask_messenger.connect.reach import heard_fields, reach_of
from flask_messenger.graph.client import Graph
from flask_messenger.models import Account
from flask_messenger.simulator import constants
from flask_messenger.simulator.seeds import instagram_id_of, page_id_of
from flask_messenger.state import state_of
from tests.connect.conftest import (
    ALL_SCOPES,
    API,
    PAGE_FIELDS,
    SCOPES,
    Browser,
    notice_of,
    query_of,
)
from tests.simulator.conftest import Running, callback, start
from tests.support import ingest

__all__ = ["callback", "start"]  # fixtures

pytestmark = pytest.mark.databases("postgresql")

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
        META_INSTAGRAM_APP_ID=constants.INSTAGRAM_APP_ID,
        META_INSTAGRAM_APP_SECRET=constants.INSTAGRAM_APP_SECRET,
        META_INSTAGRAM_GRAPH_URL=f"{simulator.base_url}/graph.instagram.com",
        META_INSTAGRAM_API_URL=f"{simulator.base_url}/api.instagram.com",
        META_INSTAGRAM_DIALOG_URL=f"{simulator.base_url}/www.instagram.com",
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


INSTAGRAM_SCOPES = Instagram.logins["instagram"].asked
INSTAGRAM_DOWNTOWN = instagram_id_of("irongym.downtown")
COACH = instagram_id_of("coach.sam")


def subscribed_fields(journey: Journey, account: Account) -> list[str]:
    """Ask the simulated Meta what a Page is subscribed to, with the token we keep."""
    with journey.app.app_context():
        held = state_of(journey.app)
        reach = reach_of(held, account)
        assert reach is not None
        return list(heard_fields(held.get(Graph), reach))


def test_instagram_and_its_page_come_and_go_by_themselves(journey, rows) -> None:
    back = journey.log_in("sam-reyes", DOWNTOWN, permissions=ALL_SCOPES)
    attempt_id = urlsplit(back.location).path.rpartition("/")[2]

    answer = journey.browser.choose(attempt_id, INSTAGRAM_DOWNTOWN)

    assert answer.json["notice"] == "connected", answer.json
    [instagram] = rows(Account)
    assert (instagram.channel, instagram.page_external_id) == ("instagram", DOWNTOWN)
    assert instagram.username == "irongym.downtown"
    assert subscribed_fields(journey, instagram) == ["feed"]
    back = journey.log_in("sam-reyes", DOWNTOWN, permissions=ALL_SCOPES)
    journey.browser.choose(urlsplit(back.location).path.rpartition("/")[2], DOWNTOWN)
    [page_] = rows(Account, channel="facebook")
    assert set(subscribed_fields(journey, instagram)) == set(PAGE_FIELDS.all)
    client = journey.browser.client
    assert client.post(f"{API}/accounts/{page_.id}/disconnect").status_code == 200
    assert subscribed_fields(journey, instagram) == ["feed"]
    assert client.post(f"{API}/accounts/{instagram.id}/disconnect").status_code == 200
    assert {each.status for each in rows(Account)} == {"disconnected"}


def test_account_without_a_page_comes_by_instagrams_own_login(journey, rows) -> None:
    dialog = journey.browser.start(channel="instagram", login="instagram").location
    asked = [*parse_qsl(urlsplit(dialog).query), ("account", COACH), ("answer", "continue")]
    form = [*asked, *(("permission", each) for each in INSTAGRAM_SCOPES)]
    address = urlsplit(dialog)._replace(query="").geturl()
    back = requests.post(address, data=form, timeout=5, allow_redirects=False)
    assert back.status_code == 302, back.text
    landed = journey.browser.client.get(
        f"{API}/callback", query_string=urlsplit(back.headers["Location"]).query
    )
    attempt_id = urlsplit(landed.location).path.rpartition("/")[2]

    answer = journey.browser.choose(attempt_id, COACH)

    assert answer.json["notice"] == "connected", answer.json
    [account] = rows(Account)
    assert (account.login, account.external_id, account.username) == (
        "instagram",
        COACH,
        "coach.sam",
    )
    examined = journey.browser.client.post(f"/api/messenger/accounts/{account.id}/doctor").json
    states = {each["check"]: each["state"] for each in examined["findings"]}
    assert states["token"] == states["expiry"] == states["webhook_fields"] == "ok"
    assert states["message_access"] == "ok"


def test_doctor_of_a_page_and_of_its_instagram(journey, rows) -> None:
    back = journey.log_in("sam-reyes", DOWNTOWN, permissions=ALL_SCOPES)
    attempt_id = urlsplit(back.location).path.rpartition("/")[2]
    journey.browser.choose(attempt_id, DOWNTOWN, INSTAGRAM_DOWNTOWN)

    for account in rows(Account):
        path = f"/api/messenger/accounts/{account.id}/doctor"
        examined = journey.browser.client.post(path).json
        states = {each["check"]: each["state"] for each in examined["findings"]}
        assert states["token"] == states["scopes"] == states["webhook_fields"] == "ok"
        assert states.get("link", "ok") == states.get("message_access", "ok") == "ok"
        assert examined["checked_at"]
