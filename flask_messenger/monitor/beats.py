"""The heartbeats of worker processes, in Redis."""

import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from typing import Final, cast

import redis

KEY: Final = "messenger:workers"
BEAT_SECONDS: Final = 5.0
ALIVE_SECONDS: Final = 20.0
"""A process that was not heard of for so long is not counted."""
FORGET_SECONDS: Final = 3600.0

BY_QUEUE: Final = "queue"
BY_TABLES: Final = "tables"


@dataclass(slots=True)
class Doing:
    """What this process is doing: `_job` in `jobs` notes it, the heartbeat passes it on."""

    job: str = ""
    since: float = 0.0

    def begin(self, job: str) -> None:
        """Note that a job begins."""
        self.job, self.since = job, time.time()

    def end(self) -> None:
        """Note that nothing is being done."""
        self.job, self.since = "", 0.0


DOING: Final = Doing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One sign of life.

    Attributes:
        id: of the process, over all hosts.
        works_by: `queue`, or `tables` where it looks for work there because Redis was away.
        job: what it was doing; empty where it waited.
        job_since, started_at, at: seconds since the epoch.
    """

    id: str
    group: str
    host: str
    started_at: float
    at: float
    works_by: str
    job: str
    job_since: float

    def is_alive(self, now: float) -> bool:
        """Say whether the process was heard of lately."""
        return now - self.at < ALIVE_SECONDS


def beat(client: "redis.Redis", *, group: str, started_at: float, works_by: str) -> None:
    """Say that this process is alive.

    Raises:
        redis.RedisError: Redis is away.
    """
    host = socket.gethostname()
    name = f"{host}:{os.getpid()}:{group}"
    sign = Beat(
        id=name,
        group=group,
        host=host,
        started_at=started_at,
        at=time.time(),
        works_by=works_by,
        job=DOING.job,
        job_since=DOING.since,
    )
    client.hset(KEY, name, json.dumps(asdict(sign)))


def leave(client: "redis.Redis", *, group: str) -> None:
    """Say that this process ends, so that nobody misses it.

    Raises:
        redis.RedisError: Redis is away.
    """
    client.hdel(KEY, f"{socket.gethostname()}:{os.getpid()}:{group}")


def read_beats(client: "redis.Redis") -> list[Beat]:
    """Return the last sign of each process that is alive, and forget those long gone.

    Raises:
        redis.RedisError: Redis is away.
    """
    now = time.time()
    held = cast("dict[bytes, bytes]", client.hgetall(KEY))
    beats = [Beat(**json.loads(each)) for each in held.values()]
    gone = [each.id for each in beats if now - each.at > FORGET_SECONDS]
    if gone:
        client.hdel(KEY, *gone)
    return sorted((each for each in beats if each.is_alive(now)), key=lambda each: each.id)


def count_workers(client: "redis.Redis", group: str) -> int:
    """Return how many processes work on a group.

    Raises:
        redis.RedisError: Redis is away.
    """
    return sum(each.group == group for each in read_beats(client))
