"""Conversation routing: who controls a thread, how it changes hands, who may write."""

from typing import Any

import pytest

from tests.simulator.business import INSTAGRAM, PAGE, Business
from tests.simulator.conftest import Running
from tests.simulator.driver import APP_ID, error_of

INBOX = "263902037430900"
OTHER = "2000000000000002"


@pytest.fixture
def business(graph: Running) -> Business:
    graph.control("POST", "apps", id=OTHER, secret="other-secret", name="Bot")
    return Business(graph)


def call(business: Business, edge: str, psid: str, **more: Any) -> Any:
    return business.post(f"{PAGE}/{edge}_thread_control", recipient={"id": psid}, **more)


def owner(business: Business, psid: str) -> Any:
    return business.get(f"{PAGE}/thread_owner", recipient=psid).json()["data"]


def set_default(business: Business, app_id: str, account: str = PAGE, **more: Any) -> None:
    business.graph.control("PUT", f"accounts/{account}/routing", default_app_id=app_id, **more)


def test_without_a_default_app_everybody_answers(business: Business) -> None:
    psid = business.write()

    assert owner(business, psid) == []
    assert business.send(psid, {"text": "x"}).ok
    assert error_of(call(business, "take", psid)) == (10, 2018171)


def test_passed_thread_is_somebody_elses(business: Business) -> None:
    psid = business.write()
    set_default(business, APP_ID)

    passed = call(business, "pass", psid, target_app_id=INBOX, metadata="a human, please")

    assert passed.json() == {"success": True}
    assert owner(business, psid)[0]["thread_owner"]["app_id"] == INBOX
    assert error_of(business.send(psid, {"text": "x"})) == (10, 2018300)
    assert error_of(call(business, "pass", psid, target_app_id=INBOX)) == (10, 2018300)
    assert call(business, "request", psid).json() == {"success": True}
    assert call(business, "take", psid).json() == {"success": True}
    assert business.send(psid, {"text": "x"}).ok


def test_only_a_default_app_that_may_takes_control(business: Business) -> None:
    psid = business.write()
    set_default(business, APP_ID, may_take=False)

    assert error_of(call(business, "take", psid)) == (10, 2018171)


def test_idle_thread_is_the_default_apps(business: Business) -> None:
    set_default(business, OTHER)
    psid = business.write()

    assert error_of(business.send(psid, {"text": "x"})) == (10, 2018300)
    shown = owner(business, psid)
    assert not shown or "app_id" not in shown[0]["thread_owner"]


def test_instagram_says_it_in_its_own_words(business: Business) -> None:
    set_default(business, OTHER, INSTAGRAM)
    igsid = business.write(account=INSTAGRAM)

    assert error_of(business.send(igsid, {"text": "x"})) == (100, 2534037)


def test_control_is_extended_and_released(business: Business) -> None:
    psid = business.write()
    set_default(business, APP_ID)
    call(business, "take", psid)

    assert call(business, "extend", psid, duration=604800).json() == {"success": True}
    later = owner(business, psid)[0]["thread_owner"]["expiration"]
    assert error_of(call(business, "extend", psid, duration=604801)) == (100, None)
    assert call(business, "release", psid).json() == {"success": True}
    assert owner(business, psid) == []
    assert error_of(call(business, "release", psid)) == (10, 2018300)
    assert later > 1_700_000_000


def test_control_goes_with_a_message(business: Business) -> None:
    psid = business.write()
    control = {"control_type": "pass", "app_id": INBOX}

    assert business.send(psid, {"text": "x"}, thread_control=control).ok

    assert error_of(business.send(psid, {"text": "y"})) == (10, 2018300)
    wrong = {"control_type": "keep"}
    assert error_of(business.send(psid, {"text": "y"}, thread_control=wrong))[0] in {10, 100}


def test_shapes(business: Business) -> None:
    psid = business.write()

    assert error_of(call(business, "pass", psid)) == (100, None)
    assert error_of(call(business, "pass", psid, target_app_id="5")) == (100, 2018164)
    assert error_of(call(business, "request", psid, metadata="x" * 1001)) == (100, None)
    assert error_of(call(business, "request", "7000000000000000")) == (100, 2018001)
    assert error_of(business.post(f"{PAGE}/request_thread_control")) == (100, None)


def test_feature_status(business: Business) -> None:
    before = business.get("me", fields="messaging_feature_status").json()
    set_default(business, APP_ID)
    after = business.get("me", fields="messaging_feature_status").json()

    assert before["messaging_feature_status"]["msgr_multi_app"] is False
    assert after["messaging_feature_status"]["msgr_multi_app"] is True
