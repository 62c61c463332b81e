"""What templates are made of: buttons, quick replies, elements; each with a function to make it.

A part is a plain value. What is wrong with it is found by the content that holds it, which knows
where in it the part stands.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final

from flask_messenger.content.checks import Problems

WEB_URL: Final = "web_url"
POSTBACK: Final = "postback"
PHONE_NUMBER: Final = "phone_number"
ACCOUNT_LINK: Final = "account_link"
ACCOUNT_UNLINK: Final = "account_unlink"
BUTTON_TYPES: Final = (WEB_URL, POSTBACK, PHONE_NUMBER, ACCOUNT_LINK, ACCOUNT_UNLINK)
WEBVIEW_HEIGHTS: Final = ("compact", "full", "tall")

REPLY_TEXT: Final = "text"
REPLY_PHONE: Final = "user_phone_number"
REPLY_EMAIL: Final = "user_email"
REPLY_TYPES: Final = (REPLY_TEXT, REPLY_PHONE, REPLY_EMAIL)

NO_EXTRAS: Final[Any] = {"extra": "forbid", "allow_inf_nan": False}
"""How JSON is read into a part: a key that nobody knows is a mistake, not to be passed over, and a
number is one that JSON has."""


@dataclass(frozen=True, slots=True, repr=False)
class Button:
    """A button of a template; made with `web_url`, `postback` and their like.

    Attributes:
        type: one of `BUTTON_TYPES`.
        title: what it says; those that link accounts have none.
        url: where it leads: of `web_url` and `account_link`.
        payload: what comes back when it is tapped; of `phone_number`, the number.
        webview_height_ratio: how much of the screen a page takes: one of `WEBVIEW_HEIGHTS`.
        messenger_extensions: whether the page may use Messenger's own functions.
        fallback_url: where clients without them go.
    """

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS

    type: str
    title: str | None = None
    url: str | None = None
    payload: str | None = None
    webview_height_ratio: str | None = None
    messenger_extensions: bool = False
    fallback_url: str | None = None

    def look(self, problems: Problems, at: str) -> None:
        """Note what is wrong with it, for any channel."""
        problems.one_of(f"{at}.type", self.type, BUTTON_TYPES, "A button")
        if self.type in {WEB_URL, POSTBACK, PHONE_NUMBER}:
            problems.text(f"{at}.title", self.title, missing="A button needs a title.")
        if self.type in {WEB_URL, ACCOUNT_LINK}:
            problems.url(f"{at}.url", self.url)
        if self.type == POSTBACK:
            missing = "Say what comes back when the button is tapped."
            problems.text(f"{at}.payload", self.payload, missing=missing)
        if self.type == PHONE_NUMBER and not _is_phone_number(self.payload):
            problems.add(f"{at}.payload", "Write the number with its country: +14155550123.")
        _look_at_height(problems, at, self.webview_height_ratio)
        problems.url(f"{at}.fallback_url", self.fallback_url, required=False)


def _is_phone_number(text: str | None) -> bool:
    sign, digits = (text or "")[:1], (text or "")[1:]
    return sign == "+" and digits.isascii() and digits.isdigit() and 4 <= len(digits) <= 15  # noqa: PLR2004 - E.164


def web_url(
    title: str,
    url: str,
    *,
    height: str | None = None,
    messenger_extensions: bool = False,
    fallback_url: str | None = None,
) -> Button:
    """Return a button that opens a page."""
    return Button(
        WEB_URL,
        title,
        url=url,
        webview_height_ratio=height,
        messenger_extensions=messenger_extensions,
        fallback_url=fallback_url,
    )


def postback(title: str, payload: str) -> Button:
    """Return a button that sends `payload` back to us."""
    return Button(POSTBACK, title, payload=payload)


def phone_number(title: str, number: str) -> Button:
    """Return a button that calls `number`, which begins with + and the country."""
    return Button(PHONE_NUMBER, title, payload=number)


def account_link(url: str) -> Button:
    """Return the button that links the person's account on the website behind `url`."""
    return Button(ACCOUNT_LINK, url=url)


