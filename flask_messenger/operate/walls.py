"""Whether the connection in use could go past the row-level security, and how."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, text

from flask_messenger.models.walls import (
    ASK_SYSTEM,
    SYSTEM_POLICY,
    WORKSPACE_POLICY,
    scoped_tables,
)
from flask_messenger.operate.findings import Finding, note, ok, wrong

WEB: Final = "web"
WORKER: Final = "worker"

USE_ROLES: Final = (
    "Connect as a member of the role that `flask messenger roles create` makes for this process."
)
UPGRADE: Final = "As the owner of the tables: `flask messenger db upgrade`, then `roles create`."

# Superusers count as members of everything: those are named by themselves.
STRONGER_ROLES: Final = r"""
    SELECT r.rolname,
        CASE WHEN r.rolsuper THEN 'is a superuser' WHEN r.rolbypassrls THEN 'has BYPASSRLS'
            ELSE 'owns our tables' END AS why
    FROM pg_roles r
    WHERE (r.rolsuper OR r.rolbypassrls OR EXISTS (
            SELECT FROM pg_class c
            WHERE c.relnamespace = current_schema()::regnamespace AND c.relowner = r.oid
              AND c.relname LIKE 'messenger\_%' AND c.relkind IN ('r', 'p')
        ))
      AND pg_has_role(current_user, r.oid, 'MEMBER')
      AND (r.rolname = current_user
        OR NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))
    ORDER BY r.rolname = current_user DESC, r.rolname
"""
OPEN_TABLES: Final = """
    SELECT c.relname,
        CASE WHEN NOT c.relrowsecurity THEN 'has no row-level security'
             WHEN NOT c.relforcerowsecurity THEN 'does not force it on its owner'
             ELSE 'lacks a policy of ours' END AS why
    FROM pg_class c
    WHERE c.oid IN (SELECT to_regclass(t) FROM unnest(CAST(:tables AS text[])) t)
      AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND (
          SELECT count(*) = 2 FROM pg_policy p
          WHERE p.polrelid = c.oid AND p.polname IN (:workspace, :system)
      ))
    ORDER BY 1
"""
FOREIGN_POLICIES: Final = r"""
    SELECT p.polname || ' on ' || c.relname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relname LIKE 'messenger\_%'
      AND p.polname NOT LIKE 'messenger\_%' AND p.polpermissive
    ORDER BY 1
"""
PUBLIC_FUNCTIONS: Final = r"""
    SELECT p.proname FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'messenger\_%'
      AND p.prosecdef AND (p.proacl IS NULL OR EXISTS (
          SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0
      ))
    ORDER BY 1
"""
SEARCH_IS_HELD: Final = """
    SELECT NOT (o.rolsuper OR o.rolbypassrls) FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner
    WHERE p.proname = 'messenger_search' AND p.pronamespace = current_schema()::regnamespace
"""
NOT_GRANTED: Final = """
    SELECT t FROM unnest(CAST(:tables AS text[])) t
    WHERE NOT has_table_privilege(to_regclass(t), 'SELECT, INSERT') ORDER BY 1
"""


def check_walls(connection: Connection, *, process: str) -> Iterator[Finding]:
    """Yield what the connection could do, as a process of kind `WEB` or `WORKER`."""
    if connection.dialect.name != "postgresql":
        yield note("walls", "This database has no row-level security: the ORM's wall is the last.")
        return
    tables = scoped_tables(connection)
    if not tables:
        return  # the check of the migrations says so
    yield from _check_role(connection)
    yield from _check_tables(connection, tables)
    yield from _check_system_scope(connection, process)
    yield from _check_functions(connection)
    if connection.scalar(text(SEARCH_IS_HELD)):
        says = "The search reads every message of a workspace: policies keep it from its index."
        mend = "As a superuser: `flask messenger roles create`, or what its --print-sql prints."
        yield note("search", says, mend)
    missing = connection.scalars(text(NOT_GRANTED), {"tables": tables}).all()
    if missing:
        says = f"The role in use may not read or write {', '.join(missing)}."
        yield wrong("grants", says, "As the owner of the tables: `flask messenger roles create`.")


def _check_role(connection: Connection) -> Iterator[Finding]:
    current = connection.scalar(text("SELECT current_user"))
    stronger = connection.execute(text(STRONGER_ROLES)).all()
    for name, why in stronger:
        whose = f"The role in use, {name}," if name == current else f"The role in use may be {name}"
        joint = "" if name == current else ", which"
        yield wrong("role", f"{whose}{joint} {why}: it could go past the policies.", USE_ROLES)
    if not stronger:
        yield ok("role", f"{current} is held by the policies, and cannot change them.")


def _check_tables(connection: Connection, tables: list[str]) -> Iterator[Finding]:
    names = {"tables": tables, "workspace": WORKSPACE_POLICY, "system": SYSTEM_POLICY}
    opened = connection.execute(text(OPEN_TABLES), names).all()
    for table, why in opened:
        yield wrong("tables", f"{table} {why}.", UPGRADE)
    for policy in connection.scalars(text(FOREIGN_POLICIES)):
        says = f"A policy that is not ours lets rows through: {policy}."
        yield wrong("tables", says, "Drop it, unless you know why it is there.")
    if not opened:
        yield ok("tables", f"All {len(tables)} tables with customers' rows have their policies.")


def _check_system_scope(connection: Connection, process: str) -> Iterator[Finding]:
    is_allowed = bool(connection.scalar(text(ASK_SYSTEM)))
    if process == WEB and is_allowed:
        says = "The role in use may have the system scope, which is for workers."
        yield wrong("system scope", says, USE_ROLES)
    elif process == WORKER and not is_allowed:
        says = "The role in use may not have the system scope, which a worker needs."
        yield wrong("system scope", says, USE_ROLES)
    else:
        yield ok("system scope", "Allowed." if is_allowed else "Not for this role.")


def _check_functions(connection: Connection) -> Iterator[Finding]:
    for name in connection.scalars(text(PUBLIC_FUNCTIONS)):
        says = f"Any role of this server may call {name}(), which runs as its owner."
        yield wrong("functions", says, "As its owner: `flask messenger roles create`.")
