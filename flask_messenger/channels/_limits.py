"""What each channel allows, in one place, each figure with where Meta says so.

Sources:
    https://developers.facebook.com/docs/messenger-platform/reference/send-api
    https://developers.facebook.com/docs/messenger-platform/instagram/features/send-message
"""

from dataclasses import dataclass
from typing import Final

CHARACTERS: Final = "characters"
BYTES: Final = "bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one channel.

    Attributes:
        text: how long a text may be, counted in `text_unit`.
        text_unit: `characters`, or `bytes` of UTF-8.
    """

    text: int
    text_unit: str = CHARACTERS

    def length_of(self, text: str) -> int:
        """Return how long `text` is, as this channel counts."""
        return len(text.encode()) if self.text_unit == BYTES else len(text)


MESSENGER: Final = Limits(text=2000)
# The page says "1000 bytes" and "less than 1000 characters"; bytes are the safe reading of both.
INSTAGRAM: Final = Limits(text=1000, text_unit=BYTES)
