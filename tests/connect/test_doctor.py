"""The connection doctor: what Meta says and our rows tell, in words with a cause and a fix."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis
import requests

from flask_messenger import jobs, signals
from flask_messenger.channels.facebook import Facebook
from flask_messenger.channels.instagram import Instagram
from flask_messenger.connect import renewal
from flask_messenger.connect.doctor import list_warnings
from flask_messenger.connect.findings import Diagnosis, Finding
from flask_messenger.connect.renewal import check_account, check_accounts, renew_token
from flask_messenger.crypto import KeyRing
from flask_messenger.models import Account
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.connect.conftest import INSTAGRAM_FIELDS, PAGE_FIELDS, URL, Meta
from tests.connect.test_instagram import IG, IG_URL
from tests.support.app import APP_ID, INSTAGRAM_GRAPH_URL, PAGE_TOKEN
from tests.test_jobs import work

PAGE = "1001"
CALLBACK = "https://crm.example.test/webhooks/meta"
NEEDED = Facebook.logins["facebook"].needed
ALL = Facebook.logins["facebook"].asked
IG_ALL = Instagram.logins["facebook"].asked
OBJECTS = {"page": PAGE_FIELDS.all, "instagram": INSTAGRAM_FIELDS.all}

pytestmark = pytest.mark.databases("sqlite")
BOTH = pytest.mark.databases("postgresql", "sqlite")
"""For what a database does; the rest is words and questions, the same on each."""


def answers(
    meta: Meta,
    *,
    scopes: tuple[str, ...] = ALL,
    fields: tuple[str, ...] = PAGE_FIELDS.all,
    objects: dict[str, tuple[str, ...]] | None = None,
    callback: str = CALLBACK,
    permissions: str = "live",
    linked: str = IG,
    **token: Any,
) -> None:
    """Answer everything that is asked about an account of Facebook's login."""
    facts = {"is_valid": True, "app_id": APP_ID, "scopes": list(scopes), "expires_at": 0} | token
    meta.get(f"{URL}/debug_token", json={"data": facts})
    mine = [{"id": APP_ID, "subscribed_fields": list(fields)}] if fields else []
    meta.get(f"{URL}/{PAGE}/subscribed_apps", json={"data": mine})
    listed = [
        {
            "object": name,
            "callback_url": callback,
            "active": True,
            "fields": [{"name": each, "version": "v25.0"} for each in names],
        }
        for name, names in (OBJECTS if objects is None else objects).items()
    ]
    meta.get(f"{URL}/{APP_ID}/subscriptions", json={"data": listed})
    states = [{"permission": each, "status": permissions} for each in scopes]
    meta.get(f"{URL}/{APP_ID}/permissions", json={"data": states})
    meta.get(f"{URL}/{PAGE}", json={"id": PAGE, "instagram_business_account": {"id": linked}})
    meta.get(f"{URL}/me", json={"messaging_feature_status": {"hop_v2": False}})
    meta.get(f"{URL}/{PAGE}/conversations", json={"data": []})


@pytest.fixture
def page_account(make: Callable[..., Any]) -> Account:
    row: Account = make("account", external_id=PAGE, granted_scopes=list(ALL))
    return row


@pytest.fixture
def ig_account(make: Callable[..., Any]) -> Account:
    row: Account = make("account", channel="instagram", external_id=IG, page_external_id=PAGE)
    return row


@pytest.fixture
def examine(browser) -> Callable[..., dict[str, Any]]:
    def ask(account: Account, *, method: str = "POST") -> dict[str, Any]:
        path = f"/api/messenger/accounts/{account.id}/doctor"
        answer = browser.client.open(path, method=method)
        assert answer.status_code == 200, answer.data
        return {each["check"]: each for each in answer.json["findings"]} | {"all": answer.json}

    return ask


@BOTH
def test_account_that_is_well_says_so(meta, page_account, examine, rows) -> None:
    answers(meta)

    found = examine(page_account)

    assert found["all"]["worst"] == "ok"
    assert {each["state"] for each in found["all"]["findings"]} == {"ok"}
    assert rows(Account)[0].checked_at is not None


