"""The wall the ORM builds: no scope, no query; one workspace, its rows."""

import pytest
from flask import Flask
from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import aliased

from flask_messenger import Tenant, system_scope, workspace_scope
from flask_messenger.errors import ScopeError
from flask_messenger.models import Account, AuditEntry, Conversation, Message
from flask_messenger.state import state_of
from tests.support.app import Factory, Host


def test_no_scope_no_query(factory: Factory) -> None:
    factory.account()

    with pytest.raises(ScopeError):
        factory.session.scalars(select(Account)).all()
    with pytest.raises(ScopeError):
        factory.session.scalar(select(func.count()).select_from(Account))
    with pytest.raises(ScopeError):
        factory.session.scalar(select(exists(select(Account.id))))
    with pytest.raises(ScopeError):
        factory.session.execute(update(Account).values(name="x"))


def test_a_workspace_sees_its_own_rows(factory: Factory) -> None:
    for workspace_id in ("w1", "w2"):
        conversation = factory.conversation(factory.account(workspace_id))
        factory.message(conversation, text=workspace_id)

    with workspace_scope("w1"):
        assert [each.text for each in factory.session.scalars(select(Message))] == ["w1"]
        assert factory.session.scalar(select(func.count()).select_from(Account)) == 1
        other = aliased(Account)
        joined = select(Conversation).join(other, other.id == Conversation.account_id)
        assert len(factory.session.scalars(joined).all()) == 1
        inside = select(func.count()).select_from(select(Message.id).subquery())
        assert factory.session.scalar(inside) == 1
        somewhere = select(exists(select(Message.id).where(Message.text == "w2")))
        assert factory.session.scalar(somewhere) is False


def test_a_foreign_row_cannot_be_fetched_changed_or_made(factory: Factory) -> None:
    theirs = factory.account("w2", name="theirs")
    theirs_id = theirs.id
    factory.session.expunge_all()

    with workspace_scope("w1"):
        assert factory.session.get(Account, theirs_id) is None
        factory.session.execute(update(Account).values(name="taken"))
        factory.session.commit()
        factory.session.add(AuditEntry(workspace_id="w2", actor="u", action="forged"))
        with pytest.raises(ScopeError):
            factory.session.flush()
        factory.session.rollback()

    with system_scope("test"):
        assert factory.session.get(Account, theirs_id).name == "theirs"


def test_in_a_request_the_tenant_is_the_scope(app: Flask, factory: Factory, host: Host) -> None:
    for workspace_id in ("w1", "w2"):
        factory.account(workspace_id)
    host.sign_in("w2")

    with app.test_request_context():
        accounts = state_of(app).db.session.scalars(select(Account)).all()

    assert [each.workspace_id for each in accounts] == ["w2"]


def test_in_a_request_of_nobody_there_is_no_query(app: Flask) -> None:
    with app.test_request_context(), pytest.raises(ScopeError):
        state_of(app).db.session.scalars(select(Account)).all()


def test_reprs_show_no_person(factory: Factory) -> None:
    account = factory.account(name="Iron Gym")
    identity = factory.identity(account, external_id="PSID77", name="Maya")
    message = factory.message(factory.conversation(account, identity), text="my secret")

    shown = f"{account!r} {identity!r} {message!r} "
    shown += repr(Tenant(workspace_id="w1", user_id="u1", user_name="Sam Reyes"))

    for private in ("PSID77", "Maya", "my secret", "Sam Reyes"):
        assert private not in shown
