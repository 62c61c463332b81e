"""What became of reading an account's past, and of comparing it."""

import uuid
from typing import Any, Literal

from pydantic import Field

from flask_messenger.api.schemas.base import Answer, MayOmit, Question, Time
from flask_messenger.models import HistoryRun as Row


class HistoryChange(Question):
    """What is to be done about an account's past."""

    action: Literal["start", "cancel"]
    since: MayOmit[Time] = Field(
        None, description="With `start`: nothing older; all that Meta shows where left out."
    )


class HistoryRun(Answer):
    """One pass over an account's conversations at Meta."""

    id: uuid.UUID
    account_id: uuid.UUID
    kind: str = Field(description="`backfill` or `reconcile`.")
    state: str = Field(description="`queued`, `running`, `done`, `failed` or `cancelled`.")
    since: Time | None
    waiting_conversations: int = Field(description="Listed by Meta and not read yet.")
    result: dict[str, Any] = Field(
        description="So far: of a backfill `conversations`, `messages`, `new`; of a"
        " reconciliation `conversations`, `checked`, `missing`, `repaired`; of both `skipped`."
    )
    error: str | None = Field(description="Why it failed, or waits.")
    created_at: Time
    worked_at: Time | None
    completed_at: Time | None

    @classmethod
    def of(cls, row: Row) -> "HistoryRun":
        """Return what is shown of a run."""
        return cls(
            id=row.id,
            account_id=row.account_id,
            kind=row.kind,
            state=row.state,
            since=row.since,
            waiting_conversations=len(row.progress.get("pending", [])),
            result=row.result,
            error=row.error,
            created_at=row.created_at,
            worked_at=row.worked_at,
            completed_at=row.completed_at,
        )


class HistoryRuns(Answer):
    """An account's runs."""

    items: list[HistoryRun]
