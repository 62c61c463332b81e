"""What Meta asks of us: deauthorize and data deletion, signed."""

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from flask_wtf.csrf import CSRFProtect

from flask_messenger.connect.callbacks import read_deletion
from flask_messenger.connect.signed_request import MAX_LENGTH, read_signed_request
from flask_messenger.errors import ConnectError
from flask_messenger.models import Account, AuditEntry, DeletionRequest, PendingConnection
from flask_messenger.models.base import utc_now
from flask_messenger.settings import MetaApp
from flask_messenger.state import state_of
from tests.connect.conftest import API, PERSON, page
from tests.support.app import APP_SECRET, INSTAGRAM_APP_SECRET

pytestmark = pytest.mark.databases("postgresql")


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(payload: Any = None, secret: str = APP_SECRET, **values: Any) -> str:
    if payload is None:
        payload = {
            "algorithm": "HMAC-SHA256",
            "issued_at": int(time.time()),
            "user_id": PERSON,
            **values,
        }
    body = encode(json.dumps(payload).encode())
    return f"{encode(hmac.new(secret.encode(), body.encode(), hashlib.sha256).digest())}.{body}"


@pytest.fixture
def call(app):
    """Calls a callback the way Meta does: nobody is signed in, and no token of our pages."""
    return lambda path, value: app.test_client().post(
        f"{API}/{path}", data={"signed_request": value}
    )


def test_deauthorize_ends_what_the_login_connected(call, make, rows, heard) -> None:
    mine = make("account", external_id="1001", meta_user_id=PERSON)
    theirs = make("account", "w2", external_id="1002", meta_user_id=PERSON)
    other = make("account", external_id="1003", meta_user_id="somebody else")

    answer = call("deauthorize", signed())

    assert answer.status_code == 200
    found = {each.id: each for each in rows(Account)}
    for account in (mine, theirs):
        ended = found[account.id]
        assert (ended.status, ended.status_reason) == ("disconnected", "deauthorized")
        assert ended.token_sealed is None
        assert ended.meta_user_id == PERSON
    assert found[other.id].status == "active"
    assert {said["workspace_id"] for _, said in heard} == {"w1", "w2"}
    acts = {(each.workspace_id, each.actor, each.action) for each in rows(AuditEntry)}
    assert acts == {("w1", "meta", "account_disconnected"), ("w2", "meta", "account_disconnected")}


def test_deauthorize_twice_does_no_harm(call, make, rows, heard) -> None:
    make("account", meta_user_id=PERSON)
    value = signed(issued_at=int(time.time()) + 5)

    first, second = call("deauthorize", value), call("deauthorize", value)

    assert first.json == {"success": True, "accounts": 1}
    assert second.json == {"success": True, "accounts": 0}
    assert len(heard) == len(rows(AuditEntry)) == 1


def test_late_deauthorize_does_not_end_a_newer_connection(call, make, rows) -> None:
    make("account", meta_user_id=PERSON)

    call("deauthorize", signed(issued_at=int((utc_now() - timedelta(minutes=1)).timestamp())))

    assert rows(Account)[0].status == "active"


def test_deauthorize_of_a_stranger_changes_nothing(call, make, rows) -> None:
    make("account", meta_user_id=PERSON)

    answer = call("deauthorize", signed(user_id="1234"))

    assert answer.json["accounts"] == 0
    assert rows(Account)[0].status == "active"


def test_app_of_another_name_has_its_own_people(new_app) -> None:
    app = new_app(META_APPS={"second": {"app_id": "77", "app_secret": "s2", "verify_token": "v2"}})

    answer = app.test_client().post(
        f"{API}/deauthorize", data={"signed_request": signed(secret="s2")}
    )

    assert answer.status_code == 200


def test_deletion_forgets_the_person_and_says_where_to_look(
    app, call, browser, make, meta, rows, heard
) -> None:
    browser.log_in(meta, page("1001"))
    make("account", external_id="1001", meta_user_id=PERSON, granted_scopes=["pages_messaging"])
    make("account", external_id="1002", meta_user_id=PERSON, status="disconnected", token=None)

    answer = call("data-deletion", signed(issued_at=int(time.time()) + 5))

    code = answer.json["confirmation_code"]
    assert answer.status_code == 200
    assert code.isalnum()
    assert answer.json["url"] == f"https://crm.example.test/messenger/deletion/{code}"
    assert {each.status for each in rows(Account)} == {"disconnected"}
    assert {each.meta_user_id for each in rows(Account)} == {None}
    assert {each.token_sealed for each in rows(Account)} == {None}
    assert rows(PendingConnection) == []
    with app.app_context():
        deletion = read_deletion(state_of(app).db.session, code)
        assert read_deletion(state_of(app).db.session, "unknown") is None
    assert (deletion.state, deletion.accounts) == ("done", 2)
    assert deletion.completed_at is not None
    [stored] = rows(DeletionRequest)
    assert PERSON not in json.dumps([stored.details, stored.confirmation_code])
    assert [name for name, _ in heard] == ["disconnected"]
    assert {each.action for each in rows(AuditEntry)} == {"account_disconnected", "login_deleted"}


def test_deletion_asked_for_again_has_the_same_code(call, make, rows) -> None:
    make("account", meta_user_id=PERSON)
    value = signed(issued_at=int(time.time()) + 5)

    first, second = call("data-deletion", value), call("data-deletion", value)

    assert first.json == second.json
    assert [each.details["accounts"] for each in rows(DeletionRequest)] == [1]