@pytest.mark.parametrize(
    ("answer", "check", "state", "words"),
    [
        ({"scopes": ALL[1:]}, "scopes", "wrong", "pages_show_list"),
        ({"scopes": NEEDED}, "scopes", "note", "pages_read_engagement"),
        (
            {"granular_scopes": [{"scope": "pages_messaging", "target_ids": ["9"]}]},
            "scopes",
            "wrong",
            "pages_messaging",
        ),
        ({"app_id": "9999"}, "token", "wrong", "another Meta app"),
        ({"permissions": "unapproved"}, "app", "note", "Not approved"),
        ({"fields": ()}, "webhook_fields", "wrong", "messages"),
        ({"fields": PAGE_FIELDS.core}, "webhook_fields", "note", "feed"),
        ({"objects": {}}, "app_webhooks", "wrong", "“page”"),
        ({"objects": {"page": PAGE_FIELDS.core}}, "app_webhooks", "note", "feed"),
        ({"callback": "https://other.example/hook"}, "app_webhooks", "wrong", "another address"),
    ],
)
def test_what_is_wrong_is_said_with_its_cause_and_fix(
    meta, page_account, examine, answer, check, state, words
) -> None:
    answers(meta, **answer)

    found = examine(page_account)[check]

    assert found["state"] == state
    assert words in found["says"]
    assert found["cause"]
    assert found["mend"]


@pytest.mark.parametrize(
    ("linked", "fields", "check"), [("999", ("feed",), "link"), (IG, (), "webhook_fields")]
)
def test_instagram_that_lost_its_page_or_its_webhooks(
    meta, ig_account, examine, linked, fields, check
) -> None:
    answers(meta, scopes=IG_ALL, linked=linked, fields=fields)

    assert examine(ig_account)[check]["state"] == "wrong"


def test_instagram_that_is_well(meta, ig_account, examine) -> None:
    answers(meta, scopes=IG_ALL, fields=("feed",))

    found = examine(ig_account)

    assert found["all"]["worst"] == "ok"
    assert found["message_access"]["state"] == "ok"


def test_switch_that_keeps_messages_from_apps_is_named(meta, ig_account, examine) -> None:
    answers(meta, scopes=IG_ALL, fields=("feed",))
    meta.remove("GET", f"{URL}/{PAGE}/conversations")
    meta.fails("GET", f"{PAGE}/conversations", 200, 2534041)

    found = examine(ig_account)["message_access"]

    assert found["state"] == "wrong"
    assert "Connected tools" in found["mend"]


@BOTH
def test_dead_token_has_its_cause_and_asks_for_reconnection(
    meta, page_account, examine, rows, heard
) -> None:
    error = {"code": 190, "subcode": 460, "message": "changed"}
    meta.get(f"{URL}/debug_token", json={"data": {"is_valid": False, "error": error}})

    found = examine(page_account)

    assert found["token"]["state"] == "wrong"
    assert "password" in found["token"]["cause"]
    assert [name for name, _ in heard] == ["needs_reauth"]
    assert [(each.status, each.status_reason) for each in rows(Account)] == [
        ("needs_reauth", "token_expired")
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {"body": requests.ConnectionError("away")},
        {"json": {"error": {"code": 2}}, "status": 500},
        {"json": {"error": {"code": 4}}, "status": 400},
        {"json": {"error": {"code": 190}}, "status": 400},  # the app's own token, not theirs
        {"body": "<html>", "status": 502},
        {"json": {"data": {}}},  # a yes that does not say
        {"json": {"data": []}},
        {"json": {"data": {"is_valid": "unsure", "app_id": APP_ID}}},
    ],
)
def test_what_could_not_be_asked_is_never_called_revoked(
    meta, make, examine, rows, heard, answer
) -> None:
    ends = utc_now() + timedelta(days=40)
    account = make("account", external_id=PAGE, token_expires_at=ends)
    meta.get(f"{URL}/debug_token", **answer)

    found = examine(account)

    assert found["token"]["state"] == "unknown"
    assert found["all"]["worst"] == "unknown"
    [row] = rows(Account)
    assert (row.status, row.checked_at) == ("active", None)
    assert row.token_expires_at == ends
    assert heard == []


