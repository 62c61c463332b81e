"""The faults: what is done to the processes while the load is on."""

import random
import time
from collections.abc import Iterator
from functools import partial

import psutil

from tests.faults.postgres import Postgres
from tests.faults.processes import runs, wait_until
from tests.faults.proofs import (
    count_promotions,
    count_refused,
    count_spooled,
    watch_postgres,
    watch_valkey,
)
from tests.faults.run import Fault, Run, Size
from tests.faults.valkey import Valkey
from tests.faults.world import run_world

SMALL = Size(1_000, 40, 8.0)
MOSTLY = 0.7
LOADED = 0.9
"""The part of the load in which blows fall: each is followed by some more messages."""
FULL = Size(12_000, 480, 75.0, blows=3, away_seconds=20.0)
IN_HAND = (
    "SELECT status, count(*) FROM messenger_messages WHERE status = 'sending' GROUP BY 1"
    " UNION ALL SELECT state, count(*) FROM messenger_webhook_entries"
    " WHERE state = 'pending' GROUP BY 1"
)
MARKER = "faults:marker"


def kill_workers(run: Run) -> None:
    """Kill -9, at random moments: one process of the worker, or all of them at once."""
    worker, chance = run.world.worker, random.Random(run.inbound.run)  # noqa: S311 - repeatable
    kinds = {"one process": 0, "the whole worker": 0}
    cut_short = {"sending": 0, "pending": 0}
    for _ in _random_moments(run, chance):
        if chance.random() < MOSTLY:
            kinds["one process"] += 1
            wait_until(lambda: run.world.worker_processes() != [], "the worker has processes")
            died = _kill(chance.choice(run.world.worker_processes()))
        else:
            kinds["the whole worker"] += 1
            died = 1 + len(run.world.worker_processes())
            worker.kill()
        _note_work(run.server, cut_short)
        if not worker.is_alive:
            worker.start()
        run.prove("worker processes killed", died)
        run.mended()
    run.notes |= {"kills": kinds, "in hand at the kills": cut_short}


def _note_work(server: Postgres, noted: dict[str, int]) -> None:
    """Add what was being sent, and what waited to be applied, right after a blow."""
    for what, count in server.execute(IN_HAND):
        noted[what] += count


def kill_web(run: Run) -> None:
    """Kill -9 of web processes, at random moments."""
    chance = random.Random(run.inbound.run)  # noqa: S311 - repeatable
    for _ in _random_moments(run, chance):
        children = run.world.web.children()
        if children and chance.random() < MOSTLY:
            run.prove("web processes killed", _kill(chance.choice(children)))
        else:
            run.world.web.kill()
            run.prove("web processes killed", 1 + len(children))
            run.world.start_web()
        run.mended()
    run.prove("requests cut off", count_refused(run))


def _random_moments(run: Run, chance: random.Random) -> Iterator[None]:
    """Wait for each of the run's blows; they fall anywhere in the first part of the load."""
    began = run.inbound.began
    for at in sorted(chance.uniform(0, LOADED * run.size.seconds) for _ in range(run.size.blows)):
        time.sleep(max(0.0, began + at - time.monotonic()))
        yield


def _kill(process: psutil.Process) -> int:
    """Kill it; return 1, or 0 where it ended by itself in this very moment."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return 0
    wait_until(lambda: not runs(process), "it is dead")
    return 1


def restart_valkey_empty(run: Run) -> None:
    """Kill Valkey and start it with nothing in it."""
    for _ in range(run.size.blows):
        _plant_marker(run.world.valkey)
        with watch_valkey(run, run.world.valkey):
            run.world.valkey.kill()
        run.world.valkey.start(empty=True)
        run.prove("times empty", not _has_marker(run.world.valkey))
        run.mended()
        time.sleep(run.size.seconds / (run.size.blows + 2))


def _plant_marker(valkey: Valkey) -> None:
    with valkey.client() as client:
        client.set(MARKER, "1")


def _has_marker(valkey: Valkey) -> bool:
    with valkey.client() as client:
        return bool(client.exists(MARKER))


def take_valkey_away(run: Run) -> None:
    """Go on without Valkey for a while; it comes back with what it had on disk."""
    with watch_valkey(run, run.world.valkey):
        run.world.valkey.kill()
        time.sleep(run.size.away_seconds)
    run.world.valkey.start()
    run.mended()


def restart_postgres(run: Run) -> None:
    """Stop PostgreSQL as an upgrade would, and start it."""
    for _ in range(run.size.blows):
        with watch_postgres(run, run.world.postgres):
            run.world.postgres.stop()
        run.world.postgres.start()
        run.mended()
        time.sleep(run.size.seconds / (run.size.blows + 2))


def take_postgres_away(run: Run) -> None:
    """Kill every process of PostgreSQL, and bring it back after a while."""
    with watch_postgres(run, run.world.postgres):
        run.world.postgres.kill()
        time.sleep(run.size.away_seconds)
    run.prove("deliveries spooled", count_spooled(run.world.valkey))
    run.world.postgres.start()
    run.mended()


def fail_over(run: Run) -> None:
    """Kill the primary; promote the replica. The application finds it by itself."""
    replica = run.world.replica
    assert replica is not None
    with watch_postgres(run, run.world.postgres):
        run.world.postgres.kill()
        time.sleep(1.0)  # until somebody noticed
    promote(run, replica)
    run.mended()


def promote(run: Run, replica: Postgres) -> None:
    """Make the replica the primary; it is what counts from now on."""
    replica.promote()
    run.server = replica
    wait_until(lambda: not replica.execute("SELECT pg_is_in_recovery()")[0][0], "it is promoted")
    run.prove("promotions", count_promotions(replica))


def take_both_away(run: Run) -> None:
    """Kill PostgreSQL, so that deliveries are spooled, then Valkey with the spool; bring both back.

    What was spooled is on Valkey's disk: it comes back with that.
    """
    postgres, valkey = run.world.postgres, run.world.valkey
    with watch_postgres(run, postgres):
        postgres.kill()
        time.sleep(run.size.away_seconds / 2)
        run.prove("deliveries spooled", count_spooled(valkey))
        refused_before = run.inbound.answers["503"]
        with watch_valkey(run, valkey):
            valkey.kill()
            time.sleep(run.size.away_seconds / 2)
        run.prove("deliveries answered 503", run.inbound.answers["503"] - refused_before)
    valkey.start()
    postgres.start()
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
        Size(15_000, 600, 90.0, blows=15),
    ),
    Fault("valkey_emptied", "Valkey killed and started empty", restart_valkey_empty, SMALL, FULL),
    Fault(
        "valkey_away",
        "a minute without Valkey",
        take_valkey_away,
        SMALL,
        Size(15_000, 600, 100.0, away_seconds=60.0),
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
