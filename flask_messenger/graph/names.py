"""What people call themselves, as a column can hold it."""

from typing import Any, Final

LONGEST: Final = 255


def as_name(value: Any) -> str | None:
    """Return a name without what no database takes, cut to what ours does; None for no name.

    NUL and halves of surrogate pairs, which JSON can spell, become U+FFFD.
    """
    if not isinstance(value, str):
        return None
    joined = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return joined.replace("\x00", "\ufffd").strip()[:LONGEST].rstrip() or None
