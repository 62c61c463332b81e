"""One batch on its way from the journal to the tables: what was read, and what came of it."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from flask_messenger.crypto import KeyRing
from flask_messenger.events import (
    PERSON,
    AccountEvent,
    Author,
    ChangeEvent,
    Event,
    MessageEvent,
    ReactionEvent,
    ReceiptEvent,
    ReferralEvent,
    TemplateEvent,
)

ONE_DAY: Final = timedelta(hours=24)

PersonKey = tuple[uuid.UUID, str]
"""An account, and the person's external id as that account sees it."""

ThreadKey = tuple[uuid.UUID, str, str]
"""The same, and what the thread is about: nothing but the person, or the post they commented on."""

DIRECT_SUBJECT: Final = ""
"""What a direct thread is about: nothing but the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a drain has to know of the application.

    Attributes:
        speaks_for: for the accounts of which other apps an app may sign.
        app_ids: per app the ids that Meta gives it: what they send is ours.
        bot_pause: how long bots are quiet after a person answered from elsewhere.
        keys: seals what Meta tells us in confidence; None where that is not kept.
        is_told_to_us: whether Meta told it to us as to who has the thread, unless it is marked.
    """

    speaks_for: Mapping[str, frozenset[str]] = field(default_factory=dict)
    app_ids: Mapping[str, frozenset[str]] = field(default_factory=dict)
    bot_pause: timedelta = ONE_DAY
    keys: KeyRing | None = field(default=None, repr=False)
    is_told_to_us: bool = True


NO_TERMS: Final = Terms()
"""Of a drain that knows of no application."""


@dataclass(frozen=True, slots=True)
class ClaimedEntry:
    """A journal row this drain holds."""

    id: uuid.UUID
    object: str
    raw: bytes = field(repr=False)
    app_name: str
    """The Meta app whose secret signed it."""
    workspace_id: str | None = None
    """Whose it turned out to be when it was applied before; None for what is new."""
    attempts: int = 0
    """How often it was tried alone and could not be applied, through no fault that is known."""
    tried_at: datetime | None = None
    """When that was last; aware, UTC."""


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
    app_names: frozenset[str] = frozenset()
    """The apps for whose accounts it may speak: the one that signed it, as a rule."""
    owner: str | None = None
    """The workspace it was applied for before: a replay is for nobody else."""


@dataclass(frozen=True, slots=True)
class RoutedAccount:
    """The account an event belongs to, as far as ingest needs it."""

    id: uuid.UUID
    workspace_id: str
    location_id: str | None
    channel: str
    app_name: str
    """The Meta app it was connected through."""


