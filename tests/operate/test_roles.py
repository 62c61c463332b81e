"""`flask messenger roles create`: what an operator runs, as the owner of the tables."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from flask_messenger import system_scope, workspace_scope
from flask_messenger.errors import ScopeError
from flask_messenger.models import schema
from flask_messenger.state import state_of
from tests.servers import connect_to
from tests.support.walls import count, fill

PASSWORDS = {"MESSENGER_WEB_PASSWORD": "web-secret", "MESSENGER_WORKER_PASSWORD": "worker-secret"}


def create(site, app=None, *more, **kwargs):
    app = app or site.made[0]
    names = [f"--{kind}-role={site.role(kind)}" for kind in ("web", "worker", "reader")]
    return site.run(app, "roles", "create", *names, *more, **kwargs)


def logins(site) -> tuple[str, ...]:
    return ("--web-login", site.role("web_login"), "--worker-login", site.role("worker_login"))


def test_the_roles_work_once_they_are_made(site) -> None:
    shown = create(site, None, *logins(site), env=PASSWORDS)

    assert shown.exit_code == 0, shown.output
    web, worker = site.role("web"), site.role("worker")
    assert f"role {web}: made, without a login" in shown.output
    assert f"{web} on messenger_messages: SELECT, INSERT, UPDATE, DELETE" in shown.output
    assert f"{web} on messenger_audit_log: SELECT, INSERT" in shown.output
    assert f"{web} and {worker} on messenger_taken_pages(): EXECUTE" in shown.output
    assert f"role {worker}: may have the system scope" in shown.output
    assert f"login {site.role('web_login')}: made, password set" in shown.output
    assert "The host's own tables are the host's" in shown.output
    assert "secret" not in shown.output
    for kind, is_allowed in (("web", False), ("worker", True)):
        app = site.app(site.role(f"{kind}_login"), f"{kind}-secret")
        with app.app_context(), state_of(app).db.engine.connect() as connection:
            with workspace_scope("a"):
                assert count(connection, "messenger_messages") == 0
            with system_scope("test"):
                if is_allowed:
                    assert count(connection, "messenger_messages") == 0
                else:
                    with pytest.raises(ScopeError):
                        count(connection, "messenger_messages")


def test_making_them_again_mends_the_grants_and_nothing_else(site) -> None:
    first = create(site)
    owner = site.made[0]
    with owner.app_context(), state_of(owner).db.engine.begin() as connection:
        connection.execute(text(f"GRANT ALL ON messenger_audit_log TO {site.role('web')}"))
        connection.execute(text(f"REVOKE ALL ON messenger_messages FROM {site.role('worker')}"))

    again = create(site)

    assert (first.exit_code, again.exit_code) == (0, 0), again.output
    assert "made, without a login" not in again.output
    may = "SELECT has_table_privilege(:role, :table, :what)"
    with owner.app_context(), state_of(owner).db.engine.connect() as connection:
        web = {"role": site.role("web"), "table": "messenger_audit_log", "what": "DELETE"}
        worker = {"role": site.role("worker"), "table": "messenger_messages", "what": "DELETE"}
        assert connection.scalar(text(may), web) is False
        assert connection.scalar(text(may), worker) is True


def test_a_password_is_asked_for_where_the_environment_has_none(site) -> None:
    name = site.role("web_login")

    shown = create(site, None, "--web-login", name, input="typed\ntyped\n")

    assert shown.exit_code == 0, shown.output
    assert "typed" not in shown.output
    with site.app(name, "typed").app_context():
        pass


def test_the_statements_can_be_printed_for_somebody_else_to_run(site) -> None:
    shown = create(site, None, "--web-login", site.role("web_login"), "--print-sql")

    assert shown.exit_code == 0, shown.output
    assert f"CREATE ROLE {site.role('web')} NOLOGIN;" in shown.output
    assert "PASSWORD" not in shown.output
    statements = "\n".join(line for line in shown.output.splitlines() if line.endswith(";"))
    with connect_to(site.server.set(database=site.name)) as connection:
        found = "SELECT count(*) FROM pg_roles WHERE rolname = %s"
        assert connection.execute(found, [site.role("web")]).fetchone() == (0,)
        connection.execute(statements)
        assert connection.execute(found, [site.role("web")]).fetchone() == (1,)


def test_who_may_not_make_roles_is_told_what_to_do(site) -> None:
    with connect_to(site.server) as connection:
        connection.execute(f"ALTER ROLE {site.owner} NOCREATEROLE")

    shown = create(site)

    assert shown.exit_code == 1
    assert "PostgreSQL refused: permission denied to create role" in shown.output
    assert "--print-sql" in shown.output


def test_a_role_that_could_pass_the_walls_is_refused(site) -> None:
    with connect_to(site.server) as connection:
        connection.execute(f"CREATE ROLE {site.role('web')} BYPASSRLS")

    shown = create(site)

    assert shown.exit_code == 1
    assert "is a superuser or has BYPASSRLS" in shown.output


def test_the_owner_of_the_tables_is_refused_as_a_role(site) -> None:
    shown = site.run(site.made[0], "roles", "create", "--web-role", site.owner)

    assert shown.exit_code == 1
    assert "owns our tables" in shown.output


def test_two_roles_of_one_name_are_refused(site) -> None:
    shown = site.run(site.made[0], "roles", "create", "--web-role", "x", "--worker-role", "x")

    assert shown.exit_code == 1
    assert "a name of its own" in shown.output


@pytest.mark.databases("sqlite")
def test_sqlite_has_no_roles(app) -> None:
    shown = app.test_cli_runner().invoke(args=["messenger", "roles", "create"])

    assert shown.exit_code == 1
    assert "Roles are PostgreSQL's" in shown.output


def test_without_our_tables_there_is_nothing_to_grant(site) -> None:
    owner = site.made[0]
    with owner.app_context(), state_of(owner).db.engine.begin() as connection:
        for table in connection.scalars(
            text("SELECT tablename FROM pg_tables WHERE tablename LIKE 'messenger%'")
        ).all():
            connection.execute(text(f"DROP TABLE IF EXISTS {table} CASCADE"))

    shown = create(site)

    assert shown.exit_code == 1
    assert "db upgrade" in shown.output


def test_the_logins_cannot_reach_each_other(site) -> None:
    create(site, None, *logins(site), env=PASSWORDS)
    app = site.app(site.role("web_login"), "web-secret")

    with app.app_context(), state_of(app).db.engine.connect() as connection:
        for role in (site.role("worker"), site.role("worker_login"), site.owner):
            with pytest.raises(ProgrammingError, match="permission denied"):
                connection.execute(text(f"SET ROLE {role}"))
            connection.rollback()


def as_owner_of_the_database(site) -> None:
    """Let the owner of the tables give others a right on the schema, as a database's owner may."""
    with connect_to(site.server) as connection:
        connection.execute(f"ALTER DATABASE {site.name} OWNER TO {site.owner}")


