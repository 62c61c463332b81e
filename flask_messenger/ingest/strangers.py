"""A limit per address for requests to the webhook route that nobody signed.

The `limits` library, which is Flask-Limiter's own engine, and not Flask-Limiter: that one reads
the host's RATELIMIT_* settings, applies its defaults to every route of the host and works before
the view, where nobody knows yet whether a request is signed.
"""

import ipaddress
import logging
import threading
import time
from typing import Final

import redis
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter

from flask_messenger.errors import TooManyRequestsError
from flask_messenger.ingest.circuit import Circuit, CircuitOpenError

logger = logging.getLogger(__name__)

NAMESPACE: Final = "webhook"
KEY_PREFIX: Final = "messenger:limits"
IPV6_NETWORK_BITS: Final = 64
"""What one customer of a provider gets: whoever has one address of it has all."""
MAX_REMEMBERED: Final = 10_000
REDIS_PAUSE_SECONDS: Final = 5.0


class Strangers:
    """Counts unsigned requests by address: in Redis for all processes, alone while it is away."""

    def __init__(self, client: "redis.Redis", *, a_minute: int) -> None:
        self._client = client
        self._item = RateLimitItemPerMinute(a_minute, namespace=NAMESPACE)
        self._circuit = Circuit(REDIS_PAUSE_SECONDS)
        self._lock = threading.Lock()
        self._shared: FixedWindowRateLimiter | None = None
        self._alone: FixedWindowRateLimiter | None = None
        self._refused_until: dict[str, float] = {}

    def check(self, address: str | None) -> None:
        """Refuse an address that was refused a moment ago, without asking anybody.

        Raises:
            TooManyRequestsError: it has to wait.
        """
        seconds = self._refused_until.get(_network_of(address), 0.0) - time.time()
        if seconds > 0:
            raise _too_many(seconds)

    def count(self, address: str | None) -> None:
        """Count one unsigned request of `address`.

        Raises:
            TooManyRequestsError: it was one too many in this minute.
        """
        self.check(address)
        network = _network_of(address)
        ends_at = self._hit(network)
        if ends_at is not None:
            self._remember(network, ends_at)
            raise _too_many(ends_at - time.time())

    def _hit(self, network: str) -> float | None:
        """Return None, or when the minute of an address that had its share is over."""
        try:
            return self._circuit.call(self._hit_shared, network)
        except CircuitOpenError:
            pass
        except redis.RedisError as error:
            logger.warning("webhook_limit_alone error=%s", type(error).__name__)
        with self._lock:
            if self._alone is None:
                self._alone = FixedWindowRateLimiter(MemoryStorage())
        return self._ask(self._alone, network)

    def _hit_shared(self, network: str) -> float | None:
        with self._lock:
            if self._shared is None:
                self._shared = FixedWindowRateLimiter(self._redis_storage())
        return self._ask(self._shared, network)

    def _redis_storage(self) -> Storage:
        pool = self._client.connection_pool
        return RedisStorage("redis://", connection_pool=pool, key_prefix=KEY_PREFIX)

    def _ask(self, limiter: FixedWindowRateLimiter, network: str) -> float | None:
        if limiter.hit(self._item, network):
            return None
        return float(limiter.get_window_stats(self._item, network).reset_time)

    def _remember(self, network: str, ends_at: float) -> None:
        if len(self._refused_until) >= MAX_REMEMBERED:
            self._refused_until.clear()
        self._refused_until[network] = ends_at


def _too_many(seconds: float) -> TooManyRequestsError:
    return TooManyRequestsError(
        "Too many unsigned requests from this address.", retry_after_seconds=max(1, round(seconds))
    )


def _network_of(address: str | None) -> str:
    """Return what is counted: an IPv4 address, or the network of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ipaddress.ip_network((parsed, IPV6_NETWORK_BITS), strict=False))
        parsed = parsed.ipv4_mapped
    return str(parsed)
