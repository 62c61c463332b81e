"""From the click to the choice of Pages, and every way in which that can end."""

import logging
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import time_machine

from flask_messenger.connect.reasons import REASONS
from flask_messenger.crypto import KeyRing
from flask_messenger.models import PendingConnection
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from tests.connect.conftest import (
    ALL_SCOPES,
    API,
    LONG_TOKEN,
    PERSON,
    SCOPES,
    URL,
    USER_TOKEN,
    Browser,
    notice_of,
    page,
    query_of,
)
from tests.support.app import APP_ID, APP_SECRET

pytestmark = pytest.mark.databases("postgresql")

CALLBACK = f"https://crm.example.test{API}/callback"


def test_click_leads_to_the_dialog_with_scopes_and_state(browser, rows) -> None:
    answer = browser.start()

    address = urlsplit(answer.location)
    query = {key: values[0] for key, values in parse_qs(address.query).items()}
    state = query.pop("state")
    assert address._replace(query="").geturl() == "https://dialog.example.test/v25.0/dialog/oauth"
    assert query == {
        "client_id": APP_ID,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": ",".join(ALL_SCOPES),
    }
    [attempt] = rows(PendingConnection)
    assert (attempt.workspace_id, attempt.user_id, attempt.location_id) == ("w1", "u1", "l1")
    assert state not in {attempt.state_hash, attempt.payload_sealed}
    assert len(state) >= 40


def test_dialog_of_a_configuration_has_no_scopes(new_app) -> None:
    app = new_app(META_LOGIN_CONFIG_ID="77")
    app.extensions["host"].sign_in()

    query = query_of(Browser(app.test_client()).start())

    assert query["config_id"] == ["77"]
    assert query["override_default_response_type"] == ["true"]
    assert "scope" not in query


def test_dialog_asks_again_for_what_was_declined(browser) -> None:
    assert query_of(browser.start(rerequest="1"))["auth_type"] == ["rerequest"]


def test_named_app_is_used_for_the_dialog(new_app) -> None:
    app = new_app(META_APPS={"second": {"app_id": "77", "app_secret": "s2", "verify_token": "v2"}})
    app.extensions["host"].sign_in()

    browser = Browser(app.test_client())

    assert query_of(browser.start(app="second"))["client_id"] == ["77"]
    assert query_of(browser.start())["client_id"] == [APP_ID]
    assert browser.start(app="third").status_code == 422


def test_callback_address_is_the_hosts_own_where_none_is_set(new_app) -> None:
    app = new_app(MESSENGER_PUBLIC_URL="")
    app.extensions["host"].sign_in()

    query = query_of(Browser(app.test_client()).start())

    assert query["redirect_uri"] == [f"http://crm.example.test{API}/callback"]


@pytest.mark.parametrize(
    ("tenant", "status"),
    [
        (None, 401),
        ({"permissions": {"reply"}}, 403),
        ({"location_ids": {"l2"}}, 404),
        ({"location_ids": {"l1"}}, 302),
    ],
)
def test_who_may_connect(browser, host, tenant, status) -> None:
    if tenant is None:
        host.tenant = None
    else:
        host.sign_in(**tenant)

    answer = browser.start()

    assert answer.status_code == status


def test_plan_without_the_feature_is_refused_and_told_which_has_it(browser, host) -> None:
    host.plans["w1"] = "free"

    answer = browser.start()

    assert answer.status_code == 402
    assert answer.mimetype == "application/problem+json"
    assert (answer.json["feature"], answer.json["needed_plan"]) == ("facebook", "plus")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"channel": "telegraph"}, 422),
        ({"login": "instagram"}, 422),
        ({"app": "nope"}, 422),
        ({"location_id": "l9"}, 404),
        ({"account": "nope"}, 404),
        ({"account": "019a0000-0000-7000-8000-000000000000"}, 404),
    ],
)
def test_what_cannot_be_connected_is_refused(browser, query, status) -> None:
    assert browser.start(**query).status_code == status


