"""Row-level security: what raw SQL in each role can see and do, and what it cannot."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from flask_messenger import system_scope, workspace_scope
from flask_messenger.errors import ScopeError
from flask_messenger.models import Account, AuditEntry, schema, walls
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.elsewhere import (
    list_carried_pages,
    list_taken_pages,
    list_workspaces_of_login,
)
from flask_messenger.models.journal import WebhookEntry
from flask_messenger.operate.roles import create_roles
from flask_messenger.tenancy import tell_database
from tests.support.roles import Roles
from tests.support.walls import count, fill, row_of, scoped_tables

# ruff: noqa: S608 - the names in these statements are our own

pytestmark = pytest.mark.databases("postgresql")

TABLES = [table.name for table in scoped_tables()]
CLAIMS_EVERYTHING = "SELECT set_config('messenger.system', 'on', true)"
NO_PRIVILEGE = "42501"
REFUSED = "refused"
ATTACKS = (
    "ALTER TABLE messenger_messages DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE messenger_messages NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY messenger_workspace ON messenger_messages",
    "ALTER POLICY messenger_system ON messenger_messages TO PUBLIC",
    "CREATE POLICY mine ON messenger_messages USING (true)",
    "TRUNCATE messenger_messages CASCADE",
    "DROP TABLE messenger_receipts",
    "CREATE INDEX mine ON messenger_messages (text)",
    "DO $$ BEGIN SET LOCAL row_security = off; PERFORM * FROM messenger_messages; END $$",
    "SET ROLE postgres",
    "SELECT * FROM messenger_webhook_entries_default",
    "SELECT messenger_journal_add_partition(DATE '2020-01-01')",
    "DELETE FROM messenger_accounts",
    "DELETE FROM messenger_audit_log",
    "UPDATE messenger_audit_log SET actor = 'nobody'",
)
NAMES_A = "SELECT set_config('messenger.workspace_id', 'a', true)"


@contextmanager
def connect_as(
    database_url: str, user: str | None, password: str | None = None
) -> Iterator[Engine]:
    url = make_url(database_url)
    engine = create_engine(url.set(username=user, password=password) if user else url)
    tell_database(engine)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture
def web(tables_owner: Engine, database_url: str, postgres_roles: Roles) -> Iterator[Engine]:
    """Connections that log in as a web process does, to a row of `a` and one of `b` everywhere."""
    with system_scope("test"), tables_owner.begin() as connection:
        for workspace_id in ("a", "b"):
            fill(connection, workspace_id)
    login, password = postgres_roles.login, postgres_roles.password
    with connect_as(database_url, login, password) as engine:
        yield engine


@pytest.fixture
def worker(web: Engine, postgres_roles: Roles) -> Iterator[Connection]:
    """A connection with the worker's role on, its transaction open."""
    with web.connect() as connection:
        connection.execute(text(f"SET LOCAL ROLE {postgres_roles.worker}"))
        yield connection


def attempt(connection: Connection, statement: Any) -> int | str:
    """Run a statement that should do nothing; return how many rows it changed, or `REFUSED`."""
    try:
        with connection.begin_nested():
            given = text(statement) if isinstance(statement, str) else statement
            return connection.execute(given).rowcount
    except DBAPIError as error:
        return REFUSED if error.orig.sqlstate == NO_PRIVILEGE else str(error)


def test_every_table_with_a_workspace_has_its_wall(tables_owner: Engine) -> None:
    with tables_owner.connect() as connection:
        found = connection.execute(
            text(
                "SELECT relname, relrowsecurity AND relforcerowsecurity,"
                " ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid)"
                " FROM pg_class c WHERE relname = ANY (:names)"
            ),
            {"names": TABLES},
        ).all()

    assert len(found) == len(TABLES)
    for name, is_forced, policies in found:
        assert is_forced, name
        assert {walls.WORKSPACE_POLICY, walls.SYSTEM_POLICY} <= set(policies), name


def test_a_workspace_sees_and_changes_nothing_of_another(web: Engine) -> None:
    with workspace_scope("a"), web.connect() as connection:
        for table in TABLES:
            assert connection.scalars(text(f"SELECT workspace_id FROM {table}")).all() == ["a"]
            for verb in (f"UPDATE {table} SET workspace_id = 'a'", f"DELETE FROM {table}"):
                changed = attempt(connection, f"{verb} WHERE workspace_id = 'b'")
                assert changed in {0, REFUSED}, table


def test_a_row_of_another_workspace_cannot_be_made(web: Engine) -> None:
    with workspace_scope("a"), web.connect() as connection:
        for table in scoped_tables():
            made = attempt(connection, table.insert().values(row_of(table, "b", {})))
            assert made == REFUSED, table


