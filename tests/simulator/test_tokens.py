"""Codes, tokens, proofs and debug_token."""

import hashlib
import hmac
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flask_messenger.simulator.seeds import page_id_of
from tests.simulator.conftest import Running
from tests.simulator.driver import APP_ID, APP_TOKEN, SECRET, Graph, error_of, proof

DOWNTOWN = page_id_of("Iron Gym Downtown")


def test_code_gives_a_short_lived_token_and_that_a_long_lived_one(graph: Graph) -> None:
    code = graph.answer_dialog(pages=[DOWNTOWN])["code"]

    short = graph.exchange(code).json()
    form = {
        "grant_type": "fb_exchange_token",
        "client_id": APP_ID,
        "client_secret": SECRET,
        "fb_exchange_token": short["access_token"],
    }
    long = graph.get("oauth/access_token", **form).json()

    assert short["token_type"] == "bearer"
    assert short["access_token"].startswith("EAA")
    assert 0 < short["expires_in"] <= 7200
    assert 59 * 86400 < long["expires_in"] <= 60 * 86400


def test_code_works_once(graph: Graph) -> None:
    code = graph.answer_dialog()["code"]
    graph.exchange(code)

    assert error_of(graph.exchange(code)) == (100, 36009)


def test_code_expires_after_ten_minutes(graph: Graph, tmp_path: Path) -> None:
    code = graph.answer_dialog()["code"]
    with sqlite3.connect(tmp_path / "simulator.sqlite") as db:
        db.execute("UPDATE codes SET expires_at = expires_at - 601")
    db.close()

    assert error_of(graph.exchange(code)) == (100, 36007)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"redirect_uri": "http://127.0.0.1:5000/elsewhere"}, (100, 36008)),
        ({"redirect_uri": ""}, (191, None)),
        ({"code": "AQnonsense"}, (100, None)),
        ({"code": ""}, (1, None)),
        ({"client_secret": "wrong"}, (1, None)),
        ({"client_secret": ""}, (1, None)),
        ({"client_id": "42"}, (101, None)),
        ({"client_id": ""}, (101, None)),
        ({"grant_type": "password"}, (100, None)),
        ({"colour": "blue"}, (100, None)),
    ],
)
def test_bad_exchange_is_refused(
    graph: Graph, changes: dict[str, str], expected: tuple[int, int | None]
) -> None:
    code = graph.answer_dialog()["code"]

    assert error_of(graph.exchange(code, **{"code": code, **changes})) == expected


def test_app_token_by_client_credentials(graph: Graph) -> None:
    form = {"grant_type": "client_credentials", "client_id": APP_ID, "client_secret": SECRET}

    assert graph.post("oauth/access_token", data=form).json()["access_token"] == APP_TOKEN


def test_long_lived_token_can_only_come_from_a_living_one(graph: Graph) -> None:
    token = graph.log_in()
    graph.control("POST", "tokens/revoke", person="sam-reyes", subcode=460)
    form = {
        "grant_type": "fb_exchange_token",
        "client_id": APP_ID,
        "client_secret": SECRET,
        "fb_exchange_token": token,
    }

    assert error_of(graph.post("oauth/access_token", data=form)) == (190, 460)


def test_token_goes_in_header_query_or_body(graph: Graph) -> None:
    token = graph.log_in()
    signed = {"access_token": token, "appsecret_proof": proof(token)}

    assert graph.get("me", token).ok
    assert graph.get("me", **signed).ok


def test_call_without_token_is_refused(graph: Graph) -> None:
    assert error_of(graph.get("me")) == (2500, None)
    assert error_of(graph.get("me/accounts")) == (2500, None)


@pytest.mark.parametrize("token", ["nonsense", "EAAGm0PX4ZCpsBA", f"{APP_ID}|wrong", "42|x"])
def test_unknown_token_is_refused(graph: Graph, token: str) -> None:
    answer = graph.get("me", token)

    assert error_of(answer) == (190, None)
    assert answer.status_code == 401
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("subcode", [458, 459, 460, 463, 464, 467, 492])
def test_revoked_token_says_why(graph: Graph, subcode: int) -> None:
    token = graph.connect(DOWNTOWN)

    ended = graph.control("POST", "tokens/revoke", page_id=DOWNTOWN, subcode=subcode)

    assert ended["ended"] >= 1
    assert error_of(graph.get("me", token)) == (190, subcode)


def test_user_token_expires(graph: Graph, tmp_path: Path) -> None:
    token = graph.log_in()
    with sqlite3.connect(tmp_path / "simulator.sqlite") as db:
        db.execute("UPDATE tokens SET expires_at = 1")
    db.close()

    assert error_of(graph.get("me", token)) == (190, 463)