@pytest.mark.parametrize("location_id", ["\x00", "x" * 256, "l1\n"])
def test_location_that_no_database_could_hold_is_not_found(new_app, location_id) -> None:
    app = new_app()
    app.extensions["host"].sign_in()
    state_of(app).hooks.locations = None

    assert Browser(app.test_client()).start(location_id="anything").status_code == 302
    assert Browser(app.test_client()).start(location_id=location_id).status_code == 404


def test_workspace_without_locations_connects_for_itself(browser, rows) -> None:
    browser.start(location_id="")

    assert rows(PendingConnection)[0].location_id is None


def test_way_back_leads_to_the_choice_with_everything_sealed(app, browser, meta, rows) -> None:
    meta.answers_login(page("1001"), page("1002"))
    browser.start()

    answer = browser.come_back()

    [attempt] = rows(PendingConnection)
    assert answer.status_code == 302
    assert urlsplit(answer.location).path == f"/messenger/settings/connections/{attempt.id}"
    assert (attempt.step, attempt.meta_user_id) == ("choice", PERSON)
    assert attempt.granted_scopes == list(SCOPES)
    assert "EAA" not in attempt.payload_sealed
    payload = attempt.open_payload(state_of(app).get(KeyRing))
    assert "EAApage1001donotlog" in payload
    assert USER_TOKEN not in payload


def test_code_is_exchanged_by_post_for_a_long_lived_token(browser, meta) -> None:
    meta.answers_login(page("1001"))
    browser.start()

    browser.come_back()

    exchange, extension, me = (call.request for call in meta.calls[:3])
    assert exchange.url == extension.url == f"{URL}/oauth/access_token"
    form = {key: values[0] for key, values in parse_qs(exchange.body).items()}
    assert form == {
        "grant_type": "authorization_code",
        "client_id": APP_ID,
        "client_secret": APP_SECRET,
        "redirect_uri": CALLBACK,
        "code": "AQcode",
    }
    assert f"fb_exchange_token={USER_TOKEN}" in extension.body
    assert me.headers["Authorization"] == f"Bearer {LONG_TOKEN}"


@pytest.mark.parametrize("expires_in", [None, 5184000])
def test_token_that_lives_long_already_is_not_exchanged(browser, meta, expires_in) -> None:
    token = {"access_token": LONG_TOKEN} | ({"expires_in": expires_in} if expires_in else {})
    meta.post(f"{URL}/oauth/access_token", json=token)
    meta.answers_login(page("1001"), expires_in=None)
    browser.start()

    browser.come_back()

    assert meta.paths().count("oauth/access_token") == 1


def test_all_pages_of_the_listing_are_read(browser, meta, rows, app) -> None:
    first = {
        "data": [page(str(number)) for number in range(1000, 1100)],
        "paging": {"cursors": {"after": "c1"}, "next": f"{URL}/me/accounts?after=c1"},
    }
    meta.get(f"{URL}/me/accounts", json=first)
    attempt_id = browser.log_in(meta, page("2000"))

    [attempt] = rows(PendingConnection)
    payload = attempt.open_payload(state_of(app).get(KeyRing))
    assert str(attempt.id) == attempt_id
    assert payload.count("EAApage") == 101


def test_system_users_token_says_itself_what_it_may_do(browser, meta, rows) -> None:
    meta.post(f"{URL}/oauth/access_token", json={"access_token": LONG_TOKEN})
    meta.get(f"{URL}/me", json={"id": PERSON, "name": "Business"})
    meta.fails("GET", "me/permissions", 100)
    facts = {"is_valid": True, "scopes": list(SCOPES)}
    meta.get(f"{URL}/debug_token", json={"data": facts})
    meta.get(f"{URL}/me/accounts", json={"data": [page("1001")]})
    browser.start()

    browser.come_back()

    assert rows(PendingConnection)[0].granted_scopes == list(SCOPES)