def test_a_row_cannot_be_given_to_another_workspace(web: Engine) -> None:
    with workspace_scope("a"), web.connect() as connection:
        for table in TABLES:
            assert attempt(connection, f"UPDATE {table} SET workspace_id = 'b'") == REFUSED, table


def test_with_no_scope_there_is_no_row(web: Engine, worker: Connection) -> None:
    with web.connect() as connection:
        assert {count(connection, table) for table in TABLES} == {0}
    assert {count(worker, table) for table in TABLES} == {0}


def test_an_empty_workspace_is_no_workspace(web: Engine) -> None:
    with workspace_scope(""), web.connect() as connection:
        assert {count(connection, table) for table in TABLES} == {0}


def test_the_web_role_cannot_have_the_system_scope(web: Engine) -> None:
    with web.connect() as connection:
        connection.execute(text(CLAIMS_EVERYTHING))
        assert {count(connection, table) for table in TABLES} == {0}
        connection.execute(text(NAMES_A))
        assert {count(connection, table) for table in TABLES} == {1}


def test_the_web_role_asking_for_the_system_scope_is_told_no(web: Engine) -> None:
    with (
        system_scope("test"),
        web.connect() as connection,
        pytest.raises(ScopeError, match="only the worker's"),
    ):
        connection.scalars(select(Account.id))


def test_the_worker_sees_everything_when_it_says_so(worker: Connection) -> None:
    with system_scope("test"):
        assert {count(worker, table) for table in TABLES} == {2}
    with workspace_scope("b"):
        assert {count(worker, table) for table in TABLES} == {1}


def test_the_web_role_cannot_take_the_walls_down(web: Engine) -> None:
    with workspace_scope("a"), web.connect() as connection:
        for statement in ATTACKS:
            assert attempt(connection, statement) == REFUSED, statement


def test_what_is_told_ends_with_the_transaction(web: Engine) -> None:
    with web.connect() as connection:
        with workspace_scope("a"):
            assert count(connection, "messenger_messages") == 1
        connection.commit()
        told = connection.scalar(text("SELECT current_setting('messenger.workspace_id', true)"))
        connection.rollback()

        assert told == ""
        assert count(connection, "messenger_messages") == 0


def test_a_scope_that_changes_in_a_transaction_holds_from_then_on(web: Engine) -> None:
    query = text("SELECT workspace_id FROM messenger_messages")

    with web.connect() as connection:
        with workspace_scope("a"):
            first = connection.scalars(query).all()
            with workspace_scope("b"):
                inner = connection.scalars(query).all()
            again = connection.scalars(query).all()
        outside = connection.scalars(query).all()

    assert (first, inner, again, outside) == (["a"], ["b"], ["a"], [])


def test_a_savepoint_that_is_rolled_back_does_not_leave_another_scope(web: Engine) -> None:
    query = text("SELECT workspace_id FROM messenger_messages")

    with workspace_scope("a"), web.connect() as connection:
        assert connection.scalars(query).all() == ["a"]
        with workspace_scope("b"):
            savepoint = connection.begin_nested()
            assert connection.scalars(query).all() == ["b"]
            savepoint.rollback()
            assert connection.scalars(query).all() == ["b"]
        assert connection.scalars(query).all() == ["a"]


def test_a_connection_that_was_lost_without_a_word_belongs_to_nobody(web: Engine) -> None:
    connection = web.raw_connection()
    connection.info["messenger_scope"] = "left behind"
    connection.close()

    with workspace_scope("a"), web.connect() as again:
        assert count(again, "messenger_messages") == 1


def test_the_hosts_own_statements_cost_nothing(web: Engine) -> None:
    with workspace_scope("a"), web.connect() as connection:
        connection.execute(text("SELECT 1"))

        assert connection.scalar(
            text("SELECT current_setting('messenger.workspace_id', true)")
        ) in {
            None,
            "",
        }


def test_an_entry_arrives_without_a_workspace_and_is_seen_by_nobody(web: Engine) -> None:
    row = {
        "id": new_id(),
        "app_name": "default",
        "object": "page",
        "raw": b"{}",
        "state": "pending",
        "attempts": 0,
        "received_at": utc_now(),
    }
    with web.begin() as connection:
        connection.execute(WebhookEntry.__table__.insert(), row)

    with workspace_scope("a"), web.connect() as connection:
        assert count(connection, "messenger_webhook_entries") == 1  # its own, from before


