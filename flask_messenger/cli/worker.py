"""`flask messenger worker`: the background work of one host."""

import logging
import multiprocessing
import signal
import threading
from multiprocessing.process import BaseProcess
from typing import Any, Final

import click
import redis
from flask import Flask, current_app
from flask.cli import with_appcontext
from rq import Queue, SimpleWorker

from flask_messenger import jobs
from flask_messenger.state import state_of

logger = logging.getLogger(__name__)

GROUPS: Final = ("ingest", "outbox", "default")
RESTART_SECONDS: Final = 1.0
STOP_SECONDS: Final = 30.0
"""Longer than one call to Meta may take: a send that is killed has no known end."""


@click.command("worker")
@click.option(
    "--queues",
    default=",".join(GROUPS),
    show_default=True,
    help="Which groups this host works on; each is a process of its own.",
)
@with_appcontext
def worker(queues: str) -> None:
    """Work: drain the journal, send messages, announce, keep the schedule.

    One process per queue group, started again when one dies. Stop it with SIGTERM or Ctrl-C:
    what is being done is finished first.
    """
    names = [name.strip() for name in queues.split(",") if name.strip()]
    unknown = sorted(set(names) - set(GROUPS))
    if unknown or not names:
        raise click.BadParameter(f"--queues takes {', '.join(GROUPS)}")
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    # The processes are forked: none of them may share a connection that is open here.
    with app.app_context():
        state_of(app).db.engine.dispose()
    Supervisor(app, names).run()


class Supervisor:
    """Keeps one process per queue group alive until told to stop."""

    def __init__(self, app: Flask, names: list[str]) -> None:
        self._app = app
        self._names = names
        self._stop = threading.Event()
        self._context = multiprocessing.get_context("fork")
        self._processes: dict[str, BaseProcess] = {}

    def run(self) -> None:
        """Work until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        for name in self._names:
            self._start(name)
        while not self._stop.wait(RESTART_SECONDS):
            for name, process in self._processes.items():
                if not process.is_alive():
                    logger.error("worker_died group=%s exit=%s", name, process.exitcode)
                    self._start(name)
        self._finish()

    def _start(self, name: str) -> None:
        process = self._context.Process(
            target=work_on, args=(self._app, name), name=f"messenger-{name}"
        )
        process.start()
        self._processes[name] = process

    def _finish(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.join(STOP_SECONDS)
            if process.is_alive():
                process.kill()


def work_on(app: Flask, group: str) -> None:
    """Work on one group's queue in this process until it is told to stop.

    Jobs run in this process, one at a time, without a fork each: they are short, they time out
    through RQ, and a fork would cost more than most of them do.
    """
    settings = state_of(app).settings
    connection = redis.Redis.from_url(settings.redis_url)
    stopping = threading.Event()
    with app.app_context():
        if group == "default":
            threading.Thread(
                target=jobs.keep_schedule,
                args=(app, stopping),
                name="messenger-schedule",
                daemon=True,
            ).start()
        queue = Queue(jobs.QUEUES[group], connection=connection)
        _run_worker(_Worker([queue], connection=connection, log_job_description=False))
    stopping.set()


class _Worker(SimpleWorker):
    """A worker that tells its job when it was asked to stop."""

    def request_stop(self, signum: int, frame: Any) -> None:
        """Finish the job in hand, at its next good place, and stop."""
        jobs.STOPPING.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def _run_worker(rq_worker: Any) -> None:
    rq_worker.work(logging_level="WARNING", with_scheduler=False)
