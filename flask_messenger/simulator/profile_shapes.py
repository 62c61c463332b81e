"""The properties of the messenger profile: what each may hold.

Source: https://developers.facebook.com/docs/messenger-platform/reference/messenger-profile-api
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask_messenger.simulator import errors, shapes
from flask_messenger.simulator.constants import INSTAGRAM, MESSENGER
from flask_messenger.simulator.send_buttons import HEIGHTS, MAX_PAYLOAD

LOCALE = re.compile(r"default|[a-z]{2,3}_[A-Z]{2}")
MAX_GREETING, MAX_MENU_TITLE, MAX_MENU_ITEMS = 160, 30, 20
MAX_ICE_BREAKERS, MAX_QUESTION = 4, 80
MAX_COMMANDS, MAX_COMMAND, MAX_DESCRIPTION = 100, 32, 64
MAX_DOMAINS = 50
MENU_KEYS = {
    MESSENGER: {"locale", "composer_input_disabled", "call_to_actions", "disabled_surfaces"},
    INSTAGRAM: {"locale", "call_to_actions"},
}
ITEM_KEYS = {
    MESSENGER: {
        "type",
        "title",
        "payload",
        "url",
        "webview_height_ratio",
        "messenger_extensions",
        "fallback_url",
        "webview_share_button",
    },
    INSTAGRAM: {"type", "title", "payload", "url"},
}


def check_menu(value: Any, channel: str, name: str = "persistent_menu") -> None:
    """Pass where `value` is a menu: one for each locale, none below another."""
    for here, menu in _by_locale(value, name):
        shapes.only(menu, MENU_KEYS[channel], here)
        items = shapes.several(
            menu.get("call_to_actions", []), f"{here}[call_to_actions]", 0, MAX_MENU_ITEMS
        )
        for position, one in enumerate(items):
            _check_item(one, f"{here}[call_to_actions][{position}]", channel)


def _check_item(value: Any, here: str, channel: str) -> None:
    item = shapes.thing(value, here)
    if item.get("type") == "nested":
        raise errors.invalid(f"Param {here}: nested menus are no longer supported")
    kind = shapes.word(item, "type", here, ("postback", "web_url"))
    shapes.only(item, ITEM_KEYS[channel], here)
    shapes.needed_text(item, "title", here, MAX_MENU_TITLE)
    if kind == "postback":
        shapes.needed_text(item, "payload", here, MAX_PAYLOAD)
    elif shapes.link(item, "url", here) is None:
        raise errors.missing(f"{here}[url]")
    if "webview_height_ratio" in item:
        shapes.word(item, "webview_height_ratio", here, HEIGHTS)


def _check_greeting(value: Any, _channel: str) -> None:
    for here, greeting in _by_locale(value, "greeting"):
        shapes.only(greeting, {"locale", "text"}, here)
        shapes.needed_text(greeting, "text", here, MAX_GREETING)


def _check_get_started(value: Any, _channel: str) -> None:
    button = shapes.thing(value, "get_started")
    shapes.only(button, {"payload"}, "get_started")
    shapes.needed_text(button, "payload", "get_started", MAX_PAYLOAD)


def _check_ice_breakers(value: Any, _channel: str) -> None:
    listed = shapes.several(value, "ice_breakers", 1, 100)
    if "question" in shapes.thing(listed[0], "ice_breakers[0]"):  # the older, flat format
        _check_questions(listed, "ice_breakers")
        return
    for here, group in _by_locale(listed, "ice_breakers"):
        shapes.only(group, {"locale", "call_to_actions"}, here)
        _check_questions(group.get("call_to_actions"), f"{here}[call_to_actions]")


def _check_questions(value: Any, place: str) -> None:
    for position, one in enumerate(shapes.several(value, place, 1, MAX_ICE_BREAKERS)):
        here = f"{place}[{position}]"
        question = shapes.thing(one, here)
        shapes.only(question, {"question", "payload"}, here)
        shapes.needed_text(question, "question", here, MAX_QUESTION)
        shapes.needed_text(question, "payload", here, MAX_PAYLOAD)


def _check_commands(value: Any, _channel: str) -> None:
    for here, group in _by_locale(value, "commands"):
        shapes.only(group, {"locale", "commands"}, here)
        listed = shapes.several(group.get("commands"), f"{here}[commands]", 1, MAX_COMMANDS)
        for position, one in enumerate(listed):
            spot = f"{here}[commands][{position}]"
            command = shapes.thing(one, spot)
            shapes.only(command, {"name", "description"}, spot)
            if "/" in shapes.needed_text(command, "name", spot, MAX_COMMAND):
                raise errors.invalid(f"Param {spot}[name] must not have a slash")
            shapes.needed_text(command, "description", spot, MAX_DESCRIPTION)


def _check_domains(value: Any, _channel: str) -> None:
    for one in shapes.several(value, "whitelisted_domains", 1, MAX_DOMAINS):
        if not isinstance(one, str) or not one.startswith("https://") or not shapes.is_link(one):
            raise errors.invalid("Param whitelisted_domains must have https addresses")


def _check_linking_url(value: Any, _channel: str) -> None:
    if not isinstance(value, str) or not value.startswith("https://"):
        raise errors.invalid("Param account_linking_url must be an https address")


def _by_locale(value: Any, name: str) -> list[tuple[str, Any]]:
    """Return each locale's part and its place; the default one must be there."""
    found = []
    for position, one in enumerate(shapes.several(value, name, 1, 100)):
        here = f"{name}[{position}]"
        part = shapes.thing(one, here)
        locale = shapes.needed_text(part, "locale", here, 20)
        if not LOCALE.fullmatch(locale):
            raise errors.invalid(f"Param {here}[locale] is not a known locale: {locale}")
        found.append((locale, here, part))
    locales = [locale for locale, _, _ in found]
    if "default" not in locales:
        raise errors.invalid(f"Param {name} must have an entry for the locale default")
    if len(set(locales)) != len(locales):
        raise errors.invalid(f"Param {name} has two entries for one locale")
    return [(here, part) for _, here, part in found]


CHECKS_OF: dict[str, dict[str, Callable[[Any, str], None]]] = {
    MESSENGER: {
        "greeting": _check_greeting,
        "get_started": _check_get_started,
        "persistent_menu": check_menu,
        "ice_breakers": _check_ice_breakers,
        "commands": _check_commands,
        "whitelisted_domains": _check_domains,
        "account_linking_url": _check_linking_url,
    },
    INSTAGRAM: {"persistent_menu": check_menu, "ice_breakers": _check_ice_breakers},
}
