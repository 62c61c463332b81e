"""Meta's limit on profiles: ten calls in ten minutes for each Page, counted before they go out.

A Page and the Instagram account that it carries are asked about at the same address, and count
together.

Source: https://developers.facebook.com/docs/messenger-platform/reference/messenger-profile-api
"""

import logging
import math
import time
from typing import Final

import redis
from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from flask_messenger.errors import TooManyRequestsError

logger = logging.getLogger(__name__)

CALLS: Final = 10
MINUTES: Final = 10
_LIMIT: Final = RateLimitItemPerMinute(CALLS, MINUTES, namespace="messenger:profile")


def take_calls(client: "redis.Redis", owner: str, wanted: int) -> None:
    """Count calls that are about to be made, of all processes together.

    `owner` is Meta's id of the Page, or of an account without one. Without Redis they go out
    uncounted: then it is Meta that refuses one too many.

    Raises:
        TooManyRequestsError: Meta would refuse one of them; says when to try again.
    """
    if wanted <= 0:
        return
    try:
        storage = RedisStorage("redis://", connection_pool=client.connection_pool)
        limiter = MovingWindowRateLimiter(storage)
        if limiter.hit(_LIMIT, owner, cost=wanted):
            return
        resets_at = limiter.get_window_stats(_LIMIT, owner).reset_time
    except (redis.RedisError, StorageError) as error:
        logger.warning("profile_calls_uncounted error=%s", type(error).__name__)
        return
    wait = max(1, math.ceil(resets_at - time.time()))
    message = (
        f"Meta lets a profile be read or changed {CALLS} times in {MINUTES} minutes."
        f" Try again in {_in_words(wait)}."
    )
    raise TooManyRequestsError(message, retry_after_seconds=wait)


def _in_words(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"  # noqa: PLR2004 - two minutes