def test_page_token_of_a_long_lived_token_has_no_end(graph: Graph) -> None:
    code = graph.answer_dialog(pages=[DOWNTOWN])["code"]
    short = graph.exchange(code).json()["access_token"]
    long = graph.lengthen(short)

    def expiry(user_token: str) -> int:
        page_token = graph.page_token(user_token, DOWNTOWN)
        return int(
            graph.get("debug_token", APP_TOKEN, input_token=page_token).json()["data"]["expires_at"]
        )

    assert expiry(long) == 0
    assert expiry(short) > time.time()


def test_page_token_is_the_same_each_time(graph: Graph) -> None:
    token = graph.log_in(pages=[DOWNTOWN])

    assert graph.page_token(token, DOWNTOWN) == graph.page_token(token, DOWNTOWN)


class TestProof:
    def test_missing_proof_is_refused(self, graph: Graph) -> None:
        token = graph.log_in()

        answer = graph.get("me", token, has_proof=False)

        assert error_of(answer) == (100, None)
        assert "require an appsecret_proof" in answer.json()["error"]["message"]

    @pytest.mark.parametrize("value", ["", "00", "ü"])
    def test_wrong_proof_is_refused(self, graph: Graph, value: str) -> None:
        token = graph.log_in()

        answer = graph.get("me", token, appsecret_proof=value)

        assert error_of(answer) == (100, None)

    def test_proof_of_another_token_is_refused(self, graph: Graph) -> None:
        first, second = graph.log_in(), graph.log_in("ida-berg")

        assert error_of(graph.get("me", first, appsecret_proof=proof(second))) == (100, None)

    def test_proof_with_a_time_holds_for_five_minutes(self, graph: Graph) -> None:
        token, now = graph.log_in(), int(time.time())

        def signed(at: int) -> dict[str, str]:
            value = hmac.new(SECRET.encode(), f"{token}|{at}".encode(), hashlib.sha256)
            return {"appsecret_proof": value.hexdigest(), "appsecret_time": str(at)}

        assert graph.get("me", token, **signed(now)).ok
        assert error_of(graph.get("me", token, **signed(now - 400))) == (100, None)

    def test_app_can_be_set_to_need_none(self, graph: Graph) -> None:
        token = graph.log_in()

        graph.control("PATCH", f"apps/{APP_ID}", require_proof=False)

        assert graph.get("me", token, has_proof=False).ok


class TestDebugToken:
    def test_describes_a_page_token(self, graph: Graph) -> None:
        token = graph.connect(DOWNTOWN)

        told = graph.get("debug_token", APP_TOKEN, input_token=token).json()["data"]

        assert told["app_id"] == APP_ID
        assert told["type"] == "PAGE"
        assert told["is_valid"]
        assert told["profile_id"] == DOWNTOWN
        assert {"scope": "pages_messaging", "target_ids": [DOWNTOWN]} in told["granular_scopes"]
        assert told["user_id"] == graph.get("me", graph.log_in()).json()["id"]

    def test_describes_a_dead_token_with_status_200(self, graph: Graph) -> None:
        token = graph.log_in()
        graph.control("POST", "tokens/revoke", person="sam-reyes", subcode=460)

        answer = graph.get("debug_token", APP_TOKEN, input_token=token)

        assert answer.status_code == 200
        assert not answer.json()["data"]["is_valid"]
        assert answer.json()["data"]["error"]["subcode"] == 460

    def test_describes_what_is_no_token(self, graph: Graph) -> None:
        told = graph.get("debug_token", APP_TOKEN, input_token="nonsense").json()["data"]

        assert not told["is_valid"]
        assert told["error"]["code"] == 190

    def test_describes_the_app_token(self, graph: Graph) -> None:
        told = graph.get("debug_token", APP_TOKEN, input_token=APP_TOKEN).json()["data"]

        assert told["type"] == "APP"
        assert told["is_valid"]

    def test_needs_an_app_token_and_an_input(self, graph: Graph) -> None:
        token = graph.log_in()

        assert error_of(graph.get("debug_token", token, input_token=token)) == (15, None)
        assert error_of(graph.get("debug_token", APP_TOKEN)) == (100, None)

    def test_tokens_of_another_app_stay_closed(self, graph: Graph) -> None:
        graph.control("POST", "apps", id="2000000000000002", secret="other")
        token = graph.log_in()

        answer = graph.get(
            "debug_token", "2000000000000002|other", has_proof=False, input_token=token
        )

        assert error_of(answer) == (100, None)


def test_tokens_and_grants_survive_a_restart(start: Callable[..., Running]) -> None:
    first = start()
    token = first.connect(DOWNTOWN)
    first.stop()

    second = start()

    assert second.get("me", token).json()["id"] == DOWNTOWN
    assert second.get(f"{DOWNTOWN}/subscribed_apps", token).json()["data"]
