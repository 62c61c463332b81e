"""The content of a template: every text in it is a template of its own."""

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask_messenger.content import CONTENTS, Content, content_of
from flask_messenger.content.checks import is_json, is_storable
from flask_messenger.errors import ContentError
from flask_messenger.replies.rendering import (
    MAX_DEPTH,
    MAX_SOURCE,
    check_source,
    is_plain,
    names_in,
    render,
)

MAX_CONTENT_BYTES: Final = 64 * 1024
MAX_TEXTS: Final = 400
"""A gallery of ten cards with three buttons each has about two hundred."""
MAX_NAME: Final = 64
DEEPEST: Final = 4 * MAX_DEPTH
TEXT: Final = "text"
CONTENT: Final = "content"


def check_content(kind: str, text: str | None, content: Mapping[str, Any]) -> frozenset[str]:
    """Pass where all texts are templates; return the names of the variables in them.

    What holds no variable is looked at as it would be sent; the rest when it is filled in.

    Raises:
        ContentError: names the field and what is wrong with it.
    """
    if kind not in CONTENTS:
        raise ContentError(f"A content is one of {', '.join(CONTENTS)}.", field="content_kind")
    if len(json.dumps(content, default=str)) > MAX_CONTENT_BYTES:
        message = f"The content is larger than {MAX_CONTENT_BYTES // 1024} KB."
        raise ContentError(message, field=CONTENT)
    found: set[str] = set()

    def look(source: str, field: str) -> str:
        found.update(check_source(source, field=field))
        return source

    _walk(text, content, look)
    if not found:
        fill(kind, text, content, {})
    return frozenset(found)


def variables_of(text: str | None, content: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the variables in what was checked before it was kept."""
    found: set[str] = set()

    def look(source: str, _field: str) -> str:
        found.update(names_in(source))
        return source

    with contextlib.suppress(ContentError):  # other rules held when it was kept
        _walk(text, content, look)
    return frozenset(found)


def fill(
    kind: str, text: str | None, content: Mapping[str, Any], values: Mapping[str, Any]
) -> Content:
    """Return what is sent: every text with the values in it.

    Raises:
        MissingVariableError: one has no value; names it, and the field.
        ContentError: what comes out is no content of this kind.
    """
    filled_text, filled = _walk(
        text, content, lambda each, field: render(each, values, field=field)
    )
    try:
        return content_of(kind, filled_text, filled)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        message = f"The content is none of the kind {kind!r} ({type(error).__name__})."
        raise ContentError(message, field=CONTENT) from None


@dataclass(slots=True)
class _Room:
    """How many texts there may be still, and how long those that are filled in."""

    texts: int = MAX_TEXTS
    characters: int = MAX_SOURCE

    def take(self, text: str) -> None:
        """Count one more.

        Raises:
            ContentError: there is no room for it.
        """
        self.texts -= 1
        self.characters -= 0 if is_plain(text) else len(text)
        if self.texts < 0:
            raise ContentError(f"It has more than {MAX_TEXTS} texts.", field=CONTENT)
        if self.characters < 0:
            message = f"Its texts with variables have more than {MAX_SOURCE} characters."
            raise ContentError(message, field=CONTENT)


def _walk(
    text: str | None, content: Mapping[str, Any], change: Callable[[str, str], str]
) -> tuple[str | None, dict[str, Any]]:
    """Return text and content with every text in them changed.

    Raises:
        ContentError: there are too many, or they lie too deep.
    """
    room = _Room()

    def walk(part: Any, field: str, depth: int) -> Any:
        if depth > DEEPEST:
            raise ContentError("The content is nested too deeply.", field=CONTENT)
        if isinstance(part, str):
            room.take(part)
            _check_storable(part)
            return change(part, field)
        if isinstance(part, Mapping):
            for key in part:
                _check_storable(str(key))
            return {
                key: walk(each, f"{field}.{_name(key)}".removeprefix("."), depth + 1)
                for key, each in part.items()
            }
        if isinstance(part, list | tuple):
            return [walk(each, f"{field}[{place}]", depth + 1) for place, each in enumerate(part)]
        if not is_json(part):
            raise ContentError("It contains a number without an end.", field=CONTENT)
        return part

    if text is not None:
        _check_storable(text, field=TEXT)
    changed_text = None if text is None else change(text, TEXT)
    return changed_text, walk(content, "", 0)


def _name(key: Any) -> str:
    """Return a key as paths have it: errors repeat it, and somebody may have chosen it."""
    return str(key)[:MAX_NAME]


def _check_storable(text: str, *, field: str = CONTENT) -> None:
    if not is_storable(text):
        message = "It contains a character that cannot be sent or stored."
        raise ContentError(message, field=field)
