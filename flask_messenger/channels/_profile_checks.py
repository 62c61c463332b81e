"""What each property of a profile may hold: a check returns it as it is sent, and notes trouble.

Sources:
    https://developers.facebook.com/docs/messenger-platform/reference/messenger-profile-api
    https://developers.facebook.com/docs/messenger-platform/instagram/features/ice-breakers
    https://developers.facebook.com/docs/messenger-platform/instagram/features/persistent-menu
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from flask_messenger.content.checks import MAX_URL_LENGTH, is_public_url, is_storable

DEFAULT_LOCALE: Final = "default"
MAX_GREETING: Final = 160
MAX_PAYLOAD: Final = 1000
MAX_MENU_ITEMS: Final = 20
MAX_MENU_TITLE: Final = 30
MAX_QUESTIONS: Final = 4
MAX_COMMANDS: Final = 100
MAX_COMMAND_NAME: Final = 32
MAX_COMMAND_DESCRIPTION: Final = 64
MAX_DOMAINS: Final = 50
MAX_QUESTION: Final = 1000
"""Meta's pages do not agree how long one may be: this is only what nobody would read."""

HEIGHTS: Final = ("compact", "tall", "full")
NAMES_IN_GREETING: Final = ("user_first_name", "user_last_name", "user_full_name")
_LOCALE: Final = re.compile(r"[a-z]{2,3}_[A-Z]{2}")
_WORD: Final = re.compile(r"[A-Za-z_]{1,64}")
_PLACEHOLDER: Final = re.compile(r"\{\{([^{}]*)\}\}")


class Trouble:
    """Collects what is wrong with a profile, each with the path to the field."""

    def __init__(self) -> None:
        self.found: list[dict[str, str]] = []

    def add(self, field: str, message: str) -> None:
        """Note one problem."""
        self.found.append({"field": field, "message": message})

    def thing(self, value: Any, field: str, known: Sequence[str]) -> dict[str, Any]:
        """Return an object; note keys that Meta does not know, or that it is none."""
        if not isinstance(value, Mapping):
            self.add(field, "This has to be an object.")
            return {}
        for name in value:
            if name not in known:
                self.add(f"{field}.{name}"[:200], f"Known here are {', '.join(known)}.")
        return {name: value[name] for name in known if value.get(name) is not None}

    def things(self, value: Any, field: str, *, most: int, what: str) -> list[tuple[str, Any]]:
        """Return the items of a list, each with its path; note too few or too many."""
        if not isinstance(value, list | tuple):
            self.add(field, "This has to be a list.")
            return []
        if not 0 < len(value) <= most:
            self.add(field, f"There can be 1 to {most} {what}: there are {len(value)}.")
        return [(f"{field}[{place}]", each) for place, each in enumerate(value)]

    def text(self, value: Any, field: str, *, most: int) -> str:
        """Return a text of 1 to `most` characters."""
        if not isinstance(value, str) or not value.strip():
            self.add(field, "This is missing: write something.")
            return ""
        if len(value) > most:
            self.add(field, f"At most {most} characters: this has {len(value)}.")
        elif not is_storable(value):
            self.add(field, "This contains a character that cannot be sent.")
        return value

    def url(self, value: Any, field: str, *, https: bool = False) -> str:
        """Return an address that Meta can open; some have to be https."""
        is_fit = isinstance(value, str) and len(value) <= MAX_URL_LENGTH and is_public_url(value)
        if not is_fit or (https and urlsplit(str(value)).scheme != "https"):
            scheme = "https" if https else "http or https"
            self.add(field, f"This has to be a public {scheme} address.")
        return str(value)

    def per_locale(
        self,
        value: Any,
        field: str,
        read: Callable[[Mapping[str, Any], str], dict[str, Any]],
        known: Sequence[str],
    ) -> list[dict[str, Any]]:
        """Return what is said in several languages: each once, and `default` among them."""
        entries, seen = [], set()
        for place, item in self.things(value, field, most=MAX_LOCALES, what="locales"):
            given = self.thing(item, place, ("locale", *known))
            locale = str(given.get("locale", ""))
            if locale != DEFAULT_LOCALE and not _LOCALE.fullmatch(locale):
                self.add(f"{place}.locale", "A locale is `default`, or like en_US.")
            elif locale in seen:
                self.add(f"{place}.locale", "This locale is there already.")
            seen.add(locale)
            entries.append({"locale": locale, **read(given, place)})
        if entries and DEFAULT_LOCALE not in seen:
            self.add(field, "The locale `default` is missing: Meta needs one for everybody else.")
        return entries


