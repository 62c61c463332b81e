"""What is done to the cables while the load is on."""

import time

from tests.faults.processes import wait_until
from tests.faults.run import Fault, Run, Size
from tests.hosts.network import cannot_make_hosts
from tests.hosts.world import Hosts, run_hosts
from tools.fault_programs import advise, find_haproxy

SMALL = Size(1_000, 40, 15.0, away_seconds=4.0)
FULL = Size(20_000, 800, 120.0, blows=2, away_seconds=20.0)


def _hosts(run: Run) -> Hosts:
    assert isinstance(run.world, Hosts)
    return run.world


def cut_worker(run: Run) -> None:
    """Cut off one worker host after the other; what it held is found by the others."""
    hosts = _hosts(run)
    for number in range(run.size.blows):
        host = hosts.host(f"worker{number % len(hosts.workers) + 1}")
        host.cut()
        run.mended()  # nobody helps: the others have to go on
        time.sleep(run.size.away_seconds)
        host.mend()
        time.sleep(run.size.seconds / (run.size.blows + 3))


def cut_web(run: Run) -> None:
    """Cut off one web host after the other; the balancer notices."""
    hosts = _hosts(run)
    for number in range(run.size.blows):
        host = hosts.host(f"web{number % len(hosts.webs) + 1}")
        host.cut()
        run.mended()
        time.sleep(run.size.away_seconds)
        host.mend()
        time.sleep(run.size.seconds / (run.size.blows + 3))


def cut_primary(run: Run) -> None:
    """Cut off PostgreSQL's primary and promote its replica.

    The old primary lives on behind its cut cable, and is stopped before that is mended: who
    promotes has to see to that (fencing). What it still answers there nobody hears, and it commits
    nothing: every commit waits for the replica.
    """
    hosts = _hosts(run)
    replica = hosts.replica
    assert replica is not None
    hosts.host("postgres1").cut()
    time.sleep(1.0)  # until somebody noticed
    replica.promote()
    run.server = replica
    wait_until(lambda: not replica.execute("SELECT pg_is_in_recovery()")[0][0], "it is promoted")
    run.mended()
    time.sleep(run.size.away_seconds)
    hosts.postgres.kill()
    hosts.host("postgres1").mend()


def cut_valkey(run: Run) -> None:
    """Cut off Valkey's master; the Sentinels make the other one the master."""
    hosts = _hosts(run)
    hosts.host("valkey1").cut()
    run.mended()  # nobody helps: Sentinel has to
    time.sleep(run.size.away_seconds)
    hosts.host("valkey1").mend()


def cannot_run() -> str | None:
    """Return why this cannot be done here; None where it can."""
    if find_haproxy() is None:
        return f"no HAProxy. {advise(['haproxy'])}"
    return cannot_make_hosts()


FAULTS = tuple(
    Fault(name, what, strike, SMALL, FULL, world=run_hosts, missing=cannot_run)
    for name, what, strike in (
        ("cable_of_worker", "the cable of a worker host cut", cut_worker),
        ("cable_of_web", "the cable of a web host cut", cut_web),
        ("cable_of_primary", "the cable of PostgreSQL's primary cut", cut_primary),
        ("cable_of_valkey", "the cable of Valkey's master cut", cut_valkey),
    )
)
