"""Whether the connection in use could go past the row-level security, and how."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, text

from flask_messenger.models.walls import (
    ARRIVAL_POLICY,
    ASK_SYSTEM,
    IS_OF_WORKSPACE,
    IS_SYSTEM,
    JOURNAL,
    READING_POLICY,
    SYSTEM_POLICY,
    USUAL_TABLE,
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
             ELSE 'does not force it on its owner' END AS why
    FROM pg_class c
    WHERE c.oid IN (SELECT to_regclass(t) FROM unnest(CAST(:tables AS text[])) t)
      AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
    ORDER BY 1
"""
# Those that only take rows away let nobody see more.
POLICIES: Final = r"""
    SELECT c.relname AS table, p.polname AS name, p.polcmd AS command,
        pg_get_expr(p.polqual, p.polrelid) AS using,
        pg_get_expr(p.polwithcheck, p.polrelid) AS check,
        0 = ANY (p.polroles) AS is_for_all,
        (SELECT coalesce(bool_or(pg_has_role(r, 'USAGE')), false)
            FROM unnest(p.polroles) r WHERE r <> 0) AS is_for_us,
        (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_super
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relname LIKE 'messenger\_%'
      AND p.polpermissive
    ORDER BY 1, 2
"""
OPEN_DAYS: Final = """
    SELECT part.relname,
        CASE WHEN NOT part.relrowsecurity THEN 'has no row-level security'
             ELSE 'may be reached by the role in use' END AS why
    FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid
    WHERE inhparent = to_regclass(:journal) AND (NOT part.relrowsecurity OR (
        NOT pg_has_role(part.relowner, 'USAGE')
        AND has_table_privilege(part.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
    ))
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
SEARCH_IS_HELD: Final = f"""
    SELECT NOT (o.rolsuper OR o.rolbypassrls OR EXISTS (
        SELECT FROM pg_policy WHERE polrelid = to_regclass('{USUAL_TABLE}')
          AND polname = '{READING_POLICY}' AND o.oid = ANY (polroles)
    )) FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner
    WHERE p.proname = 'messenger_search' AND p.pronamespace = current_schema()::regnamespace
"""  # noqa: S608 - our own names
EXPRESSIONS: Final[Mapping[str, tuple[str, str, str]]] = {
    WORKSPACE_POLICY: ("*", IS_OF_WORKSPACE, ""),
    SYSTEM_POLICY: ("*", IS_SYSTEM, ""),
    ARRIVAL_POLICY: ("a", "", "workspace_id IS NULL"),
    READING_POLICY: ("r", "true", ""),
}
"""What our policies are: for which command, and what they let through to read and to write."""
DEPARSED: Final = re.compile(r"::(?:text|character varying)|\bas \"?\w+\"?|[\s()]")
"""What PostgreSQL adds to an expression when it writes it out."""
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
    opened: list[Any] = list(connection.execute(text(OPEN_TABLES), {"tables": tables}))
    for table, why in opened:
        yield wrong("tables", f"{table} {why}.", UPGRADE)
    policies = connection.execute(text(POLICIES)).all()
    sound = {(each.table, each.name) for each in policies if _is_ours(each)}
    for table in tables:
        if not {(table, WORKSPACE_POLICY), (table, SYSTEM_POLICY)} <= sound:
            opened.append((table, ""))
            yield wrong("tables", f"{table} lacks a policy of ours.", UPGRADE)
    for each in policies:
        if (each.table, each.name) not in sound:
            says = f"A policy that is not ours lets rows through: {each.name} on {each.table}."
            yield wrong("tables", says, "Drop it, unless you know why it is there.")
    for day, why in connection.execute(text(OPEN_DAYS), {"journal": JOURNAL}):
        mend = f"As the owner of the tables: `REVOKE ALL ON {day} FROM` whoever has it."
        is_open = why.startswith("has no")
        yield wrong("tables", f"{day} {why}, past the journal.", UPGRADE if is_open else mend)
    if not opened:
        yield ok("tables", f"All {len(tables)} tables with customers' rows have their policies.")


def _is_ours(policy: Any) -> bool:
    """Say whether a policy is one that we make, word for word."""
    wanted = EXPRESSIONS.get(policy.name)
    found = (policy.command, _plain(policy.using), _plain(policy.check))
    if wanted is None or found != (wanted[0], _plain(wanted[1]), _plain(wanted[2])):
        return False
    if policy.name in {WORKSPACE_POLICY, ARRIVAL_POLICY}:
        return True
    return not policy.is_for_all


def _plain(expression: str | None) -> str:
    return DEPARSED.sub("", (expression or "").lower())


def _check_system_scope(connection: Connection, process: str) -> Iterator[Finding]:
    is_allowed = bool(connection.scalar(text(ASK_SYSTEM)))
    policies = connection.execute(text(POLICIES)).all()
    mine = [each for each in policies if each.is_for_us and not each.is_super]
    reading = sorted(each.table for each in mine if each.name == READING_POLICY)
    if reading:
        says = f"The role in use reads every workspace's rows of {', '.join(reading)}."
        yield wrong("system scope", says, "Take the role of the search from it.")
    system = sorted(each.table for each in mine if each.name == SYSTEM_POLICY)
    if process == WEB and (is_allowed or system):
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
