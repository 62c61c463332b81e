"""Instagram accounts: found with their Page, or by Instagram's own login."""

import json
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flask_messenger.channels.instagram import Instagram
from flask_messenger.connect.upkeep import tidy
from flask_messenger.crypto import KeyRing
from flask_messenger.graph.subscriptions import CARRIER_FIELDS
from flask_messenger.ingest.profiles import learn_profiles
from flask_messenger.models import Account, Identity, Message, PendingConnection, WebhookEntry
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.connect.conftest import (
    ALL_SCOPES,
    API,
    INSTAGRAM_FIELDS,
    PAGE_FIELDS,
    SCOPES,
    URL,
    Meta,
    notice_of,
    page,
    query_of,
)
from tests.support import ingest
from tests.support.app import (
    APP_SECRET,
    INSTAGRAM_API_URL,
    INSTAGRAM_APP_ID,
    INSTAGRAM_APP_SECRET,
    INSTAGRAM_GRAPH_URL,
)
from tests.support.meta import delivery, entry, message, post

IG_URL = f"{INSTAGRAM_GRAPH_URL}/v25.0"
IG = "17841400000000001"
ASID = "25000000000000001"
IG_SCOPES = Instagram.logins["instagram"].asked

pytestmark = pytest.mark.databases("sqlite")
BOTH = pytest.mark.databases("postgresql", "sqlite")
"""For what a database does; the rest is words and questions, the same on each."""


def page_with_instagram(page_id: str = "1001", ig_id: str = IG, **values: Any) -> dict[str, Any]:
    linked = {"id": ig_id, "username": "sunrise", "name": "Sunrise", "profile_picture_url": None}
    return page(page_id, **values) | {"instagram_business_account": linked}


def answers_instagram(
    meta: Meta, ig_id: str = IG, *, subscribed: tuple[str, ...] = (), page_id: str = "1001"
) -> None:
    """Answer what is asked when an Instagram account is connected that a Page carries."""
    mine = [{"id": "4242", "subscribed_fields": list(subscribed)}] if subscribed else []
    meta.get(f"{URL}/{page_id}/subscribed_apps", json={"data": mine})
    meta.post(f"{URL}/{page_id}/subscribed_apps", json={"success": True})
    shown = {"id": ig_id, "username": "sunrise", "name": "Sunrise Flowers"}
    meta.get(f"{URL}/{ig_id}", json=shown)


def answers_instagram_login(
    meta: Meta, *, scopes: tuple[str, ...] = IG_SCOPES, account_type: str = "BUSINESS"
) -> None:
    """Answer everything from the code to the account, and its subscription."""
    short = {"access_token": "IGshort", "user_id": ASID, "permissions": ",".join(scopes)}
    meta.post(f"{INSTAGRAM_API_URL}/oauth/access_token", json={"data": [short]})
    long = {"access_token": "IGlong", "token_type": "bearer", "expires_in": 5183944}
    meta.get(f"{INSTAGRAM_GRAPH_URL}/access_token", json=long)
    me = {"id": ASID, "user_id": IG, "username": "sunrise", "account_type": account_type}
    meta.get(f"{IG_URL}/me", json=me | {"name": "Sunrise"})
    meta.post(f"{IG_URL}/me/subscribed_apps", json={"success": True})


@pytest.fixture
def token_of(app):
    def open_token(account: Account) -> str | None:
        with app.app_context():
            return account.open_token(state_of(app).get(KeyRing))

    return open_token


@BOTH
def test_instagram_account_is_offered_with_its_page_and_connected_by_itself(
    browser, meta, rows, token_of
) -> None:
    attempt_id = browser.log_in(meta, page_with_instagram(), granted=ALL_SCOPES)
    answers_instagram(meta)

    answer = browser.choose(attempt_id, IG)

    assert answer.json["notice"] == "connected"
    [account] = rows(Account)
    assert (account.channel, account.external_id, account.login) == ("instagram", IG, "facebook")
    assert (account.page_external_id, account.username) == ("1001", "sunrise")
    assert account.name == "Sunrise Flowers"
    assert token_of(account) == "EAApage1001donotlog"
    [subscribed] = [call for call in meta.calls if "subscribed_fields" in call.request.url]
    assert query(subscribed)["subscribed_fields"] == [",".join(CARRIER_FIELDS)]


def test_page_that_is_subscribed_already_keeps_its_fields(browser, meta, rows) -> None:
    attempt_id = browser.log_in(meta, page_with_instagram(), granted=ALL_SCOPES)
    answers_instagram(meta, subscribed=PAGE_FIELDS.all)

    browser.choose(attempt_id, IG)

    assert "1001/subscribed_apps" not in meta.paths("POST")
    assert rows(Account)[0].subscribed_fields == list(PAGE_FIELDS.all)


def test_page_and_instagram_account_have_each_a_sealed_token_of_their_own(
    browser, meta, rows
) -> None:
    attempt_id = browser.log_in(meta, page_with_instagram(), granted=ALL_SCOPES)
    meta.answers_pages(page("1001"))
    answers_instagram(meta)

    browser.choose(attempt_id, "1001", IG)

    first, second = rows(Account)
    assert {first.channel, second.channel} == {"facebook", "instagram"}
    assert first.token_sealed != second.token_sealed


@BOTH
def test_two_channels_with_the_same_id_are_two_accounts(browser, meta, rows) -> None:
    attempt_id = browser.log_in(meta, page_with_instagram(ig_id="1001"), granted=ALL_SCOPES)
    meta.answers_pages(page("1001"))
    meta.get(f"{URL}/1001/subscribed_apps", json={"data": []})
    chosen = [{"id": "1001", "channel": "facebook"}, {"id": "1001", "channel": "instagram"}]

    answer = browser.client.post(f"{API}/connections/{attempt_id}", json={"pages": chosen})

    assert answer.json["notice"] == "connected"
    assert {each.channel for each in rows(Account)} == {"facebook", "instagram"}


def test_instagram_without_its_permissions_is_offered_and_not_connected(browser, meta) -> None:
    attempt_id = browser.log_in(meta, page_with_instagram(), granted=SCOPES)
    meta.answers_pages(page("1001"))

    answer = browser.choose(attempt_id, "1001", IG)

    reasons = {each["id"]: each["reason"] for each in answer.json["pages"]}
    assert reasons == {"1001": None, IG: "permission_declined"}


def test_plan_without_instagram_neither_asks_for_it_nor_connects_it(
    browser, host, meta, app
) -> None:
    host.plans["w1"] = "plus"
    state_of(app).settings.feature_plans["instagram"] = "pro"  # type: ignore[index]
    attempt_id = browser.log_in(meta, page_with_instagram(), granted=ALL_SCOPES)
    scope = parse_qs(urlsplit(browser.start().location).query)["scope"][0]

    answer = browser.choose(attempt_id, IG)

    assert "instagram" not in scope
    assert (answer.status_code, answer.json["feature"]) == (402, "instagram")
    assert browser.start(channel="instagram").status_code == 402


def query(call: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(call.request.url).query)


@pytest.mark.parametrize("workspace_id", ["w1", "w2"])
@BOTH
def test_page_is_not_unsubscribed_while_its_instagram_is_connected(
    browser, meta, make, workspace_id
) -> None:
    account = make("account", external_id="1001", subscribed_fields=list(PAGE_FIELDS.all))
    make("account", workspace_id, channel="instagram", external_id=IG, page_external_id="1001")
    meta.post(f"{URL}/1001/subscribed_apps", json={"success": True})

    answer = browser.client.post(f"{API}/accounts/{account.id}/disconnect")

    assert answer.status_code == 200
    assert meta.paths() == ["1001/subscribed_apps"]
    assert meta.calls[0].request.method == "POST"  # what the Page heard for itself ends
    assert query(meta.calls[0])["subscribed_fields"] == [",".join(CARRIER_FIELDS)]


