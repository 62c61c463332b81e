"""Meta's own rule for a webhook, held for minutes while everything behind it keeps up.

`python -m benchmarks.sustained [--seconds N] [--rate N]`. Real processes: gunicorn with threads as
the example runs it, `flask messenger worker`, PostgreSQL and Valkey; the load is one thread of this
process. All of them share the machine.
"""

import random
import sys
import threading
import time
from collections.abc import Iterator
from statistics import median
from typing import Self

import click
import psycopg
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from benchmarks.host import WORKSPACE
from benchmarks.load import make_body, make_request
from benchmarks.results import Result
from benchmarks.steady import Answer, run_steady, wait_for_answer
from benchmarks.surroundings import Surroundings, run_process, run_surroundings, run_web
from flask_messenger.models import Account, schema
from flask_messenger.models.base import new_id
from flask_messenger.tenancy import system_scope

RATE = 300.0
SECONDS, QUICK_SECONDS = 300.0, 10.0
WARM_UP_SECONDS = 5.0
CONNECTIONS = 32
PAGES, PEOPLE = 20, 2_000
FIRST_PAGE = 100_000_000_000_001
FIRST_PERSON = 200_000_000_000_001
SAMPLE_SECONDS = 0.2
DRAINED_SECONDS = 60.0
MEDIAN_BAR, SLOW_BAR, LAG_BAR = 250.0, 1.0, 1.0
SLOW_SECONDS = 1.0
OK = 200

# How long the oldest entry that waits has been waiting.
LAG = """
    SELECT coalesce(extract(epoch FROM clock_timestamp() - min(received_at)), 0)::float
    FROM messenger_webhook_entries WHERE state = 'pending'
"""
WAITING = "SELECT count(*) FROM messenger_webhook_entries WHERE state = 'pending'"
STORED = "SELECT count(*) FROM messenger_messages"


def measure(
    *, quick: bool, seconds: float | None = None, rate: float = RATE, queues: str = "ingest"
) -> Iterator[Result]:
    """Yield the median, the share of slow answers, the drain's lag, and what got lost."""
    seconds = seconds or (QUICK_SECONDS if quick else SECONDS)
    with run_surroundings() as around:
        _prepare(around)
        worker = [sys.executable, "-m", "flask", "--app", "benchmarks.host:create_app"]
        with (
            run_web(around, "benchmarks.host:create_app()", workers=2, threads=32) as port,
            run_process(around, [*worker, "messenger", "worker", "--queues", queues], "worker"),
            _Lag(around) as lag,
        ):
            wait_for_answer(port, _request(0))
            warm_up = run_steady(
                port, _request, rate=rate, seconds=WARM_UP_SECONDS, connections=CONNECTIONS
            )
            lag.begin()
            answers = run_steady(
                port, _request, rate=rate, seconds=seconds, connections=CONNECTIONS
            )
            lag.stop()
            taken = 1 + sum(each.status == OK for each in (*warm_up, *answers))
            lost = taken - _count_when_drained(around)
    note = f"{rate:g} deliveries/s for {seconds:g} s, {CONNECTIONS} connections, queues: {queues}"
    yield from _results(answers, lag.seconds, lost, note=note)


def _results(answers: list[Answer], lags: list[float], lost: int, *, note: str) -> Iterator[Result]:
    times = [each.seconds for each in answers]
    slow = sum(each > SLOW_SECONDS for each in times) * 100 / len(times)
    refused = sum(each.status != OK for each in answers)
    yield Result.at_most("sustained_median", median(times) * 1000, "ms", bar=MEDIAN_BAR, note=note)
    yield Result.at_most("sustained_above_1s", slow, "% of answers", bar=SLOW_BAR)
    yield Result.plain("sustained_slowest", max(times) * 1000, "ms")
    yield Result.at_most("sustained_lag", max(lags), "s", bar=LAG_BAR, note="the worst moment")
    yield Result.plain("sustained_lag_median", median(lags), "s")
    yield Result.at_most("sustained_refused", refused, "answers", bar=0)
    yield Result.at_most("sustained_lost", lost, "messages", bar=0)


def _prepare(around: Surroundings) -> None:
    engine = create_engine(around.database_url)
    schema.upgrade(engine)
    with system_scope("benchmark"), Session(engine) as session:
        for number in range(PAGES):
            page_id = str(FIRST_PAGE + number)
            session.add(
                Account(
                    id=new_id(),
                    workspace_id=f"{WORKSPACE}-{number}",
                    channel="facebook",
                    external_id=page_id,
                    name=f"Page {number}",
                )
            )
        session.commit()
    engine.dispose()


def _request(number: int) -> bytes:
    person = FIRST_PERSON + random.randrange(PEOPLE)  # noqa: S311 - a load, no secret
    body = make_body(number, person=str(person), page_id=str(FIRST_PAGE + person % PAGES))
    return make_request(body)


class _Lag:
    """Asks the database again and again how far the drain is behind."""

    def __init__(self, around: Surroundings) -> None:
        self.seconds: list[float] = []
        self._connection = _connect(around)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._connection.close()

    def begin(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Stop asking; one more answer is there for sure."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            row = self._connection.execute(LAG).fetchone()
            self.seconds.append(row[0] if row else 0.0)
            if self._stopping.wait(SAMPLE_SECONDS):
                return


def _count_when_drained(around: Surroundings) -> int:
    """Return how many messages are stored once nothing waits any more."""
    with _connect(around) as connection:
        ends_at = time.monotonic() + DRAINED_SECONDS
        while _ask(connection, WAITING) and time.monotonic() < ends_at:
            time.sleep(SAMPLE_SECONDS)
        return _ask(connection, STORED)


def _ask(connection: psycopg.Connection, statement: str) -> int:
    row = connection.execute(statement).fetchone()
    return int(row[0]) if row else 0


def _connect(around: Surroundings) -> psycopg.Connection:
    url = around.database_url.replace("postgresql+psycopg", "postgresql")
    return psycopg.connect(url, autocommit=True)


@click.command()
@click.option("--seconds", default=SECONDS, show_default=True)
@click.option("--rate", default=RATE, show_default=True, help="Deliveries a second.")
@click.option("--queues", default="ingest", show_default=True, help="What the worker works on.")
def main(seconds: float, rate: float, queues: str) -> None:
    """Measure; exit with 1 where a promise did not hold."""
    all_met = True
    for result in measure(quick=False, seconds=seconds, rate=rate, queues=queues):
        click.echo(result.as_text())
        all_met = all_met and result.met
    sys.exit(0 if all_met else 1)


if __name__ == "__main__":
    main()
