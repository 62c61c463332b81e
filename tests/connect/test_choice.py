"""Choosing Pages after the login, and what becomes of each."""

import json
import uuid
from datetime import timedelta

import pytest
import redis
import requests
import time_machine
from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.connect.choice import read_choice
from flask_messenger.crypto import KeyRing
from flask_messenger.models import Account, AuditEntry, Message, PendingConnection, WebhookEntry
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.connect.conftest import API, PAGE_FIELDS, PERSON, SCOPES, URL, page
from tests.support import ingest
from tests.support.meta import delivery, entry, message, post
from tests.support.wakes import hear_wakes


def test_chosen_pages_are_connected_and_others_are_not(app, browser, meta, rows, heard) -> None:
    first, second = page("1001", "Sunrise Flowers"), page("1002")
    attempt_id = browser.log_in(meta, first, second)
    meta.answers_pages(first)

    answer = browser.choose(attempt_id, "1001")

    [account] = rows(Account)
    assert answer.status_code == 200
    assert answer.json["notice"] == "connected"
    assert answer.json["pages"] == [
        {
            "id": "1001",
            "channel": "facebook",
            "name": "Sunrise Flowers",
            "connected": True,
            "account_id": str(account.id),
            "reason": None,
            "detail": None,
            "remedy": None,
        }
    ]
    assert (account.workspace_id, account.location_id, account.channel) == ("w1", "l1", "facebook")
    assert (account.external_id, account.name, account.category) == (
        "1001",
        "Sunrise Flowers",
        "Florist",
    )
    assert account.picture_url == "https://cdn.example/1001.jpg"
    assert (account.status, account.meta_user_id, account.connected_by) == ("active", PERSON, "u1")
    assert account.granted_scopes == list(SCOPES)
    assert account.subscribed_fields == list(PAGE_FIELDS.all)
    assert "EAApage" not in account.token_sealed
    assert account.open_token(state_of(app).get(KeyRing)) == "EAApage1001donotlog"
    assert rows(PendingConnection) == []
    said = {
        "workspace_id": "w1",
        "location_id": "l1",
        "account_id": account.id,
        "channel": "facebook",
    }
    assert heard == [("connected", said)]


def test_open_pages_of_the_workspace_hear_of_it(app, browser, meta) -> None:
    client = state_of(app).get(redis.Redis)
    with client.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe("messenger:events:w1")
        pubsub.get_message(timeout=1)
        attempt_id = browser.log_in(meta, page("1001"))
        meta.answers_pages(page("1001"))

        account_id = browser.choose(attempt_id, "1001").json["pages"][0]["account_id"]

        told = json.loads(pubsub.get_message(timeout=2)["data"])
    assert told == {"type": "account", "account_id": account_id, "location_id": "l1"}


def test_open_pages_of_both_locations_hear_that_an_account_moved(app, browser, make) -> None:
    account = make("account")
    client = state_of(app).get(redis.Redis)
    with client.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe("messenger:events:w1")
        pubsub.get_message(timeout=5)

        path = f"{API}/accounts/{account.id}/location"
        browser.client.post(path, json={"location_id": "l2"})

        told = [json.loads(pubsub.get_message(timeout=5)["data"]) for _ in range(2)]
    assert {each["location_id"] for each in told} == {"l1", "l2"}
    assert {each["account_id"] for each in told} == {str(account.id)}


def test_open_pages_of_the_location_that_an_account_leaves_by_a_new_login_hear_of_it(
    app, browser, meta, make
) -> None:
    make("account", external_id="1001", location_id="l1")
    attempt_id = browser.log_in(meta, page("1001"))
    meta.answers_pages(page("1001"))
    client = state_of(app).get(redis.Redis)
    with client.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe("messenger:events:w1")
        pubsub.get_message(timeout=5)

        browser.choose(attempt_id, "1001", location_id="l2")

        told = [json.loads(pubsub.get_message(timeout=5)["data"]) for _ in range(2)]
    assert {each["location_id"] for each in told} == {"l1", "l2"}


