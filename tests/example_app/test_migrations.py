import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import inspect, text

from example_app.database import db
from flask_messenger.models import schema

pytestmark = pytest.mark.usefixtures("crm")


def tables() -> set[str]:
    return set(inspect(db.engine).get_table_names())


def test_both_sets_of_migrations_live_side_by_side() -> None:
    names = tables()

    assert {"leads", "alembic_version", schema.VERSION_TABLE} <= names
    assert schema.VERSION_TABLE != "alembic_version"


def test_the_migrations_make_what_the_models_say() -> None:
    options = {
        "include_name": lambda name, kind, _: kind != "table" or not name.startswith("messenger_")
    }
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)

        assert compare_metadata(context, db.metadata) == []


def test_the_messengers_tables_are_not_the_hosts_to_drop(crm: Flask) -> None:
    result = crm.test_cli_runner().invoke(args=["db", "check"])

    assert result.exit_code == 0, result.output


def test_going_back_and_forth_leaves_the_messengers_tables_alone(crm: Flask) -> None:
    runner = crm.test_cli_runner()
    before = tables()

    down = runner.invoke(args=["db", "downgrade", "base"])
    between = tables()
    up = runner.invoke(args=["prepare"])

    assert (down.exit_code, up.exit_code) == (0, 0), down.output + up.output
    assert {name for name in before if name.startswith("messenger_")} <= between
    assert "leads" not in between
    assert tables() == before


def test_preparing_again_changes_nothing(crm: Flask) -> None:
    def count() -> list[int]:
        with db.engine.connect() as connection:
            statements = (f"SELECT count(*) FROM {name}" for name in ("users", "locations"))  # noqa: S608
            return [connection.execute(text(each)).scalar_one() for each in statements]

    before = count()

    result = crm.test_cli_runner().invoke(args=["prepare"])

    assert result.exit_code == 0, result.output
    assert count() == before
