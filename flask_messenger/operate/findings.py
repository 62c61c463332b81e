"""What a check found: all right, worth knowing, or wrong; and how to mend it."""

from dataclasses import asdict, dataclass
from typing import Final

OK: Final = "ok"
NOTE: Final = "note"
WRONG: Final = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `flask messenger doctor`. `mend` says what to do; empty where nothing is."""

    check: str
    state: str
    says: str
    mend: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return it for JSON."""
        return asdict(self)


def ok(check: str, says: str) -> Finding:
    """Return that a thing is as it should be."""
    return Finding(check, OK, says)


def note(check: str, says: str, mend: str = "") -> Finding:
    """Return what an operator may want to know."""
    return Finding(check, NOTE, says, mend)


def wrong(check: str, says: str, mend: str) -> Finding:
    """Return what has to be mended."""
    return Finding(check, WRONG, says, mend)