def account_unlink() -> Button:
    """Return the button that ends such a link."""
    return Button(ACCOUNT_UNLINK)


@dataclass(frozen=True, slots=True, repr=False)
class QuickReply:
    """An answer to tap, gone after the next message; made with `quick_reply` and its like.

    Attributes:
        title: what it says and, tapped, what the person says; only of type `text`.
        payload: what comes back beside it.
        image_url: a small picture before the title.
        type: one of `REPLY_TYPES`.
    """

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS

    title: str | None = None
    payload: str | None = None
    image_url: str | None = None
    type: str = REPLY_TEXT

    def look(self, problems: Problems, at: str) -> None:
        """Note what is wrong with it, for any channel."""
        problems.one_of(f"{at}.type", self.type, REPLY_TYPES, "A quick reply")
        if self.type == REPLY_TEXT:
            problems.text(f"{at}.title", self.title, missing="A quick reply needs a title.")
            missing = "Say what comes back when the quick reply is tapped."
            problems.text(f"{at}.payload", self.payload, missing=missing)
        problems.url(f"{at}.image_url", self.image_url, required=False)


def quick_reply(
    title: str, payload: str | None = None, *, image_url: str | None = None
) -> QuickReply:
    """Return an answer to tap; without a payload of its own its title comes back."""
    return QuickReply(title, title if payload is None else payload, image_url)


def ask_phone_number() -> QuickReply:
    """Return the quick reply that gives us the number in the person's profile."""
    return QuickReply(type=REPLY_PHONE)


def ask_email() -> QuickReply:
    """Return the quick reply that gives us the address in the person's profile."""
    return QuickReply(type=REPLY_EMAIL)


@dataclass(frozen=True, slots=True, repr=False)
class DefaultAction:
    """What a tap on an element opens."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS

    url: str
    webview_height_ratio: str | None = None
    messenger_extensions: bool = False
    fallback_url: str | None = None

    def as_button(self) -> Button:
        """Return it as a button without a title."""
        return Button(WEB_URL, **{each.name: getattr(self, each.name) for each in fields(self)})

    def look(self, problems: Problems, at: str) -> None:
        """Note what is wrong with it, for any channel."""
        problems.url(f"{at}.url", self.url)
        problems.url(f"{at}.fallback_url", self.fallback_url, required=False)
        _look_at_height(problems, at, self.webview_height_ratio)


def _look_at_height(problems: Problems, at: str, height: str | None) -> None:
    if height is not None:
        problems.one_of(f"{at}.webview_height_ratio", height, WEBVIEW_HEIGHTS, "A height")


@dataclass(frozen=True, slots=True, repr=False)
class Element:
    """One card of a generic or list template; made with `element`."""

    __pydantic_config__: ClassVar[Any] = NO_EXTRAS

    title: str
    subtitle: str | None = None
    image_url: str | None = None
    default_action: DefaultAction | None = None
    buttons: tuple[Button, ...] = ()

    def look(self, problems: Problems, at: str) -> None:
        """Note what is wrong with it, for any channel."""
        problems.text(f"{at}.title", self.title, missing="An element needs a title.")
        problems.text(f"{at}.subtitle", self.subtitle)
        problems.url(f"{at}.image_url", self.image_url, required=False)
        if self.default_action is not None:
            self.default_action.look(problems, f"{at}.default_action")
        look_at_each(problems, f"{at}.buttons", self.buttons)
        if not (self.subtitle or self.image_url or self.default_action or self.buttons):
            message = "Beside its title an element needs a subtitle, an image, a link or a button."
            problems.add(at, message)


def element(
    title: str,
    *buttons: Button,
    subtitle: str | None = None,
    image_url: str | None = None,
    url: str | None = None,
) -> Element:
    """Return a card; `url` is what a tap on it opens."""
    action = None if url is None else DefaultAction(url)
    return Element(title, subtitle, image_url, action, tuple(buttons))


def look_at_each(problems: Problems, field: str, parts: tuple[Any, ...]) -> None:
    """Note what is wrong with each of several parts, naming each by its number."""
    for number, part in enumerate(parts):
        part.look(problems, f"{field}[{number}]")