def test_each_page_goes_to_its_location(browser, meta, rows) -> None:
    attempt_id = browser.log_in(meta, page("1001"), page("1002"), page("1003"))
    meta.answers_pages(page("1001"), page("1002"), page("1003"))

    browser.client.post(
        f"{API}/connections/{attempt_id}",
        json={
            "pages": [
                {"id": "1001", "location_id": "l1"},
                {"id": "1002", "location_id": "l2"},
                {"id": "1003"},
            ]
        },
    )

    assert [each.location_id for each in rows(Account)] == ["l1", "l2", None]


def test_act_is_on_record_without_secrets(browser, meta, rows) -> None:
    attempt_id = browser.log_in(meta, page("1001"))
    meta.answers_pages(page("1001"))

    browser.choose(attempt_id, "1001")

    [entry_] = rows(AuditEntry)
    assert (entry_.actor, entry_.action, entry_.workspace_id) == ("u1", "account_connected", "w1")
    assert "EAA" not in json.dumps(entry_.details)


def test_one_page_that_fails_does_not_keep_the_others_back(browser, meta, rows) -> None:
    attempt_id = browser.log_in(meta, page("1001"), page("1002"), page("1003", tasks=("ANALYZE",)))
    meta.answers_pages(page("1002"))
    meta.fails("POST", "1001/subscribed_apps", 200)

    answer = browser.choose(attempt_id, "1001", "1002", "1003")

    assert answer.status_code == 200
    assert answer.json["notice"] == "connected_partly"
    told = {each["id"]: each["reason"] for each in answer.json["pages"]}
    assert told == {"1001": "task_missing", "1002": None, "1003": "task_missing"}
    assert [each.external_id for each in rows(Account)] == ["1002"]
    assert len(rows(PendingConnection)) == 1


def test_failed_page_can_be_chosen_again_without_a_new_login(browser, meta, rows) -> None:
    attempt_id = browser.log_in(meta, page("1001"))
    meta.fails("POST", "1001/subscribed_apps", 2)
    first = browser.choose(attempt_id, "1001")
    meta.remove("POST", f"{URL}/1001/subscribed_apps")
    meta.answers_pages(page("1001"))

    second = browser.choose(attempt_id, "1001")

    assert first.json["pages"][0]["reason"] == "meta_unavailable"
    assert first.json["notice"] == "meta_unavailable"
    assert second.json["notice"] == "connected"
    assert len(rows(Account)) == 1


def test_profile_that_cannot_be_read_is_taken_from_the_listing(browser, meta, rows) -> None:
    attempt_id = browser.log_in(meta, page("1001", "Sunrise Flowers"))
    meta.post(f"{URL}/1001/subscribed_apps", json={"success": True})
    meta.fails("GET", "1001", 2)

    browser.choose(attempt_id, "1001")

    assert rows(Account)[0].name == "Sunrise Flowers"


def test_page_whose_tasks_meta_does_not_say_can_be_connected(browser, meta, rows) -> None:
    attempt_id = browser.log_in(meta, page("1001", tasks=None))
    meta.answers_pages(page("1001"))

    browser.choose(attempt_id, "1001")

    assert rows(Account)[0].status == "active"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"pages": []},
        {"pages": "1001"},
        {"pages": [{"location_id": "l1"}]},
        {"pages": [{"id": "1001", "token": "x"}]},
        {"pages": [{"id": "9999"}]},
        {"pages": [{"id": "1001"}, {"id": "1001"}]},
        [],
        "text",
    ],
)
def test_choice_that_makes_no_sense_is_refused(browser, meta, rows, body) -> None:
    attempt_id = browser.log_in(meta, page("1001"))

    answer = browser.client.post(f"{API}/connections/{attempt_id}", json=body)

    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert rows(Account) == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"pages": [{"id": "\\ud800"}]}'])
def test_body_that_is_not_json_is_refused(browser, meta, body) -> None:
    attempt_id = browser.log_in(meta, page("1001"))

    answer = browser.client.post(
        f"{API}/connections/{attempt_id}", data=body, content_type="application/json"
    )

    assert answer.status_code in {400, 422}


@pytest.mark.parametrize("location_id", ["l9", "l2"])
def test_location_that_is_unknown_or_hidden_is_not_found(
    browser, host, meta, rows, location_id
) -> None:
    attempt_id = browser.log_in(meta, page("1001"))
    host.sign_in(location_ids={"l1"})

    answer = browser.choose(attempt_id, "1001", location_id=location_id)

    assert answer.status_code == 404
    assert rows(Account) == []


