"""Meta's limit on profiles: ten calls in ten minutes for each account, counted before they go out.

Source: https://developers.facebook.com/docs/messenger-platform/reference/messenger-profile-api
"""

import logging
import math
import time
import uuid
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


def take_calls(client: "redis.Redis", account_id: uuid.UUID, wanted: int) -> None:
    """Count calls that are about to be made, of all processes together.

    Without Redis they go out uncounted: then it is Meta that refuses one too many.

    Raises:
        TooManyRequestsError: Meta would refuse one of them; says when to try again.
    """
    if wanted <= 0:
        return
    try:
        storage = RedisStorage("redis://", connection_pool=client.connection_pool)
        limiter = MovingWindowRateLimiter(storage)
        if limiter.hit(_LIMIT, str(account_id), cost=wanted):
            return
        resets_at = limiter.get_window_stats(_LIMIT, str(account_id)).reset_time
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
