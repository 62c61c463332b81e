"""Disconnecting and moving accounts."""

import uuid

import pytest
import requests
from sqlalchemy.orm import Session

from flask_messenger.connect.disconnect import end_connection
from flask_messenger.crypto import KeyRing
from flask_messenger.models import Account, AuditEntry, Conversation, Message
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import workspace_scope
from tests.connect.conftest import API, PERSON, URL
from tests.support.app import APP_ID, APP_SECRET, PAGE_TOKEN

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture
def disconnect(browser):
    return lambda account: browser.client.post(f"{API}/accounts/{account.id}/disconnect")


def test_account_is_unsubscribed_revoked_and_forgotten_and_keeps_its_history(
    disconnect, make, meta, rows, heard
) -> None:
    account = make("account", external_id="1001", meta_user_id=PERSON)
    make("message", make("conversation", account))
    meta.delete(f"{URL}/1001/subscribed_apps", json={"success": True})
    meta.delete(f"{URL}/{PERSON}/permissions", json={"success": True})

    answer = disconnect(account)

    [row] = rows(Account)
    assert (answer.status_code, answer.json["status"]) == (200, "disconnected")
    assert (row.status, row.status_reason, row.token_sealed) == ("disconnected", "by_user", None)
    assert row.disconnected_at is not None
    assert row.subscribed_fields == []
    assert len(rows(Message)) == len(rows(Conversation)) == 1
    tokens = [call.request.headers["Authorization"] for call in meta.calls]
    assert tokens == [f"Bearer {PAGE_TOKEN}", f"Bearer {APP_ID}|{APP_SECRET}"]
    assert [name for name, _ in heard] == ["disconnected"]
    [entry] = rows(AuditEntry)
    assert (entry.action, entry.actor, entry.subject) == (
        "account_disconnected",
        "u1",
        str(account.id),
    )


@pytest.mark.parametrize("workspace_id", ["w1", "w2"])
def test_login_that_other_accounts_live_on_is_not_revoked(
    disconnect, make, meta, workspace_id
) -> None:
    account = make("account", external_id="1001", meta_user_id=PERSON)
    make("account", workspace_id, external_id="1002", meta_user_id=PERSON)
    meta.delete(f"{URL}/1001/subscribed_apps", json={"success": True})

    disconnect(account)

    assert meta.paths() == ["1001/subscribed_apps"]


@pytest.mark.parametrize(
    "answer",
    [
        {"body": requests.ConnectionError("away")},
        {"json": {"error": {"code": 190}}, "status": 400},
        {"status": 500},
    ],
)
def test_meta_being_away_does_not_keep_anybody(disconnect, make, meta, rows, answer) -> None:
    account = make("account", external_id="1001", meta_user_id=PERSON)
    meta.delete(f"{URL}/1001/subscribed_apps", **answer)

    assert disconnect(account).status_code == 200
    assert rows(Account)[0].status == "disconnected"
    assert rows(Account)[0].token_sealed is None


def test_token_that_does_not_open_does_not_keep_anybody(disconnect, make, meta, rows) -> None:
    account = make("account", external_id="1001", token=None, token_sealed="v1.gone.AAAA")

    assert disconnect(account).status_code == 200
    assert rows(Account)[0].token_sealed is None
    assert not meta.calls


def test_second_time_does_no_harm(disconnect, make, meta, rows, heard) -> None:
    account = make("account", external_id="1001")
    meta.delete(f"{URL}/1001/subscribed_apps", json={"success": True})

    first, second = disconnect(account), disconnect(account)

    assert first.status_code == second.status_code == 200
    assert len(heard) == len(rows(AuditEntry)) == 1