MAX_LOCALES: Final = 200
Check = Callable[[Any, str, Trouble], Any]


def check_greeting(value: Any, field: str, trouble: Trouble) -> Any:
    """Return the greetings: shown before the first message."""

    def read(given: Mapping[str, Any], place: str) -> dict[str, Any]:
        text = trouble.text(given.get("text"), f"{place}.text", most=MAX_GREETING)
        for name in _PLACEHOLDER.findall(text):
            if name.strip() not in NAMES_IN_GREETING:
                known = ", ".join(f"{{{{{each}}}}}" for each in NAMES_IN_GREETING)
                trouble.add(f"{place}.text", f"Meta fills in {known} only.")
        return {"text": text}

    return trouble.per_locale(value, field, read, ("text",))


def check_get_started(value: Any, field: str, trouble: Trouble) -> Any:
    """Return the button that begins a conversation."""
    given = trouble.thing(value, field, ("payload",))
    return {"payload": trouble.text(given.get("payload"), f"{field}.payload", most=MAX_PAYLOAD)}


def check_menu(value: Any, field: str, trouble: Trouble) -> Any:
    """Return Messenger's persistent menu."""
    shown = ("webview_height_ratio", "messenger_extensions", "fallback_url", "webview_share_button")

    def read(given: Mapping[str, Any], place: str) -> dict[str, Any]:
        switches = {
            name: given[name]
            for name in ("composer_input_disabled", "disabled_surfaces")
            if name in given
        }
        _check_switch(switches, "composer_input_disabled", place, trouble)
        surfaces = switches.get("disabled_surfaces", [])
        if not isinstance(surfaces, list) or not all(map(_is_word, surfaces)):
            trouble.add(f"{place}.disabled_surfaces", "This has to be a list of Meta's words.")
        return {**switches, **_read_menu_items(given, place, trouble, shown)}

    known = ("call_to_actions", "composer_input_disabled", "disabled_surfaces")
    return trouble.per_locale(value, field, read, known)


def check_plain_menu(value: Any, field: str, trouble: Trouble) -> Any:
    """Return Instagram's persistent menu: buttons and links, nothing else."""

    def read(given: Mapping[str, Any], place: str) -> dict[str, Any]:
        return _read_menu_items(given, place, trouble, ())

    return trouble.per_locale(value, field, read, ("call_to_actions",))


def _read_menu_items(
    given: Mapping[str, Any], place: str, trouble: Trouble, shown: Sequence[str]
) -> dict[str, Any]:
    items = given.get("call_to_actions")
    if items is None and given.get("composer_input_disabled") is False:
        return {}
    return {
        "call_to_actions": [
            _read_menu_item(item, where, trouble, shown)
            for where, item in trouble.things(
                items, f"{place}.call_to_actions", most=MAX_MENU_ITEMS, what="menu items"
            )
        ]
    }