@contextmanager
def in_use(site, mode: str) -> Iterator[None]:
    """Hold two tables as a long query or a writer does."""
    with connect_to(site.server.set(database=site.name)) as other, other.transaction():
        other.execute(f"LOCK messenger_messages, messenger_audit_log IN {mode} MODE")
        yield


@pytest.mark.parametrize("who", ["owner", "superuser"])
def test_the_search_may_use_its_index(site, who: str) -> None:
    plain = create(site)
    if who == "owner":
        as_owner_of_the_database(site)
    app = site.made[0] if who == "owner" else site.superuser()
    freed = create(site, app, *logins(site), env=PASSWORDS)
    again = create(site, app)

    assert site.role("reader") not in plain.output
    assert freed.exit_code == 0, freed.output
    assert f"role {site.role('reader')}: runs messenger_search()" in freed.output
    assert site.role("reader") not in again.output
    boss = site.superuser()
    asked = text(
        "EXPLAIN SELECT id FROM messenger_messages WHERE text IS NOT NULL AND text ILIKE '%pizza%'"
        " AND messenger_words(messenger_salt(workspace_id, sent_at), text) @@ 'x'::tsquery"
    )
    with boss.app_context(), state_of(boss).db.engine.begin() as connection, system_scope("test"):
        for workspace_id in ("a", "b"):
            fill(connection, workspace_id)
        connection.execute(text("UPDATE messenger_messages SET text = 'a pizza, please'"))
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        connection.execute(text(f"SET LOCAL ROLE {site.role('reader')}"))
        plan = "\n".join(connection.scalars(asked))
    web = site.app(site.role("web_login"), "web-secret")
    search = text("SELECT messenger_search('pizza', '%pizza%', 10)")
    with web.app_context(), state_of(web).db.engine.connect() as connection:
        nobody = connection.scalars(search).all()
        with workspace_scope("a"):
            found = connection.scalars(search).all()
            own = connection.scalars(text("SELECT id FROM messenger_conversations")).all()

    assert "ix_messenger_messages_words" in plan
    assert (nobody, found) == ([], own)
    assert len(own) == 1


