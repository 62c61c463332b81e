"""Put messages off until a time, and find quickly what comes due.

Revision: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


WAITING = sa.text("status = 'queued' and next_attempt_at is not null")


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "messenger_messages", sa.Column("send_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index(
        "ix_messenger_messages_due",
        "messenger_messages",
        ["next_attempt_at"],
        postgresql_where=WAITING,
        sqlite_where=WAITING,
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_messenger_messages_due", "messenger_messages")
    op.drop_column("messenger_messages", "send_at")
