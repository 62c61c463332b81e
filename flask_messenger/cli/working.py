"""One worker process: it works on one queue group until it is told to stop.

Jobs run in the process, one at a time, without a fork each: they are short, they time out through
RQ, and a fork would cost more than most of them do. While Redis is away the process looks for its
work in the tables instead, and goes back to the queue when Redis answers.
"""

import logging
import os
import signal
import threading
import time
from typing import Any, Final

import redis
from flask import Flask
from redis.backoff import NoBackoff
from redis.retry import Retry

from flask_messenger import jobs
from flask_messenger.cli.queueing import QueueWorker, WatchedQueue
from flask_messenger.models.outage import name_error
from flask_messenger.monitor.beats import BEAT_SECONDS, BY_QUEUE, BY_TABLES, beat, leave
from flask_messenger.redis_client import open_redis
from flask_messenger.state import state_of

logger = logging.getLogger(__name__)

WORKER_TTL_SECONDS: Final = 25
"""Makes RQ wait 10 s for a job at a time, and 20 s for Redis to answer, where it cannot be cut."""
POLL_SECONDS: Final = 1.0
CONNECT_SECONDS: Final = 2.0


NICE: Final = {"default": 2, "bulk": 10}
"""Where processors are short, messages go first, then what the host is told, then the rest."""


def work_on(app: Flask, group: str) -> None:
    """Work on a group in this process until SIGTERM or SIGINT, or until the parent is gone."""
    _listen_for_stop()
    os.nice(NICE.get(group, 0))
    with app.app_context():
        Working(app, group).run()


class Working:
    """What one worker process holds."""

    def __init__(self, app: Flask, group: str) -> None:
        self._app = app
        self._group = group
        self._parent_pid = os.getppid()
        self._started_at = time.time()
        self._works_by = BY_QUEUE
        # Its own connection, not the application's: it waits long, for jobs.
        self._connection = open_redis(
            state_of(app).settings.redis_url,
            connect_seconds=CONNECT_SECONDS,
            answer_seconds=WORKER_TTL_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )

    def run(self) -> None:
        """Work, by the queue or, where that is away, by the tables."""
        beating = threading.Thread(target=self._beat, name="messenger-beat", daemon=True)
        beating.start()
        sending = self._start_runner()
        if self._group in jobs.QUEUES:
            while not jobs.STOPPING.is_set():
                self._work_by_queue()
                if not jobs.STOPPING.is_set():
                    self._work_by_tables()
        else:
            jobs.keep_schedule(self._app, jobs.STOPPING)
        if sending is not None:
            sending.join()
        beating.join(BEAT_SECONDS)

    def _start_runner(self) -> threading.Thread | None:
        """Start what sends messages, beside the queue: in the `outbox` group only."""
        if self._group != "outbox":
            return None
        sending = threading.Thread(
            target=jobs.keep_outbox,
            args=(self._app, jobs.STOPPING),
            name="messenger-outbox",
            daemon=True,
        )
        sending.start()
        return sending

    def _work_by_queue(self) -> None:
        """Take jobs until told to stop, or until Redis goes away."""
        try:
            self._connection.ping()
            queue = WatchedQueue(jobs.QUEUES[self._group], connection=self._connection)
            rq_worker: Any = QueueWorker(
                [queue],
                queue_class=WatchedQueue,
                connection=self._connection,
                log_job_description=False,
                worker_ttl=WORKER_TTL_SECONDS,
            )
            self._works_by = BY_QUEUE
            rq_worker.work(logging_level="WARNING", with_scheduler=False)
        except (redis.RedisError, OSError) as error:
            logger.warning("queue_away group=%s error=%s", self._group, type(error).__name__)
        finally:
            _listen_for_stop()

    def _work_by_tables(self) -> None:
        """Look for work in the tables, until Redis answers. At least once: it may answer and fail.

        A Redis whose disk is full, or that became a replica, answers a ping and takes no job.
        """
        self._works_by = BY_TABLES
        while not jobs.STOPPING.is_set():
            self._poll()
            jobs.STOPPING.wait(POLL_SECONDS)
            try:
                self._connection.ping()
            except (redis.RedisError, OSError):
                continue
            return

    def _poll(self) -> None:
        try:
            jobs.poll(self._group)
        except Exception as error:  # noqa: BLE001 - the next look may go better
            # The type only: a database error's text may quote a message.
            logger.error("poll_failed group=%s error=%s", self._group, name_error(error))  # noqa: TRY400

    def _beat(self) -> None:
        """Say now and then that this process is alive; end it where its parent is gone."""
        client = state_of(self._app).get(redis.Redis)
        is_stopping = False
        while not is_stopping:
            try:
                beat(
                    client,
                    group=self._group,
                    started_at=self._started_at,
                    works_by=self._works_by,
                )
                jobs.keep_turns()
            except redis.RedisError:
                logger.info("beat_failed group=%s", self._group)
            if os.getppid() != self._parent_pid:
                logger.error("parent_died group=%s", self._group)
                os.kill(os.getpid(), signal.SIGTERM)
            is_stopping = jobs.STOPPING.wait(BEAT_SECONDS)
        try:
            leave(client, group=self._group)
        except redis.RedisError:
            logger.info("beat_failed group=%s", self._group)


def _listen_for_stop() -> None:
    """Let SIGTERM and SIGINT end this process at its next good place."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: jobs.STOPPING.set())
