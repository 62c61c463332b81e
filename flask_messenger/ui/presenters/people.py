"""How a person or an account looks in a small circle."""

import re
import zlib
from dataclasses import dataclass, field
from typing import Any, Final

COLOURS: Final = 10
"""As many as the style sheet has classes `fm-av-0` … ."""

_WORDS: Final = re.compile(r"[^\W\d_]+", re.UNICODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Avatar:
    """A picture, and what stands there while or where there is none."""

    initials: str
    colour: int
    picture_url: str | None = field(default=None, repr=False)


def avatar_of(name: str, *, key: object, picture_url: str | None = None) -> Avatar:
    """Return the avatar of somebody; `key` gives the colour, so it never changes with the name."""
    colour = zlib.crc32(str(key).encode()) % COLOURS
    return Avatar(initials=initials(name), colour=colour, picture_url=safe_url(picture_url))


def initials(name: str) -> str:
    """Return one or two capital letters: "Maya Okafor" → "MO", "lena.vogel" → "LV"."""
    words: list[str] = _WORDS.findall(name)
    if not words:
        return "?"
    if len(words) == 1:
        return words[0][0].upper()
    return (words[0][0] + words[-1][0]).upper()


def safe_url(url: Any) -> str | None:
    """Return `url` where a page may link to it: only http and https, never `javascript:`.

    What is no text is no address: others write what messages contain.
    """
    is_link = isinstance(url, str) and url.lower().startswith(("https://", "http://"))
    return url if is_link else None
