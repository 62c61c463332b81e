"""Accounts."""

import uuid
from typing import Literal

from pydantic import Field

from flask_messenger.api.schemas.base import Answer, Question, Time
from flask_messenger.inbox.queries import AccountRow


class AccountsQuery(Question):
    """Which accounts to list."""

    include_disconnected: Literal["true", "false"] = "false"


class Account(Answer):
    """A connected Page, Instagram account or WhatsApp number."""

    id: uuid.UUID
    channel: str
    external_id: str = Field(description="Meta's id of it.")
    name: str
    picture_url: str | None
    category: str | None
    location_id: str | None
    status: str = Field(description="`active`, `needs_reauth`, `error` or `disconnected`.")
    status_reason: str | None
    can_send: bool
    queued_count: int = Field(description="How many replies wait to go out through it.")
    connected_at: Time | None
    last_inbound_at: Time | None
    last_sent_at: Time | None

    @classmethod
    def of(cls, row: AccountRow) -> "Account":
        """Return what is shown of `row`; never its token."""
        account = row.account
        return cls(
            id=account.id,
            channel=account.channel,
            external_id=account.external_id,
            name=account.name,
            picture_url=account.picture_url,
            category=account.category,
            location_id=account.location_id,
            status=account.status,
            status_reason=account.status_reason,
            can_send=account.can_send,
            queued_count=row.queued_count,
            connected_at=account.connected_at,
            last_inbound_at=account.last_inbound_at,
            last_sent_at=account.last_sent_at,
        )


class Accounts(Answer):
    """All accounts the tenant sees, by name."""

    items: list[Account]
