"""Keep whose turn an entry is in a column of the journal.

It was an expression in an index. A policy has to hold before anything is said of a row that could
tell of its contents, and of a function of ours PostgreSQL does not know that it keeps to itself: so
behind the walls that index gave the order and nothing else, and a claim read all that waited. What
compares a column is known to be safe.

Who inserts says it (`messenger_journal_key`, on PostgreSQL). Entries from before have none, but for
those that wait: they have their turn by age.

Revision: 0011
Follows: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLE = "messenger_webhook_entries"
INDEX = f"ix_{TABLE}_waiting"
WAITS = sa.text("state = 'pending'")


def upgrade() -> None:
    """Add the column, and make the index of it."""
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.add_column(TABLE, sa.Column("turn", sa.String(255), nullable=True))
    if is_postgresql:
        op.execute(f"DROP INDEX {INDEX}")
        op.execute(
            f"UPDATE {TABLE} SET turn = messenger_journal_key(raw)"  # noqa: S608 - our own names
            " WHERE state = 'pending'"
        )
    op.create_index(INDEX, TABLE, ["turn", "id"], postgresql_where=WAITS, sqlite_where=WAITS)


def downgrade() -> None:
    """Take back."""
    op.drop_index(INDEX, TABLE)
    op.drop_column(TABLE, "turn")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f'CREATE INDEX {INDEX} ON {TABLE} (messenger_journal_key(raw) COLLATE "C", id)'
            " WHERE state = 'pending'"
        )