@pytest.mark.parametrize("code", [2, 3, 4, 104, 190, 200, 100])
def test_what_nobody_knows_has_its_cause_and_fix_too(meta, page_account, examine, code) -> None:
    answers(meta)
    for path in ("1001/subscribed_apps", f"{APP_ID}/subscriptions", f"{APP_ID}/permissions", "me"):
        meta.remove("GET", f"{URL}/{path}")
        meta.fails("GET", path, code)

    found = examine(page_account)["all"]["findings"]

    unknown = [each for each in found if each["state"] == "unknown"]
    assert len(unknown) == 4
    assert all(each["cause"] and each["mend"] for each in unknown)


def test_account_that_meta_blocked_says_so(meta, make, examine) -> None:
    account = make("account", external_id=PAGE, status="error", status_reason="policy_block")
    answers(meta)

    found = examine(account)["token"]

    assert found["state"] == "wrong"
    assert "blocked" in found["says"]
    assert found["cause"]
    assert "appeal" in found["mend"]


def test_end_that_is_known_is_warned_of_though_meta_could_not_be_asked(
    app, meta, make, examine
) -> None:
    ends = int((utc_now() + timedelta(days=5)).timestamp())
    account = make("account", external_id=PAGE)
    answers(meta, expires_at=ends)
    told = []

    def listen(_sender, **arguments):
        told.append(arguments["reason"])

    with signals.account_expiring.connected_to(listen, sender=app):
        examine(account)
        meta.replace("GET", f"{URL}/debug_token", body=requests.ConnectionError("away"))
        found = examine(account)

    assert (found["token"]["state"], found["expiry"]["state"]) == ("unknown", "soon")
    assert told == ["expiry"]


def test_one_question_that_fails_leaves_the_others_answered(meta, page_account, examine) -> None:
    answers(meta)
    meta.remove("GET", f"{URL}/{APP_ID}/permissions")
    meta.fails("GET", f"{APP_ID}/permissions", 2500)

    found = examine(page_account)

    assert (found["token"]["state"], found["app"]["state"]) == ("ok", "unknown")


@BOTH
def test_ends_are_warned_of_once_before_they_come(app, meta, page_account, host, rows) -> None:
    ends = int((utc_now() + timedelta(days=5)).timestamp())
    answers(meta, expires_at=ends, data_access_expires_at=ends)
    told: list[str] = []

    def listen(_sender: object, **arguments: Any) -> None:
        told.append(arguments["reason"])

    with signals.account_expiring.connected_to(listen, sender=app):
        for _ in range(2):
            with app.app_context(), system_scope("test"):
                check_account(app, page_account.id)

    assert sorted(told) == ["data_access", "expiry"]
    assert int(rows(Account)[0].token_expires_at.timestamp()) == ends
    with app.app_context(), workspace_scope("w1"):
        [warning] = list_warnings(state_of(app).db.session, tenant=host.tenant)
    assert (warning.state, warning.can_reconnect) == ("soon", True)
    assert warning.title.startswith("Token's end: Ends on ")
    assert (warning.check, int(warning.ends_at.timestamp())) == ("expiry", ends)


@BOTH
def test_account_that_needs_reconnection_is_warned_of(app, make, host) -> None:
    make("account", external_id=PAGE, status="needs_reauth")
    make("account", external_id="2", location_id="l9", status="needs_reauth")
    seen = host.sign_in(location_ids=["l1"])

    with app.app_context(), workspace_scope("w1"):
        [warning] = list_warnings(state_of(app).db.session, tenant=seen)

    assert (warning.state, warning.mend) == ("wrong", "Reconnect the account.")


def test_kept_findings_are_shown_without_asking(meta, page_account, examine) -> None:
    answers(meta)
    examine(page_account)
    asked = len(meta.calls)

    found = examine(page_account, method="GET")

    assert found["token"]["state"] == "ok"
    assert len(meta.calls) == asked


