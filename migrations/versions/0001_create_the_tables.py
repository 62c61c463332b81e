"""Create the tables.

Revision: 0001
Follows: nothing
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "messenger_accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("location_id", sa.String(length=255), nullable=True),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("picture_url", sa.Text(), nullable=True),
        sa.Column("category", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("status_reason", sa.String(length=64), nullable=True),
        sa.Column("status_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("app_name", sa.String(length=64), nullable=False),
        sa.Column("token_sealed", sa.Text(), nullable=True),
        sa.Column("meta_user_id", sa.String(length=255), nullable=True),
        sa.Column("connected_by", sa.String(length=255), nullable=True),
        sa.Column("granted_scopes", JSON, nullable=False),
        sa.Column("subscribed_fields", JSON, nullable=False),
        sa.Column("connected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disconnected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_inbound_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_accounts")),
    )
    op.create_index(
        op.f("ix_messenger_accounts_meta_user_id"),
        "messenger_accounts",
        ["meta_user_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_messenger_accounts_workspace_id_channel_external_id"),
        "messenger_accounts",
        ["workspace_id", "channel", "external_id"],
        unique=False,
    )
    op.create_index(
        "uq_messenger_accounts_live",
        "messenger_accounts",
        ["channel", "external_id"],
        unique=True,
        postgresql_where=sa.text("status <> 'disconnected'"),
        sqlite_where=sa.text("status <> 'disconnected'"),
    )
    op.create_table(
        "messenger_audit_log",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=True),
        sa.Column("details", JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_audit_log")),
    )
    op.create_index(
        op.f("ix_messenger_audit_log_workspace_id_at"),
        "messenger_audit_log",
        ["workspace_id", "at"],
        unique=False,
    )
    op.create_table(
        "messenger_deletion_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("confirmation_code", sa.String(length=64), nullable=False),
        sa.Column("app_name", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_deletion_requests")),
        sa.UniqueConstraint(
            "confirmation_code", name=op.f("uq_messenger_deletion_requests_confirmation_code")
        ),
    )
    op.create_table(
        "messenger_pending_connections",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("location_id", sa.String(length=255), nullable=True),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("app_name", sa.String(length=64), nullable=False),
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("meta_user_id", sa.String(length=255), nullable=True),
        sa.Column("granted_scopes", JSON, nullable=False),
        sa.Column("declined_scopes", JSON, nullable=False),
        sa.Column("payload_sealed", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_pending_connections")),
        sa.UniqueConstraint("state_hash", name=op.f("uq_messenger_pending_connections_state_hash")),
    )
    op.create_index(
        op.f("ix_messenger_pending_connections_expires_at"),
        "messenger_pending_connections",
        ["expires_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_messenger_pending_connections_workspace_id_user_id"),
        "messenger_pending_connections",
        ["workspace_id", "user_id"],
        unique=False,
    )
    op.create_table(
        "messenger_webhook_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("app_name", sa.String(length=64), nullable=False),
        sa.Column("object", sa.String(length=64), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=255), nullable=True),
        sa.Column("workspace_id", sa.String(length=255), nullable=True),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("event_count", sa.Integer(), nullable=True),
        sa.Column("unhandled", JSON, nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_webhook_entries")),
    )
    op.create_index(
        op.f("ix_messenger_webhook_entries_object_external_id_state"),
        "messenger_webhook_entries",
        ["object", "external_id", "state"],
        unique=False,
    )
    op.create_index(
        "ix_messenger_webhook_entries_pending",
        "messenger_webhook_entries",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        op.f("ix_messenger_webhook_entries_received_at"),
        "messenger_webhook_entries",
        ["received_at"],
        unique=False,
    )
    op.create_table(
        "messenger_workspace_settings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("human_agent_enabled", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_workspace_settings")),
        sa.UniqueConstraint(
            "workspace_id", name=op.f("uq_messenger_workspace_settings_workspace_id")
        ),
    )
    op.create_table(
        "messenger_identities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("picture_url", sa.Text(), nullable=True),
        sa.Column("profile_state", sa.String(length=64), nullable=False),
        sa.Column("profile_checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contact_ref", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["messenger_accounts.id"],
            name=op.f("fk_messenger_identities_account_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_identities")),
        sa.UniqueConstraint(
            "account_id", "external_id", name=op.f("uq_messenger_identities_account_id_external_id")
        ),
    )
    op.create_index(
        op.f("ix_messenger_identities_workspace_id_contact_ref"),
        "messenger_identities",
        ["workspace_id", "contact_ref"],
        unique=False,
    )
    op.create_table(
        "messenger_receipts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=300), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["messenger_accounts.id"], name=op.f("fk_messenger_receipts_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_receipts")),
        sa.UniqueConstraint(
            "account_id",
            "kind",
            "reference",
            name=op.f("uq_messenger_receipts_account_id_kind_reference"),
        ),
    )
    op.create_table(
        "messenger_conversations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("assignee_ref", sa.String(length=255), nullable=True),
        sa.Column("snoozed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_inbound_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_message_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_message_id", sa.Uuid(), nullable=True),
        sa.Column("unread_count", sa.Integer(), nullable=False),
        sa.Column("seen_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["messenger_accounts.id"],
            name=op.f("fk_messenger_conversations_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["identity_id"],
            ["messenger_identities.id"],
            name=op.f("fk_messenger_conversations_identity_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_conversations")),
        sa.UniqueConstraint(
            "account_id",
            "identity_id",
            name=op.f("uq_messenger_conversations_account_id_identity_id"),
        ),
    )
    op.create_index(
        op.f("ix_messenger_conversations_workspace_id_assignee_ref_last_message_at_id"),
        "messenger_conversations",
        ["workspace_id", "assignee_ref", "last_message_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_messenger_conversations_workspace_id_last_message_at_id"),
        "messenger_conversations",
        ["workspace_id", "last_message_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_messenger_conversations_workspace_id_status_last_message_at_id"),
        "messenger_conversations",
        ["workspace_id", "status", "last_message_at", "id"],
        unique=False,
    )
    op.create_table(
        "messenger_messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=True),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("direction", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("content", JSON, nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_by", sa.String(length=64), nullable=False),
        sa.Column("sent_by_ref", sa.String(length=255), nullable=True),
        sa.Column("sent_by_name", sa.String(length=255), nullable=True),
        sa.Column("reply_to_external_id", sa.String(length=255), nullable=True),
        sa.Column("tag", sa.String(length=64), nullable=True),
        sa.Column("idempotency_key", sa.String(length=255), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sending_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_slug", sa.String(length=64), nullable=True),
        sa.Column("error_code", sa.Integer(), nullable=True),
        sa.Column("error_subcode", sa.Integer(), nullable=True),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["messenger_accounts.id"], name=op.f("fk_messenger_messages_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["messenger_conversations.id"],
            name=op.f("fk_messenger_messages_conversation_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_messages")),
        sa.UniqueConstraint(
            "account_id", "external_id", name=op.f("uq_messenger_messages_account_id_external_id")
        ),
        sa.UniqueConstraint(
            "workspace_id",
            "idempotency_key",
            name=op.f("uq_messenger_messages_workspace_id_idempotency_key"),
        ),
    )
    op.create_index(
        op.f("ix_messenger_messages_conversation_id_sent_at_id"),
        "messenger_messages",
        ["conversation_id", "sent_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_messenger_messages_outbox",
        "messenger_messages",
        ["conversation_id", "id"],
        unique=False,
        postgresql_where=sa.text("status in ('queued', 'sending')"),
        sqlite_where=sa.text("status in ('queued', 'sending')"),
    )
    op.create_index(
        "ix_messenger_messages_trouble",
        "messenger_messages",
        ["conversation_id"],
        unique=False,
        postgresql_where=sa.text("status in ('failed', 'unknown')"),
        sqlite_where=sa.text("status in ('failed', 'unknown')"),
    )
    op.create_index(
        "ix_messenger_messages_unannounced",
        "messenger_messages",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("announced_at is null"),
        sqlite_where=sa.text("announced_at is null"),
    )
    op.create_index(
        "uq_messenger_messages_lane",
        "messenger_messages",
        ["conversation_id"],
        unique=True,
        postgresql_where=sa.text("status = 'sending'"),
        sqlite_where=sa.text("status = 'sending'"),
    )
    op.create_table(
        "messenger_attachments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["messenger_messages.id"],
            name=op.f("fk_messenger_attachments_message_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messenger_attachments")),
        sa.UniqueConstraint(
            "message_id", "position", name=op.f("uq_messenger_attachments_message_id_position")
        ),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("messenger_attachments")
    op.drop_index(
        "uq_messenger_messages_lane",
        table_name="messenger_messages",
        postgresql_where=sa.text("status = 'sending'"),
        sqlite_where=sa.text("status = 'sending'"),
    )
    op.drop_index(
        "ix_messenger_messages_unannounced",
        table_name="messenger_messages",
        postgresql_where=sa.text("announced_at is null"),
        sqlite_where=sa.text("announced_at is null"),
    )
    op.drop_index(
        "ix_messenger_messages_trouble",
        table_name="messenger_messages",
        postgresql_where=sa.text("status in ('failed', 'unknown')"),
        sqlite_where=sa.text("status in ('failed', 'unknown')"),
    )
    op.drop_index(
        "ix_messenger_messages_outbox",
        table_name="messenger_messages",
        postgresql_where=sa.text("status in ('queued', 'sending')"),
        sqlite_where=sa.text("status in ('queued', 'sending')"),
    )
    op.drop_index(
        op.f("ix_messenger_messages_conversation_id_sent_at_id"), table_name="messenger_messages"
    )
    op.drop_table("messenger_messages")
    op.drop_index(
        op.f("ix_messenger_conversations_workspace_id_status_last_message_at_id"),
        table_name="messenger_conversations",
    )
    op.drop_index(
        op.f("ix_messenger_conversations_workspace_id_last_message_at_id"),
        table_name="messenger_conversations",
    )
    op.drop_index(
        op.f("ix_messenger_conversations_workspace_id_assignee_ref_last_message_at_id"),
        table_name="messenger_conversations",
    )
    op.drop_table("messenger_conversations")
    op.drop_table("messenger_receipts")
    op.drop_index(
        op.f("ix_messenger_identities_workspace_id_contact_ref"), table_name="messenger_identities"
    )
    op.drop_table("messenger_identities")
    op.drop_table("messenger_workspace_settings")
    op.drop_index(
        op.f("ix_messenger_webhook_entries_received_at"), table_name="messenger_webhook_entries"
    )
    op.drop_index(
        "ix_messenger_webhook_entries_pending",
        table_name="messenger_webhook_entries",
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.drop_index(
        op.f("ix_messenger_webhook_entries_object_external_id_state"),
        table_name="messenger_webhook_entries",
    )
    op.drop_table("messenger_webhook_entries")
    op.drop_index(
        op.f("ix_messenger_pending_connections_workspace_id_user_id"),
        table_name="messenger_pending_connections",
    )
    op.drop_index(
        op.f("ix_messenger_pending_connections_expires_at"),
        table_name="messenger_pending_connections",
    )
    op.drop_table("messenger_pending_connections")
    op.drop_table("messenger_deletion_requests")
    op.drop_index(op.f("ix_messenger_audit_log_workspace_id_at"), table_name="messenger_audit_log")
    op.drop_table("messenger_audit_log")
    op.drop_index(
        "uq_messenger_accounts_live",
        table_name="messenger_accounts",
        postgresql_where=sa.text("status <> 'disconnected'"),
        sqlite_where=sa.text("status <> 'disconnected'"),
    )
    op.drop_index(
        op.f("ix_messenger_accounts_workspace_id_channel_external_id"),
        table_name="messenger_accounts",
    )
    op.drop_index(op.f("ix_messenger_accounts_meta_user_id"), table_name="messenger_accounts")
    op.drop_table("messenger_accounts")