@pytest.mark.parametrize("other", [{"workspace_id": "w2"}, {"user_id": "u2"}])
def test_choice_of_somebody_else_does_not_exist(browser, host, meta, other) -> None:
    attempt_id = browser.log_in(meta, page("1001"))
    host.sign_in(**other)

    foreign = browser.choose(attempt_id, "1001")
    unknown = browser.choose(str(uuid.uuid4()), "1001")

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json == unknown.json


def test_choice_needs_the_permission_and_the_plan(browser, host, meta) -> None:
    attempt_id = browser.log_in(meta, page("1001"))
    host.sign_in(permissions={"reply"})
    assert browser.choose(attempt_id, "1001").status_code == 403
    host.sign_in()
    host.plans["w1"] = "free"

    assert browser.choose(attempt_id, "1001").status_code == 402


def test_choice_closes_after_an_hour(browser, meta) -> None:
    attempt_id = browser.log_in(meta, page("1001"))

    with time_machine.travel(utc_now() + timedelta(minutes=61), tick=True):
        answer = browser.choose(attempt_id, "1001")

    assert (answer.status_code, answer.json["reason"]) == (400, "choice_expired")


def test_choice_is_not_open_before_meta_answered(browser, rows) -> None:
    browser.start()

    answer = browser.choose(str(rows(PendingConnection)[0].id), "1001")

    assert answer.json["reason"] == "choice_expired"


def test_page_of_another_workspace_is_refused_without_saying_whose(
    browser, make, meta, rows
) -> None:
    make("account", "w2", external_id="1001", name="Secret Agency Page")
    attempt_id = browser.log_in(meta, page("1001"))
    before = len(meta.calls)

    answer = browser.choose(attempt_id, "1001")

    assert answer.json["pages"][0]["reason"] == "page_taken"
    assert len(meta.calls) == before
    assert b"w2" not in answer.data
    assert b"Secret" not in answer.data
    assert [each.workspace_id for each in rows(Account)] == ["w2"]