@BOTH
def test_threads_that_another_app_has_are_counted(meta, make, page_account, examine) -> None:
    ago = timedelta(days=2)  # control has ended since, though nobody told
    for owner, noted_at in (
        ("777", utc_now()),
        ("777", utc_now() - ago),
        (APP_ID, utc_now()),
        (None, None),
    ):
        values = {"thread_owner_app_id": owner, "thread_owner_at": noted_at}
        make("conversation", page_account, **values)
    answers(meta)

    found = examine(page_account)["routing"]

    assert (found["state"], "1 of the newest 4" in found["says"]) == ("note", True)


@pytest.mark.parametrize(("days", "state"), [(1, "wrong"), (8, "ok")])
def test_app_that_meta_did_not_approve_shows_in_a_refused_reply_of_late(
    meta, make, page_account, examine, days, state
) -> None:
    make(
        "message",
        make("conversation", page_account),
        direction="outbound",
        status="failed",
        error_slug="graph_app_not_approved",
        sent_at=utc_now() - timedelta(days=days),
    )
    answers(meta)

    assert examine(page_account)["app"]["state"] == state


@BOTH
def test_foreign_account_is_not_found_and_connect_is_needed(browser, host, make) -> None:
    foreign = make("account", "w2", external_id=PAGE)
    path = f"/api/messenger/accounts/{foreign.id}/doctor"

    assert browser.client.get(path).status_code == 404
    assert browser.client.post(path).status_code == 404
    host.sign_in(permissions=frozenset({"reply"}))
    assert browser.client.post(path).status_code == 403


def test_account_without_a_token_that_opens(make, meta, examine) -> None:
    account = make("account", external_id=PAGE, token=None, token_sealed="v1.gone.AAAA")

    found = examine(account)

    assert found["token"]["state"] == "wrong"
    assert not meta.calls


def test_findings_of_another_version_are_read() -> None:
    found = Finding.from_dict({"check": "token", "state": "odd", "severity": 3})

    diagnosis = Diagnosis(
        account_id=uuid.uuid4(),
        channel="facebook",
        name="Shop",
        status="active",
        checked_at=None,
        findings=(found,),
    )
    assert diagnosis.worst == "unknown"


# Instagram's own login


@pytest.fixture
def own(make: Callable[..., Any]) -> Account:
    row: Account = make(
        "account",
        channel="instagram",
        external_id=IG,
        login="instagram",
        granted_scopes=list(Instagram.logins["instagram"].asked),
        token_issued_at=utc_now() - timedelta(days=11),
        token_expires_at=utc_now() + timedelta(days=49),
    )
    return row


def renew(app: Any, account: Account) -> str:
    with app.app_context(), system_scope("test"):
        return renew_token(app, account.id)


@BOTH
def test_token_of_instagram_is_renewed_long_before_its_end(app, meta, own, rows) -> None:
    answer = {"access_token": "IGnew", "expires_in": 5184000}
    meta.get(f"{INSTAGRAM_GRAPH_URL}/refresh_access_token", json=answer)

    assert renew(app, own) == "renewed"
    assert renew(app, own) == "not_due"

    [row] = rows(Account)
    with app.app_context():
        assert row.open_token(state_of(app).get(KeyRing)) == "IGnew"
    assert (row.token_expires_at - utc_now()).days in {59, 60}
    asked = meta.calls[0].request.params
    assert asked == {"grant_type": "ig_refresh_token", "access_token": PAGE_TOKEN}


@BOTH
def test_token_of_an_account_that_meta_blocked_is_renewed_too(app, meta, own, rows) -> None:
    with app.app_context(), system_scope("test"):
        session = state_of(app).db.session
        session.get_one(Account, own.id).status = "error"
        session.commit()
    answer = {"access_token": "IGnew", "expires_in": 5184000}
    meta.get(f"{INSTAGRAM_GRAPH_URL}/refresh_access_token", json=answer)

    assert renew(app, own) == "renewed"
    assert rows(Account)[0].status == "error"


