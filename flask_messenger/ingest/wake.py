"""Waking a drain after a delivery is committed, without making Meta wait for Redis."""

import logging
import threading
import time
from typing import Final

import redis
from rq import Queue

logger = logging.getLogger(__name__)

INGEST_QUEUE: Final = "messenger-ingest"
DRAIN_JOB: Final = "flask_messenger.jobs.drain"
SCHEDULED_KEY: Final = "messenger:drain:scheduled"
SCHEDULED_SECONDS: Final = 15
"""How long a wake that came to nothing (a worker died) keeps the next ones from queueing."""
PAUSE_SECONDS: Final = 0.03
"""The least time between two wakes: a drain of thirty messages costs little more than of one."""


class DrainWaker:
    """Queues at most one drain at a time, from a thread of its own.

    `wake` costs the request a flag. Where Redis is away nothing is lost: the entries are
    committed, and the sweeper drains what nobody was woken for.
    """

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._wanted = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def wake(self) -> None:
        """Ask for a drain soon. Call it after the commit, or the worker may look too early."""
        if not self._wanted.is_set():
            self._wanted.set()
        # A thread does not survive a fork, and web servers fork: so it is started on first use.
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="messenger-drain-waker", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Pass on a wake that is still wanted, and end the thread; the next `wake` starts one."""
        if self._thread is not None:
            self._closed = True
            self._wanted.set()
            self._thread.join()
            self._closed = False

    def _run(self) -> None:
        while not self._closed:
            self._wanted.wait()
            self._wanted.clear()
            try:
                schedule_drain(self._client)
            except redis.RedisError as error:
                logger.warning("drain_wake_failed error=%s", type(error).__name__)
            time.sleep(PAUSE_SECONDS)


def schedule_drain(client: "redis.Redis") -> bool:
    """Queue a drain unless one is queued already; return whether one was queued.

    Raises:
        redis.RedisError: Redis is away.
    """
    if not client.set(SCHEDULED_KEY, "1", nx=True, ex=SCHEDULED_SECONDS):
        return False
    Queue(INGEST_QUEUE, connection=client).enqueue(
        DRAIN_JOB, result_ttl=0, failure_ttl=86400, job_timeout=300
    )
    return True


def drain_started(client: "redis.Redis") -> None:
    """Let the next wake queue a drain again: call it before looking into the journal."""
    client.delete(SCHEDULED_KEY)
