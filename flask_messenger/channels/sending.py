"""What a channel is told of a sending: from where, to whom, and how beside the content."""

from dataclasses import dataclass, field, fields
from typing import Final

from flask_messenger.content import Content
from flask_messenger.errors import InvalidRequestError
from flask_messenger.models.accounts import BY_FACEBOOK

PASS: Final = "pass"  # noqa: S105 - Meta's word, no password
RELEASE: Final = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What a channel must know of the account that sends.

    Attributes:
        external_id: of the Page or the Instagram account.
        page_external_id: the Page that carries an Instagram account; None where there is none.
        login: `facebook`, or `instagram` for an account that came by Instagram's own login.
    """

    external_id: str
    page_external_id: str | None = None
    login: str = BY_FACEBOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Whom a message is for: exactly one of these.

    Attributes:
        id: the person, as the account sees them.
        comment_id: whoever wrote this public comment; they are answered in private.
        post_id: whoever wrote this post on the Page; they are answered in private.
        user_ref: whoever ticked a plugin's box on a website.
        public_reply_to: everybody who reads this comment; the answer is a comment itself.
    """

    id: str | None = field(default=None, repr=False)
    comment_id: str | None = field(default=None, repr=False)
    post_id: str | None = field(default=None, repr=False)
    user_ref: str | None = field(default=None, repr=False)
    public_reply_to: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse a message to nobody, or to two at once.

        Raises:
            InvalidRequestError: not exactly one is named.
        """
        if len(self._named()) != 1:
            message = "A message is for a person, a comment, a post or a plugin's user: for one."
            raise InvalidRequestError(message, field="recipient")

    def as_dict(self) -> dict[str, str]:
        """Return what the Send API calls `recipient`."""
        return self._named()

    def _named(self) -> dict[str, str]:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadControl:
    """What becomes of the thread once the message is out: passed to another app, or released.

    Attributes:
        control_type: `pass` or `release`.
        app_id: whom to pass it to; None means the Page's default app.
    """

    control_type: str
    app_id: str | None = None

    def as_dict(self) -> dict[str, str]:
        """Return what the Send API calls `thread_control`."""
        named = {"app_id": self.app_id} if self.app_id and self.control_type == PASS else {}
        return {"control_type": self.control_type, **named}


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """What goes beside the content.

    Attributes:
        metadata: comes back in the echo, where the channel can carry it.
        tag: the message tag, such as `HUMAN_AGENT`.
        reply_to_external_id: Meta's id of the message that is quoted.
        persona_id: who of the account is shown as the sender.
        notification_type: `REGULAR`, `SILENT_PUSH` or `NO_PUSH`.
    """

    metadata: str | None = None
    tag: str | None = None
    reply_to_external_id: str | None = None
    persona_id: str | None = None
    notification_type: str | None = None
    thread_control: ThreadControl | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Degraded:
    """Content as a channel can carry it.

    Attributes:
        contents: what to send instead, in this order; the content itself where nothing changed.
        notes: what was changed, as sentences; empty where nothing was.
    """

    contents: tuple[Content, ...]
    notes: tuple[str, ...] = ()
