"""The migrations make the tables the models say, on both databases, beside the host's own."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from sqlalchemy import inspect

from flask_messenger.models import Base, schema
from flask_messenger.state import state_of


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