@dataclass(frozen=True, slots=True)
class RoutedMessage:
    """A message event and the account it is for."""

    account: RoutedAccount
    event: MessageEvent

    @property
    def key(self) -> tuple[uuid.UUID, str]:
        """What makes the message unique."""
        return (self.account.id, self.event.external_id)

    @property
    def thread_key(self) -> ThreadKey | None:
        """The thread it belongs to; None where Meta does not say whose it is."""
        person = self.event.identity_external_id
        return (self.account.id, person, self.event.subject) if person else None

    @property
    def answers(self) -> tuple[uuid.UUID, str] | None:
        """The comment in whose thread a comment of our side belongs."""
        event = self.event
        if not (event.subject and event.reply_to_external_id and event.is_echo):
            return None
        return (self.account.id, event.reply_to_external_id)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Whoever wrote, as far as the event tells: to make them, and their thread, where missing."""

    account: RoutedAccount
    author: Author
    subject_details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RoutedReceipt:
    """A receipt event and the account it is for."""

    account: RoutedAccount
    event: ReceiptEvent


@dataclass(frozen=True, slots=True)
class RoutedChange:
    """An edit, a deletion or a reaction, and the account it is for."""

    account: RoutedAccount
    event: ChangeEvent

    @property
    def message_key(self) -> tuple[uuid.UUID, str]:
        """The message it is about."""
        return (self.account.id, self.event.message_external_id)


@dataclass(frozen=True, slots=True)
class RoutedReferral:
    """A person who came by a link or an ad, and the account they came to."""

    account: RoutedAccount
    event: ReferralEvent


@dataclass(frozen=True, slots=True)
class RoutedAccountEvent:
    """What Meta says of an account itself, or of a template of it."""

    account: RoutedAccount
    event: AccountEvent | TemplateEvent


@dataclass(slots=True)
class Batch:
    """The events of a batch, routed: no event is here without its own account."""

    messages: list[RoutedMessage] = field(default_factory=list)
    receipts: list[RoutedReceipt] = field(default_factory=list)
    changes: list[RoutedChange] = field(default_factory=list)
    referrals: list[RoutedReferral] = field(default_factory=list)
    of_accounts: list[RoutedAccountEvent] = field(default_factory=list)

    def add(self, account: RoutedAccount, event: Event) -> None:
        """Take an event in; one of a kind that changes nothing is passed over."""
        if isinstance(event, MessageEvent):
            self.messages.append(RoutedMessage(account, event))
        elif isinstance(event, ReceiptEvent):
            self.receipts.append(RoutedReceipt(account, event))
        elif isinstance(event, ReferralEvent):
            self.referrals.append(RoutedReferral(account, event))
            if event.external_id is not None:
                self.messages.append(RoutedMessage(account, _shown(event, event.external_id)))
        elif isinstance(event, AccountEvent | TemplateEvent):
            self.of_accounts.append(RoutedAccountEvent(account, event))
        elif isinstance(event, ChangeEvent):
            self.changes.append(RoutedChange(account, event))

    @property
    def account_ids(self) -> set[uuid.UUID]:
        """The accounts the batch has events for."""
        parts = (self.messages, self.receipts, self.changes, self.referrals, self.of_accounts)
        return {each.account.id for part in parts for each in part}

    @property
    def authors(self) -> dict[ThreadKey, Newcomer]:
        """Who did something, or was written to: people there have to be a thread with."""
        found = {key: Newcomer(account, Author(), {}) for key, account, _ in self.openings()}
        for each in self.messages:
            thread_key = each.thread_key
            if thread_key is not None:
                new = Newcomer(each.account, each.event.author, each.event.subject_details)
                found[thread_key] = _fuller(found.get(thread_key), new)
        return found

    @property
    def mentioned(self) -> set[PersonKey]:
        """Whose thread receipts, edits, deletions and withdrawn reactions are about."""
        return {
            (each.account.id, each.event.identity_external_id)
            for part in (self.receipts, self.changes)
            for each in part
            if each.event.identity_external_id
        }

    def openings(self) -> Iterator[tuple[ThreadKey, RoutedAccount, datetime]]:
        """Yield who opened their window other than by a message, and when; Meta's time."""
        for part in (self.referrals, self.changes):
            for each in part:
                event = each.event
                if isinstance(event, ReferralEvent | ReactionEvent) and event.opens_window:
                    key = (each.account.id, event.identity_external_id, DIRECT_SUBJECT)
                    yield key, each.account, event.at
        for message in self.messages:
            thread_key = message.thread_key
            if thread_key is not None and message.event.opens_window:
                yield thread_key, message.account, message.event.sent_at


def _shown(event: ReferralEvent, external_id: str) -> MessageEvent:
    """Return what is shown of a referral in its thread."""
    return MessageEvent(
        account_external_id=event.account_external_id,
        identity_external_id=event.identity_external_id,
        external_id=external_id,
        sent_at=event.at,
        kind="referral",
        content=event.content,
        is_notice=True,
    )


def _fuller(first: Newcomer | None, second: Newcomer) -> Newcomer:
    """Return which of two says more of a person; of equal ones always the same."""
    if first is None or first == second:
        return second
    return max(first, second, key=_said)


def _said(newcomer: Newcomer) -> tuple[Any, ...]:
    author = newcomer.author
    details = sorted((name, str(each)) for name, each in newcomer.subject_details.items())
    return (bool(author.kind != PERSON), author.name or "", author.username or "", details)


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
    changed: set[uuid.UUID] = field(default_factory=set)
    """Messages that were edited, taken back, hidden or reacted to."""
    attached_in: set[str] = field(default_factory=set)
    """Workspaces that have files to fetch."""
    released: set[uuid.UUID] = field(default_factory=set)
    """Threads that no other app holds any more: what was held back may go out."""
    account_ids: set[uuid.UUID] = field(default_factory=set)
    heard: dict[uuid.UUID, datetime] = field(default_factory=dict)
    """Per account, when somebody last wrote to it; Meta's time."""
    trouble: Exception | None = field(default=None, repr=False)
    """What kept the rest of the batch waiting; what is said here is committed all the same."""

    def add(self, part: "Outcome") -> None:
        """Take in what another part of the batch changed."""
        self.entries += part.entries
        self.messages += part.messages
        self.settled += part.settled
        self.conversations = {**self.conversations, **part.conversations}
        self.lifted |= part.lifted
        self.changed |= part.changed
        self.attached_in |= part.attached_in
        self.released |= part.released
        self.account_ids |= part.account_ids
        self.heard = latest(self.heard, part.heard)
        self.trouble = part.trouble or self.trouble


def latest(
    first: dict[uuid.UUID, datetime], second: dict[uuid.UUID, datetime]
) -> dict[uuid.UUID, datetime]:
    """Return the later time of each key."""
    return first | {key: max(at, first.get(key, at)) for key, at in second.items()}
