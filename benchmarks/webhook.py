"""The webhook route under gunicorn, against its floor (`benchmarks.floor`) in the same PostgreSQL.

Runs of the two are interleaved and their order turns around; the median over the rounds counts,
because these machines are noisy. The size is the entries of a delivery: Meta sends one where it
keeps up, and up to a thousand after an outage.
"""

from collections.abc import Iterator
from functools import partial
from statistics import median, quantiles

from sqlalchemy import create_engine, text

from benchmarks.load import make_body, make_request, run_load
from benchmarks.results import Result, interleave
from benchmarks.steady import wait_for_answer
from benchmarks.surroundings import Surroundings, run_surroundings, run_web
from flask_messenger.models import schema

SIZES = (1, 20, 200)
ROUNDS, QUICK_ROUNDS = 7, 3
SECONDS, QUICK_SECONDS = 3.0, 0.5
WARM_UP_SECONDS = 1.0
CONNECTIONS = 8
BODIES = 200
RATE_BAR = 0.8
P99_BAR = 1.5
FLOOR, OURS = "floor", "ours"
NOTE = f"{CONNECTIONS} connections, 2 gunicorn workers of 4 threads"

Times = list[float]


def measure(*, quick: bool) -> Iterator[Result]:
    """Yield deliveries a second and the 99th percentile of the answer time, at each size."""
    with run_surroundings() as around:
        _prepare(around)
        with (
            run_web(around, "benchmarks.floor:app") as floor_port,
            run_web(around, "benchmarks.host:create_app()") as our_port,
        ):
            ports = {FLOOR: floor_port, OURS: our_port}
            for size in SIZES:
                yield from _measure_size(ports, size, quick=quick)


def _measure_size(ports: dict[str, int], size: int, *, quick: bool) -> Iterator[Result]:
    requests = [make_request(make_body(number, entries=size)) for number in range(BODIES)]
    seconds = QUICK_SECONDS if quick else SECONDS
    runs: dict[str, list[Times]] = {FLOOR: [], OURS: []}
    for port in ports.values():
        wait_for_answer(port, requests[0])
        run_load(port, requests, connections=CONNECTIONS, seconds=WARM_UP_SECONDS)

    def run(name: str) -> float:
        times = run_load(ports[name], requests, connections=CONNECTIONS, seconds=seconds)
        runs[name].append(times)
        return len(times) / seconds

    rounds = QUICK_ROUNDS if quick else ROUNDS
    rates = interleave(rounds, {name: partial(run, name) for name in ports})
    floor_rate = median(rates[FLOOR])
    pairs = zip(rates[OURS], rates[FLOOR], strict=True)
    our_rate = floor_rate * median(ours / floor for ours, floor in pairs)
    yield Result.at_least(
        "webhook_rate",
        our_rate,
        "deliveries/s",
        bar=RATE_BAR,
        floor=floor_rate,
        size=size,
        note=NOTE,
    )
    yield Result.at_most(
        "webhook_p99", _p99(runs[OURS]), "ms", bar=P99_BAR, floor=_p99(runs[FLOOR]), size=size
    )


def _prepare(around: Surroundings) -> None:
    engine = create_engine(around.database_url)
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE floor_entries (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                " raw bytea NOT NULL, received_at timestamptz NOT NULL DEFAULT now())"
            )
        )
    engine.dispose()


def _p99(runs: list[Times]) -> float:
    """Return the median over the runs of each run's 99th percentile, in milliseconds."""
    return median(quantiles(run, n=100)[98] for run in runs) * 1000
