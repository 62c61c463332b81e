"""Accounts."""

import uuid
from typing import Literal

from pydantic import Field

from flask_messenger.api.schemas.base import Answer, Question, Time
from flask_messenger.connect.findings import Diagnosis as Found
from flask_messenger.inbox.queries import AccountRow


class AccountsQuery(Question):
    """Which accounts to list."""

    include_disconnected: Literal["true", "false"] = "false"


class Account(Answer):
    """A connected Page, Instagram account or WhatsApp number."""

    id: uuid.UUID
    channel: str
    external_id: str = Field(description="Meta's id of it.")
    login: str = Field(description="`facebook`, or `instagram` for Instagram's own login.")
    page_external_id: str | None = Field(description="The Page that carries it, if one does.")
    name: str
    username: str | None = Field(description="Of Instagram, without the @.")
    picture_url: str | None
    category: str | None
    location_id: str | None
    status: str = Field(description="`active`, `needs_reauth`, `error` or `disconnected`.")
    status_reason: str | None
    can_send: bool
    queued_count: int = Field(description="How many replies wait to go out through it.")
    connected_at: Time | None
    token_expires_at: Time | None
    data_access_expires_at: Time | None
    checked_at: Time | None = Field(description="When Meta last said what it thinks of it.")
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
            login=account.login,
            page_external_id=account.page_external_id,
            name=account.name,
            username=account.username,
            picture_url=account.picture_url,
            category=account.category,
            location_id=account.location_id,
            status=account.status,
            status_reason=account.status_reason,
            can_send=account.can_send,
            queued_count=row.queued_count,
            connected_at=account.connected_at,
            token_expires_at=account.token_expires_at,
            data_access_expires_at=account.data_access_expires_at,
            checked_at=account.checked_at,
            last_inbound_at=account.last_inbound_at,
            last_sent_at=account.last_sent_at,
        )


class Accounts(Answer):
    """All accounts the tenant sees, by name."""

    items: list[Account]


class Finding(Answer):
    """One thing about an account, with its cause and its one fix."""

    check: str = Field(description="Its stable name, such as `token` or `scopes`.")
    state: str = Field(description="`ok`, `note`, `soon`, `wrong`, or `unknown`: nobody could ask.")
    title: str
    says: str
    cause: str
    mend: str


class Diagnosis(Answer):
    """How an account is."""

    account_id: uuid.UUID
    status: str = Field(description="`active`, `needs_reauth`, `error` or `disconnected`.")
    worst: str = Field(description="The heaviest state of all findings.")
    checked_at: Time | None = Field(description="When Meta last answered; null where it never did.")
    findings: list[Finding]

    @classmethod
    def of(cls, diagnosis: Found) -> "Diagnosis":
        """Return what is shown of a diagnosis."""
        return cls(
            account_id=diagnosis.account_id,
            status=diagnosis.status,
            worst=diagnosis.worst,
            checked_at=diagnosis.checked_at,
            findings=[Finding(**each.as_dict()) for each in diagnosis.findings],
        )
