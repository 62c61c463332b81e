"""Keep exports and erasures of personal data.

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Make the tables, and the index over attachments that have expired."""
    op.create_table(
        "messenger_data_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("progress", JSON, nullable=False),
        sa.Column("result", JSON, nullable=False),
        sa.Column("error", sa.String(length=255), nullable=True),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("person_sealed", sa.Text(), nullable=True),
        sa.Column("document_sealed", sa.Text(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("worked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["messenger_accounts.id"],
            name=op.f("fk_messenger_data_requests_account_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_data_requests")),
    )
    op.create_index(
        op.f("ix_messenger_data_requests_workspace_id_id"),
        "messenger_data_requests",
        ["workspace_id", "id"],
    )
    open_states = sa.text("state IN ('queued', 'running')")
    op.create_index(
        "uq_messenger_data_requests_open",
        "messenger_data_requests",
        ["identity_id", "kind"],
        unique=True,
        postgresql_where=open_states,
        sqlite_where=open_states,
    )
    op.create_table(
        "messenger_erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("person_hash", sa.String(length=64), nullable=False),
        sa.Column("before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["messenger_accounts.id"],
            name=op.f("fk_messenger_erasures_account_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_erasures")),
        sa.UniqueConstraint(
            "account_id", "person_hash", name=op.f("uq_messenger_erasures_account_id_person_hash")
        ),
    )
    expired = sa.text("state = 'expired'")
    op.create_index(
        "ix_messenger_attachments_expired",
        "messenger_attachments",
        ["id"],
        postgresql_where=expired,
        sqlite_where=expired,
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_messenger_attachments_expired", table_name="messenger_attachments")
    op.drop_table("messenger_erasures")
    op.drop_table("messenger_data_requests")
