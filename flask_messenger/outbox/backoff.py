"""When a message that could not be sent is tried again. Pure."""

from datetime import timedelta
from typing import Final

from flask_messenger.errors import AccountPausedError, GraphError, RateLimitedError

FIRST_WAIT_SECONDS: Final = 2.0
FIRST_RATE_LIMIT_WAIT_SECONDS: Final = 60.0
LONGEST_WAIT_SECONDS: Final = 900.0
FIRST_PAUSE_SECONDS: Final = 1800.0
LONGEST_PAUSE_SECONDS: Final = 4 * 3600.0
"""Where Meta keeps the whole account from sending for a while, and does not say for how long."""
LONGEST_ASKED_WAIT_SECONDS: Final = 3600.0
JITTER_SHARE: Final = 0.25


def wait_before_retry(error: GraphError, *, attempts: int, chance: float) -> timedelta:
    """Return how long to wait after `attempts` tries that failed.

    It doubles with every try and varies by up to a quarter, so that what failed together does
    not come back together. Where Meta says how long, it is at least that, up to an hour.

    Args:
        error: why the last try failed.
        attempts: how many there were, 1 after the first.
        chance: a random number from 0 to 1.
    """
    first, longest = _waits(error)
    # 2 ** 20 is far beyond the longest wait; an exponent without a bound would overflow a float.
    seconds = min(first * 2 ** min(attempts - 1, 20), longest)
    asked = min(error.retry_after_seconds or 0.0, LONGEST_ASKED_WAIT_SECONDS)
    return timedelta(seconds=max(seconds, asked) * (1 + JITTER_SHARE * chance))


def _waits(error: GraphError) -> tuple[float, float]:
    """Return the first and the longest wait in seconds."""
    if isinstance(error, AccountPausedError):
        return FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS
    if isinstance(error, RateLimitedError):
        return FIRST_RATE_LIMIT_WAIT_SECONDS, LONGEST_WAIT_SECONDS
    return FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS
