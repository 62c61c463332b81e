"""Small facts that all workers share: what is paused, what is slow, whether Meta is away.

They are kept in Redis. Where Redis is away this process goes on with what it knows itself: what it
wrote is kept here too, and Redis is asked again a moment later.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar, cast

import redis

logger = logging.getLogger(__name__)

AWAY_SECONDS: Final = 2.0
"""How long Redis is left alone after it failed: a server that hangs must not cost a wait a call."""
MOST_KEPT: Final = 10_000
"""Facts kept here; beyond it, what has expired is forgotten."""

T = TypeVar("T")


class Board:
    """Facts with an end, by key; safe to share between threads."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._lock = threading.Lock()
        self._own: dict[str, tuple[str, float]] = {}
        self._away_until = 0.0

    def get_many(self, keys: Sequence[str]) -> list[str | None]:
        """Return what is known under each key; None where nothing is, or not any more."""
        if not keys:
            return []
        values = self._ask(lambda: self._client.mget(keys))
        if values is None:
            return [self._get_own(key) for key in keys]
        return [_text(each) for each in cast("list[Any]", values)]

    def put(self, key: str, value: str, *, seconds: float) -> None:
        """Say something for a while."""
        self._put_own(key, value, seconds)
        self._ask(lambda: self._client.set(key, value, px=_milliseconds(seconds)))

    def put_new(self, key: str, value: str, *, seconds: float) -> bool:
        """Say something for a while unless it is said; return whether this did."""
        said = self._ask(
            lambda: self._client.set(key, value, px=_milliseconds(seconds), nx=True) or False
        )
        with self._lock:
            kept = self._own.get(key)
            is_new = (kept is None or kept[1] <= time.monotonic()) if said is None else bool(said)
        if is_new:
            self._put_own(key, value, seconds)
        return is_new

    def drop(self, *keys: str) -> None:
        """Take back what was said."""
        with self._lock:
            for key in keys:
                self._own.pop(key, None)
        self._ask(lambda: self._client.delete(*keys))

    def _ask(self, call: Callable[[], T]) -> T | None:
        """Return Redis's answer, which is never None; None where Redis is away."""
        if time.monotonic() < self._away_until:
            return None
        try:
            return call()
        except redis.RedisError as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            logger.warning("outbox_board_unavailable error=%s", type(error).__name__)
            return None

    def _get_own(self, key: str) -> str | None:
        with self._lock:
            kept = self._own.get(key)
        return kept[0] if kept is not None and kept[1] > time.monotonic() else None

    def _put_own(self, key: str, value: str, seconds: float) -> None:
        now = time.monotonic()
        with self._lock:
            if len(self._own) >= MOST_KEPT:
                self._own = {name: kept for name, kept in self._own.items() if kept[1] > now}
            self._own[key] = (value, now + seconds)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return value.decode() if isinstance(value, bytes) else str(value)
