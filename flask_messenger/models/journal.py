"""The journal: every entry Meta sent, as it came."""

import uuid
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from flask_messenger.models.base import Base, CreatedAt, HostRef, MetaId, ShortName, UuidKey

PENDING: Final = "pending"
DONE: Final = "done"
FAILED: Final = "failed"
UNROUTED: Final = "unrouted"


def first_id(at: datetime) -> uuid.UUID:
    """Return the lowest id that an entry received at `at` may have, to the millisecond."""
    return uuid.UUID(int=max(0, int(at.timestamp() * 1000)) << 80)


class WebhookEntry(Base):
    """One entry of a delivery.

    It is written before anybody knows whose it is, so it is not workspace-scoped: `workspace_id`
    is filled by the drain. The ORM adds nothing to statements on it. Pages and API read it by
    `Selection`, which names the workspace; PostgreSQL's policies hold besides, SQLite has no
    second wall here.

    On PostgreSQL it is partitioned by day: an id is a UUIDv7, so a day is a range of ids.
    """

    __tablename__ = "messenger_webhook_entries"
    __table_args__ = (
        Index(
            "ix_messenger_webhook_entries_pending",
            "id",
            postgresql_where=text("state = 'pending'"),
            sqlite_where=text("state = 'pending'"),
        ),
        Index(
            "ix_messenger_webhook_entries_waiting",
            "turn",
            "id",
            postgresql_where=text("state = 'pending'"),
            sqlite_where=text("state = 'pending'"),
        ),
        Index(
            "ix_messenger_webhook_entries_trouble",
            "external_id",
            "id",
            postgresql_where=text("state IN ('failed', 'unrouted')"),
            sqlite_where=text("state IN ('failed', 'unrouted')"),
        ),
        # What concerned several workspaces: rare, and a person's events may be in there.
        Index(
            "ix_messenger_webhook_entries_shared",
            "id",
            postgresql_where=text("workspace_id IS NULL AND state = 'done'"),
            sqlite_where=text("workspace_id IS NULL AND state = 'done'"),
        ),
        Index(
            "ix_messenger_webhook_entries_workspace",
            "workspace_id",
            "id",
            postgresql_where=text("workspace_id IS NOT NULL"),
            sqlite_where=text("workspace_id IS NOT NULL"),
        ),
        {"postgresql_partition_by": "RANGE (id)"},
    )

    id: Mapped[UuidKey]
    app_name: Mapped[ShortName]
    object: Mapped[ShortName]  # Meta's word: page, instagram, whatsapp_business_account, …
    raw: Mapped[bytes] = mapped_column(LargeBinary)  # the entry's own JSON, byte for byte
    state: Mapped[ShortName] = mapped_column(default=PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(String(255))
    workspace_id: Mapped[HostRef | None]
    external_id: Mapped[MetaId | None]  # the entry's `id`, known once it was read
    turn: Mapped[MetaId | None]  # the same, as its first bytes let one guess: whose turn it is
    event_count: Mapped[int | None]
    unhandled: Mapped[dict[str, Any] | None]  # event kind -> how many, for kinds not handled yet
    received_at: Mapped[CreatedAt]
    processed_at: Mapped[datetime | None]
