"""Forget no file; find comments; tell which Pages carry an Instagram account of somebody else.

- `messenger_discarded_files` names each file of the store that no row may name any more; which
  attachments name an upload, an index says.
- `messenger_carried_pages` answers with ids that the asker named, and nothing else.

Revision: 0014
Follows: 0013
"""

import sqlalchemy as sa
from alembic import op

from flask_messenger.models.walls import protect

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLE = "messenger_discarded_files"
UPLOADED = "ix_messenger_attachments_upload"
IS_UPLOADED = sa.text("upload_id is not null")
COMMENTS = "ix_messenger_conversations_comments"
IS_COMMENTS = sa.text("kind = 'comments'")
FUNCTION = "messenger_carried_pages(text, text[])"

CARRIED_PAGES = """
CREATE OR REPLACE FUNCTION messenger_carried_pages(asking_workspace text, page_ids text[])
RETURNS SETOF text
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = {schema}, pg_temp
AS $$
DECLARE
    before text := coalesce(current_setting('messenger.system', true), '');
BEGIN
    PERFORM set_config('messenger.system', 'on', true);
    RETURN QUERY SELECT DISTINCT a.page_external_id::text FROM messenger_accounts a
    WHERE a.workspace_id <> asking_workspace AND a.status <> 'disconnected'
      AND a.page_external_id = ANY (page_ids);
    PERFORM set_config('messenger.system', before, true);
END
$$
"""
CALLERS = """
    SELECT r.rolname FROM pg_proc p, aclexplode(p.proacl) a JOIN pg_roles r ON r.oid = a.grantee
    WHERE p.oid = to_regprocedure('messenger_taken_pages(text, text, text[])')
      AND a.grantee <> p.proowner
"""


def upgrade() -> None:
    """Make the table and the function; who may call its like may call it."""
    op.create_table(
        TABLE,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("storage_key", sa.String(length=255), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sa.UniqueConstraint("storage_key", name=op.f(f"uq_{TABLE}_storage_key")),
    )
    op.create_index(op.f(f"ix_{TABLE}_due_at"), TABLE, ["due_at"])
    op.create_index(
        UPLOADED,
        "messenger_attachments",
        ["upload_id"],
        postgresql_where=IS_UPLOADED,
        sqlite_where=IS_UPLOADED,
    )
    op.create_index(
        COMMENTS,
        "messenger_conversations",
        ["workspace_id", "last_message_at", "id"],
        postgresql_where=IS_COMMENTS,
        sqlite_where=IS_COMMENTS,
    )
    connection = op.get_bind()
    protect(connection, TABLE)
    if connection.dialect.name == "postgresql":
        _make_function(connection)


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION IF EXISTS {FUNCTION}")
    op.drop_index(COMMENTS, table_name="messenger_conversations")
    op.drop_index(UPLOADED, table_name="messenger_attachments")
    op.drop_table(TABLE)


def _make_function(connection: sa.Connection) -> None:
    schema = connection.scalar(sa.text("SELECT quote_ident(current_schema())"))
    connection.exec_driver_sql(CARRIED_PAGES.format(schema=schema))
    connection.execute(sa.text(f"REVOKE ALL ON FUNCTION {FUNCTION} FROM PUBLIC"))
    quote = connection.dialect.identifier_preparer.quote
    for role in connection.scalars(sa.text(CALLERS)).all():
        connection.execute(sa.text(f"GRANT EXECUTE ON FUNCTION {FUNCTION} TO {quote(role)}"))
