"""Long text in parts, each as long as a channel takes, cut where a reader would pause."""

import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

PAUSES: Final = ("\n\n", "\n", ". ", "! ", "? ", " ")
"""Where a text is cut, the best place first."""
JOINER: Final = "\N{ZERO WIDTH JOINER}"
SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
TAGS: Final = range(0xE0020, 0xE0080)
"""Letters that nobody sees; behind a black flag they say which region's it is."""
FLAG_LETTERS: Final = range(0x1F1E6, 0x1F200)
FIRST_JAMO: Final = range(0x1100, 0x1160)
LATER_JAMO: Final = (range(0x1160, 0x1200), range(0xD7B0, 0xD7FC))
SYLLABLES: Final = range(0xAC00, 0xD7A4)
"""Hangul: letters that make a syllable together, and syllables that are made."""
ADDITIONS: Final = {
    JOINER,
    "\N{ZERO WIDTH NON-JOINER}",
    "\N{THAI CHARACTER SARA AM}",
    "\N{LAO VOWEL SIGN AM}",
}
VIRAMA: Final = 9
"""The combining class of what takes a consonant's vowel away."""


def cut(text: str, *, most: int, length_of: Callable[[str], int]) -> Iterator[str]:
    """Yield `text` in parts of at most `most`, as `length_of` counts; only blanks are lost."""
    rest = text.strip()
    while length_of(rest) > most:
        end = _end_of_part(rest, _longest_start(rest, most, length_of))
        yield rest[:end].rstrip()
        rest = rest[end:].lstrip()
    if rest:
        yield rest


def _longest_start(text: str, most: int, length_of: Callable[[str], int]) -> int:
    """Return how many characters of `text` fit; at least one."""
    low, high = 1, min(len(text), most)
    while low < high:
        middle = (low + high + 1) // 2
        if length_of(text[:middle]) <= most:
            low = middle
        else:
            high = middle - 1
    return low


def _end_of_part(text: str, longest: int) -> int:
    """Return where to cut: at a pause in the second half, else between two signs."""
    for pause in PAUSES:
        at = text.rfind(pause, longest // 2, longest + 1)
        if at > 0 and at + len(pause.rstrip(" ")) <= longest:
            return at + len(pause.rstrip(" "))
    end = longest
    while end and _belong_together(text[:end], text[end]):
        end -= 1
    return end or longest


def _belong_together(before: str, after: str) -> bool:
    """Say whether a cut here would tear one sign, such as an emoji of several, apart.

    Source: https://www.unicode.org/reports/tr29/#Grapheme_Cluster_Boundary_Rules
    """
    last = before[-1]
    if last == JOINER or _is_addition(after) or (last, after) == ("\r", "\n"):
        return True
    if unicodedata.combining(last) == VIRAMA:
        return after.isalpha()  # a conjunct of two consonants
    if ord(last) in FIRST_JAMO:
        return ord(after) in FIRST_JAMO or ord(after) in SYLLABLES
    if ord(after) not in FLAG_LETTERS:
        return False
    letters = len(before) - len(before.rstrip("".join(map(chr, FLAG_LETTERS))))
    return letters % 2 == 1


def _is_addition(sign: str) -> bool:
    """Say whether a character only adds to the one before it."""
    return (
        unicodedata.category(sign) in {"Mn", "Mc", "Me"}
        or sign in ADDITIONS
        or any(ord(sign) in each for each in (SKIN_TONES, TAGS, *LATER_JAMO))
    )