@pytest.mark.parametrize("workspace_id", ["w1", "w2"])
@BOTH
def test_instagram_leaves_the_subscription_of_a_page_that_is_connected(
    browser, meta, make, rows, workspace_id
) -> None:
    make("account", workspace_id, external_id="1001")
    account = make("account", channel="instagram", external_id=IG, page_external_id="1001")

    browser.client.post(f"{API}/accounts/{account.id}/disconnect")

    assert meta.paths() == []
    statuses = {each.channel: each.status for each in rows(Account)}
    assert statuses == {"facebook": "active", "instagram": "disconnected"}


def test_last_account_on_a_page_ends_its_subscription(browser, meta, make) -> None:
    account = make("account", channel="instagram", external_id=IG, page_external_id="1001")
    meta.delete(f"{URL}/1001/subscribed_apps", json={"success": True})

    browser.client.post(f"{API}/accounts/{account.id}/disconnect")

    assert meta.paths("DELETE") == ["1001/subscribed_apps"]


@BOTH
def test_instagrams_own_login_connects_an_account_without_a_page(
    browser, meta, rows, token_of
) -> None:
    answers_instagram_login(meta)
    dialog = browser.start(channel="instagram", login="instagram").location
    attempt_id = urlsplit(browser.come_back(code="AQcode#_").location).path.rpartition("/")[2]

    answer = browser.choose(attempt_id, IG)

    asked = parse_qs(urlsplit(dialog).query)
    assert urlsplit(dialog).hostname == "dialog.instagram.example.test"
    assert asked["client_id"] == [INSTAGRAM_APP_ID]
    assert asked["scope"] == [",".join(IG_SCOPES)]
    assert answer.json["notice"] == "connected"
    [account] = rows(Account)
    assert (account.login, account.external_id, account.meta_user_id) == ("instagram", IG, ASID)
    assert account.page_external_id is None
    assert token_of(account) == "IGlong"
    assert 59 <= (account.token_expires_at - account.token_issued_at).days <= 60
    form = parse_qs(meta.calls[0].request.body)
    assert (form["code"], form["client_secret"]) == (["AQcode"], [INSTAGRAM_APP_SECRET])
    wanted = query(meta.calls[-2])["subscribed_fields"]
    assert wanted == [",".join(INSTAGRAM_FIELDS.all)]
    assert not any("appsecret_proof" in call.request.url for call in meta.calls)
    assert not any(APP_SECRET in (call.request.url + str(call.request.body)) for call in meta.calls)


def test_older_answer_without_a_list_is_read(browser, meta) -> None:
    meta.post(
        f"{INSTAGRAM_API_URL}/oauth/access_token", json={"access_token": "IGshort", "user_id": 25}
    )
    answers_instagram_login(meta)
    browser.start(channel="instagram", login="instagram")

    assert "connections" in browser.come_back().location


@pytest.mark.parametrize(
    ("message", "notice"),
    [
        ("Matching code was not found or was already used", "code_expired"),
        ("This authorization code has expired", "code_expired"),
        ("Please make sure your redirect_uri is identical", "redirect_refused"),
        ("Invalid platform app", "meta_refused"),
    ],
)
def test_instagrams_own_words_for_a_refused_code(browser, meta, message, notice) -> None:
    said = {"error_type": "OAuthException", "code": 400, "error_message": message}
    meta.post(f"{INSTAGRAM_API_URL}/oauth/access_token", json=said, status=400)
    browser.start(channel="instagram", login="instagram")

    assert notice_of(browser.come_back()) == notice


def test_instagram_person_who_declines_messages_is_asked_again(browser, meta) -> None:
    answers_instagram_login(meta, scopes=("instagram_business_basic",))
    browser.start(channel="instagram", login="instagram")

    assert notice_of(browser.come_back()) == "permission_declined"
    again = browser.start(channel="instagram", login="instagram", rerequest="1")
    assert query_of(again)["force_reauth"] == ["true"]


