"""The templates of the Send API: what each may hold, checked one by one.

Source: https://developers.facebook.com/docs/messenger-platform/send-messages/templates
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_messenger.simulator import errors, send_forms, shapes
from flask_messenger.simulator.constants import INSTAGRAM, MESSENGER
from flask_messenger.simulator.send_buttons import (
    MAX_PAYLOAD,
    check_buttons,
    check_default_action,
)

Payload = Mapping[str, Any]
Check = Callable[[Payload, str], None]

PLACE = "message[attachment][payload]"
MAX_ELEMENTS, MAX_LINE, MAX_BUTTON_TEXT, MAX_PRODUCTS = 10, 80, 640, 10
MAX_RECEIPT_ELEMENTS = 100
ELEMENT_KEYS = {"title", "subtitle", "image_url", "default_action", "buttons"}
MEDIA_KEYS = {"media_type", "attachment_id", "url", "buttons"}
BAD_MEDIA = 2018173
RECEIPT_KEYS = {
    "recipient_name",
    "merchant_name",
    "order_number",
    "currency",
    "payment_method",
    "summary",
    "elements",
    "address",
    "adjustments",
    "timestamp",
    "order_url",
}
COUPON_KEYS = {
    "title",
    "subtitle",
    "coupon_code",
    "coupon_url",
    "coupon_url_button_title",
    "coupon_pre_message",
    "image_url",
    "payload",
}
GRID_KEYS = {"title", "subtitle", "images", "buttons"}
GRID_IMAGE_KEYS = {"url", "is_hero_image", "action"}
MAX_GRID_TITLE = 45


def read_template(payload: Payload, channel: str) -> Payload:
    """Return the payload of a template that has the right shape.

    Raises:
        GraphError: the channel has no such template, or something in it is refused.
    """
    known = CHECKS_OF[channel]
    kind = shapes.word(payload, "template_type", PLACE, known)
    keys, check = known[kind]
    shapes.only(payload, {"template_type", "sharable", *keys}, PLACE)
    check(payload, channel)
    return payload


def _check_button_template(payload: Payload, channel: str) -> None:
    shapes.needed_text(payload, "text", PLACE, MAX_BUTTON_TEXT)
    check_buttons(payload.get("buttons"), f"{PLACE}[buttons]", channel)


def _check_generic(payload: Payload, channel: str) -> None:
    place = f"{PLACE}[elements]"
    for position, item in enumerate(
        shapes.several(payload.get("elements"), place, 1, MAX_ELEMENTS)
    ):
        here = f"{place}[{position}]"
        element = shapes.thing(item, here)
        shapes.only(element, ELEMENT_KEYS, here)
        shapes.needed_text(element, "title", here, MAX_LINE)
        shapes.text(element, "subtitle", here, MAX_LINE)
        shapes.link(element, "image_url", here)
        if not set(element) - {"title"}:
            raise errors.invalid(f"Param {here} must have at least one field besides title")
        if "default_action" in element:
            check_default_action(element["default_action"], f"{here}[default_action]")
        if "buttons" in element:
            check_buttons(element["buttons"], f"{here}[buttons]", channel)
    if "image_aspect_ratio" in payload:
        shapes.word(payload, "image_aspect_ratio", PLACE, ("horizontal", "square"))


def _check_media(payload: Payload, channel: str) -> None:
    place = f"{PLACE}[elements]"
    (item,) = shapes.several(payload.get("elements"), place, 1, 1)
    here = f"{place}[0]"
    element = shapes.thing(item, here)
    shapes.only(element, MEDIA_KEYS, here)
    shapes.word(element, "media_type", here, ("image", "video"))
    url = shapes.link(element, "url", here)
    attachment_id = shapes.text(element, "attachment_id", here, 64)
    if (url is None) == (attachment_id is None):
        raise errors.invalid(f"Param {here} must have either attachment_id or url", BAD_MEDIA)
    if url is not None and "facebook.com/" not in url:
        raise errors.invalid("The url of a media template must be Facebook's own", BAD_MEDIA)
    if "buttons" in element:
        check_buttons(element["buttons"], f"{here}[buttons]", channel)


def _check_receipt(payload: Payload, _channel: str) -> None:
    for key in ("recipient_name", "order_number", "currency", "payment_method"):
        shapes.needed_text(payload, key, PLACE, MAX_PAYLOAD)
    summary = shapes.thing(payload.get("summary"), f"{PLACE}[summary]")
    shapes.only(
        summary, {"subtotal", "shipping_cost", "total_tax", "total_cost"}, f"{PLACE}[summary]"
    )
    if summary.get("total_cost") is None:
        raise errors.missing(f"{PLACE}[summary][total_cost]")
    place = f"{PLACE}[elements]"
    for position, item in enumerate(
        shapes.several(payload.get("elements", []), place, 0, MAX_RECEIPT_ELEMENTS)
    ):
        here = f"{place}[{position}]"
        element = shapes.thing(item, here)
        known = {"title", "subtitle", "quantity", "price", "currency", "image_url"}
        shapes.only(element, known, here)
        shapes.needed_text(element, "title", here, MAX_PAYLOAD)
        if element.get("price") is None:
            raise errors.missing(f"{here}[price]")
    if "address" in payload:
        keys = {"street_1", "street_2", "city", "postal_code", "state", "country"}
        shapes.only(shapes.thing(payload["address"], f"{PLACE}[address]"), keys, "address")
    for item in shapes.several(payload.get("adjustments", []), f"{PLACE}[adjustments]", 0, 100):
        shapes.only(shapes.thing(item, "adjustments"), {"name", "amount"}, "adjustments")


def _check_coupon(payload: Payload, _channel: str) -> None:
    shapes.needed_text(payload, "title", PLACE, MAX_LINE)
    shapes.text(payload, "subtitle", PLACE, MAX_LINE)
    code = shapes.text(payload, "coupon_code", PLACE, MAX_LINE)
    if code is not None and any(character.isspace() for character in code):
        raise errors.invalid(f"Param {PLACE}[coupon_code] must not have spaces")
    if not code and shapes.link(payload, "coupon_url", PLACE) is None:
        raise errors.missing(f"{PLACE}[coupon_code]")
    for key in ("coupon_url_button_title", "coupon_pre_message"):
        shapes.text(payload, key, PLACE, MAX_PAYLOAD)
    shapes.text(payload, "payload", PLACE, MAX_PAYLOAD)
    shapes.link(payload, "image_url", PLACE)


def _check_product(payload: Payload, _channel: str) -> None:
    place = f"{PLACE}[elements]"
    for position, item in enumerate(
        shapes.several(payload.get("elements"), place, 1, MAX_PRODUCTS)
    ):
        here = f"{place}[{position}]"
        element = shapes.thing(item, here)
        shapes.only(element, {"id"}, here)
        if not str(element.get("id") or ""):
            raise errors.missing(f"{here}[id]")


def _check_image_grid(payload: Payload, channel: str) -> None:
    place = f"{PLACE}[elements]"
    (item,) = shapes.several(payload.get("elements"), place, 1, 1)
    here = f"{place}[0]"
    element = shapes.thing(item, here)
    shapes.only(element, GRID_KEYS, here)
    shapes.needed_text(element, "title", here, MAX_GRID_TITLE)
    shapes.text(element, "subtitle", here, MAX_LINE)
    for position, one in enumerate(shapes.several(element.get("images"), f"{here}[images]", 2, 6)):
        spot = f"{here}[images][{position}]"
        image = shapes.thing(one, spot)
        shapes.only(image, GRID_IMAGE_KEYS, spot)
        if shapes.link(image, "url", spot) is None:
            raise errors.missing(f"{spot}[url]")
        if "action" in image:
            _check_grid_action(image["action"], f"{spot}[action]")
    if "buttons" in element:
        check_buttons(
            element["buttons"], f"{here}[buttons]", channel, known=("web_url", "postback")
        )


def _check_grid_action(value: Any, place: str) -> None:
    action = shapes.thing(value, place)
    if shapes.word(action, "type", place, ("web_url", "postback")) == "web_url":
        shapes.only(action, {"type", "url"}, place)
        if shapes.link(action, "url", place) is None:
            raise errors.missing(f"{place}[url]")
        return
    shapes.only(action, {"type", "payload", "text"}, place)
    shapes.needed_text(action, "payload", place, MAX_PAYLOAD)


# The keys of each template beside `template_type` and `sharable`, and what checks them. Meta took
# `list` and `open_graph` away years ago: they are as unknown as a word that never existed.
BUTTON = ({"text", "buttons"}, _check_button_template)
GENERIC = ({"elements", "image_aspect_ratio"}, _check_generic)
PRODUCT = ({"elements"}, _check_product)
CHECKS_OF: dict[str, dict[str, tuple[set[str], Check]]] = {
    MESSENGER: {
        "button": BUTTON,
        "generic": GENERIC,
        "media": ({"elements"}, _check_media),
        "receipt": (RECEIPT_KEYS, _check_receipt),
        "coupon": (COUPON_KEYS, _check_coupon),
        "product": PRODUCT,
        "customer_feedback": (send_forms.FEEDBACK_KEYS, send_forms.check_feedback),
        "customer_information": (send_forms.INFORMATION_KEYS, send_forms.check_information),
        "image_grid": ({"elements"}, _check_image_grid),
        "instant_form": (send_forms.INSTANT_FORM_KEYS, send_forms.check_instant_form),
        "notification_messages": (send_forms.OPTIN_KEYS, send_forms.check_optin),
    },
    INSTAGRAM: {"button": BUTTON, "generic": GENERIC, "product": PRODUCT},
}
