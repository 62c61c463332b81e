"""Templates that show something: a text with buttons, cards, a picture or a video, a grid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from flask_messenger.content.base import Content
from flask_messenger.content.checks import Problems
from flask_messenger.content.files import at_meta, look_at_file
from flask_messenger.content.parts import (
    NO_EXTRAS,
    POSTBACK,
    WEB_URL,
    Button,
    Element,
    look_at_each,
)

ASPECT_RATIOS: Final = ("horizontal", "square")
TEMPLATE_MEDIA: Final = ("image", "video")
LIST_STYLES: Final = ("compact", "large")


@dataclass(frozen=True, slots=True, repr=False)
class ButtonTemplate(Content):
    """A text with buttons below it."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "button_template"

    text: str
    buttons: tuple[Button, ...]

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        problems.text("text", self.text, missing="Write something first: the text is empty.")
        problems.count("buttons", len(self.buttons), least=1, what="button")
        look_at_each(problems, "buttons", self.buttons)

    @property
    def words(self) -> str | None:
        """The text."""
        return self.text


@dataclass(frozen=True, slots=True, repr=False)
class GenericTemplate(Content):
    """One card, or several to scroll through."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "generic_template"

    elements: tuple[Element, ...]
    image_aspect_ratio: str | None = None
    sharable: bool = False

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        problems.count("elements", len(self.elements), least=1, what="element")
        look_at_each(problems, "elements", self.elements)
        if self.image_aspect_ratio is not None:
            ratio = self.image_aspect_ratio
            problems.one_of("image_aspect_ratio", ratio, ASPECT_RATIOS, "An aspect ratio")

    @property
    def words(self) -> str | None:
        """The titles."""
        return titles(self.elements)


@dataclass(frozen=True, slots=True, repr=False)
class ListTemplate(Content):
    """A list. Meta took lists away in 2019: it can only be degraded."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "list_template"

    elements: tuple[Element, ...]
    buttons: tuple[Button, ...] = ()
    top_element_style: str | None = None

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        problems.count("elements", len(self.elements), least=1, what="element")
        look_at_each(problems, "elements", self.elements)
        look_at_each(problems, "buttons", self.buttons)
        if self.top_element_style is not None:
            style = self.top_element_style
            problems.one_of("top_element_style", style, LIST_STYLES, "A style")

    @property
    def words(self) -> str | None:
        """The titles."""
        return titles(self.elements)


def titles(elements: tuple[Element, ...]) -> str:
    """Return what cards are called, one a line."""
    return "\n".join(each.title for each in elements)


@dataclass(frozen=True, slots=True, repr=False)
class MediaTemplate(Content):
    """A picture or a video with buttons below it.

    Attributes:
        media_type: `image` or `video`.
        url: of a picture or video on Facebook; no other address is taken.
        attachment_id: Meta's id of a file it keeps for the account.
        upload_id: our id of a stored file; made an `attachment_id` before it is sent.
    """

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "media_template"

    media_type: str
    url: str | None = None
    attachment_id: str | None = None
    upload_id: str | None = None
    buttons: tuple[Button, ...] = ()
    sharable: bool = False

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        problems.one_of("media_type", self.media_type, TEMPLATE_MEDIA, "The media of a template")
        look_at_file(problems, "media", self)
        look_at_each(problems, "buttons", self.buttons)

    @property
    def upload_ids(self) -> tuple[str, ...]:
        """Its file, where that is ours."""
        return (self.upload_id,) if self.upload_id else ()

    def with_attachments(self, ids: Mapping[str, str]) -> "MediaTemplate":
        """Return it with Meta's file in place of ours."""
        return at_meta(self, ids)


@dataclass(frozen=True, slots=True, repr=False)
class ProductTemplate(Content):
    """Products of the Page's own catalogue, by their ids."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "product_template"

    product_ids: tuple[str, ...]

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        problems.count("product_ids", len(self.product_ids), least=1, what="product")
        for number, product_id in enumerate(self.product_ids):
            missing = "Name the product by its id in the catalogue."
            problems.text(f"product_ids[{number}]", product_id, missing=missing)


@dataclass(frozen=True, slots=True, repr=False)
class GridAction:
    """What a tap on one picture of a grid does: open `url`, or send `payload` back to us.

    Attributes:
        text: of a postback, what the person is shown to have said.
    """

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS

    type: str
    url: str | None = None
    payload: str | None = None
    text: str | None = None

    def look(self, problems: Problems, at: str) -> None:
        """Note what is wrong with it."""
        problems.one_of(f"{at}.type", self.type, (WEB_URL, POSTBACK), "A picture's action")
        if self.type == WEB_URL:
            problems.url(f"{at}.url", self.url)
        if self.type == POSTBACK:
            problems.text(f"{at}.payload", self.payload, missing="Say what comes back at a tap.")
            problems.text(f"{at}.text", self.text, missing="Say what the person says by a tap.")


@dataclass(frozen=True, slots=True, repr=False)
class GridImage:
    """One picture of a grid; at most one is the hero, shown larger."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS

    url: str
    is_hero_image: bool = False
    action: GridAction | None = None

    def look(self, problems: Problems, at: str) -> None:
        """Note what is wrong with it."""
        problems.url(f"{at}.url", self.url)
        if self.action is not None:
            self.action.look(problems, f"{at}.action")


@dataclass(frozen=True, slots=True, repr=False)
class ImageGrid(Content):
    """Pictures in a grid, each with an action of its own, and buttons below."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS
    kind: ClassVar[str] = "image_grid"

    images: tuple[GridImage, ...]
    title: str | None = None
    subtitle: str | None = None
    buttons: tuple[Button, ...] = ()

    def look(self, problems: Problems) -> None:
        """Note what is wrong."""
        problems.count("images", len(self.images), least=2, what="pictures")
        look_at_each(problems, "images", self.images)
        heroes = [number for number, each in enumerate(self.images) if each.is_hero_image]
        for number in heroes[1:]:
            problems.add(f"images[{number}].is_hero_image", "Only one picture can be the hero.")
        problems.text("title", self.title)
        problems.text("subtitle", self.subtitle)
        look_at_each(problems, "buttons", self.buttons)

    @property
    def words(self) -> str | None:
        """The title."""
        return self.title
