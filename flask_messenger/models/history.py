"""Work that compares our rows with Meta's: what was before us, and what a day may have lost."""

import uuid
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from flask_messenger.models.base import (
    Base,
    CreatedAt,
    HostRef,
    ShortName,
    UuidKey,
    WorkspaceScoped,
)

BACKFILL: Final = "backfill"
RECONCILE: Final = "reconcile"

QUEUED: Final = "queued"
RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"


class HistoryRun(WorkspaceScoped, Base):
    """One pass over an account's conversations at Meta.

    `progress` says where to go on after a worker died; `result` how many messages Meta had, how
    many were missing here and how many were put right.
    """

    __tablename__ = "messenger_history_runs"
    __table_args__ = (
        Index(None, "workspace_id", "account_id", "id"),
        # The schedule asks of each account what was done last, in the system scope.
        Index(None, "account_id", "kind", "created_at"),
        # Of one account there is one run at a time.
        Index(
            "uq_messenger_history_runs_open",
            "account_id",
            unique=True,
            postgresql_where=text("state IN ('queued', 'running')"),
            sqlite_where=text("state IN ('queued', 'running')"),
        ),
    )

    id: Mapped[UuidKey]
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_accounts.id"))
    kind: Mapped[ShortName]
    state: Mapped[ShortName] = mapped_column(default=QUEUED)
    since: Mapped[datetime | None]  # Meta's messages from then on; None for all it shows
    progress: Mapped[dict[str, Any]] = mapped_column(default=dict)
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    error: Mapped[str | None] = mapped_column(String(255))
    requested_by: Mapped[HostRef | None]
    created_at: Mapped[CreatedAt]
    worked_at: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]  # not before, where Meta could not be asked
    completed_at: Mapped[datetime | None]
