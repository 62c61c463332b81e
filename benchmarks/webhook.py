"""The webhook route under gunicorn, against its floor (`benchmarks.floor`) in the same PostgreSQL.

Runs of the two are interleaved and their order turns around; the median over the rounds counts,
because these machines are noisy. The size is the entries of a delivery: Meta sends one where it
keeps up, and up to a thousand after an outage.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median, quantiles

from sqlalchemy import create_engine, text

from benchmarks.load import make_body, make_request, run_load
from benchmarks.processor import measure_postgres, measure_web
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


@dataclass
class _Side:
    """One of the two servers, and what its runs came to; processor times in µs a delivery."""

    port: int
    postgres: Path
    runs: list[Times] = field(default_factory=list)
    web: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)

    def run(self, requests: list[bytes], seconds: float) -> float:
        """Run once; return the deliveries a second."""
        web, database = measure_web(self.port), measure_postgres(self.postgres)
        times = run_load(self.port, requests, connections=CONNECTIONS, seconds=seconds)
        self.runs.append(times)
        self.web.append((measure_web(self.port) - web) * 1e6 / len(times))
        self.database.append((measure_postgres(self.postgres) - database) * 1e6 / len(times))
        return len(times) / seconds


def measure(*, quick: bool) -> Iterator[Result]:
    """Yield deliveries a second and the 99th percentile of the answer time, at each size."""
    with run_surroundings() as around:
        folder = _prepare(around)
        with (
            run_web(around, "benchmarks.floor:app") as floor_port,
            run_web(around, "benchmarks.host:create_app()") as our_port,
        ):
            ports = {FLOOR: floor_port, OURS: our_port}
            for size in SIZES:
                sides = {name: _Side(port, folder) for name, port in ports.items()}
                yield from _measure_size(sides, size, quick=quick)


def _measure_size(sides: dict[str, _Side], size: int, *, quick: bool) -> Iterator[Result]:
    requests = [make_request(make_body(number, entries=size)) for number in range(BODIES)]
    seconds = QUICK_SECONDS if quick else SECONDS
    for side in sides.values():
        wait_for_answer(side.port, requests[0])
        run_load(side.port, requests, connections=CONNECTIONS, seconds=WARM_UP_SECONDS)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    rates = interleave(
        rounds, {name: partial(side.run, requests, seconds) for name, side in sides.items()}
    )
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
    ours, floor = sides[OURS], sides[FLOOR]
    yield Result.at_most(
        "webhook_p99", _p99(ours.runs), "ms", bar=P99_BAR, floor=_p99(floor.runs), size=size
    )
    for name, mine, theirs in (
        ("webhook_cpu", ours.web, floor.web),
        ("webhook_cpu_postgresql", ours.database, floor.database),
    ):
        yield Result.plain(name, median(mine), "us/delivery", floor=median(theirs), size=size)


def _prepare(around: Surroundings) -> Path:
    """Make the tables; return the folder of the database's files."""
    engine = create_engine(around.database_url)
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE floor_entries (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                " raw bytea NOT NULL, received_at timestamptz NOT NULL DEFAULT now())"
            )
        )
        folder = connection.execute(text("SHOW data_directory")).scalar_one()
    engine.dispose()
    return Path(folder)


def _p99(runs: list[Times]) -> float:
    """Return the median over the runs of each run's 99th percentile, in milliseconds."""
    return median(quantiles(run, n=100)[98] for run in runs) * 1000