@pytest.mark.parametrize("age", [timedelta(hours=20), timedelta(days=9)])
def test_young_token_is_left_alone(app, meta, make, age) -> None:
    account = make(
        "account",
        channel="instagram",
        external_id=IG,
        login="instagram",
        token_issued_at=utc_now() - age,
        token_expires_at=utc_now() + timedelta(days=60) - age,
    )

    assert renew(app, account) == "not_due"
    assert not meta.calls


def test_renewal_that_could_not_be_asked_for_changes_nothing(app, meta, own, rows) -> None:
    meta.get(f"{INSTAGRAM_GRAPH_URL}/refresh_access_token", body=requests.ConnectionError("away"))

    assert renew(app, own) == "unknown"
    assert rows(Account)[0].status == "active"


def test_renewal_of_a_dead_token_asks_for_reconnection(app, meta, own, rows, heard) -> None:
    meta.get(
        f"{INSTAGRAM_GRAPH_URL}/refresh_access_token", json={"error": {"code": 190}}, status=400
    )

    assert renew(app, own) == "ended"
    assert rows(Account)[0].status == "needs_reauth"
    assert [name for name, _ in heard] == ["needs_reauth"]


def test_account_of_instagrams_login_is_examined_at_its_own_host(meta, make, examine) -> None:
    account = make(
        "account",
        channel="instagram",
        external_id=IG,
        login="instagram",
        granted_scopes=list(Instagram.logins["instagram"].asked),
        token_expires_at=utc_now() + timedelta(days=55),
    )
    meta.get(f"{IG_URL}/me", json={"id": "25", "user_id": IG, "username": "sunrise"})
    mine = [{"subscribed_fields": list(INSTAGRAM_FIELDS.all)}]
    meta.get(f"{IG_URL}/me/subscribed_apps", json={"data": mine})
    meta.get(f"{IG_URL}/me/conversations", json={"data": []})
    names = [{"name": each} for each in INSTAGRAM_FIELDS.all]
    listed = [{"object": "instagram", "callback_url": CALLBACK, "fields": names}]
    meta.get(f"{URL}/{APP_ID}/subscriptions", json={"data": listed})
    meta.get(f"{URL}/{APP_ID}/permissions", json={"data": []})

    states = {key: each["state"] for key, each in examine(account).items() if key != "all"}

    assert states.pop("app") == "unknown"
    assert set(states.values()) == {"ok"}
    assert "link" not in states


@pytest.mark.parametrize("answer", [{}, {"data": ["odd"]}, {"data": {}}, {"id": None}])
def test_instagram_that_does_not_say_whose_token_it_is(meta, make, examine, rows, answer) -> None:
    account = make("account", channel="instagram", external_id=IG, login="instagram")
    meta.get(f"{IG_URL}/me", json=answer)

    assert examine(account)["token"]["state"] == "unknown"
    assert rows(Account)[0].status == "active"


@BOTH
def test_every_account_is_checked_once_a_day(app, make, meta, rows) -> None:
    make("account", external_id=PAGE)
    answers(meta)

    with app.app_context(), system_scope("test"):
        state_of(app).get(redis.Redis).set(renewal.CHECKED_KEY, 0)  # nobody has looked for long
        jobs.sweep([each for each in jobs.SCHEDULE if each.name == "sweep_accounts"])
        work(app)

    [row] = rows(Account)
    assert row.checked_at is not None
    assert state_of(app).settings.token_check_seconds == 24 * 3600


def test_fields_that_are_newer_than_the_connection_are_asked_for(app, make, meta, rows) -> None:
    account = make("account", external_id=PAGE, subscribed_fields=list(PAGE_FIELDS.core))
    answers(meta, fields=PAGE_FIELDS.core)
    meta.post(f"{URL}/{PAGE}/subscribed_apps", json={"success": True})

    with app.app_context(), system_scope("test"):
        check_account(app, account.id)

    assert rows(Account)[0].subscribed_fields == list(PAGE_FIELDS.all)


def test_limit_leaves_the_rest_for_the_next_day(app, make, meta) -> None:
    accounts = [make("account") for _ in range(3)]
    meta.fails("GET", "debug_token", 4)

    with app.app_context(), system_scope("test"):
        left = check_accounts(app, [each.id for each in accounts])

    assert left == []
    assert len(meta.calls) == 1
