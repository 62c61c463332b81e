"""The migrations make the tables the models say, on both databases, beside the host's own."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from sqlalchemy import event, inspect, text

from flask_messenger.models import (
    Account,
    Base,
    Conversation,
    Identity,
    Message,
    schema,
    walls,
)
from flask_messenger.state import state_of
from tests.support.app import Factory
from tests.support.ingest import rows


def test_migrations_and_models_say_the_same(owner_app: Flask) -> None:
    engine = state_of(owner_app).db.engine
    options = {"include_name": schema.is_ours, "version_table": schema.VERSION_TABLE}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)

        assert compare_metadata(context, Base.metadata) == []


def test_upgrade_is_repeatable_and_downgrade_leaves_nothing(owner_app: Flask) -> None:
    engine = state_of(owner_app).db.engine
    schema.upgrade(engine)
    assert schema.current_revision(engine) == schema.newest_revision()

    schema.downgrade(engine, "base")
    left = [name for name in inspect(engine).get_table_names() if name.startswith("messenger_")]
    schema.upgrade(engine)

    assert left == [schema.VERSION_TABLE]


def test_every_table_of_ours_has_our_prefix() -> None:
    assert all(name.startswith("messenger_") for name in Base.metadata.tables)


def test_the_commands_say_where_the_database_is(owner_app: Flask) -> None:
    runner = owner_app.test_cli_runner()

    upgraded = runner.invoke(args=["messenger", "db", "upgrade"])
    current = runner.invoke(args=["messenger", "db", "current"])

    assert upgraded.exit_code == 0
    assert schema.newest_revision() in current.output


def test_rows_survive_the_way_down_to_the_last_release_and_up(owner_app: Flask) -> None:
    """What only the new columns can hold is lost on the way down, and nothing else."""
    factory = Factory(owner_app)
    engine = state_of(owner_app).db.engine
    page = factory.account(external_id="1001")
    person = factory.identity(page, external_id="2001")
    direct = factory.conversation(page, person)
    post = {"kind": "comments", "subject": "1001_9"}
    under_post = factory.conversation(page, person, **post)
    message_ids = {factory.message(direct).id for _ in range(3)}
    factory.message(under_post, kind="comment")
    conversation_id = direct.id
    factory.session.rollback()

    schema.downgrade(engine, "0011")
    assert schema.current_revision(engine) == "0011"
    schema.upgrade(engine)

    [found] = rows(owner_app, Conversation)
    assert (found.id, found.kind, found.subject) == (conversation_id, "direct", "")
    assert {each.id for each in rows(owner_app, Message)} == message_ids
    assert [each.login for each in rows(owner_app, Account)] == ["facebook"]
    # The new rule holds: one person, several threads.
    factory.conversation(rows(owner_app, Account)[0], rows(owner_app, Identity)[0], **post)
    assert len(rows(owner_app, Conversation)) == 2


@pytest.mark.databases("postgresql")
def test_roles_that_are_there_may_use_the_tables_an_upgrade_brings(owner_app: Flask) -> None:
    engine = state_of(owner_app).db.engine
    schema.downgrade(engine, "0011")
    schema.upgrade(engine)

    with engine.connect() as connection:

        def grants(table: str) -> dict[str, set[str]]:
            found = connection.execute(text(walls.USUAL_GRANTS), {"table": table})
            return {row.rolname: set(row.privileges.split(", ")) for row in found}

        def seers(table: str) -> list[str]:
            return walls.policy_roles(connection, walls.SYSTEM_POLICY, table)

        usual = grants(walls.USUAL_TABLE)
        new = ("messenger_history_runs", "messenger_opt_ins", "messenger_discarded_files")

        assert len(usual) > 1
        assert [grants(table) for table in new] == [usual] * len(new)
        assert [seers(table) for table in new] == [seers(walls.FIRST_TABLE)] * len(new)


@pytest.mark.databases("sqlite")
def test_upgrade_does_not_mind_that_the_host_has_foreign_keys_enforced(owner_app: Flask) -> None:
    factory = Factory(owner_app)
    factory.message(factory.conversation(factory.account()))
    factory.session.rollback()
    engine = state_of(owner_app).db.engine

    def enforce(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA foreign_keys = ON")

    engine.dispose()
    event.listen(engine, "connect", enforce)
    try:
        schema.downgrade(engine, "0011")
        schema.upgrade(engine)
    finally:
        event.remove(engine, "connect", enforce)
        engine.dispose()

    assert len(rows(owner_app, Message)) == 1
