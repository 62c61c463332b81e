"""The profile of an account, and personas."""

import uuid
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from flask_messenger.api.schemas.base import Answer, HostId, Question, StorableText, Time
from flask_messenger.channels.profile import ProfileDiff
from flask_messenger.content.checks import MAX_URL_LENGTH
from flask_messenger.models import Persona as PersonaModel
from flask_messenger.presence.personas import MAX_NAME
from flask_messenger.presence.profile import ProfileState


class Profile(Answer):
    """How an account presents itself in a chat."""

    account_id: uuid.UUID
    channel: str
    properties: list[str] = Field(description="What accounts of this channel have of it.")
    wanted: dict[str, Any] = Field(description="What was asked for here, property by property.")
    live: dict[str, Any] | None = Field(
        description="What Meta showed at `read_at`; null where it was never asked."
    )
    read_at: Time | None
    applied_at: Time | None
    error: str | None = Field(description="Why setting it failed last; null where it did not.")

    @classmethod
    def of(cls, known: ProfileState) -> "Profile":
        """Return what is shown of `known`."""
        return cls(
            account_id=known.account_id,
            channel=known.channel,
            properties=list(known.properties),
            wanted=dict(known.wanted),
            live=None if known.live is None else dict(known.live),
            read_at=known.read_at,
            applied_at=known.applied_at,
            error=known.error,
        )


class ProfileToApply(Question):
    """What an account should show."""

    properties: dict[str, Any] = Field(
        description="In Meta's own shape. What is left out stays as it is, null removes it."
    )


class ProfileChanges(Answer):
    """What has to change, or was changed."""

    changes: dict[str, Any] = Field(description="Properties that are set.")
    removals: list[str] = Field(description="Properties that are removed.")
    notes: list[str] = Field(description="What Meta takes, and still may surprise.")

    @classmethod
    def of(cls, diff: ProfileDiff) -> "ProfileChanges":
        """Return what is shown of `diff`."""
        return cls(changes=dict(diff.changes), removals=list(diff.removals), notes=list(diff.notes))


class Persona(Answer):
    """A name and a face that messages of a Page may carry."""

    id: uuid.UUID
    account_id: uuid.UUID
    external_id: str = Field(description="Meta's id of it.")
    name: str
    picture_url: str | None
    user_id: str | None = Field(description="Whose messages carry it by themselves.")
    created_at: Time

    @classmethod
    def of(cls, row: PersonaModel) -> "Persona":
        """Return what is shown of `row`."""
        return cls(
            id=row.id,
            account_id=row.account_id,
            external_id=row.external_id,
            name=row.name,
            picture_url=row.picture_url,
            user_id=row.user_ref,
            created_at=row.created_at,
        )


class Personas(Answer):
    """The personas of an account, by name."""

    items: list[Persona]


class PersonaToCreate(Question):
    """A new persona."""

    name: Annotated[StorableText, StringConstraints(min_length=1, max_length=MAX_NAME)]
    picture_url: Annotated[StorableText, Field(max_length=MAX_URL_LENGTH, pattern="^https?://")] = (
        Field(description="Meta fetches it.")
    )
    user_id: HostId | None = Field(
        None, description="The agent whose messages carry it by themselves."
    )


class PersonaChange(Question):
    """Whose messages carry a persona."""

    user_id: HostId | None = Field(description="The id of an agent, or null for nobody's.")
