"""Wall rows off by workspace on PostgreSQL.

Every table that names a workspace gets row-level security, forced: it holds for the owner, too.
A later migration that makes another such table says `protect(op.get_bind(), "messenger_…")`, from
`flask_messenger.models.walls`. The text here is as it was released: what the models say today does
not change it.

Revision: 0007
Follows: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

JOURNAL = "messenger_webhook_entries"
IS_OF_WORKSPACE = (
    "workspace_id = (SELECT nullif(current_setting('messenger.workspace_id', true), ''))"
)
IS_SYSTEM = "(SELECT coalesce(current_setting('messenger.system', true), '') = 'on')"

SCOPED_TABLES = r"""
    SELECT c.relname FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = current_schema()::regnamespace
      AND c.relname LIKE 'messenger\_%' AND c.relkind IN ('r', 'p')
      AND a.attname = 'workspace_id' AND NOT a.attisdropped
      AND NOT c.relispartition
    ORDER BY c.relname
"""
USUAL_GRANTS = """
    SELECT r.rolname, string_agg(a.privilege_type, ', ') AS privileges
    FROM pg_class c, aclexplode(c.relacl) a
    JOIN pg_roles r ON r.oid = a.grantee
    WHERE c.oid = to_regclass('messenger_messages') AND a.grantee <> c.relowner
    GROUP BY r.rolname
"""
OWNERS_FUNCTIONS = r"""
    SELECT p.oid::regprocedure::text FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'messenger\_%'
      AND p.prosecdef
"""

TAKEN_PAGES = """
    CREATE OR REPLACE FUNCTION messenger_taken_pages(
        asking_workspace text, asked_channel text, page_ids text[]
    ) RETURNS SETOF text {as_owner}
        RETURN QUERY SELECT a.external_id::text FROM messenger_accounts a
        WHERE a.workspace_id <> asking_workspace AND a.channel = asked_channel
          AND a.status <> 'disconnected' AND a.external_id = ANY (page_ids);
    {end}
"""
WORKSPACES_OF_LOGIN = """
    CREATE OR REPLACE FUNCTION messenger_workspaces_of_login(app text, login text)
    RETURNS SETOF text {as_owner}
        RETURN QUERY
        SELECT a.workspace_id::text FROM messenger_accounts a
        WHERE a.meta_user_id = login AND a.app_name = app
        UNION
        SELECT p.workspace_id::text FROM messenger_pending_connections p
        WHERE p.meta_user_id = login AND p.app_name = app;
    {end}
"""
PUT_BACK = """
    CREATE OR REPLACE FUNCTION messenger_put_back(asked_object text, page_id text)
    RETURNS SETOF uuid {as_owner}
        RETURN QUERY UPDATE messenger_webhook_entries e
        SET state = 'pending', attempts = 0, error = NULL, processed_at = NULL
        WHERE e.object = asked_object AND e.external_id = page_id AND e.state = 'unrouted'
          -- For the workspace that has the Page now, and nobody else.
          AND EXISTS (
              SELECT FROM messenger_accounts a
              WHERE a.external_id = page_id AND a.status <> 'disconnected'
                AND a.workspace_id = current_setting('messenger.workspace_id', true)
          )
        RETURNING e.id;
    {end}
"""

AS_OWNER = """
    LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = {schema}, pg_temp
    AS $$
    DECLARE
        before text := coalesce(current_setting('messenger.system', true), '');
    BEGIN
        PERFORM set_config('messenger.system', 'on', true);
"""
# An error in between takes the setting back by itself, with its savepoint or transaction.
END = """
        PERFORM set_config('messenger.system', before, true);
    END
    $$
"""

FUNCTIONS = {
    "messenger_taken_pages(text, text, text[])": TAKEN_PAGES,
    "messenger_workspaces_of_login(text, text)": WORKSPACES_OF_LOGIN,
    "messenger_put_back(text, text)": PUT_BACK,
}


def upgrade() -> None:
    """Put the policies on the tables, and make the functions that requests may call."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    for table in connection.scalars(sa.text(SCOPED_TABLES)).all():
        _protect(connection, table)
    schema = connection.scalar(sa.text("SELECT quote_ident(current_schema())"))
    for function in FUNCTIONS.values():
        connection.exec_driver_sql(
            function.format(as_owner=AS_OWNER.format(schema=schema), end=END)
        )
    for name in connection.scalars(sa.text(OWNERS_FUNCTIONS)).all():
        connection.execute(sa.text(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC"))


def downgrade() -> None:
    """Take them off."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    for name in FUNCTIONS:
        connection.execute(sa.text(f"DROP FUNCTION IF EXISTS {name}"))
    for table in connection.scalars(sa.text(SCOPED_TABLES)).all():
        for policy in ("messenger_workspace", "messenger_system", "messenger_arrival"):
            connection.execute(sa.text(f"DROP POLICY IF EXISTS {policy} ON {table}"))
        disable = f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY"
        connection.execute(sa.text(disable))


def _protect(connection: sa.Connection, table: str) -> None:
    policies = {
        "messenger_workspace": f"USING ({IS_OF_WORKSPACE})",
        "messenger_system": f"TO CURRENT_USER USING ({IS_SYSTEM})",
    }
    if table == JOURNAL:
        policies["messenger_arrival"] = "FOR INSERT WITH CHECK (workspace_id IS NULL)"
    enable = f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    connection.execute(sa.text(enable))
    for policy, rule in policies.items():
        connection.execute(sa.text(f"DROP POLICY IF EXISTS {policy} ON {table}"))
        connection.execute(sa.text(f"CREATE POLICY {policy} ON {table} {rule}"))
    quote = connection.dialect.identifier_preparer.quote
    for role, privileges in connection.execute(sa.text(USUAL_GRANTS)).all():
        connection.execute(sa.text(f"GRANT {privileges} ON {table} TO {quote(role)}"))
