"""Personas, on an account's page."""

from typing import Any
from uuid import UUID

import pytest
import responses
from sqlalchemy import select

from flask_messenger.models import Account, Persona
from flask_messenger.models.base import new_id
from flask_messenger.tenancy import system_scope
from tests.support.app import GRAPH_URL, Factory, Host
from tests.ui.conftest import Browser, words_of

AT_META = f"{GRAPH_URL}/v25.0/777/personas"
FACE = {"name": "Ida", "picture_url": "https://cdn.example/ida.jpg", "user_ref": "u2"}

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture(autouse=True)
def admin(host: Host) -> None:
    host.sign_in()


@pytest.fixture
def account(factory: Factory) -> Account:
    return factory.account(external_id="777", name="Iron Gym")


def page_of(account: Account) -> str:
    return f"/settings/accounts/{account.id}"


def kept(factory: Factory) -> list[Persona]:
    factory.session.rollback()
    with system_scope("test"):
        return list(factory.session.scalars(select(Persona).order_by(Persona.id)))


def add(factory: Factory, account: Account, **values: Any) -> UUID:
    row = Persona(
        **{
            "id": new_id(),
            "workspace_id": "w1",
            "account_id": account.id,
            "external_id": "38",
            "name": "Ida",
            **values,
        }
    )
    with system_scope("test"):
        factory.session.add(row)
        factory.session.commit()
        return row.id


@responses.activate
def test_a_persona_is_made_given_and_taken_away(
    browser: Browser, factory: Factory, account: Account
) -> None:
    responses.post(AT_META, json={"id": "38"})
    assert "New persona" in browser.read(page_of(account))

    assert browser.post(f"{page_of(account)}/personas", data=FACE).status_code == 303

    [row] = kept(factory)
    assert (row.external_id, row.name, row.user_ref) == ("38", "Ida", "u2")
    assert 'aria-label="Whose answers carry Ida"' in browser.get(page_of(account)).text

    given = browser.post(f"/settings/personas/{row.id}", data={"user_ref": ""})
    assert given.status_code == 303
    assert kept(factory)[0].user_ref is None

    responses.delete(f"{GRAPH_URL}/v25.0/38", json={"success": True})
    assert browser.post(f"/settings/personas/{row.id}/delete").status_code == 303
    assert kept(factory)[0].removed_at is not None
    assert "Whose answers carry Ida" not in browser.get(page_of(account)).text


@responses.activate
def test_what_is_refused_is_said_and_stays_in_the_form(
    browser: Browser, factory: Factory, account: Account
) -> None:
    down = {"error": {"code": 2, "message": "down"}}
    responses.post(AT_META, json=down, status=500)
    responses.get(AT_META, json=down, status=500)
    responses.delete(f"{GRAPH_URL}/v25.0/38", json=down, status=500)
    persona_id = add(factory, account)
    page = f"{page_of(account)}/personas"

    ours = browser.post(page, data={**FACE, "picture_url": "ida.jpg"})
    theirs = browser.post(page, data=FACE)
    unread = browser.post(f"{page}/read")
    left = browser.post(f"/settings/personas/{persona_id}/delete")

    answers = [ours, theirs, unread, left]
    assert [each.status_code for each in answers] == [422, 502, 502, 502]
    assert "The picture needs a public http" in words_of(ours.text)
    assert 'value="ida.jpg"' in ours.text
    assert all('role="alert"' in each.text for each in answers)
    assert [each.removed_at for each in kept(factory)] == [None]


@responses.activate
def test_they_are_read_back(browser: Browser, factory: Factory, account: Account) -> None:
    face = {"id": "39", "name": "Sam", "profile_picture_url": "https://cdn.example/s.jpg"}
    responses.get(AT_META, json={"data": [face]})
    add(factory, account, user_ref="gone")
    assert "A colleague" in browser.read(page_of(account))

    assert browser.post(f"{page_of(account)}/personas/read").status_code == 303

    assert [(row.name, row.removed_at is None) for row in kept(factory)] == [
        ("Ida", False),
        ("Sam", True),
    ]


def test_only_where_there_can_be_any(browser: Browser, factory: Factory, host: Host) -> None:
    page, instagram = factory.account(), factory.account(channel="instagram")
    assert "Personas" not in browser.read(page_of(instagram))
    host.sign_in(permissions={"connect"})
    assert "Personas" not in browser.read(page_of(page))
    host.sign_in(permissions={"settings"})
    words = browser.read(page_of(page))
    assert "Personas" in words
    assert "Check now" not in words.replace("“Check now” asks", "")
    assert "Connection, history and profile" in browser.read("/settings")
    host.sign_in(permissions={"reply"})
    assert browser.get(page_of(page)).status_code == 403
