"""The faults: what is done to the processes while the load is on."""

import random
import time
from collections.abc import Iterator
from functools import partial

import psutil

from tests.faults.processes import wait_until
from tests.faults.run import Fault, Run, Size
from tests.faults.world import run_world

SMALL = Size(1_000, 40, 8.0)
MOSTLY = 0.7
LOADED = 0.9
"""The part of the load in which blows fall: each is followed by some more messages."""
FULL = Size(20_000, 800, 120.0, blows=3, away_seconds=20.0)


def kill_workers(run: Run) -> None:
    """Kill -9, at random moments: one process of the worker, or all of them at once."""
    worker, chance = run.world.worker, random.Random(run.inbound.run)  # noqa: S311 - repeatable
    kinds = {"one process": 0, "the whole worker": 0}
    for _ in _random_moments(run, chance):
        if chance.random() < MOSTLY:
            kinds["one process"] += 1
            wait_until(lambda: run.world.worker_processes() != [], "the worker has processes")
            _kill(chance.choice(run.world.worker_processes()))
        else:
            kinds["the whole worker"] += 1
            worker.kill()
            worker.start()
        run.mended()
    run.notes["kills"] = kinds


def kill_web(run: Run) -> None:
    """Kill -9 of web processes, at random moments."""
    chance = random.Random(run.inbound.run)  # noqa: S311 - repeatable
    for _ in _random_moments(run, chance):
        children = run.world.web.children()
        if children and chance.random() < MOSTLY:
            _kill(chance.choice(children))
        else:
            run.world.web.kill()
            run.world.start_web()
        run.mended()


def _random_moments(run: Run, chance: random.Random) -> Iterator[None]:
    """Wait for each of the run's blows; they fall anywhere in the first part of the load."""
    began = run.inbound.began
    for at in sorted(chance.uniform(0, LOADED * run.size.seconds) for _ in range(run.size.blows)):
        time.sleep(max(0.0, began + at - time.monotonic()))
        yield


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return  # it ended by itself in this very moment


def restart_valkey_empty(run: Run) -> None:
    """Kill Valkey and start it with nothing in it."""
    for _ in range(run.size.blows):
        run.world.valkey.kill()
        run.world.valkey.start(empty=True)
        run.mended()
        time.sleep(run.size.seconds / (run.size.blows + 2))


def take_valkey_away(run: Run) -> None:
    """Go on without Valkey for a while; it comes back with what it had on disk."""
    run.world.valkey.kill()
    time.sleep(run.size.away_seconds)
    run.world.valkey.start()
    run.mended()


def restart_postgres(run: Run) -> None:
    """Stop PostgreSQL as an upgrade would, and start it."""
    for _ in range(run.size.blows):
        run.world.postgres.stop()
        run.world.postgres.start()
        run.mended()
        time.sleep(run.size.seconds / (run.size.blows + 2))


def take_postgres_away(run: Run) -> None:
    """Kill every process of PostgreSQL, and bring it back after a while."""
    run.world.postgres.kill()
    time.sleep(run.size.away_seconds)
    run.world.postgres.start()
    run.mended()


def fail_over(run: Run) -> None:
    """Kill the primary; promote the replica. The application finds it by itself."""
    replica = run.world.replica
    assert replica is not None
    run.world.postgres.kill()
    time.sleep(1.0)  # until somebody noticed
    replica.promote()
    run.server = replica
    wait_until(lambda: not replica.execute("SELECT pg_is_in_recovery()")[0][0], "it is promoted")
    run.mended()


def take_both_away(run: Run) -> None:
    """Kill PostgreSQL, so that deliveries are spooled, then Valkey with the spool; bring both back.

    What was spooled is on Valkey's disk: it comes back with that.
    """
    run.world.postgres.kill()
    time.sleep(run.size.away_seconds / 2)
    run.world.valkey.kill()
    time.sleep(run.size.away_seconds / 2)
    run.world.valkey.start()
    run.world.postgres.start()
    run.mended()


FAULTS = (
    Fault(
        "workers_killed",
        "kill -9 of workers at random moments",
        kill_workers,
        Size(1_000, 40, 8.0, blows=3),
        Size(50_000, 2_000, 180.0, blows=30),
    ),
    Fault(
        "web_killed",
        "kill -9 of web processes at random moments",
        kill_web,
        Size(1_000, 40, 8.0, blows=3),
        Size(20_000, 800, 90.0, blows=15),
    ),
    Fault("valkey_emptied", "Valkey killed and started empty", restart_valkey_empty, SMALL, FULL),
    Fault(
        "valkey_away",
        "a minute without Valkey",
        take_valkey_away,
        SMALL,
        Size(20_000, 800, 150.0, away_seconds=60.0),
    ),
    Fault("postgres_restarted", "PostgreSQL restarted", restart_postgres, SMALL, FULL),
    Fault("postgres_away", "PostgreSQL killed, away for a while", take_postgres_away, SMALL, FULL),
    Fault(
        "postgres_failover",
        "the primary killed, its streaming replica promoted",
        fail_over,
        SMALL,
        FULL,
        world=partial(run_world, with_replica=True),
    ),
    Fault("both_away", "PostgreSQL and Valkey away at once", take_both_away, SMALL, FULL),
)
