"""What happened, the same for every channel: values, made by `channels/` and used by `ingest/`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedAttachment:
    """A file, picture, sound or share as Meta described it.

    Attributes:
        type: Meta's word, such as `image`, `video`, `fallback`; open-ended.
        url: None where Meta sent none.
        payload: the rest of what Meta said of it.
    """

    type: str
    url: str | None = field(default=None, repr=False)
    title: str | None = field(default=None, repr=False)
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEvent:
    """A message: what a person wrote or tapped, or an echo of what one of our side sent.

    Attributes:
        account_external_id: the Page, Instagram account or number the entry was for.
        identity_external_id: the person; None in an echo that does not name the recipient.
        external_id: Meta's own id, or one derived from the event where Meta sends none. It is
            what makes a repeat harmless.
        sent_at: Meta's time, aware, UTC.
        kind: `text`, `media`, `quick_reply`, `postback` or `unsupported`.
        content: the normalised content beyond `text`, such as a postback's payload.
        echo_of: our own message id that came back in an echo's metadata.
        app_id: of an echo, the app that sent it; None where Meta does not say.
    """

    account_external_id: str
    identity_external_id: str | None = field(repr=False)
    external_id: str = field(repr=False)
    sent_at: datetime
    kind: str
    text: str | None = field(default=None, repr=False)
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)
    attachments: tuple[ReceivedAttachment, ...] = ()
    reply_to_external_id: str | None = field(default=None, repr=False)
    is_echo: bool = False
    echo_of: str | None = None
    app_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptEvent:
    """How far messages of ours came: a delivery, a read receipt, a status.

    Attributes:
        kind: `sent`, `delivered`, `read` or `failed`.
        at: aware, UTC; for a watermark, everything sent at or before it.
        message_external_ids: the messages it names; may be empty.
        is_watermark: whether it also covers everything sent up to `at`; only of `delivered` and
            `read`.
        error_code: of `failed`, Meta's code for the reason.
    """

    account_external_id: str
    identity_external_id: str = field(repr=False)
    kind: str
    at: datetime
    message_external_ids: tuple[str, ...] = field(default=(), repr=False)
    is_watermark: bool = True
    error_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionEvent:
    """Somebody reacted to a message, or took the reaction back.

    Attributes:
        identity_external_id: the person whose thread it is, whoever reacted.
        message_external_id: the message, ours or theirs.
        actor: who reacted: the person's external id, or the account's own.
        emoji: None where Meta names the reaction only, or where it was taken back.
        name: Meta's word for it, such as `love`; None where there is none.
        is_removed: taken back.
        is_echo: the account itself reacted. That opens no window.
    """

    account_external_id: str
    identity_external_id: str = field(repr=False)
    message_external_id: str = field(repr=False)
    actor: str = field(repr=False)
    at: datetime
    emoji: str | None = field(default=None, repr=False)
    name: str | None = None
    is_removed: bool = False
    is_echo: bool = False

    @property
    def opens_window(self) -> bool:
        """Whether the person may be answered because of it."""
        return not (self.is_echo or self.is_removed)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditEvent:
    """A message says something else now.

    Attributes:
        identity_external_id: the person whose thread it is; None where Meta does not say.
        number: how many edits there were with this one; 0 where Meta does not number them, and
            their time says which is newer.
    """

    account_external_id: str
    identity_external_id: str | None = field(repr=False)
    message_external_id: str = field(repr=False)
    at: datetime
    text: str = field(repr=False)
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionEvent:
    """Whoever wrote a message took it back. Meta's terms: what it said has to go."""

    account_external_id: str
    identity_external_id: str | None = field(repr=False)
    message_external_id: str = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralEvent:
    """A person came into the thread by a link or an ad, without writing yet.

    Attributes:
        content: what Meta says of where they came from: `ref`, `source`, `ad_id` and more.
    """

    account_external_id: str
    identity_external_id: str = field(repr=False)
    at: datetime
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def opens_window(self) -> bool:
        """Whether the person may be answered because of it: yes, as if they had written."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class UnhandledEvent:
    """An event of a kind that is not turned into rows yet. The journal keeps it; we count it."""

    account_external_id: str
    kind: str


ChangeEvent = ReactionEvent | EditEvent | DeletionEvent
"""What happens to a message that is there, or will be."""

Event = MessageEvent | ReceiptEvent | ChangeEvent | ReferralEvent | UnhandledEvent
