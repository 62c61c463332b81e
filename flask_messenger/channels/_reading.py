"""Reading Meta's JSON leniently: keys may be missing or null, ids numbers, times strings."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECONDS_BELOW: Final = 100_000_000_000
"""A number below this is seconds (until the year 5138), above it milliseconds (since 1973)."""
LATEST_MILLISECONDS: Final = 4_102_444_800_000
"""The year 2100: what claims to be later is no time."""
MAX_ID_LENGTH: Final = 255


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` where it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: Any) -> list[Any]:
    """Return `value` where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_id(value: Any) -> str | None:
    """Return an id as text: Meta writes ids as strings, and sometimes as numbers."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        value = int(value) if value.is_integer() else None
    text = str(value) if isinstance(value, int) else as_text(value)
    return text if text and len(text) <= MAX_ID_LENGTH else None


def as_text(value: Any) -> str | None:
    """Return a text that a database can hold; None where `value` is no text.

    NUL and halves of surrogate pairs, which JSON can spell and UTF-8 cannot hold, become U+FFFD.
    The journal keeps the original.
    """
    if not isinstance(value, str):
        return None
    text: str = value.replace("\x00", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        # Halves that belong together are joined first; `replace` then only meets lone ones.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def as_time(value: Any) -> datetime | None:
    """Return a time; aware, UTC.

    Meta writes seconds or milliseconds, as a number or a string, and now and then a date.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    except ValueError:
        return _as_date(str(value))
    if not 0 < number < LATEST_MILLISECONDS:
        return None
    milliseconds = number * 1000 if number < SECONDS_BELOW else number
    if not milliseconds < LATEST_MILLISECONDS:
        return None
    return EPOCH + timedelta(milliseconds=int(milliseconds))


def _as_date(text: str) -> datetime | None:
    """Return the time that a date with its zone says, such as `2026-11-21T10:00:00+0000`."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo is not None else EPOCH
    except (OverflowError, ValueError):
        return None
    milliseconds = (moment - EPOCH) / timedelta(milliseconds=1)
    return as_time(int(milliseconds)) if milliseconds >= SECONDS_BELOW else None


def clean_json(value: Any) -> Any:
    """Return `value` with every text in it as `as_text` would have it, for a JSON column."""
    if isinstance(value, str):
        return as_text(value)
    if isinstance(value, Mapping):
        return {str(as_text(str(key))): clean_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [clean_json(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 63:
        return str(value)  # JSON columns and drivers differ on integers this large
    return value
