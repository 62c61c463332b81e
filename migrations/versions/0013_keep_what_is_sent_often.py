"""Keep uploads, templates, saved replies, personas, profiles, opt-ins and passes over history.

Revision: 0013
Follows: 0012
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from flask_messenger.models.walls import protect

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

TABLES = (
    "messenger_uploads",
    "messenger_account_profiles",
    "messenger_history_runs",
    "messenger_personas",
    "messenger_reusable_attachments",
    "messenger_saved_replies",
    "messenger_templates",
    "messenger_opt_ins",
)


def upgrade() -> None:
    """Make the tables, behind the walls."""
    op.create_table(
        "messenger_uploads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("mime_type", sa.String(length=255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("storage_key", sa.String(length=255), nullable=False),
        sa.Column("thumbnail_key", sa.String(length=255), nullable=True),
        sa.Column("created_by", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_uploads")),
    )
    op.create_index(op.f("ix_messenger_uploads_expires_at"), "messenger_uploads", ["expires_at"])
    op.create_index(
        op.f("ix_messenger_uploads_workspace_id_id"), "messenger_uploads", ["workspace_id", "id"]
    )
    op.create_table(
        "messenger_account_profiles",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("wanted", JSON, nullable=False),
        sa.Column("live", JSON, nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(length=255), nullable=True),
        sa.Column("updated_by", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["messenger_accounts.id"],
            name=op.f("fk_messenger_account_profiles_account_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_account_profiles")),
        sa.UniqueConstraint("account_id", name=op.f("uq_messenger_account_profiles_account_id")),
    )
    op.create_index(
        op.f("ix_messenger_account_profiles_workspace_id_account_id"),
        "messenger_account_profiles",
        ["workspace_id", "account_id"],
    )
    op.create_table(
        "messenger_history_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("progress", JSON, nullable=False),
        sa.Column("result", JSON, nullable=False),
        sa.Column("error", sa.String(length=255), nullable=True),
        sa.Column("requested_by", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("worked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["messenger_accounts.id"],
            name=op.f("fk_messenger_history_runs_account_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_history_runs")),
    )
    op.create_index(
        op.f("ix_messenger_history_runs_workspace_id_account_id_id"),
        "messenger_history_runs",
        ["workspace_id", "account_id", "id"],
    )
    op.create_index(
        op.f("ix_messenger_history_runs_account_id_kind_created_at"),
        "messenger_history_runs",
        ["account_id", "kind", "created_at"],
    )
    op.create_index(
        "uq_messenger_history_runs_open",
        "messenger_history_runs",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
        sqlite_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_table(
        "messenger_personas",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("picture_url", sa.Text(), nullable=True),
        sa.Column("user_ref", sa.String(length=255), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["messenger_accounts.id"], name=op.f("fk_messenger_personas_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_personas")),
        sa.UniqueConstraint(
            "account_id", "external_id", name=op.f("uq_messenger_personas_account_id_external_id")
        ),
    )
    op.create_index(
        op.f("ix_messenger_personas_workspace_id_account_id"),
        "messenger_personas",
        ["workspace_id", "account_id"],
    )
    op.create_table(
        "messenger_reusable_attachments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["messenger_accounts.id"],
            name=op.f("fk_messenger_reusable_attachments_account_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_reusable_attachments")),
        sa.UniqueConstraint(
            "account_id",
            "sha256",
            "type",
            name=op.f("uq_messenger_reusable_attachments_account_id_sha256_type"),
        ),
    )
    op.create_index(
        op.f("ix_messenger_reusable_attachments_workspace_id_account_id"),
        "messenger_reusable_attachments",
        ["workspace_id", "account_id"],
    )
    op.create_table(
        "messenger_saved_replies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("location_id", sa.String(length=255), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("shortcut", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["messenger_accounts.id"],
            name=op.f("fk_messenger_saved_replies_account_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_saved_replies")),
    )
    op.create_index(
        op.f("ix_messenger_saved_replies_workspace_id_shortcut"),
        "messenger_saved_replies",
        ["workspace_id", "shortcut"],
    )
    op.create_table(
        "messenger_templates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("location_id", sa.String(length=255), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("language", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("content_kind", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("content", JSON, nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["messenger_accounts.id"],
            name=op.f("fk_messenger_templates_account_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_templates")),
    )
    op.create_index(
        op.f("ix_messenger_templates_account_id_external_id"),
        "messenger_templates",
        ["account_id", "external_id"],
    )
    op.create_index(
        op.f("ix_messenger_templates_workspace_id_name"),
        "messenger_templates",
        ["workspace_id", "name"],
    )
    op.create_index(
        "uq_messenger_templates_name",
        "messenger_templates",
        ["account_id", "name", "language"],
        unique=True,
        postgresql_where=sa.text("kind = 'utility'"),
        sqlite_where=sa.text("kind = 'utility'"),
    )
    op.create_table(
        "messenger_opt_ins",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=255), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("token_sealed", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["messenger_accounts.id"], name=op.f("fk_messenger_opt_ins_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["identity_id"],
            ["messenger_identities.id"],
            name=op.f("fk_messenger_opt_ins_identity_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_opt_ins")),
        sa.UniqueConstraint(
            "identity_id",
            "type",
            "reference",
            name=op.f("uq_messenger_opt_ins_identity_id_type_reference"),
        ),
    )
    op.create_index(
        op.f("ix_messenger_opt_ins_workspace_id_identity_id"),
        "messenger_opt_ins",
        ["workspace_id", "identity_id"],
    )
    protect(op.get_bind(), *TABLES)


def downgrade() -> None:
    """Take back."""
    for table in reversed(TABLES):
        op.drop_table(table)