def test_workspace_that_is_quicker_by_a_hair_has_the_page(browser, make, meta, rows) -> None:
    def connect_elsewhere(_request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        make("account", "w2", external_id="1001")
        return 200, {}, '{"success":true}'

    attempt_id = browser.log_in(meta, page("1001"), page("1002"))
    meta.add_callback("POST", f"{URL}/1001/subscribed_apps", callback=connect_elsewhere)
    meta.answers_pages(page("1001"), page("1002"))

    answer = browser.choose(attempt_id, "1001", "1002")

    told = {each["id"]: each["reason"] for each in answer.json["pages"]}
    assert told == {"1001": "page_taken", "1002": None}
    assert [(each.workspace_id, each.external_id) for each in rows(Account)] == [
        ("w2", "1001"),
        ("w1", "1002"),
    ]
    assert "DELETE" not in {call.request.method for call in meta.calls}


def test_no_transaction_is_open_while_meta_is_asked(app, browser, meta) -> None:
    open_ones: list[bool] = []

    def look(_request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        open_ones.append(state_of(app).db.session().in_transaction())
        return 200, {}, '{"success":true}'

    attempt_id = browser.log_in(meta, page("1001"), page("1002"))
    for each in ("1001", "1002"):
        meta.add_callback("POST", f"{URL}/{each}/subscribed_apps", callback=look)
    meta.answers_pages(page("1001"), page("1002"))

    browser.choose(attempt_id, "1001", "1002")

    assert open_ones == [False, False]


def test_page_that_was_disconnected_elsewhere_is_free(browser, make, meta, rows) -> None:
    make("account", "w2", external_id="1001", status="disconnected", token=None)
    attempt_id = browser.log_in(meta, page("1001"))
    meta.answers_pages(page("1001"))

    browser.choose(attempt_id, "1001")

    assert {(each.workspace_id, each.status) for each in rows(Account)} == {
        ("w2", "disconnected"),
        ("w1", "active"),
    }


@pytest.mark.parametrize("status", ["active", "needs_reauth", "error", "disconnected"])
def test_reconnecting_keeps_the_row_and_its_history(
    app, browser, make, meta, rows, heard, status
) -> None:
    old = make(
        "account",
        external_id="1001",
        status=status,
        status_reason="token_expired",
        token=None if status == "disconnected" else "EAAold",
        disconnected_at=utc_now() if status == "disconnected" else None,
    )
    conversation = make("conversation", old)
    make("message", conversation)
    attempt_id = browser.log_in(meta, page("1001"))
    meta.answers_pages(page("1001"))

    browser.choose(attempt_id, "1001")

    [account] = rows(Account)
    assert account.id == old.id
    assert (account.status, account.status_reason, account.disconnected_at) == (
        "active",
        None,
        None,
    )
    assert account.open_token(state_of(app).get(KeyRing)) == "EAApage1001donotlog"
    assert len(rows(Message)) == 1
    assert rows(AuditEntry)[-1].action == "account_reconnected"
    assert [name for name, _ in heard] == ["connected"]


def test_replies_that_waited_are_woken(app, browser, make, meta) -> None:
    account = make("account", external_id="1001", status="needs_reauth")
    waiting = make("conversation", account)
    make("message", waiting, direction="outbound", status="queued", external_id=None)
    make("message", make("conversation", account), direction="outbound", status="sent")
    attempt_id = browser.log_in(meta, page("1001"))
    meta.answers_pages(page("1001"))

    with hear_wakes(app) as hear:
        browser.choose(attempt_id, "1001")

        assert hear() == str(waiting.id)


def test_deliveries_that_nobody_had_are_applied_after_connecting(app, browser, meta, rows) -> None:
    post(browser.client, delivery(entry("1001", message("1001", "2001", "anyone there?"))))
    with app.app_context():
        ingest.drain(app)
    assert [each.state for each in rows(WebhookEntry)] == ["unrouted"]
    attempt_id = browser.log_in(meta, page("1001"))
    meta.answers_pages(page("1001"))

    browser.choose(attempt_id, "1001")
    with app.app_context():
        ingest.drain(app)

    assert [each.state for each in rows(WebhookEntry)] == ["done"]
    assert [each.text for each in rows(Message)] == ["anyone there?"]


def choice_of(app, host, attempt_id):
    with app.app_context(), workspace_scope(host.tenant.workspace_id):
        return read_choice(state_of(app), tenant=host.tenant, attempt_id=uuid.UUID(attempt_id))


def test_choice_says_of_each_page_how_it_stands(app, browser, host, make, meta) -> None:
    make("account", external_id="1", location_id="l1", status="needs_reauth")
    make("account", external_id="2", location_id="l2")
    make("account", "w2", external_id="3")
    attempt_id = browser.log_in(
        meta, page("1"), page("2"), page("3"), page("4"), page("5", tasks=("ANALYZE",))
    )

    choice = choice_of(app, host, attempt_id)

    assert {each.id: (each.state, each.can_choose, each.location_id) for each in choice.pages} == {
        "1": ("connected_here", True, "l1"),
        "2": ("connected_in_other_location", True, "l2"),
        "3": ("belongs_elsewhere", False, None),
        "4": ("new", True, None),
        "5": ("task_missing", False, None),
    }
    assert [each.needs_reauth for each in choice.pages] == [True, False, False, False, False]
    assert choice.person_name == "Sam Reyes"
    assert "Sam" not in repr(choice)
    assert "EAA" not in repr(choice)


@pytest.mark.parametrize("status", ["active", "needs_reauth", "disconnected"])
@pytest.mark.parametrize("location_id", ["l2", None])
def test_location_that_the_person_does_not_see_is_not_named(
    app, browser, host, make, meta, rows, status, location_id
) -> None:
    account = make("account", external_id="1001", location_id=location_id, status=status)
    host.sign_in(location_ids={"l1"})
    attempt_id = browser.log_in(meta, page("1001"))
    meta.answers_pages(page("1001"))

    [option] = choice_of(app, host, attempt_id).pages
    answer = browser.choose(attempt_id, "1001")

    assert (option.state, option.can_choose) == ("connected_in_hidden_location", False)
    assert (option.account_id, option.location_id) == (None, None)
    assert answer.json["pages"][0]["reason"] == "page_elsewhere"
    [row] = rows(Account)
    assert (row.token_sealed, row.location_id, row.status) == (
        account.token_sealed,
        location_id,
        status,
    )
    assert "1001/subscribed_apps" not in meta.paths()


def test_page_that_moves_to_a_hidden_location_meanwhile_is_not_taken_over(
    app, browser, host, make, meta, rows
) -> None:
    account = make("account", external_id="1001", status="disconnected", location_id="l1")

    def move(_request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        with Session(state_of(app).db.engine) as session, workspace_scope("w1"):
            session.get_one(Account, account.id).location_id = "l2"
            session.commit()
        return 200, {}, '{"success":true}'

    host.sign_in(location_ids={"l1"})
    attempt_id = browser.log_in(meta, page("1001"))
    meta.add_callback("POST", f"{URL}/1001/subscribed_apps", callback=move)
    meta.answers_pages(page("1001"))

    answer = browser.choose(attempt_id, "1001")

    assert answer.json["pages"][0]["reason"] == "page_elsewhere"
    assert (rows(Account)[0].status, rows(Account)[0].location_id) == ("disconnected", "l2")


def test_new_grant_that_drops_earlier_pages_is_noticed(
    app, browser, host, make, meta, rows, heard
) -> None:
    lost = make("account", external_id="1001", name="Old Mill", meta_user_id=PERSON)
    alive = make("account", external_id="1002", name="Still There", meta_user_id=PERSON)
    foreign = make("account", "w2", external_id="1003", name="Foreign", meta_user_id=PERSON)
    other = make("account", external_id="1004", meta_user_id="somebody else")
    meta.fails("GET", "1001/subscribed_apps", 190, 460)
    meta.get(f"{URL}/1002/subscribed_apps", json={"data": []})
    meta.fails("GET", "1003/subscribed_apps", 200)

    attempt_id = browser.log_in(meta, page("2001"))
    choice = choice_of(app, host, attempt_id)
    meta.answers_pages(page("2001"))
    answer = browser.choose(attempt_id, "2001")

    found = {each.id: (each.status, each.status_reason) for each in rows(Account)}
    assert found[lost.id] == found[foreign.id] == ("needs_reauth", "grant_replaced")
    assert found[alive.id] == found[other.id] == ("active", None)
    assert choice.lost == ("Old Mill",)
    assert answer.json["lost"] == ["Old Mill"]
    assert answer.json["notice"] == "pages_lost"
    assert b"Foreign" not in answer.data
    told = [(name, said["account_id"], said.get("reason")) for name, said in heard[:2]]
    assert told == [
        ("needs_reauth", lost.id, "grant_replaced"),
        ("needs_reauth", foreign.id, "grant_replaced"),
    ]


def test_meta_being_away_does_not_make_a_page_lost(browser, make, meta, rows) -> None:
    make("account", external_id="1001", meta_user_id=PERSON)
    meta.get(f"{URL}/1001/subscribed_apps", body=requests.ConnectTimeout())

    browser.log_in(meta, page("2001"))

    assert rows(Account)[0].status == "active"


def test_pages_of_the_new_grant_are_not_asked_about(browser, make, meta, rows) -> None:
    make("account", external_id="1001", meta_user_id=PERSON)

    browser.log_in(meta, page("1001"))

    assert "1001/subscribed_apps" not in meta.paths()
    assert rows(Account)[0].status == "active"


def test_forged_request_is_refused(new_app) -> None:
    app = new_app(WTF_CSRF_ENABLED=True)
    app.extensions["host"].sign_in()
    client = app.test_client()

    for path in (
        f"connections/{uuid.uuid4()}",
        f"accounts/{uuid.uuid4()}/disconnect",
        f"accounts/{uuid.uuid4()}/location",
    ):
        answer = client.post(f"{API}/{path}", json={})
        assert answer.status_code == 403
        assert answer.json["type"].endswith("problem-csrf")


def test_no_secret_is_stored_in_the_clear(app, browser, meta) -> None:
    attempt_id = browser.log_in(meta, page("1001"), page("1002"))
    meta.answers_pages(page("1001"))
    browser.choose(attempt_id, "1001", "1002")

    with app.app_context(), system_scope("test"):
        session = state_of(app).db.session
        for model in (Account, PendingConnection, AuditEntry):
            for row in session.scalars(select(model)):
                stored = {column.name: getattr(row, column.name) for column in model.__table__.c}
                assert "EAA" not in repr(stored)
