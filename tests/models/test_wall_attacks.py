"""What an attacker learns who runs SQL of their own on a web process's connection.

They may name any workspace: nothing keeps that from whoever has the whole connection. The rest of
what they could try from one workspace's scope is here.
"""

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from flask_messenger import system_scope, workspace_scope
from flask_messenger.models.walls import WEB_CALLS
from tests.models.test_walls import REFUSED, attempt, web
from tests.support.roles import Roles
from tests.support.walls import count

# ruff: noqa: S608 - the names in these statements are our own; fixtures are arguments

__all__ = ["web"]

pytestmark = pytest.mark.databases("postgresql")

PARTITIONS = (
    "SELECT inhrelid::regclass::text FROM pg_inherits"
    " WHERE inhparent = 'messenger_webhook_entries'::regclass"
)
OURS_AS_OWNER = "SELECT proname FROM pg_proc WHERE prosecdef AND starts_with(proname, 'messenger_')"


@pytest.fixture
def inside(web: Engine) -> Iterator[Connection]:
    """The attacker: a statement of theirs runs where a request of workspace `a` runs its own."""
    with workspace_scope("a"), web.connect() as connection:
        assert count(connection, "messenger_messages") == 1
        yield connection


def test_a_day_of_the_journal_shows_nothing_even_to_whom_it_was_granted(
    web: Engine, tables_owner: Engine, postgres_roles: Roles
) -> None:
    """As `ALTER DEFAULT PRIVILEGES ... GRANT SELECT ON TABLES` would do for each new day."""
    with system_scope("test"), tables_owner.begin() as connection:
        connection.execute(text("SELECT messenger_journal_add_partition(DATE '2031-01-01')"))
        days = connection.scalars(text(PARTITIONS)).all()
        columns = connection.scalars(
            text("SELECT attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped"
                 " AND attrelid = 'messenger_webhook_entries'::regclass AND attname <> 'id'")
        ).all()  # fmt: skip
        names = ", ".join(columns)
        row = f"INSERT INTO messenger_webhook_entries (id, {names}) SELECT :id, {names}"
        row += " FROM messenger_webhook_entries WHERE workspace_id = 'b'"
        day = "SELECT messenger_journal_first_id(DATE '2031-01-01')"
        connection.execute(text(row), {"id": connection.scalar(text(day))})
        assert count(connection, "messenger_webhook_entries_20310101") == 1
    try:
        with workspace_scope("a"), web.connect() as connection:
            for each in days:
                assert attempt(connection, f"SELECT FROM {each}") == REFUSED, each
        with tables_owner.begin() as connection:
            for each in days:
                connection.execute(text(f"GRANT ALL ON {each} TO {postgres_roles.login}"))
        with workspace_scope("b"), web.connect() as connection:
            assert {count(connection, each) for each in days} == {0}
            changed = {attempt(connection, f"UPDATE {each} SET state = 'x'") for each in days}
            assert changed == {0}
    finally:
        with tables_owner.begin() as connection:
            for each in days:
                connection.execute(text(f"REVOKE ALL ON {each} FROM {postgres_roles.login}"))
            connection.execute(text("DROP TABLE messenger_webhook_entries_20310101"))


def test_no_other_function_runs_as_its_owner(inside: Connection) -> None:
    found = set(inside.scalars(text(OURS_AS_OWNER)))
    workers = {"messenger_journal_add_partition", "messenger_journal_drop_partition"}

    assert found == WEB_CALLS | workers
    for name in workers:
        assert attempt(inside, f"SELECT {name}(DATE '2020-01-01')") == REFUSED


def test_functions_answer_for_the_workspace_in_scope(
    inside: Connection, tables_owner: Engine
) -> None:
    with system_scope("test"), tables_owner.begin() as connection:
        connection.execute(text("UPDATE messenger_messages SET text = 'a pizza'"))
        connection.execute(
            text("UPDATE messenger_webhook_entries SET state = 'unrouted', object = 'page',"
                 " external_id = workspace_id || '-external_id'")
        )  # fmt: skip

    inside.rollback()
    found = inside.scalars(text("SELECT messenger_search('pizza', '%', 100)")).all()
    own = inside.scalars(text("SELECT id FROM messenger_conversations")).all()
    back = "SELECT messenger_put_back('page', :page)"
    theirs = inside.scalars(text(back), {"page": "b-external_id"}).all()
    ours = inside.scalars(text(back), {"page": "a-external_id"}).all()

    assert found == own
    assert (len(theirs), len(ours)) == (0, 1)


