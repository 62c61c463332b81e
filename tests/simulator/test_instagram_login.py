"""Instagram Login: its dialog, its tokens, the account it opens, its webhooks."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flask_messenger.simulator.seeds import instagram_id_of, page_id_of
from tests.simulator.conftest import Running
from tests.simulator.driver import REDIRECT, SCOPE, Callback, error_of, wait_until
from tests.simulator.instagram import BASIC, COACH, COMMENTS, SECRET, Instagram

DOWNTOWN = page_id_of("Iron Gym Downtown")
DOWNTOWN_INSTAGRAM = instagram_id_of("irongym.downtown")
FIELDS = "user_id,username,name,account_type,profile_picture_url,followers_count,media_count"


@pytest.fixture
def instagram(graph: Running) -> Instagram:
    return Instagram(graph)


def age_tokens(graph: Running, seconds: int) -> None:
    with graph.app.extensions["flask_messenger.simulator"].storage.writing() as db:
        db.execute(
            "UPDATE tokens SET issued_at = issued_at - ?, expires_at = expires_at - ?",
            [seconds, seconds],
        )


def test_account_is_connected(instagram: Instagram) -> None:
    told = instagram.exchange(instagram.code()).json()["data"][0]

    longer = instagram.lengthen(told["access_token"]).json()
    me = instagram.get("v25.0/me", longer["access_token"], fields=FIELDS).json()

    assert told["user_id"] == COACH
    assert told["permissions"].split(",") == [BASIC, "instagram_business_manage_messages", COMMENTS]
    assert longer["access_token"].startswith("IGAA")
    assert longer["expires_in"] == pytest.approx(60 * 86400, abs=5)
    assert me["user_id"] == COACH
    assert me["id"] != COACH
    assert me["username"] == "coach.sam"
    assert me["account_type"] == "MEDIA_CREATOR"


def test_both_ids_name_the_account(instagram: Instagram) -> None:
    token = instagram.log_in()
    scoped = instagram.get("v25.0/me", token, fields="id").json()["id"]

    by_scoped = instagram.get(f"v25.0/{scoped}", token, fields="username").json()
    by_professional = instagram.get(f"v25.0/{COACH}", token, fields="username").json()

    assert by_scoped == by_professional


def test_refused_login_goes_back_to_the_app(instagram: Instagram) -> None:
    location = urlsplit(instagram.authorize(answer="cancel").headers["Location"])

    assert parse_qs(location.query) == {
        "error": ["access_denied"],
        "error_reason": ["user_denied"],
        "error_description": ["The user denied your request"],
        "state": ["s1"],
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "1"},
        {"redirect_uri": "http://127.0.0.1:1/elsewhere"},
        {"response_type": "token"},
        {"scope": "business_basic"},
        {"scope": "instagram_business_manage_messages"},
        {"config_id": "1"},
        {"account": "noa.levi"},
        {"account": "nobody"},
    ],
)
def test_dialog_that_is_not_shown(instagram: Instagram, changes: dict[str, Any]) -> None:
    answer = instagram.authorize(**changes)

    assert answer.status_code == 400
    assert "This login can" in answer.text


def test_dialog_is_a_page(instagram: Instagram) -> None:
    query = {
        "client_id": "1000000000000002",
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": BASIC,
    }
    address = f"{instagram.graph.base_url}/www.instagram.com/oauth/authorize"

    people = instagram.session.get(address, params=query, timeout=5)
    choice = instagram.session.get(address, params={**query, "account": "coach.sam"}, timeout=5)

    assert 'data-testid="instagram-coach.sam"' in people.text
    assert 'data-testid="permission-instagram_business_basic"' in choice.text


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "1"},
        {"client_secret": "wrong"},
        {"grant_type": "password"},
        {"redirect_uri": REDIRECT + "/"},
        {"code": "AQwrong"},
        {"more": "1"},
    ],
)
def test_code_that_is_not_exchanged(instagram: Instagram, changes: dict[str, str]) -> None:
    answer = instagram.exchange(**{"code": instagram.code(), **changes})

    assert answer.status_code == 400
    assert answer.json()["error_type"] == "OAuthException"
    assert answer.json()["error_message"]


def test_code_is_good_once(instagram: Instagram) -> None:
    code = instagram.code()
    instagram.exchange(code)

    assert "already used" in instagram.exchange(code).json()["error_message"]


def test_facebook_code_is_none_of_instagram(instagram: Instagram) -> None:
    code = instagram.graph.answer_dialog()["code"]

    assert instagram.exchange(code).status_code == 400


def test_long_lived_token_is_renewed_after_a_day(graph: Running, instagram: Instagram) -> None:
    token = instagram.log_in()
    query = {"grant_type": "ig_refresh_token"}

    early = instagram.get("refresh_access_token", token, **query)
    age_tokens(graph, 25 * 3600)
    late = instagram.get("refresh_access_token", token, **query).json()

    assert error_of(early) == (100, None)
    assert late["expires_in"] == pytest.approx(60 * 86400, abs=5)
    assert instagram.get("v25.0/me", late["access_token"]).ok


def test_short_token_cannot_be_renewed(instagram: Instagram) -> None:
    token = instagram.short_token()

    answer = instagram.get("refresh_access_token", token, grant_type="ig_refresh_token")

    assert error_of(answer) == (100, None)


def test_expired_token(graph: Running, instagram: Instagram) -> None:
    token = instagram.log_in()
    age_tokens(graph, 61 * 86400)

    assert error_of(instagram.get("v25.0/me", token)) == (190, 463)
    answer = instagram.get("refresh_access_token", token, grant_type="ig_refresh_token")
    assert error_of(answer) == (190, 463)


@pytest.mark.parametrize(
    ("changes", "code"), [({"client_secret": "x"}, 1), ({"grant_type": "fb_exchange_token"}, 100)]
)
def test_exchange_for_a_longer_one_that_is_refused(
    instagram: Instagram, changes: dict[str, str], code: int
) -> None:
    assert error_of(instagram.lengthen(instagram.short_token(), **changes)) == (code, None)


def test_tokens_work_on_their_own_host_only(graph: Running, instagram: Instagram) -> None:
    by_instagram, by_facebook = instagram.log_in(), graph.log_in(pages=[])

    assert error_of(graph.get("me", by_instagram, has_proof=False)) == (190, None)
    assert error_of(instagram.get("v25.0/me", by_facebook)) == (190, None)


def test_removed_app_ends_the_token(instagram: Instagram, callback: Callback) -> None:
    token = instagram.connect()

    assert instagram.call("DELETE", "v25.0/me/permissions", token).json() == {"success": True}

    assert error_of(instagram.get("v25.0/me", token)) == (190, 458)
    wait_until(lambda: len(callback.forms) == 1)
    assert callback.forms[0][0] == "/instagram/deauthorize"


@pytest.mark.parametrize("wish", ["deauthorize", "data-deletion"])
def test_callbacks_are_signed_with_the_secret_of_the_instagram_product(
    graph: Running, instagram: Instagram, callback: Callback, wish: str
) -> None:
    scoped = instagram.get("v25.0/me", instagram.log_in(), fields="id").json()["id"]

    told = graph.control("POST", f"instagram/{COACH}/{wish}")

    path, form = callback.forms[0]
    signature, _, payload = form["signed_request"][0].partition(".")
    wanted = hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).digest()
    said = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert path == f"/instagram/{wish}"
    assert told["callback"]["status"] == 200
    assert base64.urlsafe_b64decode(signature + "==") == wanted
    assert said["user_id"] == scoped


def test_webhook_fields_are_set_and_replaced(instagram: Instagram) -> None:
    token = instagram.connect()

    instagram.post("v25.0/me/subscribed_apps", token, subscribed_fields="messages,comments")
    listed = instagram.get("v25.0/me/subscribed_apps", token).json()["data"]
    instagram.call("DELETE", "v25.0/me/subscribed_apps", token)

    assert [one["subscribed_fields"] for one in listed] == [["messages", "comments"]]
    assert instagram.get("v25.0/me/subscribed_apps", token).json() == {"data": []}


@pytest.mark.parametrize(
    ("fields", "code"), [("feed", 100), ("", 100), ("comments", 200), ("story_insights", 200)]
)
def test_webhook_fields_that_are_refused(instagram: Instagram, fields: str, code: int) -> None:
    granted = [BASIC, "instagram_business_manage_messages"]
    token = instagram.log_in(permission=granted)

    answer = instagram.post("v25.0/me/subscribed_apps", token, subscribed_fields=fields)

    assert error_of(answer) == (code, None)


def test_proof_may_be_left_out_but_not_wrong(instagram: Instagram) -> None:
    token = instagram.log_in()

    answer = instagram.get("v25.0/me", token, appsecret_proof="0" * 64)

    assert error_of(answer) == (100, None)
    assert SECRET not in answer.text


class TestLinkedAccount:
    """An account that is connected by its Page."""

    def test_shows_its_fields_to_the_page(self, graph: Running) -> None:
        scope = SCOPE + ",instagram_basic"
        user = graph.log_in(pages=[DOWNTOWN], permissions=scope.split(","), scope=scope)
        token = graph.page_token(user, DOWNTOWN)
        linked = graph.get("me", token, fields="instagram_business_account{id}").json()
        instagram_id = linked["instagram_business_account"]["id"]

        told = graph.get(instagram_id, token, fields="username,name,followers_count").json()

        assert told["username"] == "irongym.downtown"
        assert told["id"] == instagram_id

    def test_needs_its_permission(self, graph: Running) -> None:
        token = graph.connect(DOWNTOWN)

        assert error_of(graph.get(DOWNTOWN_INSTAGRAM, token)) == (10, None)

    def test_of_another_page_is_not_there(self, graph: Running) -> None:
        token = graph.connect(DOWNTOWN)

        assert error_of(graph.get(COACH, token)) == (100, 33)


def test_usage_is_that_of_the_account(instagram: Instagram) -> None:
    answer = instagram.get("v25.0/me", instagram.log_in())

    (told,) = json.loads(answer.headers["X-Business-Use-Case-Usage"])[COACH]
    assert told["type"] == "instagram"