def test_a_request_may_ask_four_things_of_others(web: Engine, tables_owner: Engine) -> None:
    with system_scope("test"), tables_owner.begin() as connection:
        connection.execute(text("UPDATE messenger_accounts SET meta_user_id = 'P', app_name = 'x'"))
        connection.execute(
            text("UPDATE messenger_accounts SET page_external_id = workspace_id || '-page'")
        )

    with workspace_scope("a"), Session(web) as session:
        ids = ["a-external_id", "b-external_id", "none"]
        pages = ["a-page", "b-page", "none"]
        carried = list_carried_pages(session, workspace_id="a", page_ids=pages)
        channel = "b-channel"
        taken = list_taken_pages(session, workspace_id="a", channel=channel, external_ids=ids)
        workspaces = list_workspaces_of_login(session, app_name="x", meta_user_id="P")
        left = session.scalar(text("SELECT current_setting('messenger.system', true)"))
        seen = session.scalars(text("SELECT workspace_id FROM messenger_accounts")).all()

    assert taken == {"b-external_id"}
    assert carried == {"b-page"}
    assert workspaces == ["a", "b"]
    assert left == ""
    assert seen == ["a"]


def test_policies_leave_indexes_in_use(
    web: Engine, tables_owner: Engine, postgres_roles: Roles
) -> None:
    with system_scope("test"), tables_owner.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO messenger_audit_log (id, workspace_id, actor, action, details, at)"
                " SELECT gen_random_uuid(), 'w' || n % 100, 'u', 'x', '{}', now()"
                " FROM generate_series(1, 5000) n"
            )
        )
        connection.execute(text("ANALYZE messenger_audit_log"))
    question = (
        "EXPLAIN SELECT * FROM messenger_audit_log {} ORDER BY workspace_id DESC, at DESC LIMIT 5"
    )
    with web.connect() as connection:
        with workspace_scope("w7"):
            as_web = "\n".join(connection.scalars(text(question.format(""))))
        connection.execute(text(f"SET LOCAL ROLE {postgres_roles.worker}"))
        with system_scope("test"):
            where = "WHERE workspace_id = 'w7'"
            as_worker = "\n".join(connection.scalars(text(question.format(where))))

    assert "Index Cond: ((workspace_id)::text = (InitPlan" in as_web
    # The planner expects about as many rows as there are: it reads them in order, and sorts none.
    assert "Index Cond: ((workspace_id)::text = 'w7'" in as_worker
    assert "Sort" not in as_worker


def test_a_table_of_a_later_migration_is_walled_off_in_one_line(
    new_postgres_database: Callable[[], str], postgres_roles: Roles
) -> None:
    with connect_as(new_postgres_database(), None) as owner:
        schema.upgrade(owner)
        with owner.begin() as connection:
            create_roles(connection, web=postgres_roles.web, worker=postgres_roles.worker)
        with owner.begin() as connection:
            connection.execute(text("CREATE TABLE messenger_later (id int, workspace_id text)"))
            connection.execute(text("INSERT INTO messenger_later VALUES (1, 'a'), (2, 'b')"))
            walls.protect(connection, "messenger_later")
            walls.protect(connection, "messenger_later")
        with owner.connect() as connection, workspace_scope("b"):
            connection.execute(text(f"SET LOCAL ROLE {postgres_roles.web}"))
            as_web = connection.scalars(text("SELECT id FROM messenger_later")).all()
            connection.execute(text(f"SET LOCAL ROLE {postgres_roles.worker}"))
            with system_scope("test"):
                as_worker = connection.scalars(text("SELECT id FROM messenger_later")).all()

    assert (as_web, as_worker) == ([2], [1, 2])


def test_the_owner_of_the_tables_needs_a_scope_too(
    new_postgres_database: Callable[[], str], postgres_roles: Roles
) -> None:
    """One role for everything, as a small host has it: it may have the system scope, if it asks."""
    url = new_postgres_database()
    with connect_as(url, None) as boss, boss.begin() as connection:
        connection.execute(text(f"GRANT CREATE ON SCHEMA public TO {postgres_roles.login}"))
    with connect_as(url, postgres_roles.login, postgres_roles.password) as owner:
        schema.upgrade(owner)
        entry = {"id": uuid.uuid4(), "workspace_id": "a", "actor": "u", "action": "x"}
        with workspace_scope("a"), owner.begin() as connection:
            connection.execute(AuditEntry.__table__.insert(), entry)
        with owner.connect() as connection:
            without = count(connection, "messenger_audit_log")
            with system_scope("test"):
                everything = count(connection, "messenger_audit_log")
            with workspace_scope("b"):
                elsewhere = count(connection, "messenger_audit_log")
        schema.downgrade(owner, "base")

    assert (without, everything, elsewhere) == (0, 1, 0)


def test_a_connection_that_dies_is_an_error_of_the_database(
    web: Engine, tables_owner: Engine
) -> None:
    with workspace_scope("a"), web.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        with tables_owner.begin() as other:
            assert other.scalar(text("SELECT pg_terminate_backend(:pid, 60000)"), {"pid": pid})

        with pytest.raises(DBAPIError) as caught:
            count(connection, "messenger_messages")

    assert caught.value.connection_invalidated
