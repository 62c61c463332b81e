"""The journal: what Meta sent, without the people in it until asked for."""

import uuid
from typing import Annotated, Any, Literal

from pydantic import Field

from flask_messenger.api.schemas.base import Answer, Limit, MayOmit, Question, StorableText, Time
from flask_messenger.ingest.replay import MAX_ERROR_LENGTH, MAX_IDS
from flask_messenger.ingest.search import JournalPage, JournalRow

EntryState = Literal["pending", "done", "failed", "unrouted"]


class JournalQuery(Question):
    """Which entries to list, and which page of them."""

    state: MayOmit[EntryState] = None
    account_id: MayOmit[uuid.UUID] = None
    since: MayOmit[Time] = Field(None, description="Received at or after.")
    until: MayOmit[Time] = Field(None, description="Received before.")
    error: MayOmit[Annotated[StorableText, Field(max_length=MAX_ERROR_LENGTH)]] = Field(
        None, description="Part of the error."
    )
    cursor: MayOmit[uuid.UUID] = Field(None, description="`next_cursor` of the page before.")
    limit: Limit = 50

    def narrowing(self) -> dict[str, Any]:
        """Return the part that narrows the list."""
        return self.model_dump(exclude={"cursor", "limit"})


class Replay(Question):
    """Which entries to apply again. What is left out narrows nothing; something has to."""

    ids: MayOmit[Annotated[list[uuid.UUID], Field(min_length=1, max_length=MAX_IDS)]] = None
    account_id: MayOmit[uuid.UUID] = None
    since: MayOmit[Time] = None
    until: MayOmit[Time] = None
    state: MayOmit[EntryState] = None

    def narrowing(self) -> dict[str, Any]:
        """Return what a selection is made of."""
        return {**self.model_dump(exclude={"ids"}), "ids": tuple(self.ids or ())}


class Replayed(Answer):
    """What a replay put back."""

    count: int = Field(description="Entries that will be applied again, in a moment.")


class Entry(Answer):
    """One entry of the journal, without its body."""

    id: uuid.UUID
    object: str = Field(description="Meta's word for what it is about, such as `page`.")
    state: str
    error: str | None = Field(description="The kind of error; never its text.")
    external_id: str | None = Field(description="Meta's id of the account.")
    event_count: int | None
    unhandled: dict[str, int] = Field(description="Kinds of events that change nothing here.")
    received_at: Time
    processed_at: Time | None

    @classmethod
    def of(cls, row: JournalRow) -> "Entry":
        """Return what is shown of `row`."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class Entries(Answer):
    """A page of the journal, the newest first."""

    items: list[Entry]
    next_cursor: uuid.UUID | None = Field(description="For `cursor`; null on the last page.")

    @classmethod
    def of(cls, page: JournalPage) -> "Entries":
        """Return what is shown of `page`."""
        return cls(items=[Entry.of(row) for row in page.items], next_cursor=page.older)


class EntryBody(Answer):
    """What Meta sent. Masked: words, names and ids of people are hidden, the shape is not."""

    id: uuid.UUID
    is_masked: bool
    body: Any = Field(description="JSON; null where it cannot be read.")
