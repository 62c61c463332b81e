"""The profile of an account: read back, compared, set; and kept beside what is wanted."""

import json
import uuid
from typing import Any

import pytest
import redis
import requests
import responses
from redis.backoff import NoBackoff
from redis.retry import Retry

from flask_messenger.channels.profile import MESSENGER_PROFILE
from flask_messenger.errors import (
    ConflictError,
    GraphTimeoutError,
    InvalidGraphRequestError,
    NotFoundError,
    ProfileError,
    TierError,
    TooManyRequestsError,
)
from flask_messenger.presence.pace import CALLS, take_calls
from flask_messenger.presence.profile import (
    apply_profile,
    diff_profile,
    refresh_profile,
    stored_profile,
)
from tests.presence.conftest import URL, Desk, failure
from tests.support.app import Factory, Host

pytestmark = pytest.mark.databases("postgresql")

PROFILE = f"{URL}/1001/messenger_profile"
GREETING = [{"locale": "default", "text": "Hi"}]
START = {"payload": "START"}
MENU = [
    {
        "locale": "default",
        "call_to_actions": [{"type": "postback", "title": "Help", "payload": "HELP"}],
    }
]


def shows(meta: responses.RequestsMock, **live: Any) -> None:
    meta.get(PROFILE, json={"data": [live] if live else []})


def agrees(meta: responses.RequestsMock) -> None:
    meta.post(PROFILE, json={"result": "success"})
    meta.delete(PROFILE, json={"result": "success"})


def methods(meta: responses.RequestsMock) -> list[str]:
    return [call.request.method for call in meta.calls]


def test_page_and_its_instagram_account_share_their_calls(
    desk: Desk, meta: responses.RequestsMock, factory: Factory
) -> None:
    gram = factory.account(channel="instagram", external_id="17841", page_external_id="1001")
    meta.get(PROFILE, json={"data": []})
    take_calls(desk.redis, "1001", CALLS - 1)

    refresh_profile(desk.app, **desk.asked)

    with pytest.raises(TooManyRequestsError):
        refresh_profile(desk.app, tenant=desk.tenant(), account_id=gram.id)


@pytest.mark.databases("postgresql", "sqlite")
def test_profile_is_set_with_one_call_and_removed_with_another(
    desk: Desk, meta: responses.RequestsMock
) -> None:
    shows(meta, greeting=GREETING, commands=[{"locale": "default", "commands": []}])
    agrees(meta)
    document = {"greeting": GREETING, "persistent_menu": MENU, "get_started": START}

    diff = apply_profile(desk.app, **desk.asked, document={**document, "commands": None})

    assert methods(meta) == ["GET", "POST", "DELETE"]
    assert meta.calls[0].request.params["fields"].split(",") == list(MESSENGER_PROFILE.names)
    sent = json.loads(meta.calls[1].request.body)
    assert list(sent.items()) == [("get_started", START), ("persistent_menu", MENU)]
    assert meta.calls[2].request.params["fields"] == '["commands"]'
    assert diff.removals == ("commands",)
    known = stored_profile(desk.session, **desk.asked)
    assert known.live == document
    assert known.wanted == {**document, "commands": None}
    assert known.applied_at == known.read_at is not None
    assert known.error is None
    assert desk.acts() == ["profile_applied"]


def test_nothing_is_called_where_nothing_differs(desk: Desk, meta: responses.RequestsMock) -> None:
    shows(meta, greeting=GREETING)

    diff = apply_profile(desk.app, **desk.asked, document={"greeting": GREETING})

    assert diff.is_empty
    assert methods(meta) == ["GET"]
    assert desk.acts() == []


def test_profile_is_read_back_and_compared(desk: Desk, meta: responses.RequestsMock) -> None:
    shows(meta, greeting=GREETING)
    assert stored_profile(desk.session, **desk.asked).live is None

    diff = diff_profile(desk.app, **desk.asked, document={"get_started": START, "greeting": None})
    again = diff_profile(desk.app, **desk.asked, document={"greeting": GREETING})

    assert (dict(diff.changes), diff.removals) == ({"get_started": START}, ("greeting",))
    assert again.is_empty
    assert len(meta.calls) == 1  # it was read once, and is known since
    meta.replace("GET", PROFILE, json={"data": []})
    assert refresh_profile(desk.app, **desk.asked).live == {}


def test_wrong_profile_is_refused_before_anything_is_asked(
    desk: Desk, meta: responses.RequestsMock
) -> None:
    for call in (apply_profile, diff_profile):
        with pytest.raises(ProfileError) as caught:
            call(desk.app, **desk.asked, document={"greeting": "Hi"})

        assert caught.value.field == "greeting"
    assert not meta.calls


