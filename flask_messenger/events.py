"""What happened, the same for every channel: values, made by `channels/` and used by `ingest/`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

MESSAGE_KINDS: Final = (
    "text",
    "media",
    "sticker",
    "location",
    "share",
    "template",
    "appointment",
    "quick_reply",
    "postback",
    "story_reply",
    "story_mention",
    "ephemeral",
    "order",
    "unsupported",
    "comment",
    "post",
    "mention",
)
"""What somebody says: the kinds of messages of either side."""

NOTICE_KINDS: Final = (
    "opt_in",
    "opt_out",
    "account_linked",
    "account_unlinked",
    "thread_passed",
    "thread_taken",
    "thread_requested",
    "response_feedback",
    "feedback",
    "customer_information",
    "coupon",
    "lead_form",
    "label_added",
    "label_removed",
    "referral",
    "game_play",
)
"""What happens in a thread and is said by nobody."""

STANDBY: Final = "standby"
"""The mark, in a message's content, of what was heard while another app had the thread."""

UNNAMED: Final = "0"
"""Stands for "another app" where Meta does not say whose a thread is."""

REMOTE: Final = "remote"
PENDING: Final = "pending"
REFUSED: Final = "refused"
"""What is to become of an attachment: only its address is kept, it is fetched, or must not be."""

PERSON: Final = "person"
COMMENTER: Final = "commenter"
USER_REF: Final = "user_ref"
"""Who somebody is to an account: a person of its threads, or known by comments or a plugin only."""

ANONYMOUS: Final = "comment:"
"""What the id of a commenter begins with whom Meta does not name; the comment's own id follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedAttachment:
    """A file, picture, sound or share as Meta described it.

    Attributes:
        type: Meta's word, such as `image`, `video`, `fallback`; open-ended.
        url: None where Meta sent none.
        payload: the rest of what Meta said of it.
        state: `remote`, `pending` or `refused`, by the channel's own rules.
    """

    type: str
    url: str | None = field(default=None, repr=False)
    title: str | None = field(default=None, repr=False)
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)
    state: str = REMOTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """What an event says of the person it is from, beside their id.

    Attributes:
        kind: `person`, `commenter` or `user_ref`.
        username: of Instagram, without the @.
    """

    kind: str = PERSON
    name: str | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptInFact:
    """What a person agreed to be sent, or took back.

    Attributes:
        reference: tells several of one type apart: a topic, a title, a payload or a plugin's
            reference.
        token: lets messages out, or links an account: a secret.
        expires_at: aware, UTC.
    """

    type: str
    reference: str = field(default="", repr=False)
    is_active: bool = True
    details: Mapping[str, Any] = field(default_factory=dict, repr=False)
    token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerFact:
    """Which app may write in a thread from now on; None where nobody has it."""

    app_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """What every event says.

    Attributes:
        account_external_id: the Page, Instagram account or number the entry was for.
        account_alias: whom the event itself is for, where that is somebody else: asked only if
            nobody knows the account of the entry.
    """

    account_external_id: str
    account_alias: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEvent(Addressed):
    """A message: what a person wrote or tapped, or an echo of what one of our side sent.

    Or a notice: what happened in a thread and was said by nobody.

    Attributes:
        identity_external_id: the person; None in an echo that does not name the recipient, and
            in a comment of our side, which belongs where the comment is that it answers.
        external_id: Meta's own id, or one derived from the event where Meta sends none. It is
            what makes a repeat harmless.
        sent_at: Meta's time, aware, UTC.
        kind: one of `MESSAGE_KINDS`, or of `NOTICE_KINDS` where `is_notice`.
        content: the normalised content beyond `text`, such as a postback's payload.
        echo_of: our own message id that came back in an echo's metadata.
        app_id: of an echo, the app that sent it; None where Meta does not say.
        subject: empty in a direct thread; of a comment, the id of the post or media it is under.
        subject_details: what Meta says of that post or media.
        opens_by_itself: of a notice, whether the person may be answered because of it.
    """

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
    is_notice: bool = False
    opens_by_itself: bool = False
    subject: str = field(default="", repr=False)
    subject_details: Mapping[str, Any] = field(default_factory=dict, repr=False)
    author: Author = Author()
    opt_in: OptInFact | None = None
    owner: OwnerFact | None = None

    @property
    def is_inbound(self) -> bool:
        """Whether a person wrote it."""
        return not (self.is_echo or self.is_notice)

    @property
    def opens_window(self) -> bool:
        """Whether it is a notice that the person may be answered because of."""
        return self.is_notice and self.opens_by_itself


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptEvent(Addressed):
    """How far messages of ours came: a delivery, a read receipt, a status.

    Attributes:
        kind: `sent`, `delivered`, `read` or `failed`; `seen` of a message up to which everything
            was read.
        at: aware, UTC; for a watermark, everything sent at or before it.
        message_external_ids: the messages it names; may be empty.
        is_watermark: whether it also covers everything sent up to `at`; only of `delivered` and
            `read`.
        error_code: of `failed`, Meta's code for the reason.
    """

    identity_external_id: str = field(repr=False)
    kind: str
    at: datetime
    message_external_ids: tuple[str, ...] = field(default=(), repr=False)
    is_watermark: bool = True
    error_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionEvent(Addressed):
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
class EditEvent(Addressed):
    """A message says something else now.

    Attributes:
        identity_external_id: the person whose thread it is; None where Meta does not say.
        number: how many edits there were with this one; 0 where Meta does not number them, and
            their time says which is newer.
    """

    identity_external_id: str | None = field(repr=False)
    message_external_id: str = field(repr=False)
    at: datetime
    text: str = field(repr=False)
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionEvent(Addressed):
    """Whoever wrote a message took it back. Meta's terms: what it said has to go."""

    identity_external_id: str | None = field(repr=False)
    message_external_id: str = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HideEvent(Addressed):
    """A comment was hidden from the public, or shown again."""

    identity_external_id: str | None = field(repr=False)
    message_external_id: str = field(repr=False)
    at: datetime
    is_hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralEvent(Addressed):
    """A person came into the thread by a link or an ad, without writing yet.

    Attributes:
        external_id: derived from the event; None where it is not to be shown in the thread.
        content: what Meta says of where they came from: `ref`, `source`, `ad_id` and more.
    """

    identity_external_id: str = field(repr=False)
    at: datetime
    external_id: str | None = field(default=None, repr=False)
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def opens_window(self) -> bool:
        """Whether the person may be answered because of it: yes, as if they had written."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEvent(Addressed):
    """What Meta says of the account itself.

    Attributes:
        kind: `policy_enforcement` or `app_roles`.
        external_id: derived from the event: a repeat is the same.
        content: of a policy its `action` (`warning`, `block` or `unblock`) and `reason`.
    """

    kind: str
    external_id: str
    at: datetime
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateEvent(Addressed):
    """What became of a template that Meta approves: its new `status`, in lower case."""

    at: datetime
    status: str
    external_id: str | None = None
    name: str | None = None
    language: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnhandledEvent(Addressed):
    """An event of a kind that is not turned into rows yet. The journal keeps it; we count it."""

    kind: str


ChangeEvent = ReactionEvent | EditEvent | DeletionEvent | HideEvent
"""What happens to a message that is there, or will be."""

PersonEvent = MessageEvent | ReceiptEvent | ChangeEvent | ReferralEvent
"""What concerns a person."""

Event = PersonEvent | AccountEvent | TemplateEvent | UnhandledEvent
