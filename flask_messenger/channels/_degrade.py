"""What becomes of a content that a channel cannot carry: one table of rules.

What is not in the table is refused: a text in its place would not do what it is for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from flask_messenger.channels._checks import check_content
from flask_messenger.channels._cutting import cut
from flask_messenger.channels._limits import Limits
from flask_messenger.channels.sending import Degraded
from flask_messenger.content import (
    HEART,
    Button,
    ButtonTemplate,
    Content,
    CouponTemplate,
    Element,
    GenericTemplate,
    Heart,
    ImageGrid,
    Images,
    ListTemplate,
    Media,
    MediaTemplate,
    Picture,
    ProductTemplate,
    QuickReplies,
    QuickReply,
    Reaction,
    ReceiptTemplate,
    SharedPost,
    Sticker,
    Text,
)
from flask_messenger.content.parts import POSTBACK
from flask_messenger.errors import ContentError

THUMBS_UP: Final = frozenset({"369239263222822", "369239343222814", "369239383222810"})
"""Messenger's own thumb, in its three sizes."""
LIKE: Final = "\N{THUMBS UP SIGN}"

Turned = Iterator[Content]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        becomes: what it is turned into, for the documentation.
        note: what to tell whoever sent it.
        turn: makes it; yields nothing where there is no way.
    """

    becomes: str
    note: str
    turn: Callable[[Any, Limits], Turned]


def degrade(content: Content, limits: Limits, *, label: str) -> Degraded:
    """Return `content` as a channel can carry it.

    Raises:
        ContentError: there is no rule for it, or what the rule makes breaks a limit, too.
    """
    try:
        check_content(content, limits, label=label)
    except ContentError:
        rule = RULES.get(type(content))
        turned = list(rule.turn(content, limits)) if rule else []
        if rule is None or not turned or turned == [content]:
            raise
        parts = [degrade(each, limits, label=label) for each in turned]
        notes = dict.fromkeys([rule.note, *(note for part in parts for note in part.notes)])
        return Degraded(
            contents=tuple(each for part in parts for each in part.contents), notes=tuple(notes)
        )
    return Degraded(contents=(content,))


def _text(content: Text, limits: Limits) -> Turned:
    kept = _kept_replies(content.quick_replies, limits)
    if limits.length_of(content.text) > limits.text:
        *first, last = cut(content.text, most=limits.text, length_of=limits.length_of)
        yield from map(Text, first)
        yield Text(last, kept)
    elif kept != content.quick_replies:
        yield Text(content.text, kept)
    else:
        yield Text("\n\n".join([content.text, *_numbered(content.quick_replies)]))


def _question(content: QuickReplies, limits: Limits) -> Turned:
    kept = _kept_replies(content.replies, limits)
    if content.text is not None:
        yield Text(content.text, kept)
        return
    if content.attachment is not None and kept == content.replies:
        yield content.attachment
        yield from map(Text, _numbered(kept))
    elif content.attachment is not None:
        yield replace(content, replies=kept) if kept else content.attachment


def _kept_replies(replies: tuple[QuickReply, ...], limits: Limits) -> tuple[QuickReply, ...]:
    return tuple(each for each in replies if each.type in limits.quick_reply_types)


def _numbered(replies: Sequence[QuickReply]) -> list[str]:
    """Return the answers as one text, or none: what asks for an address has no words."""
    titles = [each.title for each in replies if each.title]
    lines = [f"{number}. {title}" for number, title in enumerate(titles, 1)]
    return ["\n".join(lines)] if lines else []


def _images(content: Images, limits: Limits) -> Turned:
    if content.kind not in limits.contents:
        for each in content.images:
            yield Media("image", each.url, each.attachment_id, each.upload_id)
        return
    for start in range(0, len(content.images), limits.images):
        yield Images(content.images[start : start + limits.images])


def _products(content: ProductTemplate, limits: Limits) -> Turned:
    for start in range(0, len(content.product_ids), limits.products):
        yield ProductTemplate(content.product_ids[start : start + limits.products])


def _button_template(content: ButtonTemplate, limits: Limits) -> Turned:
    del limits
    yield _as_text(content.text, *_button_lines(content.buttons))


def _button_lines(buttons: Sequence[Button]) -> Iterator[str]:
    """Yield what buttons do, in words: a link, a number to call, an answer to give."""
    number = 0
    for button in buttons:
        if button.type == POSTBACK:
            number += 1
            yield f"{number}. {button.title}"
        elif button.url or button.payload:
            yield ": ".join(filter(None, [button.title, button.url or button.payload]))


def _as_text(*lines: str | None) -> Text:
    return Text("\n".join(line for line in lines if line))


def _generic_template(content: GenericTemplate, limits: Limits) -> Turned:
    if len(content.elements) > limits.elements:
        for start in range(0, len(content.elements), limits.elements):
            yield replace(content, elements=content.elements[start : start + limits.elements])
        return
    for each in content.elements:
        yield from _card(each)


def _card(card: Element) -> Turned:
    if card.image_url is not None:
        yield Media("image", card.image_url)
    link = card.default_action.url if card.default_action else None
    yield _as_text(card.title, card.subtitle, link, *_button_lines(card.buttons))


def _list_template(content: ListTemplate, limits: Limits) -> Turned:
    """Make cards of the lines. What stood below the list moves to the last card with room."""
    del limits
    *first, last = content.elements
    last = replace(last, buttons=(*last.buttons, *content.buttons))
    yield GenericTemplate((*first, last))


def _media_template(content: MediaTemplate, limits: Limits) -> Turned:
    del limits
    lines = list(_button_lines(content.buttons))
    if content.url is not None:
        # It is a page of Facebook's, which shows the file, and not the file.
        yield _as_text(content.url, *lines)
        return
    yield Media(
        content.media_type, attachment_id=content.attachment_id, upload_id=content.upload_id
    )
    if lines:
        yield _as_text(*lines)


def _image_grid(content: ImageGrid, limits: Limits) -> Turned:
    del limits
    yield Images(tuple(Picture(each.url) for each in content.images))
    actions = [each.action for each in content.images if each.action]
    links = [each.url for each in actions if each.url]
    taps = [Button(POSTBACK, each.text) for each in actions if each.type == POSTBACK]
    lines = [content.title, content.subtitle, *links, *_button_lines((*taps, *content.buttons))]
    if any(lines):
        yield _as_text(*lines)


def _receipt(content: ReceiptTemplate, limits: Limits) -> Turned:
    del limits
    summary = content.summary
    sums = {
        "Subtotal": summary.subtotal,
        "Shipping": summary.shipping_cost,
        "Tax": summary.total_tax,
        **{each.name: -abs(each.amount) for each in content.adjustments},
        "Total": summary.total_cost,
    }
    yield _as_text(
        f"{content.recipient_name}, {content.order_number}",
        *(
            " ".join(filter(None, [_count(each.quantity), each.title, f"{each.price:.2f}"]))
            for each in content.elements
        ),
        *(f"{name}: {amount:.2f}" for name, amount in sums.items() if amount is not None),
        f"{content.payment_method}, {content.currency}",
        content.order_url,
    )


def _count(quantity: float | None) -> str | None:
    return f"{quantity:g} x" if quantity is not None else None


def _coupon(content: CouponTemplate, limits: Limits) -> Turned:
    del limits
    yield _as_text(
        content.coupon_pre_message,
        content.title,
        content.subtitle,
        content.coupon_code,
        ": ".join(filter(None, [content.coupon_url_button_title, content.coupon_url]))
        if content.coupon_url
        else None,
    )


def _sticker(content: Sticker, limits: Limits) -> Turned:
    del limits
    if content.sticker_id in THUMBS_UP:
        yield Text(LIKE)


def _heart(content: Heart, limits: Limits) -> Turned:
    del content, limits
    yield Text(HEART)


def _shared_post(content: SharedPost, limits: Limits) -> Turned:
    del limits
    if content.url is not None:
        yield Text(content.url)


def _reaction(content: Reaction, limits: Limits) -> Turned:
    del limits
    if content.emoji is not None:
        yield Text(content.emoji)


RULES: Final[Mapping[type[Content], Rule]] = {
    Text: Rule(
        becomes="several texts; quick replies that the channel lacks are left out,"
        " too many or too long ones become numbered lines",
        note="The text was cut, or its quick replies became lines.",
        turn=_text,
    ),
    QuickReplies: Rule(
        becomes="the question with those quick replies that the channel has, else with numbered"
        " lines",
        note="Quick replies were left out or became lines.",
        turn=_question,
    ),
    Images: Rule(
        becomes="several messages with as many pictures as one may have, one where it may have one",
        note="The pictures go out in several messages.",
        turn=_images,
    ),
    ButtonTemplate: Rule(
        becomes="text: links and numbers as lines, postbacks numbered",
        note="The buttons became lines of text.",
        turn=_button_template,
    ),
    GenericTemplate: Rule(
        becomes="several templates where there are too many elements; else a picture and a text"
        " for each element",
        note="The cards were divided, or became pictures and text.",
        turn=_generic_template,
    ),
    ListTemplate: Rule(
        becomes="a generic template; the list's own buttons go to its last element",
        note="The list became cards.",
        turn=_list_template,
    ),
    MediaTemplate: Rule(
        becomes="the picture or video, then its buttons as text; a link where it is on Facebook",
        note="The buttons became a message of their own.",
        turn=_media_template,
    ),
    ProductTemplate: Rule(
        becomes="several templates with as many products as one may have",
        note="The products go out in several messages.",
        turn=_products,
    ),
    ImageGrid: Rule(
        becomes="the pictures, then title, links and buttons as text",
        note="The grid became pictures and text.",
        turn=_image_grid,
    ),
    ReceiptTemplate: Rule(
        becomes="text: one line for each item and sum",
        note="The receipt became text.",
        turn=_receipt,
    ),
    CouponTemplate: Rule(
        becomes="text, with the code in sight",
        note="The coupon became text.",
        turn=_coupon,
    ),
    Sticker: Rule(
        becomes="the emoji, where it is Messenger's thumb; any other is refused",
        note="The sticker became an emoji.",
        turn=_sticker,
    ),
    Heart: Rule(becomes="the emoji", note="The heart became an emoji.", turn=_heart),
    SharedPost: Rule(
        becomes="its link, where there is one; else it is refused",
        note="The post became a link.",
        turn=_shared_post,
    ),
    Reaction: Rule(
        becomes="the emoji as a message, where the channel lacks that reaction",
        note="The reaction became a message.",
        turn=_reaction,
    ),
}
"""The rule of each content that has one."""
