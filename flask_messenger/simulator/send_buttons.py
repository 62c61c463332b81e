"""Buttons and quick replies of a message: their types, keys and limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_messenger.simulator import errors, shapes
from flask_messenger.simulator.constants import INSTAGRAM, MESSENGER

MAX_BUTTONS, MAX_TITLE, MAX_PAYLOAD = 3, 20, 1000
WEB_KEYS = {
    "type",
    "title",
    "url",
    "webview_height_ratio",
    "messenger_extensions",
    "fallback_url",
    "webview_share_button",
}
BUTTON_KEYS = {
    "web_url": WEB_KEYS,
    "postback": {"type", "title", "payload"},
    "phone_number": {"type", "title", "payload"},
    "account_link": {"type", "url"},
    "account_unlink": {"type"},
    "game_play": {"type", "title", "payload", "game_metadata"},
}
BUTTONS_OF = {MESSENGER: tuple(BUTTON_KEYS), INSTAGRAM: ("web_url", "postback")}
HEIGHTS = ("compact", "tall", "full")
MAX_QUICK_REPLIES = 13
QUICK_REPLY_KEYS = {"content_type", "title", "payload", "image_url"}
QUICK_REPLIES_OF = {
    MESSENGER: ("text", "user_phone_number", "user_email"),
    INSTAGRAM: ("text",),
}


def check_buttons(
    value: Any, place: str, channel: str, *, known: tuple[str, ...] | None = None
) -> None:
    """Pass where `value` is a list of one to three buttons."""
    for position, item in enumerate(shapes.several(value, place, 1, MAX_BUTTONS)):
        _check_button(item, f"{place}[{position}]", known or BUTTONS_OF[channel])


def check_default_action(value: Any, place: str) -> None:
    """Pass where `value` is what a tap on an element does: a link without a title."""
    action = shapes.thing(value, place)
    shapes.only(action, WEB_KEYS - {"title"}, place)
    shapes.word(action, "type", place, ["web_url"])
    _check_link(action, place)


def read_quick_replies(message: Mapping[str, Any], channel: str) -> tuple[Mapping[str, Any], ...]:
    """Return the quick replies of a message."""
    if "quick_replies" not in message:
        return ()
    place = "message[quick_replies]"
    replies = shapes.several(message["quick_replies"], place, 1, MAX_QUICK_REPLIES)
    for position, item in enumerate(replies):
        here = f"{place}[{position}]"
        reply = shapes.thing(item, here)
        shapes.only(reply, QUICK_REPLY_KEYS, here)
        kind = shapes.word(reply, "content_type", here, QUICK_REPLIES_OF[channel])
        if kind == "text":  # a long title is cut on the phone, not refused
            shapes.needed_text(reply, "title", here, MAX_PAYLOAD)
            shapes.needed_text(reply, "payload", here, MAX_PAYLOAD)
        shapes.link(reply, "image_url", here)
    return tuple(replies)


def _check_button(item: Any, here: str, known: tuple[str, ...]) -> None:
    button = shapes.thing(item, here)
    kind = shapes.word(button, "type", here, known)
    shapes.only(button, BUTTON_KEYS[kind], here)
    if "title" in BUTTON_KEYS[kind]:
        shapes.needed_text(button, "title", here, MAX_TITLE)
    if kind in {"postback", "phone_number"}:
        payload = shapes.needed_text(button, "payload", here, MAX_PAYLOAD)
        if kind == "phone_number" and not payload.startswith("+"):
            raise errors.invalid(f"Param {here}[payload] must be a phone number with its country")
    if kind in {"web_url", "account_link"}:
        _check_link(button, here)


def _check_link(button: Mapping[str, Any], here: str) -> None:
    if shapes.link(button, "url", here) is None:
        raise errors.missing(f"{here}[url]")
    shapes.link(button, "fallback_url", here)
    if "webview_height_ratio" in button:
        shapes.word(button, "webview_height_ratio", here, HEIGHTS)
