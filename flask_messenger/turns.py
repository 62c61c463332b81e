"""Turns: work of many workspaces, one piece of each in turn.

A queue that is first come, first served lets one workspace's ten thousand jobs stand before
another's one. Here each workspace has a list of its own in Redis, and a ring says whose turn it
is. RQ's queue holds tickets only: a worker that gets one takes the next piece in turn, whoever
made the ticket. A workspace that has as many pieces under way as its share allows is passed over.

Nothing here is the truth. Redis may come back empty: what matters has its row in the database,
and the sweeper puts it here again.
"""

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import redis

PREFIX: Final = "messenger:turns:"
LEASE_SECONDS: Final = 60
"""How long a piece counts as under way after its worker last said so."""
WAIT_SECONDS: Final = 3600
"""How long a piece that waits keeps an equal one from being put beside it."""

# KEYS: ring, ringed, known, waiting list of the workspace
# ARGV: workspace, piece, key of the piece (or empty), now, known until
_PUT: Final = """
if ARGV[3] ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', ARGV[4])
  if redis.call('ZSCORE', KEYS[3], ARGV[3]) then return 0 end
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[3])
end
redis.call('RPUSH', KEYS[4], ARGV[2])
if redis.call('SADD', KEYS[2], ARGV[1]) == 1 then redis.call('RPUSH', KEYS[1], ARGV[1]) end
return 1
"""

# KEYS: ring, ringed, known
# ARGV: prefix of waiting lists, prefix of running sets, token, now, lease end, cap
# A piece's key is known for as long as its lease from now on, in the same step: a worker that dies
# between two steps would leave it known for as long as a piece may wait.
_TAKE: Final = """
for _ = 1, redis.call('LLEN', KEYS[1]) do
  local workspace = redis.call('LPOP', KEYS[1])
  local waiting, running = ARGV[1] .. workspace, ARGV[2] .. workspace
  redis.call('ZREMRANGEBYSCORE', running, '-inf', ARGV[4])
  if redis.call('LLEN', waiting) == 0 then
    redis.call('SREM', KEYS[2], workspace)
  elseif redis.call('ZCARD', running) >= tonumber(ARGV[6]) then
    redis.call('RPUSH', KEYS[1], workspace)
  else
    local piece = redis.call('LPOP', waiting)
    redis.call('ZADD', running, ARGV[5], ARGV[3])
    redis.call('EXPIRE', running, 86400)
    local key = cjson.decode(piece)[3]
    if key ~= '' then redis.call('ZADD', KEYS[3], ARGV[5], key) end
    if redis.call('LLEN', waiting) > 0 then redis.call('RPUSH', KEYS[1], workspace)
    else redis.call('SREM', KEYS[2], workspace) end
    return {workspace, piece}
  end
end
return false
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of work, as it waits.

    Attributes:
        name: of the function in `jobs` that does it.
        args: plain values.
        key: an equal one is not put beside it while it waits or is under way; empty for none.
    """

    workspace_id: str
    name: str
    args: tuple[Any, ...] = ()
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A piece that was taken, until it is given back."""

    piece: Piece
    token: str


class Turns:
    """The turns of one queue group. Every method raises `redis.RedisError` where Redis is away."""

    def __init__(self, client: "redis.Redis", group: str) -> None:
        self._client = client
        self._prefix = f"{PREFIX}{group}:"
        self._put = client.register_script(_PUT)
        self._take = client.register_script(_TAKE)

    def put(self, pieces: Sequence[Piece]) -> int:
        """Let pieces wait behind their workspaces' others; return how many were not there yet."""
        now = time.time()
        pipeline = self._client.pipeline(transaction=False)
        for piece in pieces:
            keys = [*self._keys(), self._waiting(piece.workspace_id)]
            body = json.dumps([piece.name, piece.args, piece.key], separators=(",", ":"))
            values: list[str | float] = [
                piece.workspace_id,
                body,
                piece.key,
                now,
                now + WAIT_SECONDS,
            ]
            self._put(keys=keys, args=values, client=pipeline)
        return sum(pipeline.execute())

    def take(self, *, cap: int) -> Turn | None:
        """Take the next piece in turn; None where nothing waits, or only what is over its share.

        Args:
            cap: how many pieces of one workspace may be under way at once.
        """
        now, token = time.time(), uuid.uuid4().hex
        lease_end = now + LEASE_SECONDS
        prefixes = [self._waiting(""), self._running("")]
        values: list[str | float] = [*prefixes, token, now, lease_end, cap]
        found = cast("list[bytes] | None", self._take(keys=self._keys(), args=values))
        if not found:
            return None
        name, args, key = json.loads(found[1])
        piece = Piece(workspace_id=found[0].decode(), name=name, args=tuple(args), key=key)
        return Turn(piece=piece, token=token)

    def extend(self, turn: Turn) -> None:
        """Say that a piece is still under way: a worker that dies says so no more."""
        lease_end = time.time() + LEASE_SECONDS
        running = self._running(turn.piece.workspace_id)
        pipeline = self._client.pipeline(transaction=True)
        pipeline.zadd(running, {turn.token: lease_end}, xx=True)
        if turn.piece.key:
            pipeline.zadd(self._known, {turn.piece.key: lease_end}, xx=True)
        pipeline.execute()

    def finish(self, turn: Turn) -> None:
        """Say that a piece is done, or has failed: its workspace may have the next one."""
        pipeline = self._client.pipeline(transaction=True)
        pipeline.zrem(self._running(turn.piece.workspace_id), turn.token)
        if turn.piece.key:
            pipeline.zrem(self._known, turn.piece.key)
        pipeline.execute()

    def count_waiting(self) -> dict[str, int]:
        """Return how many pieces wait, by workspace."""
        names = [each.decode() for each in cast("set[bytes]", self._client.smembers(self._ringed))]
        pipeline = self._client.pipeline(transaction=False)
        for name in names:
            pipeline.llen(self._waiting(name))
        counts = cast("list[int]", pipeline.execute())
        return {name: count for name, count in zip(names, counts, strict=True) if count}

    def count_waiting_of(self, workspace_id: str) -> int:
        """Return how many pieces of one workspace wait."""
        return self._client.llen(self._waiting(workspace_id))

    def count_running(self, workspace_id: str) -> int:
        """Return how many pieces of a workspace are under way."""
        key = self._running(workspace_id)
        return self._client.zcount(key, time.time(), "+inf")

    def is_waiting(self, workspace_ids: Sequence[str]) -> set[str]:
        """Return those of these workspaces that have pieces waiting."""
        if not workspace_ids:
            return set()
        flags = cast("list[int]", self._client.smismember(self._ringed, list(workspace_ids)))
        return {each for each, flag in zip(workspace_ids, flags, strict=True) if flag}

    def has_waiting(self) -> bool:
        """Say whether anything waits."""
        return bool(self._client.exists(f"{self._prefix}ring"))

    @property
    def _known(self) -> str:
        return f"{self._prefix}known"

    @property
    def _ringed(self) -> str:
        return f"{self._prefix}ringed"

    def _keys(self) -> list[str]:
        return [f"{self._prefix}ring", self._ringed, self._known]

    def _waiting(self, workspace_id: str) -> str:
        return f"{self._prefix}waiting:{workspace_id}"

    def _running(self, workspace_id: str) -> str:
        return f"{self._prefix}running:{workspace_id}"


def share_of(workers: int, *, share: float, at_most: int) -> int:
    """Return how many pieces of one workspace may be under way at once. Pure.

    Never less than one, or nothing would ever be done; and never every worker where there are two.
    """
    return max(1, min(at_most, int(workers * share)))
