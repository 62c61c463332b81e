"""Keep reactions, edits and deletions of messages.

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
WATERMARK = "watermark:"


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("messenger_messages") as messages:
        messages.add_column(
            sa.Column("edit_number", sa.Integer(), nullable=False, server_default=sa.text("0"))
        )
        messages.add_column(sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True))
        messages.add_column(sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("messenger_conversations") as conversations:
        conversations.add_column(
            sa.Column("acted_until", sa.DateTime(timezone=True), nullable=True)
        )
    op.create_table(
        "messenger_reactions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("direction", sa.String(length=64), nullable=False),
        sa.Column("emoji", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=True),
        sa.Column("is_removed", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["messenger_messages.id"],
            name=op.f("fk_messenger_reactions_message_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_reactions")),
        sa.UniqueConstraint(
            "message_id", "actor", name=op.f("uq_messenger_reactions_message_id_actor")
        ),
    )
    _widen_receipts()


def _widen_receipts() -> None:
    """Let what waits be more than a receipt, and say whose thread it is about."""
    with op.batch_alter_table("messenger_receipts") as receipts:
        receipts.add_column(
            sa.Column("mark", sa.String(length=64), nullable=False, server_default=sa.text("''"))
        )
        receipts.add_column(sa.Column("identity_external_id", sa.String(length=255), nullable=True))
        receipts.add_column(sa.Column("details", JSON, nullable=True))
        receipts.drop_constraint(
            op.f("uq_messenger_receipts_account_id_kind_reference"), type_="unique"
        )
        receipts.create_unique_constraint(
            op.f("uq_messenger_receipts_account_id_kind_reference_mark"),
            ["account_id", "kind", "reference", "mark"],
        )
    op.create_index(
        op.f("ix_messenger_receipts_account_id_identity_external_id"),
        "messenger_receipts",
        ["account_id", "identity_external_id"],
        unique=False,
    )
    table = sa.table(
        "messenger_receipts",
        sa.column("reference", sa.String()),
        sa.column("identity_external_id", sa.String()),
    )
    person = sa.func.substr(table.c.reference, len(WATERMARK) + 1)
    op.execute(
        table.update()
        .where(table.c.reference.startswith(WATERMARK))
        .values(identity_external_id=person)
    )


def downgrade() -> None:
    """Take back. What an older version cannot hold is lost: reactions, and what waits for one."""
    table = sa.table("messenger_receipts", sa.column("mark"), sa.column("kind", sa.String()))
    op.execute(table.delete().where(table.c.kind.not_in(("delivered", "read"))))
    op.drop_index(
        op.f("ix_messenger_receipts_account_id_identity_external_id"),
        table_name="messenger_receipts",
    )
    with op.batch_alter_table("messenger_receipts") as receipts:
        receipts.drop_constraint(
            op.f("uq_messenger_receipts_account_id_kind_reference_mark"), type_="unique"
        )
        receipts.create_unique_constraint(
            op.f("uq_messenger_receipts_account_id_kind_reference"),
            ["account_id", "kind", "reference"],
        )
        for name in ("details", "identity_external_id", "mark"):
            receipts.drop_column(name)
    op.drop_table("messenger_reactions")
    with op.batch_alter_table("messenger_conversations") as conversations:
        conversations.drop_column("acted_until")
    with op.batch_alter_table("messenger_messages") as messages:
        for name in ("deleted_at", "edited_at", "edit_number"):
            messages.drop_column(name)
