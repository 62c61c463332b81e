"""Row-level security: the wall that PostgreSQL itself keeps between workspaces.

A table has two policies. `messenger_workspace`, for everybody: a row is seen and written by the
workspace it names, which the transaction says in `messenger.workspace_id`. `messenger_system`, for
the owner of the tables and for the worker's role only: with `messenger.system` on, every row. The
web's role may say the same, and nothing comes of it.

Policies ask `(SELECT current_setting(...))`, which is worked out once per statement: indexes serve.
SQLite has no such thing; there, what is here does nothing.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, text

WORKSPACE_SETTING: Final = "messenger.workspace_id"
SYSTEM_SETTING: Final = "messenger.system"
SYSTEM_ON: Final = "on"

WORKSPACE_POLICY: Final = "messenger_workspace"
SYSTEM_POLICY: Final = "messenger_system"
ARRIVAL_POLICY: Final = "messenger_arrival"
READING_POLICY: Final = "messenger_reading"

JOURNAL: Final = "messenger_webhook_entries"
FIRST_TABLE: Final = "messenger_accounts"
"""What newer tables take their policies' roles from."""
USUAL_TABLE: Final = "messenger_messages"
"""What newer tables take their grants from."""

IS_OF_WORKSPACE: Final = (
    f"workspace_id = (SELECT nullif(current_setting('{WORKSPACE_SETTING}', true), ''))"
)
IS_SYSTEM: Final = (
    f"(SELECT coalesce(current_setting('{SYSTEM_SETTING}', true), '') = '{SYSTEM_ON}')"
)
"""A yes or no. Of those the planner expects half to hold, of an equality one in two hundred: then
it would plan for far fewer rows than there are."""

MAY_SEE_EVERYTHING: Final = f"""
    coalesce((
        SELECT bool_or(pg_has_role(member, 'USAGE')) FROM pg_policy, unnest(polroles) member
        WHERE polname = '{SYSTEM_POLICY}' AND polrelid = to_regclass('{FIRST_TABLE}')
    ), true)
    OR (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user)
"""  # noqa: S608 - our own names
"""True also where there is no policy yet."""

ASK_SYSTEM: Final = f"SELECT {MAY_SEE_EVERYTHING}"
TELL_SCOPE: Final = (
    f"SELECT set_config('{WORKSPACE_SETTING}', %s, true), set_config('{SYSTEM_SETTING}', %s, true)"
)
"""For the driver. Both settings end with the transaction."""

SCOPED_TABLES: Final = r"""
    SELECT c.relname FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = current_schema()::regnamespace
      AND c.relname LIKE 'messenger\_%' AND c.relkind IN ('r', 'p')
      AND a.attname = 'workspace_id' AND NOT a.attisdropped
      -- A partition is reached through its table only: by itself it shows no row.
      AND NOT c.relispartition
    ORDER BY c.relname
"""

POLICY_ROLES: Final = """
    SELECT r.rolname FROM pg_policy p
    JOIN pg_roles r ON r.oid = ANY (p.polroles)
    WHERE p.polname = :policy AND p.polrelid = to_regclass(:table)
    ORDER BY r.rolname
"""

USUAL_GRANTS: Final = """
    SELECT r.rolname, string_agg(a.privilege_type, ', ') AS privileges
    FROM pg_class c, aclexplode(c.relacl) a
    JOIN pg_roles r ON r.oid = a.grantee
    WHERE c.oid = to_regclass(:table) AND a.grantee <> c.relowner
    GROUP BY r.rolname
"""

WEB_CALLS: Final = frozenset(
    {
        "messenger_carried_pages",
        "messenger_put_back",
        "messenger_search",
        "messenger_taken_pages",
        "messenger_workspaces_of_login",
    }
)
"""Functions that run as their owner and that the web's role may call; the others are workers'.

The migrations hold their text. None of them answers with anything of another workspace but ids that
the asker named, or the workspace's.
"""


def protect(connection: Connection, *tables: str) -> None:
    """Wall off `tables`, as the others are. For migrations that make a table: one line.

    They get the policies with the roles that `messenger_accounts` has, and the grants that
    `messenger_messages` has. Does no harm when done again.
    """
    if connection.dialect.name != "postgresql":
        return
    seers = policy_roles(connection, SYSTEM_POLICY, FIRST_TABLE)
    for table in tables:
        for statement in policy_statements(connection, table, seers=seers):
            connection.execute(text(statement))
        _copy_grants(connection, table)


def policy_statements(connection: Connection, table: str, *, seers: Sequence[str]) -> Iterator[str]:
    """Yield the statements that wall off `table`.

    Args:
        connection: to PostgreSQL; it knows how to quote.
        table: its name.
        seers: roles that may have the system scope; none for the one that runs the statements.
    """
    quote = connection.dialect.identifier_preparer.quote
    name = quote(table)
    roles = ", ".join(quote(role) for role in seers) or "CURRENT_USER"
    yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    policies = {
        WORKSPACE_POLICY: f"USING ({IS_OF_WORKSPACE})",
        SYSTEM_POLICY: f"TO {roles} USING ({IS_SYSTEM})",
    }
    if table == JOURNAL:
        # Written before anybody knows whose an entry is; read by the one it turned out to be.
        policies[ARRIVAL_POLICY] = "FOR INSERT WITH CHECK (workspace_id IS NULL)"
    for policy, rule in policies.items():
        yield f"DROP POLICY IF EXISTS {policy} ON {name}"
        yield f"CREATE POLICY {policy} ON {name} {rule}"


def scoped_tables(connection: Connection) -> list[str]:
    """Return the tables of ours that name a workspace."""
    return list(connection.scalars(text(SCOPED_TABLES)))


def policy_roles(connection: Connection, policy: str, table: str) -> list[str]:
    """Return the roles that `policy` of `table` is for."""
    return list(connection.scalars(text(POLICY_ROLES), {"policy": policy, "table": table}))


def _copy_grants(connection: Connection, table: str) -> None:
    quote = connection.dialect.identifier_preparer.quote
    grants = connection.execute(text(USUAL_GRANTS), {"table": USUAL_TABLE}).all()
    for role, privileges in grants:
        connection.execute(text(f"GRANT {privileges} ON {quote(table)} TO {quote(role)}"))