def test_account_that_was_reconnected_meanwhile_stays(
    app, disconnect, make, meta, rows, heard
) -> None:
    account = make("account", external_id="1001")
    meta.post(f"{URL}/1001/subscribed_apps", json={"success": True})

    def reconnect(_request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        seal_anew(app, account.id)
        return 200, {}, '{"success":true}'

    meta.add_callback("DELETE", f"{URL}/1001/subscribed_apps", callback=reconnect)

    assert disconnect(account).status_code == 409
    assert rows(Account)[0].status == "active"
    assert heard == []
    again = meta.calls[-1].request
    assert (again.method, again.headers["Authorization"]) == ("POST", "Bearer EAAnew")


def test_account_that_was_reconnected_meanwhile_and_hears_nothing_says_so(
    app, disconnect, make, meta, rows, heard
) -> None:
    account = make("account", external_id="1001")
    meta.fails("POST", "1001/subscribed_apps", 190)

    def reconnect(_request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        seal_anew(app, account.id)
        return 200, {}, '{"success":true}'

    meta.add_callback("DELETE", f"{URL}/1001/subscribed_apps", callback=reconnect)

    assert disconnect(account).status_code == 409
    [row] = rows(Account)
    assert (row.status, row.status_reason) == ("needs_reauth", "unsubscribed")
    assert [(name, said["reason"]) for name, said in heard] == [("needs_reauth", "unsubscribed")]


def test_two_who_disconnect_at_once_both_succeed(app, disconnect, make, meta, rows, heard) -> None:
    account = make("account", external_id="1001")

    def end_it(_request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        with Session(state_of(app).db.engine) as session, workspace_scope("w1"):
            row = session.get_one(Account, account.id)
            end_connection(session, row, actor="u2", reason="by_user", now=utc_now())
            session.commit()
        return 200, {}, '{"success":true}'

    meta.add_callback("DELETE", f"{URL}/1001/subscribed_apps", callback=end_it)

    assert disconnect(account).status_code == 200
    assert heard == []
    assert len(rows(AuditEntry)) == 1


def seal_anew(app, account_id) -> None:
    with Session(state_of(app).db.engine) as session, workspace_scope("w1"):
        row = session.get_one(Account, account_id)
        row.seal_token(state_of(app).get(KeyRing), "EAAnew")
        session.commit()


def test_queued_replies_stay_where_they_are(disconnect, make, meta, rows) -> None:
    account = make("account", external_id="1001")
    conversation = make("conversation", account)
    make("message", conversation, direction="outbound", status="queued", external_id=None)
    meta.delete(f"{URL}/1001/subscribed_apps", json={"success": True})

    disconnect(account)

    assert rows(Message)[0].status == "queued"


def test_foreign_hidden_and_unknown_accounts_are_the_same_404(browser, host, make) -> None:
    foreign = make("account", "w2")
    hidden = make("account", location_id="l2")
    host.sign_in(location_ids={"l1"})

    for path, body in (("disconnect", None), ("location", {"location_id": "l1"})):
        answers = [
            browser.client.post(f"{API}/accounts/{each}/{path}", json=body)
            for each in (foreign.id, hidden.id, uuid.uuid4())
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.data for answer in answers}) == 1


@pytest.mark.parametrize("path", ["disconnect", "location"])
def test_permission_is_needed(browser, host, make, path) -> None:
    account = make("account")
    host.sign_in(permissions={"reply", "assign", "settings"})

    answer = browser.client.post(f"{API}/accounts/{account.id}/{path}", json={"location_id": "l2"})

    assert answer.status_code == 403


def test_downgraded_workspace_can_still_disconnect(disconnect, host, make, meta) -> None:
    host.plans["w1"] = "free"
    account = make("account", external_id="1001")
    meta.delete(f"{URL}/1001/subscribed_apps", json={"success": True})

    assert disconnect(account).status_code == 200


@pytest.mark.parametrize("location_id", ["l2", None])
def test_account_moves_to_another_location(browser, make, rows, location_id) -> None:
    account = make("account", location_id="l1")

    answer = browser.client.post(
        f"{API}/accounts/{account.id}/location", json={"location_id": location_id}
    )

    assert (answer.status_code, answer.json["location_id"]) == (200, location_id)
    assert rows(Account)[0].location_id == location_id
    [entry] = rows(AuditEntry)
    assert entry.details == {"from_location_id": "l1", "to_location_id": location_id}


def test_moving_to_where_it_is_leaves_no_trace(browser, make, rows) -> None:
    account = make("account", location_id="l1")

    browser.client.post(f"{API}/accounts/{account.id}/location", json={"location_id": "l1"})

    assert rows(AuditEntry) == []


@pytest.mark.parametrize(
    ("body", "status"), [({"location_id": "l9"}, 404), ({}, 422), ({"location_id": []}, 422)]
)
def test_move_to_nowhere_is_refused(browser, make, body, status) -> None:
    account = make("account")

    answer = browser.client.post(f"{API}/accounts/{account.id}/location", json=body)

    assert answer.status_code == status


def test_disconnected_page_can_be_connected_by_another_workspace(
    disconnect, make, meta, rows
) -> None:
    account = make("account", external_id="1001", disconnected_at=utc_now())
    meta.delete(f"{URL}/1001/subscribed_apps", json={"success": True})
    disconnect(account)

    make("account", "w2", external_id="1001")

    assert {each.status for each in rows(Account)} == {"disconnected", "active"}
