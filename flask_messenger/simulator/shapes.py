"""Checks of the shapes in a request, each refused with Graph's own words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from flask_messenger.simulator import errors


def only(value: Mapping[str, Any], known: Iterable[str], place: str) -> None:
    """Pass where `value` has no other keys than `known`."""
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise errors.unknown_keys(unknown, place)


def thing(value: Any, place: str) -> Mapping[str, Any]:
    """Return `value` where it is a JSON object."""
    if not isinstance(value, dict):
        raise errors.invalid(f"Param {place} must be a JSON object")
    return value


def several(value: Any, place: str, lowest: int, highest: int) -> list[Any]:
    """Return `value` where it is an array of that many items."""
    if not isinstance(value, list):
        raise errors.invalid(f"Param {place} must be an array.")
    if not lowest <= len(value) <= highest:
        raise errors.invalid(f"Param {place} must have between {lowest} and {highest} items")
    return value


def text(value: Mapping[str, Any], key: str, place: str, highest: int) -> str | None:
    """Return a text of `value`, no longer than `highest` characters."""
    found = value.get(key)
    if found is None:
        return None
    if not isinstance(found, str):
        raise errors.invalid(f"Param {place}[{key}] must be a string")
    if len(found) > highest:
        raise errors.invalid(
            f"Length of param {place}[{key}] must be less than or equal to {highest}"
        )
    return found


def needed_text(value: Mapping[str, Any], key: str, place: str, highest: int) -> str:
    """Return a text that must be there."""
    found = text(value, key, place, highest)
    if not found:
        raise errors.missing(f"{place}[{key}]")
    return found


def word(value: Mapping[str, Any], key: str, place: str, known: Iterable[str]) -> str:
    """Return a text that is one of a few words."""
    found = value.get(key)
    words = list(known)
    if found not in words:
        raise errors.invalid(
            f'Param {place}[{key}] must be one of {{{", ".join(words)}}} - got "{found}".'
        )
    return str(found)


def link(value: Mapping[str, Any], key: str, place: str) -> str | None:
    """Return an address of the web, where there is one."""
    found = text(value, key, place, 2048)
    if found is not None and not is_link(found):
        raise errors.invalid(f"Param {place}[{key}] should represent a valid URL")
    return found


def is_link(value: str) -> bool:
    """Say whether `value` is an address of the web."""
    parts = urlsplit(value)
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def whole(
    value: Mapping[str, Any], key: str, place: str, *, lowest: int, highest: int
) -> int | None:
    """Return a whole number within its bounds, where there is one."""
    found = value.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not str(found).isdigit() or not lowest <= int(found) <= highest:
        raise errors.invalid(
            f"Param {place}[{key}] must be an integer between {lowest} and {highest}"
        )
    return int(found)
