"""Let drains find which accounts wait in the journal, on PostgreSQL.

The webhook does not look into an entry. An index does, over what is pending: at the first `id` of
its first bytes, which is the account's where Meta writes entries as it always has. It decides whose
turn it is and nothing else; an entry in which it finds something else takes its turn by that.

Revision: 0008
Follows: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLE = "messenger_webhook_entries"
INDEX = f"ix_{TABLE}_waiting"

# Looks at 160 bytes at most, and never fails: `escape` makes text of any bytes.
KEY_FUNCTION = """
CREATE FUNCTION messenger_journal_key(raw bytea) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    at integer := pg_catalog.position(pg_catalog.substr(raw, 1, 160), '"id"'::bytea);
BEGIN
    IF at = 0 THEN
        RETURN '';
    END IF;
    RETURN pg_catalog.left(pg_catalog.split_part(
        pg_catalog.encode(pg_catalog.substr(raw, at + 4, 72), 'escape'), '"', 2
    ), 64);
END
$$
"""


def upgrade() -> None:
    """Make the function and the index; SQLite does without."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(KEY_FUNCTION)
        op.execute(
            f'CREATE INDEX {INDEX} ON {TABLE} (messenger_journal_key(raw) COLLATE "C", id)'
            " WHERE state = 'pending'"
        )


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP INDEX {INDEX}")
        op.execute("DROP FUNCTION messenger_journal_key(bytea)")