def test_menu_is_not_left_without_its_button(desk: Desk, meta: responses.RequestsMock) -> None:
    shows(meta, get_started=START, persistent_menu=MENU)

    with pytest.raises(ProfileError) as caught:
        apply_profile(desk.app, **desk.asked, document={"get_started": None})

    assert caught.value.field == "get_started"
    assert methods(meta) == ["GET"]


def test_what_meta_did_before_it_failed_is_known(desk: Desk, meta: responses.RequestsMock) -> None:
    shows(meta, greeting=GREETING)
    meta.post(PROFILE, json={"result": "success"})
    meta.delete(PROFILE, **failure(100))

    with pytest.raises(InvalidGraphRequestError):
        apply_profile(desk.app, **desk.asked, document={"get_started": START, "greeting": None})

    known = stored_profile(desk.session, **desk.asked)
    assert known.live == {"greeting": GREETING, "get_started": START}
    assert known.wanted == {"get_started": START, "greeting": None}
    assert (known.error, known.applied_at) == ("graph_invalid_request", None)


def test_where_no_answer_came_it_is_read_again(desk: Desk, meta: responses.RequestsMock) -> None:
    shows(meta)
    meta.post(PROFILE, body=requests.ReadTimeout())

    with pytest.raises(GraphTimeoutError):
        apply_profile(desk.app, **desk.asked, document={"get_started": START})

    assert stored_profile(desk.session, **desk.asked).live is None
    meta.replace("GET", PROFILE, json={"data": [{"get_started": START}]})
    assert diff_profile(desk.app, **desk.asked, document={"get_started": START}).is_empty


def test_calls_are_counted_before_they_go_out(desk: Desk, meta: responses.RequestsMock) -> None:
    shows(meta)
    agrees(meta)
    take_calls(desk.redis, desk.page.external_id, CALLS - 1)

    with pytest.raises(
        TooManyRequestsError, match=r"10 times in 10 minutes.*Try again in"
    ) as caught:
        apply_profile(desk.app, **desk.asked, document={"greeting": GREETING})

    assert 0 < caught.value.retry_after_seconds <= 600
    assert methods(meta) == ["GET"]  # what could not be finished was not begun
    take_calls(desk.redis, str(uuid.uuid4()), CALLS)  # another account's are its own


def test_without_redis_calls_are_not_counted() -> None:
    away = redis.Redis(port=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0))

    for _ in range(2):
        take_calls(away, str(uuid.uuid4()), CALLS)


@pytest.mark.parametrize(
    ("login", "url"),
    [
        ("facebook", f"{URL}/1001/messenger_profile"),
        ("instagram", "https://graph.instagram.example.test/v25.0/me/messenger_profile"),
    ],
)
def test_instagram_has_its_own(
    desk: Desk, factory: Factory, meta: responses.RequestsMock, login: str, url: str
) -> None:
    gram = factory.account(
        channel="instagram",
        external_id="1789",
        login=login,
        page_external_id="1001" if login == "facebook" else None,
    )
    asked = {"tenant": desk.tenant(), "account_id": gram.id}
    questions = [{"locale": "default", "call_to_actions": [{"question": "?", "payload": "P"}]}]
    meta.get(url, json={"data": []})
    meta.post(url, json={"result": "success"})

    apply_profile(desk.app, **asked, document={"ice_breakers": questions})

    assert [call.request.params.get("platform") for call in meta.calls] == ["instagram", None]
    assert json.loads(meta.calls[1].request.body) == {
        "ice_breakers": questions,
        "platform": "instagram",
    }
    assert stored_profile(desk.session, **asked).properties == ("persistent_menu", "ice_breakers")
    with pytest.raises(ProfileError, match="Instagram has persistent_menu, ice_breakers only"):
        diff_profile(desk.app, **asked, document={"greeting": GREETING})


def test_account_that_cannot_be_asked_says_so(desk: Desk, factory: Factory) -> None:
    for values in (
        {"status": "disconnected"},
        {"status": "needs_reauth"},
        {"token": None},
        {"app_name": "gone"},
    ):
        account = factory.account(**values)

        with pytest.raises(ConflictError, match="onnect"):
            refresh_profile(desk.app, tenant=desk.tenant(), account_id=account.id)


def test_account_of_others_is_not_there(desk: Desk, factory: Factory, host: Host) -> None:
    foreign = factory.account("w2")

    for account_id in (foreign.id, uuid.uuid4()):
        with pytest.raises(NotFoundError):
            refresh_profile(desk.app, tenant=desk.tenant(), account_id=account_id)
    with pytest.raises(NotFoundError):
        stored_profile(desk.session, tenant=desk.tenant("l2"), account_id=desk.page.id)
    host.plans["w1"] = "none"
    with pytest.raises(TierError):
        refresh_profile(desk.app, **desk.asked)
