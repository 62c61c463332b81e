"""When a message that could not be sent is tried again. Pure."""

from datetime import timedelta
from typing import Final

from flask_messenger.errors import GraphError, RateLimitedError

FIRST_WAIT_SECONDS: Final = 2.0
FIRST_RATE_LIMIT_WAIT_SECONDS: Final = 60.0
LONGEST_WAIT_SECONDS: Final = 900.0
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
    is_rate_limit = isinstance(error, RateLimitedError)
    first = FIRST_RATE_LIMIT_WAIT_SECONDS if is_rate_limit else FIRST_WAIT_SECONDS
    # 2 ** 20 is far beyond the longest wait; an exponent without a bound would overflow a float.
    seconds = min(first * 2 ** min(attempts - 1, 20), LONGEST_WAIT_SECONDS)
    asked = min(error.retry_after_seconds or 0.0, LONGEST_ASKED_WAIT_SECONDS)
    return timedelta(seconds=max(seconds, asked) * (1 + JITTER_SHARE * chance))
