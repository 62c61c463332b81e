"""One account as it is judged: what Meta told, what our rows tell, and the time it is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask_messenger.channels.base import Channel
from flask_messenger.connect.asking import Told
from flask_messenger.connect.findings import UNKNOWN, Finding
from flask_messenger.connect.reach import Reach
from flask_messenger.errors import GraphError
from flask_messenger.graph.users import TokenFacts
from flask_messenger.models import Account

RECONNECT: Final = "Reconnect the account."
ASK_AGAIN: Final = "Check again in a few minutes."


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What our own rows tell about an account.

    Attributes:
        recent: how many of its newest conversations were looked at.
        held_by_others: in how many of them another app has the thread.
        last_error: the slug of the newest reply there that failed; None where none did.
    """

    recent: int = 0
    held_by_others: int = 0
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that is judged. `reach` and `told` are None where Meta cannot be asked at all."""

    account: Account
    channel: Channel
    reach: Reach | None
    told: Told | None
    evidence: Evidence
    now: datetime
    warn_for: timedelta
    callback_url: str | None

    @property
    def facts(self) -> TokenFacts | None:
        """What Meta says of a token that lives."""
        found = self.told.token if self.told else None
        return found if isinstance(found, TokenFacts) and found.is_valid else None


def not_asked(check: str, title: str, error: GraphError | None) -> Finding:
    """Return that nobody knows. A failure to ask says nothing about what was asked."""
    is_away = error is not None and error.retryable
    cause = "Meta was away or too busy." if is_away else "Meta refused the question itself."
    return Finding(
        check=check,
        state=UNKNOWN,
        title=title,
        says="Meta could not be asked.",
        cause=cause,
        mend=ASK_AGAIN if is_away else "",
    )
