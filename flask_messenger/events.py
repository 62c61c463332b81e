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
    """Messages of ours were delivered or read.

    Attributes:
        kind: `delivered` or `read`.
        at: aware, UTC; for a watermark, everything sent at or before it.
        message_external_ids: the messages it names; may be empty.
        is_watermark: whether it also covers everything sent up to `at`.
    """

    account_external_id: str
    identity_external_id: str = field(repr=False)
    kind: str
    at: datetime
    message_external_ids: tuple[str, ...] = field(default=(), repr=False)
    is_watermark: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class UnhandledEvent:
    """An event of a kind that is not turned into rows yet. The journal keeps it; we count it."""

    account_external_id: str
    kind: str


Event = MessageEvent | ReceiptEvent | UnhandledEvent
