"""Contents that are no templates: words, files, pictures, a sticker, a heart, a reaction."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from flask_messenger.content.base import Content, plain
from flask_messenger.content.checks import Problems
from flask_messenger.content.files import at_meta, look_at_file
from flask_messenger.content.parts import NO_EXTRAS, QuickReply, look_at_each

MEDIA_TYPES: Final = ("audio", "file", "image", "video")
HEART: Final = "\N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16}"


@dataclass(frozen=True, slots=True, repr=False)
class Text(Content):
    """Plain text, with quick replies or without.

    `text` is stripped of surrounding white space and must not be empty then.
    """

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "text"

    text: str
    quick_replies: tuple[QuickReply, ...] = ()

    def tidy(self) -> None:
        """Strip the text."""
        object.__setattr__(self, "text", self.text.strip())
        object.__setattr__(self, "quick_replies", tuple(self.quick_replies))

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        problems.text("text", self.text, missing="Write something first: the text is empty.")
        look_at_each(problems, "quick_replies", self.quick_replies)

    @property
    def words(self) -> str | None:
        """The text."""
        return self.text


@dataclass(frozen=True, slots=True, repr=False)
class Media(Content):
    """One attachment: an address that Meta fetches, an id of Meta's, or a file of ours.

    Attributes:
        type: one of `MEDIA_TYPES`.
        url: an address that everybody can open.
        attachment_id: Meta's id of a file it keeps for the account.
        upload_id: our id of a stored file; made an `attachment_id` before it is sent.
    """

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "media"

    type: str
    url: str | None = None
    attachment_id: str | None = None
    upload_id: str | None = None

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        look_at_media(problems, "attachment", self)

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored: type and address, under one key."""
        return {"attachment": plain(self)}

    @property
    def upload_ids(self) -> tuple[str, ...]:
        """Its file, where that is ours."""
        return (self.upload_id,) if self.upload_id else ()

    def with_attachments(self, ids: Mapping[str, str]) -> "Media":
        """Return it with Meta's file in place of ours."""
        return at_meta(self, ids)


def look_at_media(problems: Problems, at: str, media: Media) -> None:
    """Note what is wrong with an attachment, wherever it stands."""
    problems.one_of(f"{at}.type", media.type, MEDIA_TYPES, "An attachment")
    look_at_file(problems, at, media)


@dataclass(frozen=True, slots=True, repr=False)
class Picture:
    """One of several pictures; named as `Media` is."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS

    url: str | None = None
    attachment_id: str | None = None
    upload_id: str | None = None

    def look(self, problems: Problems, at: str) -> None:
        """Note what is wrong with it."""
        look_at_file(problems, at, self)


@dataclass(frozen=True, slots=True, repr=False)
class Images(Content):
    """Several pictures in one message."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "images"

    images: tuple[Picture, ...]

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        problems.count("images", len(self.images), least=1, what="picture")
        look_at_each(problems, "images", self.images)

    @property
    def upload_ids(self) -> tuple[str, ...]:
        """Those that are files of ours."""
        return tuple(each.upload_id for each in self.images if each.upload_id)

    def with_attachments(self, ids: Mapping[str, str]) -> "Images":
        """Return it with Meta's files in place of ours."""
        return replace(self, images=tuple(at_meta(each, ids) for each in self.images))


@dataclass(frozen=True, slots=True, repr=False)
class QuickReplies(Content):
    """Answers to tap, below a question or below an attachment."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "quick_replies"

    replies: tuple[QuickReply, ...]
    text: str | None = None
    attachment: Media | None = None

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        problems.exactly_one("text", "What is asked", text=self.text, attachment=self.attachment)
        problems.text("text", self.text)
        problems.count("replies", len(self.replies), least=1, what="quick reply")
        look_at_each(problems, "replies", self.replies)

    @property
    def words(self) -> str | None:
        """The question."""
        return self.text

    @property
    def upload_ids(self) -> tuple[str, ...]:
        """The file of the attachment, where that is ours."""
        return self.attachment.upload_ids if self.attachment else ()

    def with_attachments(self, ids: Mapping[str, str]) -> "QuickReplies":
        """Return it with Meta's file in place of ours."""
        if self.attachment is None:
            return self
        return replace(self, attachment=self.attachment.with_attachments(ids))


@dataclass(frozen=True, slots=True, repr=False)
class Sticker(Content):
    """A sticker of Messenger's catalogue."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "sticker"

    sticker_id: str

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        if not (self.sticker_id.isascii() and self.sticker_id.isdigit()):
            problems.add("sticker_id", "A sticker is named by its number in Meta's catalogue.")


@dataclass(frozen=True, slots=True, repr=False)
class Heart(Content):
    """The heart that Instagram sends at a double tap."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "heart"

    def look(self, problems: Problems) -> None:
        """Find nothing wrong."""

    @property
    def words(self) -> str | None:
        """A heart."""
        return HEART


@dataclass(frozen=True, slots=True, repr=False)
class SharedPost(Content):
    """A post of the account's own.

    Attributes:
        post_id: Meta's id of it.
        url: where everybody can see it, for channels that share by link.
    """

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "shared_post"

    post_id: str
    url: str | None = None

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        problems.text("post_id", self.post_id, missing="Name the post by its id.")
        problems.url("url", self.url, required=False)


@dataclass(frozen=True, slots=True, repr=False)
class Reaction(Content):
    """A reaction to one of the thread's messages; without an emoji it is taken back."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "reaction"

    message_external_id: str
    emoji: str | None = None

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        missing = "Name the message by Meta's id."
        problems.text("message_external_id", self.message_external_id, missing=missing)
        problems.text("emoji", self.emoji)

    @property
    def words(self) -> str | None:
        """The emoji."""
        return self.emoji
