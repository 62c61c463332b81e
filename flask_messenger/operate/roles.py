"""The two roles that the processes work as: the web's sees one workspace, the worker's may see all.

Both are groups without a login. Who logs in is a member of one of them: a login made here, or one
that the host has already (`GRANT messenger_web TO crm;`). Neither owns a table, so neither can
change a policy. All of it can be done again at any time, and ends in the same grants.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, text

from flask_messenger.errors import ConfigurationError
from flask_messenger.models.schema import VERSION_TABLE
from flask_messenger.models.walls import (
    JOURNAL,
    READING_POLICY,
    SYSTEM_POLICY,
    WEB_CALLS,
    policy_roles,
    scoped_tables,
)

WEB_ROLE: Final = "messenger_web"
WORKER_ROLE: Final = "messenger_worker"

EVERYTHING: Final = "SELECT, INSERT, UPDATE, DELETE"
APPEND: Final = "SELECT, INSERT"
READ: Final = "SELECT"

WEB_GRANTS: Final = {
    "messenger_accounts": "SELECT, INSERT, UPDATE",
    "messenger_audit_log": APPEND,
    "messenger_deletion_requests": APPEND,
    "messenger_export_parts": READ,
    JOURNAL: "SELECT, INSERT, UPDATE",
    VERSION_TABLE: READ,
}
WORKER_GRANTS: Final = {"messenger_audit_log": APPEND, VERSION_TABLE: READ}
"""What differs from `EVERYTHING`: nobody rewrites the audit log, and a request ends no account."""

READER_ROLE: Final = "messenger_reader"
SEARCH_FUNCTION: Final = "messenger_search"
SEARCHED_TABLES: Final = (
    "messenger_conversations",
    "messenger_identities",
    "messenger_messages",
)

OUR_TABLES: Final = r"""
    SELECT c.relname, c.relispartition, pg_get_userbyid(c.relowner) AS owner FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace
      AND c.relname LIKE 'messenger\_%' AND c.relkind IN ('r', 'p')
    ORDER BY c.relname
"""
OUR_FUNCTIONS: Final = r"""
    SELECT p.proname, p.oid::regprocedure::text FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'messenger\_%'
      AND p.prosecdef
    ORDER BY 1
"""
"""Those that run as their owner. The others do nothing that their caller could not."""
PASSES_WALLS: Final = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = :name"
# To own a function a role needs CREATE on its schema, if only for that moment.
MAY_MAKE_READER: Final = """
    SELECT current_setting('server_version_num')::integer >= 160000 AND (
        rolsuper OR rolcreaterole
            AND has_schema_privilege(current_schema(), 'CREATE WITH GRANT OPTION')
            AND (to_regrole(quote_ident(:reader)) IS NULL OR pg_has_role(
                to_regrole(quote_ident(:reader)), 'MEMBER WITH ADMIN OPTION'
            ))
    ) FROM pg_roles WHERE rolname = current_user
"""
SEARCH: Final = """
    SELECT p.oid::regprocedure::text AS function, o.rolname AS owner,
        o.rolsuper OR o.rolbypassrls AS passes_walls
    FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner
    WHERE p.proname = :name AND p.pronamespace = current_schema()::regnamespace
"""
LOCK_TABLES: Final = "SET LOCAL lock_timeout = '2s'"
"""Policies are changed with a table to oneself; whoever comes meanwhile waits behind us."""
OWNS_TABLES: Final = r"""
    SELECT EXISTS (
        SELECT FROM pg_class
        WHERE relname LIKE 'messenger\_%' AND pg_has_role(:name, relowner, 'USAGE')
    )
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Somebody who logs in as a member of one of the roles."""

    name: str
    role: str
    password: str | None = field(repr=False)
    """None leaves it as it is, or to the server's own rules where the login is new."""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement, and what to say of it."""

    says: str
    statement: str = field(repr=False)


