"""A worker process of the drain benchmark: does one piece of work for each line it is given.

`drain`: what the ingest worker does with its job. `usual`: an RQ SimpleWorker until its queue is
empty. `insert FILE`: the floor, the message rows in FILE through SQLAlchemy Core. It answers each
with a line of JSON: when it began and ended (of the machine's one monotonic clock), and the CPU
seconds it took.
"""

import json
import pickle
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import redis
from flask import Flask
from rq import Queue, SimpleWorker
from sqlalchemy import Engine, insert

from benchmarks.host import create_app
from flask_messenger import jobs
from flask_messenger.ingest.drain import has_pending
from flask_messenger.models import Message
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope

USUAL_QUEUE: Final = "usual"
ROWS_A_COMMIT: Final = 5_000
"""Many more than a drain has in a batch: fewer commits, and nothing but the rows in them."""


def main() -> None:
    """Work until the input ends."""
    app = create_app()
    with app.app_context():
        print("ready", flush=True)
        for line in sys.stdin:
            word, _, argument = line.strip().partition(" ")
            work = _prepare(app, word, argument)
            began, cpu = time.monotonic(), _cpu_seconds()
            work()
            answer = {"began": began, "ended": time.monotonic(), "cpu": _cpu_seconds() - cpu}
            print(json.dumps(answer), flush=True)


def _prepare(app: Flask, word: str, argument: str) -> Callable[[], Any]:
    """Return the work; what it takes to get it ready is not measured."""
    if word == "drain":
        return lambda: _drain(app)
    if word == "usual":
        connection = redis.Redis.from_url(state_of(app).settings.redis_url)
        queue = Queue(USUAL_QUEUE, connection=connection)
        worker = SimpleWorker([queue], connection=connection, log_job_description=False)
        return lambda: worker.work(burst=True, logging_level="WARNING")
    rows = pickle.loads(Path(argument).read_bytes())  # noqa: S301 - written by our own parent
    engine = state_of(app).db.engine
    return lambda: _insert(engine, rows)


def _drain(app: Flask) -> None:
    """Run the job, and again where its time was over before the journal was empty."""
    has_more = True
    while has_more:
        jobs.drain()
        with system_scope("benchmark"):
            has_more = has_pending(state_of(app).db.session)


def _insert(engine: Engine, rows: list[dict[str, Any]]) -> None:
    statement = insert(Message.__table__)
    for start in range(0, len(rows), ROWS_A_COMMIT):
        with engine.begin() as connection:
            connection.execute(statement, rows[start : start + ROWS_A_COMMIT])


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