def test_what_the_search_may_read_is_nobody_elses(site) -> None:
    as_owner_of_the_database(site)
    create(site, None, *logins(site), env=PASSWORDS)
    owner = site.made[0]
    with owner.app_context(), state_of(owner).db.engine.begin() as connection:
        with system_scope("test"):
            fill(connection, "a")
        with workspace_scope("b"):
            assert count(connection, "messenger_messages") == 0
        assert not connection.scalar(
            text("SELECT bool_or(rolsuper OR rolbypassrls OR rolcanlogin) FROM pg_roles"
                 " WHERE rolname = :name"), {"name": site.role("reader")}
        )  # fmt: skip
    for kind in ("web", "worker"):
        app = site.app(site.role(f"{kind}_login"), f"{kind}-secret")
        with app.app_context(), state_of(app).db.engine.connect() as connection:
            with workspace_scope("b"):
                assert count(connection, "messenger_messages") == 0
            connection.rollback()
            with pytest.raises(ProgrammingError, match="permission denied"):
                connection.execute(text(f"SET ROLE {site.role('reader')}"))


def test_the_owner_can_still_replace_and_remove_the_search(site) -> None:
    as_owner_of_the_database(site)
    create(site)
    owner = site.made[0]

    with owner.app_context():
        schema.downgrade(state_of(owner).db.engine, "0008")
        schema.upgrade(state_of(owner).db.engine)
        shown = create(site)
        schema.downgrade(state_of(owner).db.engine, "base")

    assert f"role {site.role('reader')}: runs messenger_search()" in shown.output


def test_done_again_it_waits_for_nobody(site) -> None:
    create(site)

    with in_use(site, "ACCESS SHARE"):
        again = create(site)

    assert again.exit_code == 0, again.output


def test_a_table_in_use_is_said_and_nothing_is_changed(site) -> None:
    with in_use(site, "ACCESS SHARE"):
        shown = create(site)

    assert shown.exit_code == 1
    assert "in use" in shown.output
    assert "Try again" in shown.output
    with connect_to(site.server) as connection:
        found = "SELECT count(*) FROM pg_roles WHERE rolname = %s"
        assert connection.execute(found, [site.role("web")]).fetchone() == (0,)


def test_an_upgrade_that_meets_a_table_in_use_stops_between_two_revisions(site) -> None:
    owner = site.made[0]
    with owner.app_context():
        schema.downgrade(state_of(owner).db.engine, "0007")
    with in_use(site, "ROW EXCLUSIVE"):
        shown = site.run(owner, "db", "upgrade")

    assert shown.exit_code == 1
    assert "The tables are at 0008, whole" in shown.output
    assert site.run(owner, "db", "upgrade").exit_code == 0
    with owner.app_context(), state_of(owner).db.engine.connect() as connection:
        assert connection.scalar(text("SHOW lock_timeout")) == "0"
