"""RQ's queue and worker, the way a process of ours needs them.

What RQ does where something fails is not for us: it writes tracebacks to the log and into Redis,
and the text of a database's error may quote the row that failed, a message's text with it.
"""

import logging
import traceback
from typing import Any, Final

import redis
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job

from flask_messenger import jobs
from flask_messenger.models.outage import name_error

logger = logging.getLogger(__name__)

OURS: Final = "flask_messenger"


class _NamesOnly(logging.Filter):
    """Turns a traceback into the name of its error: its text, and its context's, may quote rows."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is not None:
            record.msg = f"{record.getMessage()} error={name_error(error)}"
            record.args = ()
        record.exc_info = record.exc_text = None
        return True


_NAMES_ONLY: Final = _NamesOnly()


class WatchedQueue(Queue):
    """A queue whose worker leaves when Redis does, instead of waiting in it for ever."""

    @classmethod
    def dequeue_any(cls, *args: Any, **kwargs: Any) -> Any:
        """Return the next job; end the worker's loop where Redis is away."""
        try:
            return super().dequeue_any(*args, **kwargs)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            logger.warning("queue_lost error=%s", type(error).__name__)
            raise StopRequested from error


class QueueWorker(SimpleWorker):
    """A worker that tells its job when to stop, keeps errors' texts, and takes no orders."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.log.addFilter(_NAMES_ONLY)  # once, however often: a filter is added to a logger once

    def request_stop(self, signum: int, frame: Any) -> None:
        """Finish the job in hand, at its next good place, and stop."""
        jobs.STOPPING.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        """Tell RQ that this worker lives; end its loop where Redis is away."""
        try:
            super().heartbeat(*args, **kwargs)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise StopRequested from error

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Do a job. What fails beside the job itself ends the loop, and is named only.

        Most likely Redis left meanwhile: RQ would log that with all that went before it.
        """
        try:
            super().execute_job(job, queue)
        except StopRequested:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, its context may quote a message
            logger.error("job_left id=%s error=%s", job.id, name_error(error))  # noqa: TRY400
            raise StopRequested from None

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Say that a job failed: the kind of its error and the place, and never the text."""
        error: BaseException = exc_info[1]
        self._failure = f"{name_error(error)} at {find_place(error)}"
        logger.error("job_failed job=%s id=%s error=%s", job.func_name, job.id, self._failure)

    def handle_job_failure(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> None:
        """Keep what was logged of the failure, not the text that RQ made of it."""
        super().handle_job_failure(job, queue, *args, **{**kwargs, "exc_string": self._failure})

    _failure = ""

    def subscribe(self) -> None:
        """Take no commands over Redis: whoever can write there could stop this process."""

    def unsubscribe(self) -> None:
        """Nothing was subscribed to."""


def find_place(error: BaseException) -> str:
    """Return where in our code an error came up: the file and the line."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [each for each in frames if OURS in each.filename] or frames
    if not ours:
        return "unknown"
    _, _, path = ours[-1].filename.rpartition(f"{OURS}/")
    return f"{path}:{ours[-1].lineno}"