def test_personal_account_cannot_be_connected(browser, meta) -> None:
    answers_instagram_login(meta, account_type="PERSONAL")
    browser.start(channel="instagram", login="instagram")

    assert notice_of(browser.come_back()) == "not_professional"


def test_instagram_login_that_is_not_set_up_says_so(new_app) -> None:
    app = new_app(META_INSTAGRAM_APP_ID=None, META_INSTAGRAM_APP_SECRET=None)
    app.extensions["host"].sign_in()

    query_ = {"channel": "instagram", "login": "instagram"}
    answer = app.test_client().get(f"{API}/connect", query_string=query_)

    assert (answer.status_code, "META_INSTAGRAM_APP_ID" in answer.json["detail"]) == (422, True)


def test_account_of_instagrams_login_is_disconnected_at_its_own_host(browser, meta, make) -> None:
    account = make(
        "account", channel="instagram", external_id=IG, login="instagram", meta_user_id=ASID
    )
    meta.delete(f"{IG_URL}/me/subscribed_apps", json={"success": True})

    answer = browser.client.post(f"{API}/accounts/{account.id}/disconnect")

    assert answer.status_code == 200
    assert len(meta.calls) == 1  # a grant of Instagram's cannot be taken back by us


@BOTH
def test_one_click_connects_an_account_again_where_it_was(browser, meta, make, rows) -> None:
    account = make("account", external_id="1001", location_id="l2", status="needs_reauth")
    other = make("account", external_id="1002", location_id=None, status="needs_reauth")
    make("account", external_id="1003", location_id="l1", status="disconnected", token=None)
    pages = [page("1001"), page("1002"), page("1003"), page("1004")]
    meta.answers_login(*pages)
    meta.answers_pages(*pages)

    start = browser.client.get(f"{API}/connect", query_string={"account": str(account.id)})
    browser.states += query_of(start)["state"]
    answer = browser.come_back()

    assert query_of(start)["auth_type"] == ["reauthorize"]
    assert notice_of(answer) == "reconnected"
    found = {each.external_id: (each.status, each.location_id) for each in rows(Account)}
    assert found == {
        "1001": ("active", "l2"),
        "1002": ("active", None),  # it waited for the same login
        "1003": ("disconnected", "l1"),
    }
    assert {each.id for each in rows(Account)} >= {account.id, other.id}
    assert rows(PendingConnection) == []


@pytest.mark.parametrize("obstacle", ["plan", "location"])
def test_one_click_leaves_behind_what_cannot_come_along(
    app, host, browser, meta, make, rows, obstacle
) -> None:
    make("account", external_id="1001", status="needs_reauth")
    location_id = "closed" if obstacle == "location" else "l1"
    waiting = {"page_external_id": "1001", "status": "needs_reauth", "location_id": location_id}
    make("account", channel="instagram", external_id=IG, **waiting)
    if obstacle == "plan":
        host.plans["w1"] = "plus"
        state_of(app).settings.feature_plans["instagram"] = "pro"  # type: ignore[index]
    both = page_with_instagram()
    meta.answers_login(both, granted=ALL_SCOPES)
    meta.answers_pages(both)
    [account] = rows(Account, channel="facebook")

    start = browser.client.get(f"{API}/connect", query_string={"account": str(account.id)})
    browser.states += query_of(start)["state"]

    assert notice_of(browser.come_back()) == "reconnected"
    found = {each.channel: each.status for each in rows(Account)}
    assert found == {"facebook": "active", "instagram": "needs_reauth"}


def test_login_that_does_not_bring_the_account_says_so(browser, meta, make, rows) -> None:
    account = make("account", external_id="1001", status="needs_reauth")
    meta.answers_login(page("1002"))

    start = browser.client.get(f"{API}/connect", query_string={"account": str(account.id)})
    browser.states += query_of(start)["state"]

    assert notice_of(browser.come_back()) == "account_not_granted"
    assert [each.status for each in rows(Account)] == ["needs_reauth"]


