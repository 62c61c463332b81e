"""One batch on its way from the journal to the tables: what was read, and what came of it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from flask_messenger.events import Event, MessageEvent, ReceiptEvent


@dataclass(frozen=True, slots=True)
class ClaimedEntry:
    """A journal row this drain holds."""

    id: uuid.UUID
    object: str
    raw: bytes = field(repr=False)


@dataclass(slots=True)
class ReadEntry:
    """A claimed entry with its events, and its fate: the journal row's next state."""

    id: uuid.UUID
    channel: str | None
    external_id: str | None
    events: tuple[Event, ...] = ()
    state: str = "done"
    error: str | None = None
    workspace_id: str | None = None
    unhandled: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoutedAccount:
    """The account an event belongs to, as far as ingest needs it."""

    id: uuid.UUID
    workspace_id: str
    location_id: str | None
    channel: str


@dataclass(frozen=True, slots=True)
class RoutedMessage:
    """A message event and the account it is for."""

    account: RoutedAccount
    event: MessageEvent

    @property
    def key(self) -> tuple[uuid.UUID, str]:
        """What makes the message unique."""
        return (self.account.id, self.event.external_id)


@dataclass(frozen=True, slots=True)
class RoutedReceipt:
    """A receipt event and the account it is for."""

    account: RoutedAccount
    event: ReceiptEvent


@dataclass(slots=True)
class Batch:
    """The events of a batch, routed: no event is here without its own account."""

    messages: list[RoutedMessage] = field(default_factory=list)
    receipts: list[RoutedReceipt] = field(default_factory=list)

    @property
    def account_ids(self) -> set[uuid.UUID]:
        """The accounts the batch has events for."""
        of_messages = {each.account.id for each in self.messages}
        return of_messages | {each.account.id for each in self.receipts}


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message this batch added, or an echo that settled one of ours."""

    id: uuid.UUID
    account: RoutedAccount
    conversation_id: uuid.UUID | None
    direction: str


@dataclass(slots=True)
class Outcome:
    """What a batch changed, for those who want to know after the commit."""

    entries: int = 0
    messages: list[StoredMessage] = field(default_factory=list)
    settled: list[StoredMessage] = field(default_factory=list)
    conversations: Mapping[uuid.UUID, RoutedAccount] = field(default_factory=dict)
    lifted: set[uuid.UUID] = field(default_factory=set)
    """Messages of our side that a receipt lifted."""
    account_ids: set[uuid.UUID] = field(default_factory=set)
    heard: dict[uuid.UUID, datetime] = field(default_factory=dict)
    """Per account, when somebody last wrote to it; Meta's time."""