def _read_menu_item(
    item: Any, place: str, trouble: Trouble, shown: Sequence[str]
) -> dict[str, Any]:
    kind = item.get("type") if isinstance(item, Mapping) else None
    parts = {"postback": ("payload",), "web_url": ("url", *shown)}.get(str(kind))
    if parts is None:
        hint = " Meta removed nested menus." if kind == "nested" else ""
        trouble.add(f"{place}.type", f"A menu item is a postback or a web_url.{hint}")
        return {}
    given = trouble.thing(item, place, ("type", "title", *parts))
    title = trouble.text(given.get("title"), f"{place}.title", most=MAX_MENU_TITLE)
    if kind == "postback":
        payload = trouble.text(given.get("payload"), f"{place}.payload", most=MAX_PAYLOAD)
        return {"type": kind, "title": title, "payload": payload}
    url = trouble.url(given.get("url"), f"{place}.url")
    if given.get("webview_height_ratio", HEIGHTS[0]) not in HEIGHTS:
        trouble.add(f"{place}.webview_height_ratio", f"One of {', '.join(HEIGHTS)}.")
    if "fallback_url" in given:
        trouble.url(given["fallback_url"], f"{place}.fallback_url")
    if not _is_word(given.get("webview_share_button", "show")):
        trouble.add(f"{place}.webview_share_button", "This is show or hide.")
    _check_switch(given, "messenger_extensions", place, trouble)
    return {**given, "title": title, "url": url}


def _check_switch(given: Mapping[str, Any], name: str, place: str, trouble: Trouble) -> None:
    if not isinstance(given.get(name, False), bool):
        trouble.add(f"{place}.{name}", "This is true or false.")


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def check_ice_breakers(value: Any, field: str, trouble: Trouble) -> Any:
    """Return the questions to begin with; a plain list of them is the default language's."""

    def read(given: Mapping[str, Any], place: str) -> dict[str, Any]:
        questions = []
        for where, item in trouble.things(
            given.get("call_to_actions"),
            f"{place}.call_to_actions",
            most=MAX_QUESTIONS,
            what="questions",
        ):
            asked = trouble.thing(item, where, ("question", "payload"))
            question = trouble.text(asked.get("question"), f"{where}.question", most=MAX_QUESTION)
            payload = trouble.text(asked.get("payload"), f"{where}.payload", most=MAX_PAYLOAD)
            questions.append({"question": question, "payload": payload})
        return {"call_to_actions": questions}

    return trouble.per_locale(in_locales(value), field, read, ("call_to_actions",))


def in_locales(value: Any) -> Any:
    """Return ice breakers as Meta has them now; it still shows old ones as a plain list."""
    is_plain = (
        isinstance(value, list | tuple)
        and bool(value)
        and all(isinstance(each, Mapping) and "question" in each for each in value)
    )
    return [{"locale": DEFAULT_LOCALE, "call_to_actions": list(value)}] if is_plain else value


def check_commands(value: Any, field: str, trouble: Trouble) -> Any:
    """Return the commands that a person can choose after a slash."""

    def read(given: Mapping[str, Any], place: str) -> dict[str, Any]:
        commands = []
        for where, item in trouble.things(
            given.get("commands"), f"{place}.commands", most=MAX_COMMANDS, what="commands"
        ):
            asked = trouble.thing(item, where, ("name", "description"))
            name = trouble.text(asked.get("name"), f"{where}.name", most=MAX_COMMAND_NAME)
            if "/" in name:
                trouble.add(f"{where}.name", "A name has no slash: Meta puts it there.")
            words = trouble.text(
                asked.get("description"), f"{where}.description", most=MAX_COMMAND_DESCRIPTION
            )
            commands.append({"name": name, "description": words})
        return {"commands": commands}

    return trouble.per_locale(value, field, read, ("commands",))


def check_domains(value: Any, field: str, trouble: Trouble) -> Any:
    """Return the websites that may use Messenger's plugins and web views."""
    places = trouble.things(value, field, most=MAX_DOMAINS, what="domains")
    return [trouble.url(each, place, https=True) for place, each in places]


def check_linking_url(value: Any, field: str, trouble: Trouble) -> Any:
    """Return the address at which people link their account of the business."""
    return trouble.url(value, field, https=True)
