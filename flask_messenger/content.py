"""What a message can contain, the same for every channel.

Limits of a channel are the channel's business (`Channel.check_content`); what is said here holds
everywhere.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from flask_messenger.errors import ContentError

MEDIA_TYPES: Final = ("audio", "file", "image", "video")
MAX_URL_LENGTH: Final = 2048


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text. `text` is stripped of surrounding white space and must not be empty then."""

    kind: ClassVar[str] = "text"
    text: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse nothing-to-send and what no database or JSON can hold.

        Raises:
            ContentError: empty, or contains a NUL or half of a surrogate pair.
        """
        object.__setattr__(self, "text", self.text.strip())
        if not self.text:
            raise ContentError("Write something first: the text is empty.", field="text")
        if "\x00" in self.text or any("\ud800" <= char <= "\udfff" for char in self.text):
            raise ContentError("The text contains a character that cannot be sent.", field="text")

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored besides the text itself: nothing."""
        return {}


@dataclass(frozen=True, slots=True)
class Media:
    """One attachment that Meta fetches from `url`. `type` is one of `MEDIA_TYPES`."""

    kind: ClassVar[str] = "media"
    type: str
    url: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what Meta cannot fetch.

        Raises:
            ContentError: unknown type, or not an http(s) address.
        """
        if self.type not in MEDIA_TYPES:
            message = f"An attachment is one of {', '.join(MEDIA_TYPES)}."
            raise ContentError(message, field="attachment.type")
        parts = _split(self.url)
        if parts is None or len(self.url) > MAX_URL_LENGTH:
            message = "The attachment needs a public http or https address."
            raise ContentError(message, field="attachment.url")

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored: type and address."""
        return {"attachment": {"type": self.type, "url": self.url}}


Content = Text | Media


def _split(url: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        return None
    return parts.scheme, parts.hostname


def content_of(kind: str, text: str | None, stored: dict[str, Any]) -> Content:
    """Return the content that a stored outbound message was made from."""
    if kind == Media.kind:
        attachment = stored["attachment"]
        return Media(type=attachment["type"], url=attachment["url"])
    return Text(text or "")
