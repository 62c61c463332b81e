"""Keeping accounts and Meta apps below Meta's limits, over all workers.

Three things hold a message back, each for an account or for a whole app: a rate of ours, below
Meta's; a gap between two sends, which grows with the share of Meta's limit that its usage headers
say is used; and a pause, where that share is nearly all or where Graph refused.

Rates are counted by `limits` on Redis. A worker takes permits a handful at a time and uses them
within a second, so that not every message costs a round trip. Where Redis is away each worker
counts for itself.

Sources:
    https://developers.facebook.com/docs/graph-api/overview/rate-limiting
    https://developers.facebook.com/docs/messenger-platform/overview#rate-limiting
"""

import logging
import time
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import redis
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from flask_messenger.errors import GraphError
from flask_messenger.graph.error_codes import APP, CONVERSATION, scope_of_limit
from flask_messenger.graph.usage import Usage
from flask_messenger.outbox.board import Board

logger = logging.getLogger(__name__)

WIDEST_GAP: Final = timedelta(seconds=10)
FULL_WAIT: Final = timedelta(seconds=60)
"""Where all that may be used is used, and Graph does not say when it may go on."""
GAP_HOLDS_SECONDS: Final = 300.0
"""How long a usage that was once seen slows an account down; the next answer says it anew."""
HANDFULS: Final = 20
"""Of a second's permits; a worker takes one at a time."""
LEASE_SECONDS: Final = 1.0
LOOK_AGAIN_SECONDS: Final = 0.25
"""How soon a worker learns what another found out; what it found out itself it knows at once."""
MOST_LEASES: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What Meta's limits mean for us; from the settings.

    Attributes:
        account_per_second: messages of one account.
        media_per_second: of these, audio and video.
        app_per_second: messages of all accounts of one Meta app.
        slow_from: per cent of a limit of Meta's from which sends are spread.
        pause_from: per cent from which nothing is sent until Meta says when.
    """

    account_per_second: int = 250
    media_per_second: int = 8
    app_per_second: int = 2000
    slow_from: float = 75.0
    pause_from: float = 95.0


@dataclass(slots=True)
class _Lease:
    """Permits in hand, good until `ends_at` (monotonic)."""

    left: int
    ends_at: float


@dataclass(frozen=True, slots=True)
class _Turn:
    """The one send that a gap allows, taken until `ends_at` (monotonic)."""

    key: str
    ends_at: float


class Pacer:
    """Says how much of an account may go out now; one for each application."""

    def __init__(self, client: "redis.Redis", board: Board, pace: Pace | None = None) -> None:
        self._board = board
        self._pace = pace or Pace()
        shared = RedisStorage("redis://", connection_pool=client.connection_pool)
        self._shared = SlidingWindowCounterRateLimiter(shared)
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._alone_until = 0.0
        self._leases: dict[tuple[str, str], _Lease] = {}
        self._turns: dict[tuple[uuid.UUID, str], list[_Turn]] = {}
        self._seen: dict[str, tuple[str | None, float]] = {}

    def held_until(self, account_id: uuid.UUID, app_name: str) -> float | None:
        """Return until when (epoch seconds) nothing of the account goes out; None where it may."""
        ends = [
            float(value)
            for value in self._look([_pause(str(account_id)), _pause(app_name)])
            if value is not None
        ]
        latest = max(ends, default=0.0)
        return latest if latest > time.time() else None

    def look_ahead(self, account_ids: Collection[uuid.UUID], app_names: Collection[str]) -> None:
        """Read all that `held_until` and `take` will ask of these, in one round trip."""
        owners = [*map(str, account_ids), *app_names]
        keys = [name(owner) for owner in owners for name in (_pause, _gap)]
        fresh_from = time.monotonic() - LOOK_AGAIN_SECONDS / 2
        if any(key not in self._seen or self._seen[key][1] < fresh_from for key in keys):
            self._learn(keys)

    def take(self, account_id: uuid.UUID, app_name: str, wanted: int) -> int:
        """Return how many messages of the account may go out now, at most `wanted`; count them."""
        if wanted <= 0:
            return 0
        owners = (str(account_id), app_name)
        gaps = [float(value) for value in self._look([_gap(each) for each in owners]) if value]
        self._turns.pop((account_id, app_name), None)
        if gaps:
            return int(self._take_turns(account_id, app_name))
        granted = self._take("account", owners[0], self._pace.account_per_second, wanted)
        return self._take("app", app_name, self._pace.app_per_second, granted)

    def give_back(self, account_id: uuid.UUID, app_name: str, count: int) -> None:
        """Return permits that were taken and not used; with a gap, the turn."""
        if count <= 0:
            return
        self._drop_turns(self._turns.pop((account_id, app_name), []))
        for key in (("account", str(account_id)), ("app", app_name)):
            lease = self._leases.get(key)
            if lease is not None:
                lease.left += count

    def take_media(self, account_id: uuid.UUID) -> bool:
        """Say whether one audio or video of the account may go out now; count it if so."""
        return self._take("media", str(account_id), self._pace.media_per_second, 1) == 1

    def pause(self, owner: uuid.UUID | str, wait: timedelta) -> None:
        """Hold back an account (by id) or an app (by name) for a while."""
        seconds = max(0.001, wait.total_seconds())
        ends_at = f"{time.time() + seconds:.3f}"
        self._say(_pause(str(owner)), ends_at, seconds)
        logger.info("sends_paused owner=%s seconds=%.1f", owner, seconds)

    def note_usage(self, account_id: uuid.UUID, app_name: str, usage: Usage) -> None:
        """Slow down what comes near its limit, before Graph says no."""
        self._note(str(account_id), usage.percent, usage.wait_seconds)
        self._note(app_name, usage.app_percent, 0.0)

    def note_limit(
        self, account_id: uuid.UUID, app_name: str, error: GraphError, wait: timedelta
    ) -> None:
        """Hold back what a refusal of Graph's is about: the app, the account, or neither."""
        scope = scope_of_limit(error.code, error.subcode)
        if scope != CONVERSATION:
            self.pause(app_name if scope == APP else account_id, wait)

    def _note(self, owner: str, percent: float, wait_seconds: float) -> None:
        if wait_seconds > 0 or percent >= self._pace.pause_from:
            self.pause(owner, timedelta(seconds=wait_seconds) if wait_seconds else FULL_WAIT)
            return
        gap = gap_for(percent, self._pace)
        if gap:
            self._say(_gap(owner), f"{gap.total_seconds():.3f}", GAP_HOLDS_SECONDS)
        elif self._seen.get(_gap(owner), (None, 0.0))[0] is not None:
            self._board.drop(_gap(owner))
            self._seen.pop(_gap(owner), None)

    def _take_turns(self, account_id: uuid.UUID, app_name: str) -> bool:
        """Take the one send that the gaps of account and app allow; none, or both."""
        taken: list[_Turn] = []
        for owner in (str(account_id), app_name):
            [gap] = self._look([_gap(owner)])
            if gap is None:
                continue
            if not self._board.put_new(_turn(owner), "1", seconds=float(gap)):
                self._drop_turns(taken)
                return False
            taken.append(_Turn(_turn(owner), time.monotonic() + float(gap)))
        self._turns[account_id, app_name] = taken
        return True

    def _drop_turns(self, turns: Collection[_Turn]) -> None:
        """Let others have the turns that nothing was sent for; one that is over is not ours."""
        now = time.monotonic()
        keys = [each.key for each in turns if each.ends_at > now]
        if keys:
            self._board.drop(*keys)

    def _take(self, kind: str, owner: str, rate: int, wanted: int) -> int:
        if wanted <= 0:
            return 0
        now = time.monotonic()
        lease = self._leases.get((kind, owner))
        if lease is None or lease.ends_at <= now:
            lease = _Lease(0, now + LEASE_SECONDS)
            if len(self._leases) >= MOST_LEASES:
                self._leases = {
                    key: each for key, each in self._leases.items() if each.ends_at > now
                }
            self._leases[kind, owner] = lease
        if lease.left < wanted:
            for handful in _handfuls(rate, wanted - lease.left):
                if self._hit(kind, owner, rate, handful):
                    lease.left += handful
                    lease.ends_at = now + LEASE_SECONDS
                    break
        granted = min(wanted, lease.left)
        lease.left -= granted
        return granted

    def _hit(self, kind: str, owner: str, rate: int, cost: int) -> bool:
        item = RateLimitItemPerSecond(rate)
        if time.monotonic() >= self._alone_until:
            try:
                return self._shared.hit(item, "messenger", kind, owner, cost=cost)
            except redis.RedisError as error:
                logger.warning("pacing_alone error=%s", type(error).__name__)
                self._alone_until = time.monotonic() + 2.0
        return self._own.hit(item, "messenger", kind, owner, cost=cost)

    def _say(self, key: str, value: str, seconds: float) -> None:
        self._board.put(key, value, seconds=seconds)
        self._seen[key] = (value, time.monotonic())

    def _look(self, keys: list[str]) -> list[str | None]:
        """Return what the board says, as it was at most a moment ago."""
        oldest = time.monotonic() - LOOK_AGAIN_SECONDS
        self._learn([key for key in keys if key not in self._seen or self._seen[key][1] < oldest])
        return [self._seen[key][0] for key in keys]

    def _learn(self, keys: list[str]) -> None:
        now = time.monotonic()
        if len(self._seen) >= MOST_LEASES:
            oldest = now - LOOK_AGAIN_SECONDS
            self._seen = {key: each for key, each in self._seen.items() if each[1] >= oldest}
        for key, value in zip(keys, self._board.get_many(keys), strict=True):
            self._seen[key] = (value, now)


def gap_for(percent: float, pace: Pace) -> timedelta:
    """Return how far apart sends are at this usage; none below where slowing starts. Pure."""
    share = (percent - pace.slow_from) / (pace.pause_from - pace.slow_from)
    return WIDEST_GAP * min(1.0, max(0.0, share))


def _handfuls(rate: int, missing: int) -> Iterator[int]:
    """Yield how many permits to ask for, the most welcome first."""
    handful = max(missing, rate // HANDFULS)
    yield from dict.fromkeys(each for each in (handful, missing, 1) if 0 < each <= rate)


def _pause(owner: str) -> str:
    return f"messenger:pause:{owner}"


def _gap(owner: str) -> str:
    return f"messenger:gap:{owner}"


def _turn(owner: str) -> str:
    return f"messenger:turn:{owner}"