@BOTH
def test_grant_that_drops_an_instagram_account_is_noticed_though_its_page_stays(
    browser, meta, make, rows
) -> None:
    make(
        "account", channel="instagram", external_id=IG, page_external_id="1001", meta_user_id="9001"
    )
    meta.fails("GET", IG, 100, 33)

    browser.log_in(meta, page("1001"))

    assert [(each.status, each.status_reason) for each in rows(Account)] == [
        ("needs_reauth", "grant_replaced")
    ]


def test_choice_of_an_earlier_version_has_expired(app, browser, meta) -> None:
    attempt_id = browser.log_in(meta, page("1001"))
    with app.app_context(), system_scope("test"):
        session = state_of(app).db.session
        row = session.get_one(PendingConnection, uuid.UUID(attempt_id))
        row.seal_payload(state_of(app).get(KeyRing), json.dumps({"pages": []}))
        session.commit()

    assert browser.choose(attempt_id, "1001").json["reason"] == "choice_expired"


@pytest.mark.covers("instagram", "do:profiles")
@pytest.mark.parametrize(
    ("login", "url"), [("facebook", f"{URL}/7001"), ("instagram", f"{IG_URL}/7001")]
)
def test_instagram_person_is_asked_for_what_instagram_knows(
    app, meta, make, rows, login, url
) -> None:
    account = make("account", channel="instagram", external_id=IG, login=login)
    identity = make("identity", account, external_id="7001", name=None)
    message = make("message", make("conversation", account, identity))
    meta.get(url, json={"id": "7001", "name": None, "username": "maya", "profile_pic": "https://p"})

    with app.app_context(), system_scope("test"):
        session = state_of(app).db.session
        learn_profiles(app, session, session.get_one(Account, account.id), [message.id])

    [found] = rows(Identity)
    assert (found.name, found.username, found.picture_url) == ("maya", "maya", "https://p")
    assert query(meta.calls[0])["fields"] == ["name,username,profile_pic"]


def test_what_came_before_the_account_was_connected_is_applied_then(
    app, browser, meta, rows
) -> None:
    for account_id in (IG, "17841400000000002"):
        said = entry(account_id, message(account_id, "7001", "anyone there?"))
        post(app.test_client(), delivery(said, object_="instagram"))
    with app.app_context():
        ingest.drain(app)
    attempt_id = browser.log_in(meta, page_with_instagram(), granted=ALL_SCOPES)
    answers_instagram(meta)

    browser.choose(attempt_id, IG)
    with app.app_context():
        ingest.drain(app)

    assert [each.state for each in rows(WebhookEntry)] == ["done", "unrouted"]
    assert [each.text for each in rows(Message)] == ["anyone there?"]


def test_delivery_that_just_missed_its_instagram_account_is_applied_after_all(
    app, make, rows
) -> None:
    said = entry(IG, message(IG, "7001"))
    post(app.test_client(), delivery(said, object_="instagram"))
    with app.app_context():
        ingest.drain(app)
    make("account", channel="instagram", external_id=IG)  # committed after the drain had looked

    with app.app_context():
        tidy(app)
        ingest.drain(app)

    assert [each.state for each in rows(WebhookEntry)] == ["done"]


def test_history_goes_with_an_account_that_moves_and_comes_back(browser, meta, make, rows) -> None:
    account = make("account", channel="instagram", external_id=IG, page_external_id="1001")
    make("message", make("conversation", account))
    meta.delete(f"{URL}/1001/subscribed_apps", json={"success": True})
    path = f"{API}/accounts/{account.id}"

    moved = browser.client.post(f"{path}/location", json={"location_id": "l2"})
    browser.client.post(f"{path}/disconnect")
    attempt_id = browser.log_in(meta, page_with_instagram(), granted=ALL_SCOPES)
    answers_instagram(meta)
    browser.choose(attempt_id, IG, location_id="l2")

    assert moved.json["location_id"] == "l2"
    [row] = rows(Account)
    assert (row.id, row.status, row.location_id) == (account.id, "active", "l2")
    assert [each.account_id for each in rows(Message)] == [account.id]
