"""Long text in parts, each as long as a channel takes, cut where a reader would pause."""

import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

PAUSES: Final = ("\n\n", "\n", ". ", "! ", "? ", " ")
"""Where a text is cut, the best place first."""
JOINER: Final = "\N{ZERO WIDTH JOINER}"
SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
FLAG_LETTERS: Final = range(0x1F1E6, 0x1F200)


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
    while end > 1 and _belong_together(text[:end], text[end]):
        end -= 1
    return end if end > 1 else longest


def _belong_together(before: str, after: str) -> bool:
    """Say whether a cut here would tear one sign, such as an emoji of several, apart."""
    is_addition = after == JOINER or unicodedata.category(after) in {"Mn", "Me"}
    if is_addition or ord(after) in SKIN_TONES or before[-1] == JOINER:
        return True
    if ord(after) not in FLAG_LETTERS:
        return False
    letters = len(before) - len(before.rstrip("".join(map(chr, FLAG_LETTERS))))
    return letters % 2 == 1
