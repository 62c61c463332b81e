"""How messages flow."""

from typing import Literal

from pydantic import Field

from flask_messenger.api.schemas.base import Answer, Time


class HealthAlert(Answer):
    """Something that keeps messages from flowing as they should."""

    kind: Literal["redis_away", "no_worker", "unmeasured", "behind"]
    part: str = Field(description="The queue group without a worker, or the part that is behind.")
    seconds: float = Field(description="How far behind; 0 where that is not the trouble.")


class WorkspaceHealth(Answer):
    """What concerns the workspace itself, as far as the person sees its locations."""

    last_message_at: Time | None
    queued_count: int = Field(description="Answers that wait to go out.")
    oldest_queued_at: Time | None
    trouble_count: int = Field(description="Answers of seven days that failed or are unknown.")
    bulk_waiting: int = Field(description="Pieces of bulk work that wait for their turn.")


class SubscriptionNews(Answer):
    """Meta had stopped sending an account's events."""

    account_id: str
    action: Literal["subscription_restored", "subscription_lost"]
    at: Time
    fields: list[str] = Field(description="Meta's names of the events that were missing.")


class Health(Answer):
    """How messages flow."""

    state: Literal["good", "slow", "stopped"]
    alerts: list[HealthAlert]
    lags: dict[str, float] = Field(
        description="Seconds that ingest, outbox and announcing are behind; empty where unknown."
    )
    workers: dict[str, int] = Field(description="Processes alive, by queue group.")
    measured_at: Time | None
    workspace: WorkspaceHealth
    subscriptions: list[SubscriptionNews]
