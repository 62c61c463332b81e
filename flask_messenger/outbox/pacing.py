"""Keeping an account below Meta's limits, over all workers: a shared limiter and a shared pause.

Both live in Redis. Where Redis is away nothing is held back: Meta's own limits still hold, and a
lane that meets one waits.

Sources:
    https://developers.facebook.com/docs/graph-api/overview/rate-limiting
    https://developers.facebook.com/docs/messenger-platform/overview#rate-limiting
"""

import logging
import math
import uuid
from collections.abc import Collection
from datetime import timedelta
from typing import Final, cast

import redis
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from flask_messenger.errors import GraphError, RateLimitedError
from flask_messenger.graph.usage import Usage

logger = logging.getLogger(__name__)

SENDS_PER_SECOND: Final = RateLimitItemPerSecond(250)
"""Of one account. Meta allows 300."""
SLOW_FROM_PERCENT: Final = 80.0
SLOWEST: Final = timedelta(seconds=10)
FULL_WAIT: Final = timedelta(seconds=60)
"""Where an account has used all it may, and Graph does not say when it may go on."""
ACCOUNT_LIMIT_CODES: Final = frozenset({4, 17, 32, 341, 613, *range(80000, 80015)})
"""Codes that speak of the whole account; other limits concern one conversation."""


class Pacer:
    """Says whether an account may send now; one for each application, shared by its workers."""

    def __init__(self, client: "redis.Redis", rate: RateLimitItem = SENDS_PER_SECOND) -> None:
        self._client = client
        self._rate = rate
        storage = RedisStorage("redis://", connection_pool=client.connection_pool)
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    def may_send(self, account_id: uuid.UUID) -> bool:
        """Say whether one more message of the account may go out now, and count it if so."""
        try:
            if self._client.exists(_pause_key(account_id)):
                return False
            return self._limiter.hit(self._rate, "messenger", str(account_id))
        except redis.RedisError as error:
            logger.warning("pacing_unavailable error=%s", type(error).__name__)
            return True

    def find_paused(self, account_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
        """Return which of these accounts are held back now; none where Redis is away."""
        if not account_ids:
            return set()
        ids = list(account_ids)
        try:
            values = cast(
                "list[bytes | None]", self._client.mget([_pause_key(each) for each in ids])
            )
        except redis.RedisError as error:
            logger.warning("pacing_unavailable error=%s", type(error).__name__)
            return set()
        return {each for each, value in zip(ids, values, strict=True) if value is not None}

    def pause(self, account_id: uuid.UUID, wait: timedelta) -> None:
        """Hold back every lane of the account for a while."""
        milliseconds = max(1, math.ceil(wait.total_seconds() * 1000))
        try:
            self._client.set(_pause_key(account_id), "1", px=milliseconds)
        except redis.RedisError as error:
            logger.warning("pacing_unavailable error=%s", type(error).__name__)
        else:
            logger.info(
                "account_paused account_id=%s seconds=%.1f", account_id, wait.total_seconds()
            )

    def note_usage(self, account_id: uuid.UUID, usage: Usage) -> None:
        """Slow the account down where it comes near its limit, before Graph says no."""
        wait = pause_for(usage)
        if wait:
            self.pause(account_id, wait)

    def note_limit(self, account_id: uuid.UUID, error: RateLimitedError, wait: timedelta) -> None:
        """Hold the account back where Graph refused for the account and not for one thread."""
        if concerns_account(error):
            self.pause(account_id, wait)


def pause_for(usage: Usage) -> timedelta:
    """Return how long an account rests after an answer with this usage. Pure.

    Nothing below 80 per cent, then longer the nearer it is to 100.
    """
    if usage.wait_seconds > 0:
        return timedelta(seconds=usage.wait_seconds)
    if usage.percent >= 100:  # noqa: PLR2004 - per cent
        return FULL_WAIT
    share = (usage.percent - SLOW_FROM_PERCENT) / (100 - SLOW_FROM_PERCENT)
    return SLOWEST * max(0.0, share)


def concerns_account(error: GraphError) -> bool:
    """Say whether a rate limit is the account's; an HTTP 429 without a code counts as that."""
    return error.code is None or error.code in ACCOUNT_LIMIT_CODES


def _pause_key(account_id: uuid.UUID) -> str:
    return f"messenger:pause:{account_id}"
