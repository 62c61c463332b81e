"""What is wrong with a content, field by field: all of it at once, not one mistake a try."""

import math
from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from flask_messenger.errors import ContentError

MAX_URL_LENGTH: Final = 2048
MAX_DEPTH: Final = 16
"""How deep what Meta reads as it is may be nested; nothing of Meta's is half as deep."""


class Problems:
    """Collects what is wrong; `check` raises where anything is."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []

    def add(self, field: str, message: str) -> None:
        """Note one problem. `field` is the path to it, such as `elements[0].title`."""
        self._found.append((field, message))

    def text(self, field: str, value: str | None, *, missing: str | None = None) -> None:
        """Note a text that no database or JSON can hold, or that says nothing but has to.

        Args:
            field: the path to it.
            value: the text; None where there is none.
            missing: what to say where there is none; None where it may be left out.
        """
        if value is not None and value.strip():
            self.storable(field, value)
        elif missing is not None:
            self.add(field, missing)
        elif value is not None:
            self.add(field, "This is empty. Write something or leave it out.")

    def storable(self, field: str, value: str) -> None:
        """Note a text that no database or JSON can hold."""
        if not is_storable(value):
            self.add(field, f"The {last_name(field)} contains a character that cannot be sent.")

    def url(self, field: str, value: str | None, *, required: bool = True) -> None:
        """Note an address that nobody but us could open."""
        if value is None and not required:
            return
        if value is None or len(value) > MAX_URL_LENGTH or not is_public_url(value):
            name = last_name(field) if field != "attachment.url" else "attachment"
            words = "attachment needs" if name == "attachment" else f"{name} has to be"
            self.add(field, f"The {words} a public http or https address.")

    def one_of(self, field: str, value: str | None, known: Collection[str], what: str) -> None:
        """Note a word that is none of the known ones. `what` names the thing: "A button"."""
        if value not in known:
            self.add(field, f"{what} is one of {', '.join(sorted(known))}.")

    def exactly_one(self, field: str, what: str, **given: object) -> None:
        """Note that none of the given is there, or more than one."""
        if sum(value is not None for value in given.values()) != 1:
            self.add(field, f"{what} needs exactly one of {', '.join(given)}.")

    def count(self, field: str, number: int, *, least: int, what: str) -> None:
        """Note that there are too few. How many there may be is the channel's business."""
        if number < least:
            self.add(field, f"At least {least} {what}: add {least - number} more.")

    def check(self) -> None:
        """Pass where nothing was noted.

        Raises:
            ContentError: names every field that is wrong.
        """
        if not self._found:
            return
        field, message = self._found[0]
        if len(self._found) > 1:
            message = " ".join(f"{name}: {words}" for name, words in self._found)
        raise ContentError(message, field=field, problems=tuple(self._found))


def last_name(field: str) -> str:
    """Return the last part of a path, in words."""
    return field.rpartition(".")[2].partition("[")[0].replace("_", " ")


def is_storable(text: str) -> bool:
    """Say whether a database and JSON can hold `text`: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def is_public_url(url: str) -> bool:
    """Say whether `url` is one that Meta, or a person, could open."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_web = parts.scheme in {"http", "https"} and bool(parts.hostname)
    return is_web and not parts.username and is_storable(url) and not any(map(str.isspace, url))


def is_json(value: Any, depth: int = 0) -> bool:
    """Say whether JSON and every database can hold a value, with all that is in it."""
    if isinstance(value, str):
        return is_storable(value)
    if depth > MAX_DEPTH:
        return False
    if isinstance(value, Mapping):
        return all(
            isinstance(key, str) and is_storable(key) and is_json(item, depth + 1)
            for key, item in value.items()
        )
    if isinstance(value, list | tuple):
        return all(is_json(item, depth + 1) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool | int)
