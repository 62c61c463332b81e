"""Whether a content keeps within the limits of a channel: one function per kind, all in a table."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from flask_messenger.channels._limits import Limits
from flask_messenger.content import (
    Button,
    ButtonTemplate,
    Content,
    CouponTemplate,
    CustomerInformationTemplate,
    FeedbackTemplate,
    GenericTemplate,
    ImageGrid,
    Images,
    MediaTemplate,
    ProductTemplate,
    QuickReplies,
    QuickReply,
    Reaction,
    ReceiptTemplate,
    Text,
)
from flask_messenger.content.checks import Problems, last_name
from flask_messenger.errors import ContentError


def check_content(content: Content, limits: Limits, *, label: str) -> None:
    """Pass where a channel can carry `content` as it is.

    Args:
        content: any.
        limits: the channel's.
        label: what people call the channel.

    Raises:
        ContentError: names every field that breaks a limit, the limit, and how to mend it.
    """
    if content.kind not in limits.contents:
        message = f"{label} has no {last_name(content.kind)}. Send something else, or let it be"
        raise ContentError(f"{message} turned into what {label} has.", field="kind")
    problems = Problems()
    look = CHECKS.get(type(content))
    if look is not None:
        look(problems, content, limits)
    problems.check()


def _too_long(problems: Problems, field: str, value: str | None, most: int) -> None:
    if value is not None and len(value) > most:
        message = f"The {last_name(field)} can have {most} characters; this one has {len(value)}."
        problems.add(field, f"{message} Shorten it.")


def _too_many(problems: Problems, field: str, number: int, most: int, *, what: str) -> None:
    if number > most:
        problems.add(field, f"At most {most} {what}; there are {number}. Leave some out.")


def _check_text(problems: Problems, text: str, limits: Limits) -> None:
    length = limits.length_of(text)
    if length > limits.text:
        message = f"A message can have {limits.text} {limits.text_unit}; this one has {length}."
        problems.add("text", f"{message} Shorten it or send it in parts.")


def _check_replies(
    problems: Problems, field: str, replies: tuple[QuickReply, ...], limits: Limits
) -> None:
    _too_many(problems, field, len(replies), limits.quick_replies, what="quick replies")
    for number, reply in enumerate(replies):
        at = f"{field}[{number}]"
        if reply.type not in limits.quick_reply_types:
            problems.add(f"{at}.type", "This channel's quick replies are plain answers.")
        _too_long(problems, f"{at}.title", reply.title, limits.quick_reply_title)
        _too_long(problems, f"{at}.payload", reply.payload, limits.payload)


def _check_buttons(
    problems: Problems,
    field: str,
    buttons: tuple[Button, ...],
    limits: Limits,
    *,
    types: frozenset[str] | None = None,
) -> None:
    known = limits.button_types & (types or limits.button_types)
    _too_many(problems, field, len(buttons), limits.buttons, what="buttons")
    for number, button in enumerate(buttons):
        at = f"{field}[{number}]"
        problems.one_of(f"{at}.type", button.type, known, "A button here")
        _too_long(problems, f"{at}.title", button.title, limits.button_title)
        _too_long(problems, f"{at}.payload", button.payload, limits.payload)


def _text(problems: Problems, content: Text, limits: Limits) -> None:
    _check_text(problems, content.text, limits)
    _check_replies(problems, "quick_replies", content.quick_replies, limits)


def _quick_replies(problems: Problems, content: QuickReplies, limits: Limits) -> None:
    _check_text(problems, content.text or "", limits)
    _check_replies(problems, "replies", content.replies, limits)


def _images(problems: Problems, content: Images, limits: Limits) -> None:
    _too_many(problems, "images", len(content.images), limits.images, what="pictures")


def _reaction(problems: Problems, content: Reaction, limits: Limits) -> None:
    if limits.reactions is not None and content.emoji not in {None, *limits.reactions}:
        problems.add("emoji", "This channel's only reaction is a heart.")


def _button_template(problems: Problems, content: ButtonTemplate, limits: Limits) -> None:
    _too_long(problems, "text", content.text, limits.button_text)
    _check_buttons(problems, "buttons", content.buttons, limits)


def _generic_template(problems: Problems, content: GenericTemplate, limits: Limits) -> None:
    _too_many(problems, "elements", len(content.elements), limits.elements, what="elements")
    for number, each in enumerate(content.elements):
        at = f"elements[{number}]"
        _too_long(problems, f"{at}.title", each.title, limits.element_title)
        _too_long(problems, f"{at}.subtitle", each.subtitle, limits.element_subtitle)
        _check_buttons(problems, f"{at}.buttons", each.buttons, limits)


def _media_template(problems: Problems, content: MediaTemplate, limits: Limits) -> None:
    host = urlsplit(content.url).hostname if content.url is not None else None
    if host is not None and not f".{host}".endswith(".facebook.com"):
        message = "A media template takes addresses of facebook.com only: upload the file instead."
        problems.add("media.url", message)
    _check_buttons(problems, "buttons", content.buttons, limits)


def _product_template(problems: Problems, content: ProductTemplate, limits: Limits) -> None:
    _too_many(problems, "product_ids", len(content.product_ids), limits.products, what="products")


def _image_grid(problems: Problems, content: ImageGrid, limits: Limits) -> None:
    _too_many(problems, "images", len(content.images), limits.grid_images, what="pictures")
    _too_long(problems, "title", content.title, limits.grid_title)
    _too_long(problems, "subtitle", content.subtitle, limits.grid_subtitle)
    types = limits.grid_button_types
    _check_buttons(problems, "buttons", content.buttons, limits, types=types)
    for number, image in enumerate(content.images):
        if image.action is not None:
            field = f"images[{number}].action.payload"
            _too_long(problems, field, image.action.payload, limits.payload)


def _receipt(problems: Problems, content: ReceiptTemplate, limits: Limits) -> None:
    number = len(content.elements)
    _too_many(problems, "elements", number, limits.receipt_elements, what="elements")


def _coupon(problems: Problems, content: CouponTemplate, limits: Limits) -> None:
    _too_long(problems, "title", content.title, limits.coupon_title)
    _too_long(problems, "subtitle", content.subtitle, limits.coupon_subtitle)


def _feedback(problems: Problems, content: FeedbackTemplate, limits: Limits) -> None:
    _too_long(problems, "title", content.title, limits.feedback_title)
    _too_long(problems, "subtitle", content.subtitle, limits.feedback_subtitle)
    _too_long(problems, "button_title", content.button_title, limits.feedback_button_title)
    _check_days(problems, content.expires_in_days, limits)


def _customer_information(
    problems: Problems, content: CustomerInformationTemplate, limits: Limits
) -> None:
    _check_days(problems, content.expires_in_days, limits)


def _check_days(problems: Problems, days: int, limits: Limits) -> None:
    if not 1 <= days <= limits.expires_in_days:
        message = f"It can be answered for 1 to {limits.expires_in_days} days."
        problems.add("expires_in_days", message)


CHECKS: Final[Mapping[type[Content], Callable[[Problems, Any, Limits], None]]] = {
    Text: _text,
    QuickReplies: _quick_replies,
    Images: _images,
    Reaction: _reaction,
    ButtonTemplate: _button_template,
    GenericTemplate: _generic_template,
    MediaTemplate: _media_template,
    ProductTemplate: _product_template,
    ImageGrid: _image_grid,
    ReceiptTemplate: _receipt,
    CouponTemplate: _coupon,
    FeedbackTemplate: _feedback,
    CustomerInformationTemplate: _customer_information,
}
"""What looks at which content; what is not here has nothing that a channel limits."""
