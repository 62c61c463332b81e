"""The webhook route under gunicorn, against its floor (`benchmarks.floor`) in the same PostgreSQL.

Runs are interleaved, and the median of them counts: these machines are noisy.
"""

from collections.abc import Iterator
from statistics import median, quantiles

from sqlalchemy import create_engine, text

from benchmarks.load import make_body, make_request, run_load
from benchmarks.results import Result
from benchmarks.surroundings import Surroundings, run_surroundings, run_web
from flask_messenger.models import schema

ROUNDS = 7
SECONDS = 3.0
CONNECTIONS = 8
BODIES = 500
RATE_BAR = 0.6


def measure(*, quick: bool) -> Iterator[Result]:
    """Yield requests a second, and the 99th percentile of the answer time."""
    with run_surroundings() as around:
        _prepare(around)
        requests = [make_request(make_body(number)) for number in range(BODIES)]
        with (
            run_web(around, "benchmarks.floor:app") as floor_port,
            run_web(around, "benchmarks.host:create_app()") as our_port,
        ):
            for port in (floor_port, our_port):
                run_load(port, requests, connections=CONNECTIONS, seconds=1.0)
            floors, ours = _interleave(
                floor_port, our_port, requests, rounds=1 if quick else ROUNDS
            )
    ratio = median(len(our) / len(floor) for our, floor in zip(ours, floors, strict=True))
    floor_rate = median(len(each) / SECONDS for each in floors)
    yield Result(
        "webhook_rate", ratio * floor_rate, "requests/s", floor_rate, RATE_BAR, ratio >= RATE_BAR
    )
    our_p99, floor_p99 = _p99(ours), _p99(floors)
    bar = 1.5
    yield Result("webhook_p99", our_p99, "ms", floor_p99, bar, our_p99 / floor_p99 <= bar)


def _prepare(around: Surroundings) -> None:
    engine = create_engine(around.database_url)
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE floor_deliveries (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                " raw bytea NOT NULL, received_at timestamptz NOT NULL DEFAULT now())"
            )
        )
    engine.dispose()


def _interleave(
    floor_port: int, our_port: int, requests: list[bytes], *, rounds: int
) -> tuple[list[list[float]], list[list[float]]]:
    floors: list[list[float]] = []
    ours: list[list[float]] = []
    for _ in range(rounds):
        for port, runs in ((floor_port, floors), (our_port, ours)):
            runs.append(run_load(port, requests, connections=CONNECTIONS, seconds=SECONDS))
    return floors, ours


def _p99(runs: list[list[float]]) -> float:
    """Return the median over the runs of each run's 99th percentile, in milliseconds."""
    return median(quantiles(run, n=100)[98] for run in runs) * 1000
