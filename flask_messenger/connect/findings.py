"""What an examination of an account found: each thing with its cause and its one fix."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

OK: Final = "ok"
NOTE: Final = "note"
UNKNOWN: Final = "unknown"
SOON: Final = "soon"
WRONG: Final = "wrong"
BY_WEIGHT: Final = (OK, UNKNOWN, NOTE, SOON, WRONG)
"""The lightest first. What nobody could ask weighs less than anything that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing about an account.

    Attributes:
        check: its stable name, such as `token`.
        state: `ok`; `note`, worth knowing; `soon`, it will be wrong; `wrong`; `unknown`, where Meta
            could not be asked, or does not say.
        title: what was looked at.
        says: what was found.
        cause: why it is so, as far as can be told.
        mend: the one thing to do about it; empty where nothing is.
    """

    check: str
    state: str
    title: str
    says: str
    cause: str = ""
    mend: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return it for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Finding":
        """Return what `as_dict` made; another version's is read as far as it goes."""
        names = ("check", "state", "title", "says", "cause", "mend")
        return cls(**{name: str(stored.get(name) or "") for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """How an account is.

    Attributes:
        status: of the account, such as `active`.
        checked_at: when Meta last answered; None where it never was asked.
    """

    account_id: uuid.UUID
    channel: str
    name: str
    status: str
    checked_at: datetime | None
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> str:
        """The heaviest state of all findings."""
        states = [each.state for each in self.findings if each.state in BY_WEIGHT]
        return max(states, key=BY_WEIGHT.index, default=UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountWarning:
    """What everybody who sees an account should know of it, for a banner.

    Attributes:
        check: the stable name of what was found; `token` where the account waits for a login.
        ends_at: when what is warned of ends, where it is an end.
        can_reconnect: whether connecting it again is the fix.
    """

    account_id: uuid.UUID
    channel: str
    name: str
    check: str
    state: str
    title: str
    mend: str
    can_reconnect: bool
    ends_at: datetime | None = None
