"""What the pages say of an account that needs a person."""

from datetime import timedelta
from typing import Any

import pytest

from flask_messenger.connect.findings import Finding
from flask_messenger.models import Account
from flask_messenger.models.base import utc_now
from tests.support.app import Factory, Host
from tests.ui.conftest import Browser, words_of

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture(autouse=True)
def admin(host: Host) -> None:
    host.sign_in()


def account_with(factory: Factory, check: str, state: str, **values: Any) -> Account:
    mend = values.pop("mend", "Reconnect the account.")
    finding = Finding(check=check, state=state, title="Webhooks", says="Not subscribed.", mend=mend)
    return factory.account(name="Iron Gym", findings=[finding.as_dict()], **values)


def reconnect(account: Account) -> str:
    return f'href="/api/integrations/meta/connect?account={account.id}"'


def test_an_end_is_said_with_the_days_that_are_left(browser: Browser, factory: Factory) -> None:
    ends_at = utc_now() + timedelta(days=5)
    account = account_with(factory, "expiry", "soon", token_expires_at=ends_at)
    account_with(factory, "data_access", "soon", data_access_expires_at=ends_at)

    words = "The login of Iron Gym ends in 5 days."
    for path in ("/inbox", "/settings"):
        answer = browser.get(path)
        assert words in words_of(answer.text)
        assert reconnect(account) in answer.text
    said = browser.read("/settings")
    assert "Access to the messages of Iron Gym ends in 5 days." in said
    assert "Ends soon" in said
    assert "data-fm-hush" in browser.get("/warnings").text


def test_an_end_that_has_come_is_said_as_such(browser: Browser, factory: Factory) -> None:
    account_with(factory, "expiry", "soon", token_expires_at=utc_now() - timedelta(hours=1))

    assert "The login of Iron Gym has ended." in browser.read("/inbox")


def test_what_is_wrong_leads_to_where_it_is_explained(browser: Browser, factory: Factory) -> None:
    account = account_with(factory, "app_webhooks", "wrong", mend="Tick them in the App Dashboard.")

    answer = browser.get("/inbox")

    assert "Iron Gym: Webhooks: Not subscribed. Tick them in the App Dashboard." in words_of(
        answer.text
    )
    assert f'href="/messenger/settings/accounts/{account.id}"' in answer.text
    assert "data-fm-hush" not in answer.text
    assert "Attention" in browser.read("/settings")


def test_the_worst_comes_first_and_the_others_are_counted(
    browser: Browser, factory: Factory
) -> None:
    account_with(factory, "expiry", "soon", token_expires_at=utc_now() + timedelta(days=1))
    factory.account(name="Riverside", external_id="9", status="needs_reauth")

    words = browser.read("/warnings")

    assert words.startswith("Riverside has to be connected again.")
    assert "1 more to look at" in words


def test_who_cannot_mend_it_is_told_whom_to_ask(
    browser: Browser, factory: Factory, host: Host
) -> None:
    account = account_with(factory, "expiry", "soon", token_expires_at=utc_now())
    host.sign_in(permissions={"reply"})

    for path in ("/warnings", "/settings"):
        answer = browser.get(path)
        assert "Ask an admin of your workspace to reconnect it." in words_of(answer.text)
        assert reconnect(account) not in answer.text


def test_accounts_of_others_are_not_spoken_of(
    browser: Browser, factory: Factory, host: Host
) -> None:
    soon = {"token_expires_at": utc_now() + timedelta(days=5)}
    account_with(factory, "expiry", "soon", location_id="l2", **soon)
    host.sign_in(location_ids=["l1"])

    assert browser.read("/warnings") == ""
    assert "Iron Gym" not in browser.read("/inbox")


def test_the_line_is_not_sent_again_while_it_is_the_same(
    browser: Browser, factory: Factory
) -> None:
    account_with(factory, "expiry", "soon", token_expires_at=utc_now() + timedelta(days=5))
    tag = browser.get("/warnings").headers["ETag"]

    assert browser.get("/warnings", headers={"If-None-Match": tag}).status_code == 304
