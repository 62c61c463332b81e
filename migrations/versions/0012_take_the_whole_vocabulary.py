"""Take Instagram, comments, stored media, owners of threads and the way a person came.

- An account says by which login it came and until when its token is good.
- A person may have several threads with an account: the direct one, and one for each post they
  commented on.
- A comment is answered in private once: a unique index says so.
- `messenger_workspaces_of_login` means its own argument, now that a column is called `login`, too.

Revision: 0012
Follows: 0011
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

CONVERSATIONS = "messenger_conversations"
OLD_THREAD = ["account_id", "identity_id"]
THREAD = ["account_id", "identity_id", "subject"]
PENDING = sa.text("state = 'pending'")
ANSWERED = sa.text(
    "private_reply_to is not null and status not in ('failed', 'cancelled', 'discarded')"
)

WORKSPACES_OF_LOGIN = """
CREATE OR REPLACE FUNCTION messenger_workspaces_of_login(app text, login text)
RETURNS SETOF text
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = {schema}, pg_temp
AS $$
{variables}
DECLARE
    before text := coalesce(current_setting('messenger.system', true), '');
BEGIN
    PERFORM set_config('messenger.system', 'on', true);
    RETURN QUERY
    SELECT a.workspace_id::text FROM messenger_accounts a
    WHERE a.meta_user_id = login AND a.app_name = app
    UNION
    SELECT p.workspace_id::text FROM messenger_pending_connections p
    WHERE p.meta_user_id = login AND p.app_name = app;
    PERFORM set_config('messenger.system', before, true);
END
$$
"""


def _columns() -> dict[str, list[sa.Column[Any]]]:
    """Return new columns: one belongs to one table, once."""
    return {
        "messenger_accounts": [
            sa.Column("login", sa.String(length=64), server_default="facebook", nullable=False),
            sa.Column("page_external_id", sa.String(length=255), nullable=True),
            sa.Column("username", sa.String(length=255), nullable=True),
            sa.Column("token_issued_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("token_expires_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("data_access_expires_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("findings", JSON, server_default="[]", nullable=False),
        ],
        "messenger_attachments": [
            sa.Column("mime_type", sa.String(length=255), nullable=True),
            sa.Column("filename", sa.String(length=255), nullable=True),
            sa.Column("size_bytes", sa.BigInteger(), nullable=True),
            sa.Column("width", sa.Integer(), nullable=True),
            sa.Column("height", sa.Integer(), nullable=True),
            sa.Column("sha256", sa.String(length=64), nullable=True),
            sa.Column("storage_key", sa.String(length=255), nullable=True),
            sa.Column("thumbnail_key", sa.String(length=255), nullable=True),
            sa.Column("upload_id", sa.Uuid(), nullable=True),
            sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
            sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("error_slug", sa.String(length=64), nullable=True),
        ],
        "messenger_conversations": [
            sa.Column("kind", sa.String(length=64), server_default="direct", nullable=False),
            sa.Column("subject", sa.String(length=255), server_default="", nullable=False),
            sa.Column("subject_details", JSON, nullable=True),
            sa.Column("linked_conversation_id", sa.Uuid(), nullable=True),
            sa.Column("first_touch", JSON, nullable=True),
            sa.Column("last_touch", JSON, nullable=True),
            sa.Column("thread_owner_app_id", sa.String(length=255), nullable=True),
            sa.Column("thread_owner_until", sa.DateTime(timezone=True), nullable=True),
            sa.Column("thread_owner_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("bot_paused_until", sa.DateTime(timezone=True), nullable=True),
        ],
        "messenger_identities": [
            sa.Column("kind", sa.String(length=64), server_default="person", nullable=False),
            sa.Column("linked_identity_id", sa.Uuid(), nullable=True),
            sa.Column("username", sa.String(length=255), nullable=True),
        ],
        "messenger_messages": [
            sa.Column("private_reply_to", sa.String(length=255), nullable=True),
            sa.Column("hidden_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("hidden_changed_at", sa.DateTime(timezone=True), nullable=True),
        ],
        "messenger_pending_connections": [
            sa.Column("login", sa.String(length=64), server_default="facebook", nullable=False),
        ],
    }


def upgrade() -> None:
    """Add the columns and their indexes; let a person have several threads."""
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    _replace_thread(OLD_THREAD, THREAD)
    _write_function("#variable_conflict use_variable")
    op.create_index(
        "ix_messenger_attachments_pending",
        "messenger_attachments",
        ["workspace_id", "id"],
        postgresql_where=PENDING,
        sqlite_where=PENDING,
    )
    op.create_index(
        "uq_messenger_messages_private_reply",
        "messenger_messages",
        ["account_id", "private_reply_to"],
        unique=True,
        postgresql_where=ANSWERED,
        sqlite_where=ANSWERED,
    )


def downgrade() -> None:
    """Take back. What is only in the new columns, and threads of comments, are lost."""
    op.drop_index("uq_messenger_messages_private_reply", table_name="messenger_messages")
    op.drop_index("ix_messenger_attachments_pending", table_name="messenger_attachments")
    _drop_comments()
    _replace_thread(THREAD, OLD_THREAD)
    _write_function("")
    for table, columns in _columns().items():
        with op.batch_alter_table(table) as batch:
            for column in columns:
                batch.drop_column(column.name)


def _replace_thread(old: list[str], new: list[str]) -> None:
    with op.batch_alter_table(CONVERSATIONS) as batch:
        batch.drop_constraint(f"uq_{CONVERSATIONS}_{'_'.join(old)}", type_="unique")
        batch.create_unique_constraint(f"uq_{CONVERSATIONS}_{'_'.join(new)}", new)


def _write_function(variables: str) -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    schema = connection.scalar(sa.text("SELECT quote_ident(current_schema())"))
    connection.exec_driver_sql(WORKSPACES_OF_LOGIN.format(schema=schema, variables=variables))


def _drop_comments() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SELECT set_config('messenger.system', 'on', true)")
    of_comments = f"SELECT id FROM {CONVERSATIONS} WHERE kind = 'comments'"  # noqa: S608
    messages = f"SELECT id FROM messenger_messages WHERE conversation_id IN ({of_comments})"  # noqa: S608
    for table in ("messenger_attachments", "messenger_reactions"):
        op.execute(f"DELETE FROM {table} WHERE message_id IN ({messages})")  # noqa: S608
    op.execute(f"DELETE FROM messenger_messages WHERE conversation_id IN ({of_comments})")  # noqa: S608
    op.execute(f"DELETE FROM {CONVERSATIONS} WHERE kind = 'comments'")  # noqa: S608