def test_tables_and_functions_of_ones_own_are_not_taken_for_ours(inside: Connection) -> None:
    for statement in (
        (
            "CREATE TEMP TABLE messenger_accounts (workspace_id text, channel text, status text,"
            " external_id text)"
        ),
        "INSERT INTO pg_temp.messenger_accounts VALUES ('z', 'mine', 'active', '7')",
        (
            "CREATE FUNCTION pg_temp.set_config(text, text, boolean) RETURNS text"
            " LANGUAGE sql AS 'SELECT $2'"
        ),
        "SET LOCAL search_path = pg_temp, public, pg_catalog",
    ):
        inside.exec_driver_sql(statement)

    taken = "SELECT public.messenger_taken_pages('a', 'mine', ARRAY['7'])"
    left = inside.exec_driver_sql(taken).all()
    seen = inside.exec_driver_sql("SELECT workspace_id FROM public.messenger_accounts").all()

    assert left == []
    assert seen == [("a",)]
    assert attempt(inside, "CREATE FUNCTION public.mine() RETURNS int RETURN 1") == REFUSED


def test_a_condition_is_asked_after_the_policy(inside: Connection) -> None:
    """A function that tells what it was given is told rows of the workspace alone."""
    inside.exec_driver_sql("CREATE TEMP TABLE told (what text)")
    inside.exec_driver_sql(
        "CREATE FUNCTION pg_temp.tell(what text) RETURNS boolean LANGUAGE plpgsql COST 0.0001"
        " AS 'BEGIN INSERT INTO pg_temp.told VALUES (what); RETURN true; END'"
    )
    inside.exec_driver_sql("SELECT FROM messenger_accounts WHERE pg_temp.tell(workspace_id)")

    assert inside.scalars(text("SELECT what FROM pg_temp.told")).all() == ["a"]
    assert count(inside, "pg_stats WHERE tablename = 'messenger_accounts'") == 0


def test_a_key_tells_that_it_is_taken_and_not_by_whom(inside: Connection) -> None:
    """A Page may be connected once: that it is, a request has to know anyway."""
    take = (
        "INSERT INTO messenger_accounts SELECT (jsonb_populate_record(a, jsonb_build_object("
        "'id', gen_random_uuid(), 'channel', 'b-channel', 'external_id', 'b-external_id'"
        "))).* FROM messenger_accounts a"
    )
    with pytest.raises(IntegrityError) as caught, inside.begin_nested():
        inside.exec_driver_sql(take)
    assert "workspace_id" not in str(caught.value.orig)

    constraint = "(channel, external_id) WHERE status <> 'disconnected'"
    seize = f"{take} ON CONFLICT {constraint} DO UPDATE SET workspace_id = 'a'"
    with pytest.raises(DBAPIError) as refused, inside.begin_nested():
        inside.exec_driver_sql(seize)
    assert refused.value.orig.sqlstate == "42501"


def test_a_reference_tells_of_an_id_that_has_to_be_known(
    inside: Connection, tables_owner: Engine
) -> None:
    """Foreign keys see every row. Ids of ours are random for 74 bits: nobody finds one so."""
    with system_scope("test"), tables_owner.connect() as connection:
        theirs = connection.scalar(
            text("SELECT id FROM messenger_accounts WHERE workspace_id = 'b'")
        )
    refer = "UPDATE messenger_identities SET account_id = %s"

    with pytest.raises(IntegrityError), inside.begin_nested():
        inside.exec_driver_sql(refer, (uuid.uuid4(),))
    inside.exec_driver_sql(refer, (theirs,))
    seen = inside.exec_driver_sql(
        "SELECT count(*) FROM messenger_identities i JOIN messenger_accounts a ON a.id = account_id"
    ).scalar()

    assert seen == 0


def test_whoever_has_the_whole_connection_names_any_workspace(inside: Connection) -> None:
    """The limit of this wall, as docs/security.md says it."""
    inside.exec_driver_sql("SET LOCAL messenger.workspace_id = 'b'")

    assert inside.exec_driver_sql("SELECT workspace_id FROM messenger_messages").all() == [("b",)]
