"""An account whose token is dead."""

import pytest

from flask_messenger.connect.announce import AccountFacts, announce_needs_reauth
from flask_messenger.connect.health import TOKEN_EXPIRED, find_lost_accounts, mark_needs_reauth
from flask_messenger.crypto import KeyRing
from flask_messenger.models import Account, AuditEntry
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture
def mark(app):
    def mark_account(account) -> bool:
        with app.app_context(), system_scope("test"):
            session = state_of(app).db.session
            is_news = mark_needs_reauth(session, account, TOKEN_EXPIRED)
            session.commit()
            return is_news

    return mark_account


def test_account_needs_reauth_once(mark, make, rows) -> None:
    account = make("account")

    assert mark(account)
    assert not mark(account)

    [row] = rows(Account)
    assert (row.status, row.status_reason) == ("needs_reauth", "token_expired")
    assert row.token_sealed is not None
    assert row.status_changed_at is not None
    [entry] = rows(AuditEntry)
    assert (entry.actor, entry.action, entry.details) == (
        "system",
        "account_needs_reauth",
        {"reason": "token_expired"},
    )


def test_failure_of_an_old_token_says_nothing_about_the_new_one(app, mark, make, rows) -> None:
    account = make("account")
    with app.app_context(), system_scope("test"):
        session = state_of(app).db.session
        session.get_one(Account, account.id).seal_token(state_of(app).get(KeyRing), "EAAnew")
        session.commit()

    assert not mark(account)
    assert rows(Account)[0].status == "active"


@pytest.mark.parametrize("status", ["disconnected", "needs_reauth", "error"])
def test_account_that_is_not_active_stays_as_it_is(mark, make, rows, status) -> None:
    account = make("account", status=status)

    assert not mark(account)
    assert rows(Account)[0].status == status


@pytest.mark.parametrize(
    "values",
    [{"app_name": "gone"}, {"token": None, "token_sealed": "v1.gone.AAAA"}, {"token": None}],
    ids=["app", "key", "token"],
)
def test_account_that_could_not_be_asked_about_is_not_called_lost(
    app, make, rows, heard, meta, values
) -> None:
    values = dict(values)  # the parameter is shared between databases
    app_name = values.pop("app_name", "default")
    account = make("account", external_id="1001", meta_user_id="9001", **values)

    with app.app_context():
        with system_scope("test"):
            state_of(app).db.session.get_one(Account, account.id).app_name = app_name
            state_of(app).db.session.commit()
        lost = find_lost_accounts(app, app_name=app_name, meta_user_id="9001", granted=[])

    assert (lost, heard) == ([], [])
    assert rows(Account)[0].status == "active"
    assert not meta.calls


@pytest.mark.parametrize("code", [3, 104])
def test_account_whose_app_meta_refuses_is_not_called_lost(app, make, rows, meta, code) -> None:
    make("account", external_id="1001", meta_user_id="9001")
    meta.fails("GET", "1001/subscribed_apps", code)

    with app.app_context():
        lost = find_lost_accounts(app, app_name="default", meta_user_id="9001", granted=[])

    assert lost == []
    assert rows(Account)[0].status == "active"


def test_host_hears_of_it(app, make, heard) -> None:
    account = make("account")

    with app.app_context():
        announce_needs_reauth(app, AccountFacts.of(account), reason=TOKEN_EXPIRED)

    [(name, said)] = heard
    assert name == "needs_reauth"
    assert (said["account_id"], said["reason"]) == (account.id, "token_expired")