def create_roles(
    connection: Connection,
    *,
    web: str = WEB_ROLE,
    worker: str = WORKER_ROLE,
    reader: str = READER_ROLE,
    logins: Sequence[Login] = (),
) -> list[str]:
    """Make or mend the roles, their grants and their logins; return what was done, line by line.

    Run it as the owner of the tables, with the right to make roles. Where nothing is missing, no
    table is locked. Never commits; raises what the database raises where a table that has to be
    changed is not to be had.

    Raises:
        ConfigurationError: this is not PostgreSQL, our tables are not there, or a role could go
            past the policies whatever is granted.
    """
    is_postgres = connection.dialect.name == "postgresql"
    may_free = is_postgres and connection.scalar(text(MAY_MAKE_READER), {"reader": reader})
    steps = list(
        plan_roles(
            connection,
            web=web,
            worker=worker,
            reader=reader if may_free else None,
            logins=logins,
        )
    )
    connection.exec_driver_sql(LOCK_TABLES)
    for step in steps:
        connection.exec_driver_sql(step.statement)
    return list(dict.fromkeys(step.says for step in steps))


def plan_roles(
    connection: Connection,
    *,
    web: str,
    worker: str,
    reader: str | None,
    logins: Sequence[Login] = (),
) -> Iterator[Step]:
    """Yield what `create_roles` does, in order; only looks.

    `reader` is None for whoever may not make it own the search.
    """
    if connection.dialect.name != "postgresql":
        raise ConfigurationError("Roles are PostgreSQL's: this database has none.")
    if not scoped_tables(connection):
        raise ConfigurationError("Our tables are not there: run `flask messenger db upgrade`.")
    if len({web, worker, *(login.name for login in logins)}) < 2 + len(logins):
        raise ConfigurationError("Every role and every login needs a name of its own.")
    for role in (web, worker):
        yield from _make_role(connection, role)
    yield from _grant_tables(connection, web=web, worker=worker)
    yield from _grant_functions(connection, web=web, worker=worker)
    yield from _allow_system(connection, worker=worker)
    if reader:
        yield from _free_search(connection, reader=reader)
    for login in logins:
        yield from _make_login(connection, login)


def _make_role(connection: Connection, role: str) -> Iterator[Step]:
    name = _quote(connection, role)
    if not _is_there(connection, role):
        yield Step(f"role {role}: made, without a login", f"CREATE ROLE {name} NOLOGIN")
    schema = _quote(connection, str(connection.scalar(text("SELECT current_schema()"))))
    yield Step(f"role {role}: may use schema {schema}", f"GRANT USAGE ON SCHEMA {schema} TO {name}")


def _grant_tables(connection: Connection, *, web: str, worker: str) -> Iterator[Step]:
    for role, grants in ((web, WEB_GRANTS), (worker, WORKER_GRANTS)):
        name = _quote(connection, role)
        for table, is_partition, _ in connection.execute(text(OUR_TABLES)):
            target = _quote(connection, table)
            yield Step(
                f"role {role}: grants brought up to date",
                f"REVOKE ALL ON {target} FROM {name}",
            )
            if not is_partition:
                granted = grants.get(table, EVERYTHING)
                yield Step(
                    f"{role} on {table}: {granted}", f"GRANT {granted} ON {target} TO {name}"
                )


def _grant_functions(connection: Connection, *, web: str, worker: str) -> Iterator[Step]:
    both = ", ".join(_quote(connection, role) for role in (web, worker))
    for name, function in connection.execute(text(OUR_FUNCTIONS)):
        roles = (web, worker) if name in WEB_CALLS else (worker,)
        granted = ", ".join(_quote(connection, role) for role in roles)
        yield Step(
            f"{' and '.join(roles)} on {name}(): EXECUTE",
            f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC, {both};"
            f" GRANT EXECUTE ON FUNCTION {function} TO {granted}",
        )


def _allow_system(connection: Connection, *, worker: str) -> Iterator[Step]:
    """Let the worker's role, and the owner of each table, have the system scope."""
    owners = {row.relname: row.owner for row in connection.execute(text(OUR_TABLES))}
    for table in scoped_tables(connection):
        wanted = {owners[table], worker}
        if wanted == set(policy_roles(connection, SYSTEM_POLICY, table)):
            continue
        roles = ", ".join(_quote(connection, role) for role in sorted(wanted))
        yield Step(
            f"role {worker}: may have the system scope",
            f"ALTER POLICY {SYSTEM_POLICY} ON {_quote(connection, table)} TO {roles}",
        )