def test_deletion_of_a_stranger_is_answered_too(call, rows) -> None:
    answer = call("data-deletion", signed(user_id="1234"))

    assert answer.status_code == 200
    assert rows(DeletionRequest)[0].details["accounts"] == 0


def test_codes_cannot_be_guessed_from_the_person(call) -> None:
    first = call("data-deletion", signed(user_id="1")).json["confirmation_code"]
    second = call("data-deletion", signed(user_id="2")).json["confirmation_code"]

    assert first != second
    assert len(first) == 32


BAD = [
    "",
    ".",
    "no-dot",
    "a.b",
    signed(secret="another secret"),
    signed(algorithm="none"),
    signed(algorithm=None),
    signed(user_id=None),
    signed(user_id=""),
    signed(user_id=["9001"]),
    signed(["not", "an", "object"]),
    signed("text"),
    signed()[:-2],
    "x" + signed(),
    signed() + ".more",
    "é" + signed(),
    "A" * (MAX_LENGTH + 1),
    encode(b"x" * 32) + "." + encode(b"[" * 5000),
]


@pytest.mark.parametrize("path", ["deauthorize", "data-deletion"])
@pytest.mark.parametrize("value", BAD)
def test_request_that_meta_did_not_sign_is_refused(call, make, rows, path, value) -> None:
    make("account", meta_user_id=PERSON)

    answer = call(path, value)

    assert answer.status_code == 400
    assert answer.json["reason"] == "signed_request_invalid"
    assert rows(Account)[0].status == "active"
    assert rows(DeletionRequest) == []


@pytest.mark.parametrize("path", ["deauthorize", "data-deletion"])
def test_request_without_the_field_is_refused(app, path) -> None:
    assert app.test_client().post(f"{API}/{path}").status_code == 400
    assert (
        app.test_client().post(f"{API}/{path}", json={"signed_request": signed()}).status_code
        == 400
    )
    assert app.test_client().get(f"{API}/{path}").status_code == 405


@pytest.mark.parametrize("path", ["deauthorize", "data-deletion"])
def test_meta_needs_no_token_of_our_pages_even_where_the_host_asks_for_one(new_app, path) -> None:
    app = new_app(WTF_CSRF_ENABLED=True)
    CSRFProtect(app)

    answer = app.test_client().post(f"{API}/{path}", data={"signed_request": signed()})

    assert answer.status_code == 200


def make_meta_app(name: str, secret: str, previous: str | None = None) -> MetaApp:
    return MetaApp(
        name=name,
        app_id=name,
        app_secret=secret,
        app_secret_previous=previous,
        verify_token="v",
    )


@pytest.mark.parametrize(("secret", "name"), [("s1", "one"), ("s2", "two"), ("old", "two")])
def test_app_is_known_by_its_secret_or_the_previous_one(secret, name) -> None:
    apps = [make_meta_app("one", "s1"), make_meta_app("two", "s2", "old")]

    assert read_signed_request(signed(secret=secret), apps).app.name == name


def test_missing_time_is_no_reason_to_refuse() -> None:
    value = signed({"algorithm": "hmac-sha256", "user_id": 9001})

    request = read_signed_request(value, [make_meta_app("one", APP_SECRET)])

    assert (request.user_id, request.issued_at) == ("9001", None)
    assert "9001" not in repr(request)


def test_error_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(ConnectError) as caught:
        read_signed_request("secret.stuff", [])

    assert "stuff" not in repr(caught.value)


# Instagram's own login: a secret, addresses and people of its own.


def test_instagrams_callback_ends_what_instagrams_login_connected(call, make, rows) -> None:
    make("account", external_id="1001", meta_user_id=PERSON)
    make("account", channel="instagram", login="instagram", meta_user_id=PERSON)

    answer = call("instagram/deauthorize", signed(secret=INSTAGRAM_APP_SECRET))

    assert answer.json == {"success": True, "accounts": 1}
    assert {each.login: each.status for each in rows(Account)} == {
        "facebook": "active",
        "instagram": "disconnected",
    }


def test_facebooks_callback_leaves_accounts_of_instagrams_login(call, make, rows) -> None:
    make("account", channel="instagram", login="instagram", meta_user_id=PERSON)

    call("deauthorize", signed())

    assert [each.status for each in rows(Account)] == ["active"]


def test_instagrams_data_deletion_has_a_code_of_its_own(call, make, rows) -> None:
    make("account", channel="instagram", login="instagram", meta_user_id=PERSON)
    issued_at = int(time.time()) + 5

    first = call(
        "instagram/data-deletion", signed(secret=INSTAGRAM_APP_SECRET, issued_at=issued_at)
    )
    second = call("data-deletion", signed(issued_at=issued_at))

    assert first.json["confirmation_code"] != second.json["confirmation_code"]
    [row] = rows(Account)
    assert (row.status, row.meta_user_id, row.token_sealed) == ("disconnected", None, None)


def test_webhooks_signed_with_either_secret_are_taken(app) -> None:
    body = b'{"object":"instagram","entry":[]}'
    statuses = []
    for secret in (APP_SECRET, INSTAGRAM_APP_SECRET, "wrong"):
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        answer = app.test_client().post(
            "/webhooks/meta", data=body, headers={"X-Hub-Signature-256": f"sha256={signature}"}
        )
        statuses.append(answer.status_code)

    assert statuses == [200, 200, 401]
