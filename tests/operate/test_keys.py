"""New keys: everything sealed anew, while others write; what does not open stays and is said."""

import base64
import uuid

import pytest
from flask import Flask
from sqlalchemy import event, select, update

from flask_messenger.crypto import KeyRing
from flask_messenger.models import Account, Base, PendingConnection
from flask_messenger.operate import keys as operating
from flask_messenger.operate.keys import context_of, count_keys, rotate, sealed_columns
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support.app import ENCRYPTION_KEYS, Factory

OLD = ENCRYPTION_KEYS
NEW = "k2:" + base64.b64encode(bytes(range(1, 33))).decode()
COLUMN = "messenger_accounts.token_sealed"


def ring(*pairs: str) -> KeyRing:
    parts = [pair.partition(":") for pair in pairs]
    return KeyRing([(name, base64.b64decode(key)) for name, _, key in parts])


@pytest.fixture
def both() -> KeyRing:
    return ring(NEW, OLD)


@pytest.fixture
def session(app: Flask):
    with system_scope("test"):
        yield state_of(app).db.session


def tokens(session, keys: KeyRing) -> list[str | None]:
    session.expire_all()
    return sorted(each.open_token(keys) or "" for each in session.scalars(select(Account)))


def ignore(_: object) -> None:
    """Hear of progress and do nothing."""


def test_every_sealed_column_is_found_and_sealed_for_the_place_it_is_found_at(app: Flask, both):
    del app
    found = {operating.name_of(each): each for each in sealed_columns()}
    account, pending = Account(id=uuid.uuid4()), PendingConnection(id=uuid.uuid4())
    account.seal_token(both, "EAA")
    pending.seal_payload(both, "{}")

    assert {COLUMN, "messenger_pending_connections.payload_sealed"} <= set(found)
    assert both.open(account.token_sealed, context=context_of(found[COLUMN], account.id)) == "EAA"
    column = found["messenger_pending_connections.payload_sealed"]
    assert both.open(pending.payload_sealed, context=context_of(column, pending.id)) == "{}"


def test_every_model_that_seals_does_it_for_the_place_it_is_found_at(both: KeyRing) -> None:
    """What others add: a pair of `seal_…` and a column `…_sealed`."""
    for mapper in Base.registry.mappers:
        for column in sealed_columns():
            if column.table is mapper.local_table:
                row = mapper.class_(id=uuid.uuid4())
                seal = getattr(row, "seal_" + column.name.removesuffix("_sealed"))
                seal(both, "secret")
                sealed = getattr(row, column.name)
                assert both.open(sealed, context=context_of(column, row.id)) == "secret"


def test_rotation_seals_everything_with_the_newest_key(session, factory: Factory, both) -> None:
    for number in range(5):
        factory.account(token=f"EAA{number}")
    factory.account(token=None)
    changed_at = {each.id: each.updated_at for each in session.scalars(select(Account))}
    seen: list[tuple[str, int]] = []

    done = rotate(session, both, progress=lambda each: seen.append((each.column, each.seen)))

    of_tokens = next(each for each in done if each.column == COLUMN)
    assert (of_tokens.total, of_tokens.sealed, of_tokens.unreadable) == (5, 5, 0)
    assert seen == [(COLUMN, 5)]
    assert tokens(session, ring(NEW)) == ["", *(f"EAA{number}" for number in range(5))]
    assert {each.id: each.updated_at for each in session.scalars(select(Account))} == changed_at
    assert all(each.by_key["k1"] == 0 for each in count_keys(session, both))


def test_a_rotation_that_was_interrupted_goes_on(session, factory, both, monkeypatch) -> None:
    monkeypatch.setattr(operating, "BATCH", 2)
    for number in range(5):
        factory.account(token=f"EAA{number}")

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate(session, both, progress=stop)
    session.rollback()
    halfway = next(each for each in count_keys(session, both) if each.column == COLUMN)
    done = rotate(session, both, progress=ignore)

    assert halfway.by_key == {"k2": 2, "k1": 3}
    assert next(each for each in done if each.column == COLUMN).sealed == 3
    assert tokens(session, ring(NEW)) == [f"EAA{number}" for number in range(5)]


def test_a_token_that_changes_meanwhile_is_not_overwritten(app, session, factory, both) -> None:
    account_id = factory.account(token="EAAold").id
    sealed_by_another = {}

    # Another process, with the old key still in front, reconnects the account after the rotation
    # has read it and before it writes.
    def reconnect(statement) -> None:
        if not sealed_by_another and statement.is_update:
            value = ring(OLD, NEW).seal("EAAnew", context=f"messenger_accounts:{account_id}:token")
            sealed_by_another["value"] = value
            with state_of(app).db.engine.begin() as connection:
                connection.execute(
                    update(Account.__table__)
                    .where(Account.__table__.c.id == account_id)
                    .values(token_sealed=value)
                )

    factory_session = session()
    event.listen(factory_session, "do_orm_execute", reconnect)
    try:
        done = rotate(session, both, progress=ignore)
    finally:
        event.remove(factory_session, "do_orm_execute", reconnect)

    assert next(each for each in done if each.column == COLUMN).changed_meanwhile == 1
    assert tokens(session, both) == ["EAAnew"]
    rotate(session, both, progress=ignore)
    assert tokens(session, ring(NEW)) == ["EAAnew"]


def test_what_no_key_opens_is_reported_and_stays(app, session, factory, both) -> None:
    lost = ring("gone:" + base64.b64encode(bytes(32)).decode())
    account = factory.account(token="EAAreadable")
    other = factory.account(token=None)
    other.seal_token(lost, "EAAlost")
    session.commit()
    state_of(app).add(both)

    shown = app.test_cli_runner().invoke(args=["messenger", "keys", "rotate"])

    assert shown.exit_code == 0, shown.output
    assert f"row {other.id} does not open, left as it is" in shown.output
    assert f"{COLUMN}: 2 of 2" in shown.output
    assert f"{COLUMN}: k2 1, of no configured key 1" in shown.output
    assert "k1 is no longer used" in shown.output
    session.expire_all()
    assert account.open_token(ring(NEW)) == "EAAreadable"
    assert other.open_token(lost) == "EAAlost"


def test_the_status_says_which_key_is_still_needed(app, factory, both) -> None:
    factory.account(token="EAA1")
    state_of(app).add(both)

    shown = app.test_cli_runner().invoke(args=["messenger", "keys", "status"])

    assert shown.exit_code == 0, shown.output
    assert f"{COLUMN}: k1 1" in shown.output
    assert "k2 seals." in shown.output
    assert "k1 still seals 1 of them" in shown.output


def test_a_new_key_can_be_had(app: Flask) -> None:
    shown = app.test_cli_runner().invoke(args=["messenger", "keys", "generate"])

    assert ring(shown.output.strip()).key_ids