def test_caller_of_the_api_gets_values_instead_of_redirects(browser, meta) -> None:
    headers = {"Accept": "application/json"}
    meta.answers_login(page("1001"))

    start = browser.client.get(f"{API}/connect?location_id=l1", headers=headers)
    state = parse_qs(urlsplit(start.json["authorization_url"]).query)["state"][0]
    back = browser.client.get(f"{API}/callback?code=AQ&state={state}", headers=headers)
    again = browser.client.get(f"{API}/callback?code=AQ&state={state}", headers=headers)

    assert back.json["url"].endswith(back.json["connection_id"])
    assert again.status_code == 400
    assert again.mimetype == "application/problem+json"
    assert again.json["reason"] == "state_used"
    assert again.json["remedy"]


def test_person_who_declines_reads_that_nothing_was_connected(browser, meta, rows) -> None:
    browser.start()

    answer = browser.come_back(code=None, error="access_denied", error_reason="user_denied")

    [attempt] = rows(PendingConnection)
    assert notice_of(answer) == "declined"
    assert query_of(answer)["pending"] == [str(attempt.id)]
    assert attempt.step == "ended"
    assert not meta.calls


def test_refusal_without_a_state_is_understood(browser, rows) -> None:
    browser.start()

    answer = browser.come_back(code=None, state=None, error="access_denied")

    assert notice_of(answer) == "declined"
    assert rows(PendingConnection)[0].step == "dialog"


def test_other_errors_of_the_dialog_are_told_apart(browser) -> None:
    browser.start()

    answer = browser.come_back(code=None, error_code="1349048", error_message="Can't Load URL")

    assert notice_of(answer) == "meta_refused"


def test_nothing_at_all_is_no_login(browser) -> None:
    assert notice_of(browser.come_back(code=None, state=None)) == "state_invalid"


@pytest.mark.parametrize("missing", SCOPES[:3])
def test_declined_permission_is_named_and_can_be_asked_for_again(
    browser, meta, rows, missing
) -> None:
    granted = tuple(name for name in SCOPES if name != missing)
    meta.answers_login(page("1001"), granted=granted, declined=(missing,))
    browser.start()

    answer = browser.come_back()

    [attempt] = rows(PendingConnection)
    assert notice_of(answer) == "permission_declined"
    assert query_of(answer)["pending"] == [str(attempt.id)]
    assert attempt.declined_scopes == [missing]
    assert attempt.payload_sealed is None
    assert REASONS["permission_declined"].asks_again


def test_permission_that_is_only_useful_does_not_keep_from_connecting(browser, meta, rows) -> None:
    browser.log_in(meta, page("1001"), granted=SCOPES[:3], declined=SCOPES[3:])

    [attempt] = rows(PendingConnection)
    assert attempt.step == "choice"
    assert attempt.declined_scopes == list(SCOPES[3:])


def test_person_without_pages_is_told_so(browser, meta, rows) -> None:
    meta.answers_login()
    browser.start()

    assert notice_of(browser.come_back()) == "no_pages"
    assert rows(PendingConnection)[0].payload_sealed is None


@pytest.mark.parametrize("state", ["", "wrong", "x" * 5000, "\x00", "état"])
def test_wrong_state_is_refused(browser, meta, state) -> None:
    browser.start()

    assert notice_of(browser.come_back(state=state)) == "state_invalid"
    assert not meta.calls


def test_state_works_once(browser, meta) -> None:
    browser.log_in(meta, page("1001"))
    calls = len(meta.calls)

    assert notice_of(browser.come_back()) == "state_used"
    assert len(meta.calls) == calls


def test_state_dies_after_a_quarter_of_an_hour(browser, meta) -> None:
    with time_machine.travel(utc_now() - timedelta(minutes=16), tick=True):
        browser.start()

    assert notice_of(browser.come_back()) == "state_expired"
    assert not meta.calls


def test_state_of_another_browser_is_refused_and_stays_good(app, browser, meta) -> None:
    meta.answers_login(page("1001"))
    browser.start()
    other = Browser(app.test_client(), states=list(browser.states))

    assert notice_of(other.come_back()) == "state_invalid"
    assert "connections" in browser.come_back().location


