"""The settings page, the choice of Pages and the status of a deletion, on real rows."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from flask_messenger.connect.reasons import REASONS
from flask_messenger.models import Account, DeletionRequest
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from tests.connect.conftest import Browser as Connecting
from tests.connect.conftest import Meta, page
from tests.support import ingest
from tests.support.app import Factory, Host
from tests.ui.conftest import Browser, words_of

pytestmark = pytest.mark.databases("postgresql")

CHOICE = "/settings/connections/"


@pytest.fixture
def app(new_app: Callable[..., Flask]) -> Flask:
    """A host application; each request has an application context of its own, as in real life."""
    return new_app()


@pytest.fixture(autouse=True)
def somebody(host: Host) -> None:
    host.sign_in()


@pytest.fixture
def make(app: Flask) -> Callable[..., Any]:
    factory = Factory(app)

    def make_row(kind: str, *args: Any, **values: Any) -> Any:
        with app.app_context():
            return getattr(factory, kind)(*args, **values)

    return make_row


@pytest.fixture
def meta() -> Iterator[Meta]:
    with Meta(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def person(app: Flask) -> Connecting:
    """Somebody with a browser that keeps its session."""
    return Connecting(app.test_client())


def accounts(app: Flask) -> list[Account]:
    with app.app_context():
        return ingest.rows(app, Account)


def test_without_accounts_the_page_offers_to_connect_one(browser: Browser) -> None:
    html = browser.get("/settings").text

    assert "No Page is connected yet." in html
    assert 'action="/api/integrations/meta/connect"' in html
    assert "Connect Facebook Page" in html
    assert '<option value="l1">Downtown</option>' in html


def test_an_account_says_how_it_is(browser: Browser, make: Callable[..., Any]) -> None:
    make(
        "account",
        name="Iron Gym",
        category="Gym",
        connected_by="u2",
        last_inbound_at=utc_now() - timedelta(minutes=2),
    )

    words = browser.read("/settings")

    assert "1 Page in 1 location" in words
    assert "Iron Gym Page · Gym Downtown Connected Last message 2 min ago Manage" in words
    assert "by Ida" in words


def test_an_ended_login_says_what_follows_and_how_to_mend_it(
    browser: Browser, make: Callable[..., Any], host: Host
) -> None:
    account = make("account", status="needs_reauth", status_reason="token_expired")
    conversation = make("conversation", account)
    for _ in range(2):
        make("message", conversation, direction="outbound", status="queued")

    answer = browser.get("/settings")

    assert "Facebook ended this login. Messages still arrive; 2 replies wait to be sent." in (
        words_of(answer.text)
    )
    assert f'href="/api/integrations/meta/connect?account={account.id}"' in answer.text

    host.sign_in(permissions={"reply"})
    words = browser.read("/settings")
    assert "Ask an admin of your workspace to reconnect it." in words
    assert "Manage" not in words


def test_a_replaced_grant_is_said_as_such(browser: Browser, make: Callable[..., Any]) -> None:
    make("account", status="needs_reauth", status_reason="grant_replaced")

    assert "A later login at Facebook no longer covers this Page." in browser.read("/settings")


def test_disconnected_accounts_are_remembered_for_a_while(
    browser: Browser, make: Callable[..., Any]
) -> None:
    now = utc_now()
    gone: dict[str, Any] = {"status": "disconnected", "token": None}
    make("account", name="Yesterday", disconnected_at=now - timedelta(days=1), **gone)
    make("account", name="Last year", disconnected_at=now - timedelta(days=300), **gone)
    make("account", name="Before", external_id="7", disconnected_at=now, **gone)
    make("account", name="Again", external_id="7")

    words = browser.read("/settings")

    assert "Yesterday" in words
    assert "Disconnected Since yesterday" in words
    assert "Again" in words
    assert "Last year" not in words
    assert "Before" not in words
    assert "1 Page in 1 location" in words


def test_a_plan_without_messenger_shows_what_the_next_would_bring(
    browser: Browser, host: Host, make: Callable[..., Any]
) -> None:
    host.plans["w1"] = "free"
    make("account", name="Iron Gym")

    words = browser.read("/settings")

    assert "Facebook Messenger Plus" in words
    assert "Part of the Plus plan. Your plan is Free. Plus adds Facebook Messenger" in words
    assert "Iron Gym" in words
    assert "Connect Facebook Page" not in words


def test_an_agent_sees_how_things_are_and_changes_nothing(browser: Browser, host: Host) -> None:
    host.sign_in(permissions={"reply"})

    html = browser.get("/settings").text

    assert "An admin of your workspace can connect one." in html
    assert "Connect Facebook Page" not in html
    assert "/settings/answering" not in html
    assert browser.post("/settings/answering").status_code == 403


def test_people_see_the_accounts_of_their_locations_only(
    browser: Browser, host: Host, make: Callable[..., Any]
) -> None:
    make("account", name="Mine", location_id="l1")
    make("account", name="Theirs", location_id="l2")
    host.sign_in(location_ids={"l1"})

    html = browser.get("/settings").text

    assert "Mine" in html
    assert "Theirs" not in html
    assert "Riverside" not in html


def test_answering_for_seven_days_is_switched(browser: Browser) -> None:
    answer = browser.post("/settings/answering", data={"human_agent": "on"})
    assert answer.status_code == 303
    assert "Saved." in browser.read(answer.location)
    assert "checked" in browser.get("/settings").text

    browser.post("/settings/answering", data={})
    assert " checked" not in browser.get("/settings").text


@pytest.mark.parametrize("name", REASONS)
def test_every_end_of_a_connection_has_its_words(browser: Browser, name: str) -> None:
    words = browser.read(f"/settings?notice={name}")

    assert REASONS[name].title in words
    assert REASONS[name].text in words
    assert REASONS[name].remedy in words


def test_an_unknown_notice_says_nothing(browser: Browser) -> None:
    assert "fm-notice" not in browser.get("/settings?notice=<b>owned</b>&pending=no").text


def test_declined_permissions_are_named_and_asked_for_again(
    browser: Browser, person: Connecting, meta: Meta
) -> None:
    meta.answers_login(granted=("pages_show_list",), declined=("pages_messaging",))
    person.start()
    back = person.come_back()

    html = browser.get(back.location).text

    assert "pages_messaging (to answer messages)" in html
    assert "Ask again" in html
    assert "connect?location_id=l1&amp;rerequest=1" in html


def test_pages_are_chosen_and_connected(
    app: Flask, browser: Browser, person: Connecting, meta: Meta
) -> None:
    pages = page("1001", "Riverside"), page("1002", "Harbour"), page("1003", "Club", tasks=())
    attempt_id = person.log_in(meta, *pages)
    meta.answers_pages(*pages[:2])

    shown = browser.get(CHOICE + attempt_id)
    assert "Pages of Sam Reyes" in shown.text
    assert shown.text.count(" checked") == 2
    assert "Facebook does not let this person answer on it" in shown.text
    # A Page goes where its name says, else where the connection was asked for.
    assert shown.text.index('value="l2" selected') > shown.text.index('name="location-1001"')

    answer = browser.post(
        CHOICE + attempt_id,
        data={"page": ["1001", "1002"], "location-1001": "l2", "location-1002": "l1"},
    )

    assert answer.status_code == 303
    assert "Connected. New messages arrive" in browser.read(answer.location)
    assert {each.name: each.location_id for each in accounts(app)} == {
        "Riverside": "l2",
        "Harbour": "l1",
    }


def test_an_instagram_account_is_told_from_the_page_it_comes_with(
    browser: Browser, person: Connecting, meta: Meta
) -> None:
    linked = {"id": "2001", "username": "riverside.gym", "name": "Riverside"}
    pages = page("1001", "Riverside") | {"instagram_business_account": linked}

    shown = browser.get(CHOICE + person.log_in(meta, pages))

    assert "Instagram · @riverside.gym · The login did not allow what" in shown.text


def test_a_page_that_fails_says_why_and_keeps_the_others(
    app: Flask, browser: Browser, person: Connecting, meta: Meta
) -> None:
    first, second = page("1001", "Fine"), page("1002", "Refused")
    attempt_id = person.log_in(meta, first, second)
    meta.answers_pages(first)
    meta.fails("POST", "1002/subscribed_apps", 200)

    answer = browser.post(
        CHOICE + attempt_id,
        data={"page": ["1001", "1002"], "location-1001": "l1", "location-1002": "l1"},
    )

    words = words_of(answer.text)
    assert answer.status_code == 200
    assert "Fine is connected." in words
    assert REASONS["task_missing"].title in words
    assert [each.name for each in accounts(app)] == ["Fine"]


def test_choosing_nothing_is_said_on_the_page(
    browser: Browser, person: Connecting, meta: Meta
) -> None:
    attempt_id = person.log_in(meta, page("1001"))

    answer = browser.post(CHOICE + attempt_id)

    assert answer.status_code == 422
    assert "Choose at least one account." in answer.text


def test_a_page_of_another_workspace_is_refused_without_saying_whose(
    browser: Browser, person: Connecting, meta: Meta, make: Callable[..., Any]
) -> None:
    make("account", "other-workspace", external_id="1001", name="Sunrise", location_id="secret")
    attempt_id = person.log_in(meta, page("1001", "Sunrise"))

    html = browser.get(CHOICE + attempt_id).text

    assert "Belongs to another workspace" in html
    assert "disabled" in html
    assert "other-workspace" not in html
    assert "secret" not in html


def test_a_connected_page_can_be_chosen_to_renew_its_login(
    browser: Browser, person: Connecting, meta: Meta, make: Callable[..., Any]
) -> None:
    make("account", external_id="1001", name="Sunrise")
    make("account", external_id="1002", name="Ended", status="needs_reauth")
    attempt_id = person.log_in(meta, page("1001", "Sunrise"), page("1002", "Ended"))

    html = browser.get(CHOICE + attempt_id).text

    assert "Connected. Choosing it renews the login." in html
    assert "Its login has ended. Choosing it connects it again." in html
    assert 'value="1002" checked' in html
    assert 'value="1001" checked' not in html


def test_an_old_choice_leads_back_with_the_reason(
    browser: Browser, person: Connecting, meta: Meta
) -> None:
    attempt_id = person.log_in(meta, page("1001"))
    meta.answers_pages(page("1001"))
    data = {"page": "1001", "location-1001": "l1"}
    assert browser.post(CHOICE + attempt_id, data=data).status_code == 303

    assert browser.get(CHOICE + attempt_id).status_code == 404
    assert browser.post(CHOICE + attempt_id, data=data).status_code == 404


def test_an_account_is_moved_and_disconnected(
    app: Flask, browser: Browser, make: Callable[..., Any], meta: Meta
) -> None:
    account = make("account", name="Iron Gym", external_id="77")
    meta.fails("DELETE", "77/subscribed_apps", 190)
    path = f"/settings/accounts/{account.id}"

    assert browser.post(f"{path}/move", data={"location_id": "l2"}).status_code == 303
    assert accounts(app)[0].location_id == "l2"
    assert browser.post(f"{path}/move", data={"location_id": "nowhere"}).status_code == 404

    answer = browser.post(f"{path}/disconnect")
    assert "Disconnected. No new messages arrive" in browser.read(answer.location)
    [row] = accounts(app)
    assert (row.status, row.token_sealed) == ("disconnected", None)


@pytest.mark.parametrize("action", ["move", "disconnect"])
def test_accounts_of_others_do_not_exist(
    browser: Browser, make: Callable[..., Any], host: Host, action: str
) -> None:
    account = make("account", "w2")
    hidden = make("account", location_id="l2")
    host.sign_in(location_ids={"l1"})

    for id_ in (account.id, hidden.id):
        answer = browser.post(f"/settings/accounts/{id_}/{action}", data={"location_id": "l1"})
        assert answer.status_code == 404


def test_a_deletion_shows_how_far_it_is_to_anybody(
    app: Flask, browser: Browser, host: Host
) -> None:
    host.tenant = None
    with app.app_context():
        session = state_of(app).db.session
        session.add(
            DeletionRequest(
                confirmation_code="abc", app_name="default", state="done", completed_at=utc_now()
            )
        )
        session.commit()

    words = browser.read("/deletion/abc")

    assert "Your data is deleted" in words
    assert "Code abc State Done" in words
    assert browser.get("/deletion/nothing").status_code == 404


def test_the_page_of_an_account_says_what_is_wrong_first(
    browser: Browser, make: Callable[..., Any]
) -> None:
    said = {"check": "x", "cause": "", "mend": ""}
    account = make(
        "account",
        name="Iron Gym",
        checked_at=utc_now(),
        findings=[
            {**said, "state": "ok", "title": "Webhook", "says": "All fields are subscribed."},
            {
                **said,
                "state": "wrong",
                "title": "Token",
                "says": "It ended yesterday.",
                "cause": "The password was changed.",
                "mend": "Reconnect the account.",
            },
            {**said, "state": "unknown", "title": "Access", "says": "Meta did not answer."},
            {**said, "state": "of tomorrow", "title": "New", "says": "Not known here."},
        ],
    )

    page = browser.get(f"/settings/accounts/{account.id}")
    words = words_of(page.text)

    assert (
        "Wrong Token It ended yesterday. The password was changed. Reconnect the account."
        " Could not ask Access Meta did not answer."
        " Good One more thing Good Webhook All fields are subscribed."
    ) in words
    assert "Not known here" not in words
    assert f"connect?account={account.id}" in page.text


def test_the_page_of_another_workspaces_account_does_not_exist(
    browser: Browser, make: Callable[..., Any]
) -> None:
    account = make("account", workspace_id="w2")

    assert browser.get(f"/settings/accounts/{account.id}").status_code == 404
    assert browser.post(f"/settings/accounts/{account.id}/check").status_code == 404


def test_instagram_can_be_connected_with_and_without_a_page(browser: Browser) -> None:
    page = browser.get("/settings").text

    assert '<input type="hidden" name="channel" value="instagram">' in page
    assert 'name="login" value="instagram">Without a Facebook Page' in page
