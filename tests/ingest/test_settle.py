"""What crossed its message in two drains: one account's trouble is nobody else's."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from flask_messenger.ingest import settle
from flask_messenger.ingest.drain import drain_all
from flask_messenger.ingest.settle import settle_all_waiting
from flask_messenger.models import Account, Message, Receipt
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support import meta
from tests.support.app import Factory
from tests.support.ingest import Heard, drain, rows

PERSON = "9001"

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture
def refuse_edits(app: Flask, tables_owner: Engine) -> Iterator[None]:
    """PostgreSQL refuses to make a message `bad`, and quotes it."""
    with tables_owner.begin() as connection:
        for statement in (
            (
                "CREATE FUNCTION refuse_edits() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN IF NEW.text = 'bad' THEN RAISE EXCEPTION 'refused: %', NEW.text; END IF; "
                "RETURN NEW; END $$"
            ),
            (
                "CREATE TRIGGER refuse_edits BEFORE UPDATE ON messenger_messages "
                "FOR EACH ROW EXECUTE FUNCTION refuse_edits()"
            ),
        ):
            connection.execute(text(statement))
    yield
    state_of(app).db.session.rollback()
    with tables_owner.begin() as connection:
        connection.execute(text("DROP FUNCTION refuse_edits CASCADE"))


def cross(app: Flask, client: FlaskClient, factory: Factory, page: str, *texts: str) -> None:
    """Have edits wait for messages that another drain stored meanwhile."""
    account_id = factory.account(f"w{page}", external_id=page).id
    for number, each in enumerate(texts):
        edit = {
            "sender": {"id": PERSON},
            "recipient": {"id": page},
            "timestamp": meta.T0,
            "message_edit": {"mid": f"m{number}", "text": each, "num_edit": 1},
        }
        meta.post(client, meta.delivery(meta.entry(page, edit)))
    drain(app)
    with system_scope("test"):
        account = factory.session.get(Account, account_id)
        thread = factory.conversation(account, factory.identity(account, external_id=PERSON))
        for number in range(len(texts)):
            factory.message(thread, external_id=f"m{number}", text="first")


@pytest.mark.usefixtures("refuse_edits")
def test_what_the_database_refuses_waits_and_costs_no_other_account(
    app: Flask, client: FlaskClient, factory: Factory, caplog: pytest.LogCaptureFixture
) -> None:
    cross(app, client, factory, "551", "bad")
    cross(app, client, factory, "552", "good")

    with system_scope("test"):
        changes = settle_all_waiting(factory.session).changes
        factory.session.commit()
    drain(app)  # and so does every drain that ends with this account

    assert [each.workspace_id for each in changes] == ["w552"]
    assert {each.workspace_id: each.text for each in rows(app, Message)} == {
        "w551": "first",
        "w552": "good",
    }
    assert [each.workspace_id for each in rows(app, Receipt)] == ["w551"]
    assert "waiting_refused" in caplog.text
    assert "bad" not in caplog.text


@pytest.mark.usefixtures("refuse_edits")
def test_very_many_are_settled_some_at_a_time(
    app: Flask,
    client: FlaskClient,
    factory: Factory,
) -> None:
    cross(app, client, factory, "551", "bad", "bad")
    cross(app, client, factory, "552", *(f"text {number}" for number in range(3)))
    some = settle._OF_MESSAGES.limit(2)  # noqa: SLF001 - as there are few here

    with pytest.MonkeyPatch.context() as patch, system_scope("test"):
        patch.setattr(settle, "_OF_MESSAGES", some)
        patch.setattr(settle, "MOST_SETTLED", 2)
        settle_all_waiting(factory.session)
        factory.session.commit()
        left = [each.workspace_id for each in rows(app, Receipt)]
        settle_all_waiting(factory.session)
        factory.session.commit()

    assert left in (["w551", "w551", "w552"], ["w551", "w551"])
    assert [each.workspace_id for each in rows(app, Receipt)] == ["w551", "w551"]


def test_host_hears_of_what_crossed_its_message(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    cross(app, client, factory, "551", "good")
    heard = Heard()

    meta.post(client, meta.delivery(meta.entry("551", meta.message("551", PERSON, mid="m9"))))
    with system_scope("test"):
        drain_all(app, news=heard)

    (edited,) = rows(app, Message, external_id="m0")
    assert (edited.text, heard.changed_ids) == ("good", {edited.id})
