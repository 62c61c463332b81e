"""Templates, as cards: what we sent, in our words, and what Meta tells of others', in its own."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from flask_messenger.ui.presenters.inbox import CardView, LinkView
from flask_messenger.ui.presenters.people import safe_url
from flask_messenger.ui.presenters.times import zone_named

MOST_CARDS: Final = 10
MOST_BUTTONS: Final = 20
MOST_LINES: Final = 12
ENDS_OF_BOOKING: Final = ("start_time", "end_time")
LARGEST_NUMBER: Final = 10**15
LATEST_SECONDS: Final = 4_102_444_800
"""The year 2100: what claims to be later is no time."""

BUTTON_WORDS: Final = {
    "account_link": "Log in",
    "account_unlink": "Log out",
    "game_play": "Play",
    "phone_number": "Call",
    "postback": "Button",
    "web_url": "Open",
}
"""What a button says that has no title of its own."""


def says_all(kind: str) -> bool:
    """Whether the cards of a kind say all there is, and its words would say it twice."""
    return kind in _SENT and kind != "button_template"


def cards_of(kind: str, content: Mapping[str, Any]) -> list[CardView]:
    """Return the cards of a message by its own content; none where it is of a kind without."""
    make = _SENT.get(kind)
    return list(make(content))[:MOST_CARDS] if make else []


def received_cards(payload: Mapping[str, Any]) -> list[CardView]:
    """Return the cards of a template as a webhook tells of it: an echo, or something shared."""
    products = _mapping(payload.get("product")).get("elements")
    if products:
        return list(_elements({"elements": products}))[:MOST_CARDS]
    make = _RECEIVED.get(str(payload.get("template_type")), _anything)
    return list(make(payload))[:MOST_CARDS]


def replies_of(content: Mapping[str, Any]) -> list[str]:
    """Return what a message of ours offers to be tapped, below it."""
    given = [*_list(content.get("quick_replies")), *_list(content.get("replies"))]
    return [_text(_mapping(each).get("title")) or "Contact details" for each in given]


def _elements(content: Mapping[str, Any]) -> Iterator[CardView]:
    for each in _list(content.get("elements")):
        element = _mapping(each)
        link = _mapping(element.get("default_action")).get("url")
        yield CardView(
            title=_text(element.get("title")),
            subtitle=_text(element.get("subtitle")),
            picture_url=safe_url(_text(element.get("image_url"))),
            url=safe_url(_text(link)),
            buttons=_buttons(element),
        )


def _buttons_only(content: Mapping[str, Any]) -> Iterator[CardView]:
    """The text stands in the bubble; the buttons are a card below it."""
    yield CardView(buttons=_buttons(content))


def _button_template(content: Mapping[str, Any]) -> Iterator[CardView]:
    yield CardView(subtitle=_text(content.get("text")), buttons=_buttons(content))


def _media(content: Mapping[str, Any]) -> Iterator[CardView]:
    for each in _list(content.get("elements")) or [content]:
        element = _mapping(each)
        is_picture = element.get("media_type") == "image"
        url = safe_url(_text(element.get("url")))
        yield CardView(
            title="" if url else "Picture" if is_picture else "Video",
            picture_url=url if is_picture else None,
            url=url,
            buttons=_buttons(element),
        )


def _grid(content: Mapping[str, Any]) -> Iterator[CardView]:
    for each in _list(content.get("elements")) or [content]:
        element = _mapping(each)
        images = [_mapping(image) for image in _list(element.get("images"))]
        pictures = (safe_url(_text(image.get("url"))) for image in images)
        yield CardView(
            title=_text(element.get("title")),
            subtitle=_text(element.get("subtitle")),
            pictures=tuple(url for url in pictures if url),
            buttons=_buttons(element),
        )


def _receipt(content: Mapping[str, Any]) -> Iterator[CardView]:
    summary, currency = _mapping(content.get("summary")), _text(content.get("currency"))
    items = [_mapping(each) for each in _list(content.get("elements"))]
    lines = [
        (_item(each), _money(each.get("price"), _text(each.get("currency")) or currency))
        for each in items[:MOST_LINES]
    ]
    if len(items) > MOST_LINES:
        lines.append((f"and {len(items) - MOST_LINES} more", ""))
    for label, name in (
        ("Subtotal", "subtotal"),
        ("Shipping", "shipping_cost"),
        ("Tax", "total_tax"),
        ("Total", "total_cost"),
    ):
        if summary.get(name) is not None:
            lines.append((label, _money(summary[name], currency)))
    yield CardView(
        title=f"Receipt {_text(content.get('order_number'))}".strip(),
        subtitle=" · ".join(
            filter(None, (_text(content.get(key)) for key in ("recipient_name", "payment_method")))
        ),
        lines=tuple(lines),
        url=safe_url(_text(content.get("order_url"))),
    )


def _item(item: Mapping[str, Any]) -> str:
    title, quantity = _text(item.get("title")), item.get("quantity")
    if not isinstance(quantity, int | float) or abs(quantity) > LARGEST_NUMBER:
        return title
    return f"{quantity:g}\N{MULTIPLICATION SIGN} {title}"


def _coupon(content: Mapping[str, Any]) -> Iterator[CardView]:
    code = _text(content.get("coupon_code"))
    yield CardView(
        title=_text(content.get("title")) or "Coupon",
        subtitle=_text(content.get("subtitle")),
        picture_url=safe_url(_text(content.get("image_url"))),
        lines=(("Code", code),) if code else (),
        url=safe_url(_text(content.get("coupon_url"))),
    )


def _products(content: Mapping[str, Any]) -> Iterator[CardView]:
    number = len(_list(content.get("product_ids")))
    yield CardView(title="Products", subtitle=f"{number} from the catalogue")


def _feedback(content: Mapping[str, Any]) -> Iterator[CardView]:
    question = _mapping(content.get("question"))
    yield CardView(
        title=_text(content.get("title")) or "A question",
        subtitle=_text(question.get("title")) or _text(content.get("subtitle")),
        buttons=_named(content.get("button_title")),
    )


def _address_form(content: Mapping[str, Any]) -> Iterator[CardView]:
    del content
    yield CardView(title="Form for name and address")


def _instant_form(content: Mapping[str, Any]) -> Iterator[CardView]:
    del content
    yield CardView(title="Form to fill in")


def _opt_in_request(content: Mapping[str, Any]) -> Iterator[CardView]:
    yield CardView(title=_text(content.get("title")) or "Asked to send updates")


def _utility(content: Mapping[str, Any]) -> Iterator[CardView]:
    preview = _text(content.get("preview"))
    yield CardView(title="" if preview else _text(content.get("name")), subtitle=preview)


def _shared_post(content: Mapping[str, Any]) -> Iterator[CardView]:
    yield CardView(title="Your post", url=safe_url(_text(content.get("url"))))


def _order(content: Mapping[str, Any]) -> Iterator[CardView]:
    order = _mapping(content.get("order"))
    products = [_mapping(each) for each in _list(order.get("products"))]
    lines = tuple(
        (
            _item({**each, "title": _text(each.get("name"))}),
            _money(each.get("unit_price"), _text(each.get("currency"))),
        )
        for each in products[:MOST_LINES]
    )
    yield CardView(title="Order", subtitle=_text(order.get("note")), lines=lines)


def _appointment(content: Mapping[str, Any]) -> Iterator[CardView]:
    """Its times are in its own zone: the person's, and not the reader's."""
    booking = _mapping(content.get("appointment"))
    times = [_local_time(booking.get(key), booking.get("timezone")) for key in ENDS_OF_BOOKING]
    yield CardView(
        title=" ".join(("Appointment", _text(booking.get("status")).lower())).strip(),
        subtitle=" to ".join(filter(None, times)),
    )


def _local_time(seconds: Any, zone: Any) -> str:
    if not isinstance(seconds, int | float) or not 0 < seconds < LATEST_SECONDS:
        return ""
    at = datetime.fromtimestamp(seconds, zone_named(_text(zone)))
    return f"{at.day} {at:%b %Y %H:%M}"


def _anything(payload: Mapping[str, Any]) -> Iterator[CardView]:
    """Show what a template of a kind we do not know says in the words all kinds use."""
    if payload.get("elements"):
        yield from _elements(payload)
    else:
        title = _text(payload.get("title")) or _text(payload.get("text")) or "A card"
        yield CardView(title=title, buttons=_buttons(payload))


def _buttons(content: Mapping[str, Any]) -> tuple[LinkView, ...]:
    given = [_mapping(each) for each in _list(content.get("buttons"))]
    return tuple(
        LinkView(
            label=_text(each.get("title")) or BUTTON_WORDS.get(_text(each.get("type")), "Button"),
            url=safe_url(_text(each.get("url"))),
        )
        for each in given[:MOST_BUTTONS]
    )


def _named(title: Any) -> tuple[LinkView, ...]:
    return (LinkView(label=_text(title)),) if _text(title) else ()


def _money(amount: Any, currency: str) -> str:
    try:
        number = f"{float(amount):,.2f}"
    except (OverflowError, TypeError, ValueError):
        return ""
    return f"{number} {currency}".strip()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


_Maker = Callable[[Mapping[str, Any]], Iterator[CardView]]

_SENT: Final[Mapping[str, _Maker]] = {
    "appointment": _appointment,
    "button_template": _buttons_only,
    "coupon_template": _coupon,
    "customer_information_template": _address_form,
    "feedback_template": _feedback,
    "generic_template": _elements,
    "image_grid": _grid,
    "instant_form_template": _instant_form,
    "list_template": _elements,
    "media_template": _media,
    "order": _order,
    "notification_template": _opt_in_request,
    "product_template": _products,
    "receipt_template": _receipt,
    "shared_post": _shared_post,
    "utility_template": _utility,
}
_RECEIVED: Final[Mapping[str, _Maker]] = {
    "button": _button_template,
    "coupon": _coupon,
    "customer_feedback": _feedback,
    "customer_information": _address_form,
    "generic": _elements,
    "image_grid": _grid,
    "instant_form": _instant_form,
    "media": _media,
    "notification_messages": _opt_in_request,
    "receipt": _receipt,
}