@pytest.mark.parametrize("other", [{"workspace_id": "w2"}, {"user_id": "u2"}])
def test_state_of_another_tenant_is_refused(browser, host, meta, other) -> None:
    browser.start()
    host.sign_in(**other)

    assert notice_of(browser.come_back()) == "state_invalid"
    assert not meta.calls


def test_several_dialogs_can_be_open_at_once(browser, meta) -> None:
    for _ in range(7):
        assert browser.start().status_code == 302
    meta.answers_login(page("1001"))

    youngest, older, oldest = browser.states[-1], browser.states[-4], browser.states[0]

    assert "connections" in browser.come_back(state=youngest).location
    assert notice_of(browser.come_back(state=oldest)) == "state_invalid"
    cookie = browser.client.get_cookie("session", domain="crm.example.test")
    assert cookie is not None
    assert len(cookie.value) < 3000
    meta.answers_login(page("1001"))
    assert "connections" in browser.come_back(state=older).location


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        ((100, 36007), "code_expired"),
        ((100, 36009), "code_expired"),
        ((100, 36008), "redirect_refused"),
        ((191, None), "redirect_refused"),
        ((4, None), "meta_unavailable"),
        ((2, None), "meta_unavailable"),
        ((101, None), "meta_refused"),
    ],
)
def test_code_that_meta_refuses_is_explained(browser, meta, rows, codes, reason) -> None:
    meta.fails("POST", "oauth/access_token", *codes)
    browser.start()

    answer = browser.come_back()

    assert notice_of(answer) == reason
    assert rows(PendingConnection)[0].step == "ended"


@pytest.mark.parametrize(
    "answer",
    [
        {"body": requests.ConnectionError("reset")},
        {"body": requests.ReadTimeout("slow")},
        {"body": "<html>", "status": 502},
    ],
)
def test_meta_being_away_is_no_error_of_ours(browser, meta, answer) -> None:
    meta.post(f"{URL}/oauth/access_token", **answer)
    browser.start()

    assert notice_of(browser.come_back()) == "meta_unavailable"


@pytest.mark.parametrize("answer", [{"json": {}}, {"json": {"access_token": ""}}, {"body": "[]"}])
def test_answer_without_a_token_is_refused(browser, meta, answer) -> None:
    meta.post(f"{URL}/oauth/access_token", **answer)
    browser.start()

    assert notice_of(browser.come_back()) in {"meta_refused", "meta_unavailable"}


@pytest.mark.parametrize("path", ["me", "me/permissions", "me/accounts"])
def test_failure_after_the_code_ends_the_attempt(browser, meta, rows, path) -> None:
    meta.fails("GET", path, 2)
    meta.answers_login(page("1001"))
    browser.start()

    assert notice_of(browser.come_back()) == "meta_unavailable"
    assert rows(PendingConnection)[0].payload_sealed is None


def test_every_reason_has_words() -> None:
    assert all(reason.title and reason.text for reason in REASONS.values())
    assert all(reason.remedy for reason in REASONS.values() if reason.kind != "good")
    assert {name for name, reason in REASONS.items() if reason.name != name} == set()


def test_abandoned_attempts_lose_their_secrets_and_then_go(browser, meta, rows) -> None:
    browser.log_in(meta, page("1001"))

    with time_machine.travel(utc_now() + timedelta(hours=2), tick=True):
        browser.start()
        old, _ = rows(PendingConnection)
        assert (old.step, old.payload_sealed) == ("ended", None)
    with time_machine.travel(utc_now() + timedelta(days=2), tick=True):
        browser.start()
        assert len(rows(PendingConnection)) == 1


def test_nothing_of_a_login_is_logged(browser, meta, caplog) -> None:
    caplog.set_level(logging.DEBUG)

    browser.log_in(meta, page("1001", "Sunrise Flowers"))

    for secret in (USER_TOKEN, LONG_TOKEN, "EAApage", APP_SECRET, "Sam Reyes", "AQcode", PERSON):
        assert secret not in caplog.text