def _free_search(connection: Connection, *, reader: str) -> Iterator[Step]:
    """Let the search use its index, which PostgreSQL refuses to whom a condition of rows holds.

    (Comparing words could tell of rows, so it may not come before the policy.) The function itself
    looks at the workspace in scope alone, and belongs to a role that nobody can log in as: what it
    may read is said by a policy that is always true, and compares nothing.
    """
    found = connection.execute(text(SEARCH), {"name": SEARCH_FUNCTION}).one_or_none()
    if found is None or found.passes_walls:
        return
    name = _quote(connection, reader)
    if connection.scalar(text(PASSES_WALLS), {"name": reader}) is None:
        made = f"CREATE ROLE {name} NOLOGIN"
        yield Step(f"role {reader}: made, without a login, for the search alone", made)
    steps = [*_let_read(connection, reader), *_give_search(connection, found, reader=reader)]
    for statement in steps:
        yield Step(f"role {reader}: runs {SEARCH_FUNCTION}()", statement)


def _let_read(connection: Connection, reader: str) -> Iterator[str]:
    name = _quote(connection, reader)
    for table in SEARCHED_TABLES:
        known = policy_roles(connection, READING_POLICY, table)
        if known == [reader]:
            continue
        if known:
            yield f"DROP POLICY {READING_POLICY} ON {table}"
        yield f"CREATE POLICY {READING_POLICY} ON {table} FOR SELECT TO {name} USING (true)"
        yield f"GRANT SELECT ON {table} TO {name}"


def _give_search(connection: Connection, found: Any, *, reader: str) -> Iterator[str]:
    if found.owner == reader:
        return
    name = _quote(connection, reader)
    schema = _quote(connection, str(connection.scalar(text("SELECT current_schema()"))))
    owner = next(row.owner for row in connection.execute(text(OUR_TABLES)))
    # Never inherited: the policy would hold for the owner, too. It takes the role on to replace
    # the function, as a later migration may.
    yield f"GRANT {name} TO {_quote(connection, owner)} WITH INHERIT FALSE, SET TRUE"
    yield f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {name}"
    yield f"ALTER FUNCTION {found.function} OWNER TO {name}"
    yield f"REVOKE CREATE ON SCHEMA {schema} FROM {name}"


def _make_login(connection: Connection, login: Login) -> Iterator[Step]:
    name = _quote(connection, login.name)
    verb = "ALTER" if _is_there(connection, login.name) else "CREATE"
    done = "was there" if verb == "ALTER" else "made"
    password = f" PASSWORD '{_encrypt(connection, login)}'" if login.password else ""
    yield Step(
        f"login {login.name}: {done}{', password set' if password else ''}",
        f"{verb} ROLE {name} LOGIN{password}",
    )
    yield Step(
        f"login {login.name}: is a member of {login.role}",
        f"GRANT {_quote(connection, login.role)} TO {name}",
    )


def _encrypt(connection: Connection, login: Login) -> str:
    """Return what the server stores of a password: the server's log may quote statements."""
    driver = connection.connection.driver_connection
    encrypted: bytes = driver.pgconn.encrypt_password(  # type: ignore[union-attr]
        str(login.password).encode(), login.name.encode(), b"scram-sha-256"
    )
    return encrypted.decode()


def _is_there(connection: Connection, role: str) -> bool:
    """Say whether a role exists.

    Raises:
        ConfigurationError: it would see everything, whatever we grant.
    """
    passes_walls = connection.scalar(text(PASSES_WALLS), {"name": role})
    if passes_walls is None:
        return False
    if passes_walls:
        raise ConfigurationError(f"{role} is a superuser or has BYPASSRLS: no policy holds it.")
    if connection.scalar(text(OWNS_TABLES), {"name": role}):
        raise ConfigurationError(f"{role} owns our tables, so it could take the policies away.")
    return True


def _quote(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)
