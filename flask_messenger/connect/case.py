"""One account as it is judged: what Meta told, what our rows tell, and the time it is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask_messenger.channels.base import Channel
from flask_messenger.connect.asking import Told
from flask_messenger.connect.findings import UNKNOWN, Finding
from flask_messenger.connect.reach import Reach
from flask_messenger.errors import (
    AppMisconfiguredError,
    AppNotApprovedError,
    GraphError,
    MissingPermissionError,
    TokenExpiredError,
)
from flask_messenger.graph.users import TokenFacts
from flask_messenger.models import Account

RECONNECT: Final = "Reconnect the account."
ASK_AGAIN: Final = "Check again in a few minutes."
SEE_LOG: Final = "Check again; where it stays so, the server's log has Meta's error code."
_WHY_NOT: Final[tuple[tuple[type[GraphError], tuple[str, str]], ...]] = (
    (
        AppMisconfiguredError,
        (
            "Meta does not believe the app's own secret.",
            "Compare META_APP_ID and META_APP_SECRET with the App Dashboard.",
        ),
    ),
    (
        TokenExpiredError,  # the account's own lives, or was not used: this is the app's
        (
            "Meta did not take the token of the app itself.",
            "Compare META_APP_ID and META_APP_SECRET with the App Dashboard.",
        ),
    ),
    (
        AppNotApprovedError,
        (
            "The Meta app is not approved for this question.",
            "Get advanced access in the App Dashboard (App Review).",
        ),
    ),
    (
        MissingPermissionError,
        (
            "A permission that this question takes was not granted.",
            "Reconnect the account and allow every permission.",
        ),
    ),
)
"""Why Meta does not answer a question that it understood, and what helps; the first that fits."""


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
    cause, mend = next(
        (words for kinds, words in _WHY_NOT if isinstance(error, kinds)),
        ("Meta refused the question itself.", SEE_LOG),
    )
    return Finding(
        check=check,
        state=UNKNOWN,
        title=title,
        says="Meta could not be asked.",
        cause="Meta was away or too busy." if error is not None and error.retryable else cause,
        mend=ASK_AGAIN if error is not None and error.retryable else mend,
    )
