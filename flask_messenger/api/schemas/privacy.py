"""Exports, erasures, and the audit log."""

import uuid
from typing import Annotated, Any

from pydantic import Field

from flask_messenger.api.schemas.base import Answer, Limit, MayOmit, Question, StorableText, Time
from flask_messenger.models import AuditEntry, DataRequest
from flask_messenger.privacy.audit import AuditPage


class Confirmation(Question):
    """That a person is really to be erased."""

    confirmation: Annotated[StorableText, Field(max_length=255)] = Field(
        description="The person's name as it is shown, or `erase` where there is none."
    )


class PersonalDataRequest(Answer):
    """An export or an erasure of one person's data."""

    id: uuid.UUID
    kind: str = Field(description="`export` or `erase`.")
    state: str = Field(description="`queued`, `running`, `done`, `failed` or `expired`.")
    account_id: uuid.UUID
    person_id: uuid.UUID
    requested_by: str
    requested_at: Time
    completed_at: Time | None
    expires_at: Time | None = Field(description="When the document of an export is removed.")
    error: str | None
    result: dict[str, int] = Field(description="How many of what.")

    @classmethod
    def of(cls, request: DataRequest) -> "PersonalDataRequest":
        """Return what is shown of `request`."""
        names = set(cls.model_fields) - {"person_id"}
        return cls(
            person_id=request.identity_id, **{name: getattr(request, name) for name in names}
        )


class PersonalDataRequests(Answer):
    """The newest requests first."""

    items: list[PersonalDataRequest]


class RequestsQuery(Question):
    """How many to list."""

    limit: Limit = 50


class ExportDocument(Answer):
    """Everything that is kept of one person."""

    version: int
    exported_at: Time
    account: dict[str, Any]
    person: dict[str, Any]
    conversations: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    media: list[str] = Field(description="Addresses of what they sent and were sent.")
    waiting: list[dict[str, Any]]
    webhook_events: list[Any] = Field(description="As Meta sent them.")


class AuditQuery(Question):
    """Which acts to list, and which page of them."""

    action: MayOmit[Annotated[StorableText, Field(max_length=64)]] = None
    cursor: MayOmit[uuid.UUID] = Field(None, description="`next_cursor` of the page before.")
    limit: Limit = 50


class Act(Answer):
    """Who did what."""

    id: uuid.UUID
    at: Time
    actor: str = Field(description="The id of a person, or `meta` or `system`.")
    action: str
    subject: str | None = Field(description="The id of what it was done to.")
    details: dict[str, Any]

    @classmethod
    def of(cls, entry: AuditEntry) -> "Act":
        """Return what is shown of `entry`."""
        return cls(**{name: getattr(entry, name) for name in cls.model_fields})


class Acts(Answer):
    """A page of the audit log, the newest first."""

    items: list[Act]
    next_cursor: uuid.UUID | None = Field(description="For `cursor`; null on the last page.")

    @classmethod
    def of(cls, page: AuditPage) -> "Acts":
        """Return what is shown of `page`."""
        return cls(items=[Act.of(entry) for entry in page.items], next_cursor=page.older)
