"""What is done to the cables while the load is on."""

import contextlib
import time
from collections.abc import Iterator

from tests.faults.faults import promote
from tests.faults.processes import wait_until
from tests.faults.proofs import count_clients
from tests.faults.run import Fault, Run, Size
from tests.hosts.network import Host, cannot_make_hosts
from tests.hosts.world import Hosts, run_hosts
from tools.fault_programs import advise, find_haproxy

SMALL = Size(1_000, 40, 15.0, away_seconds=4.0)
FULL = Size(15_000, 600, 100.0, blows=2, away_seconds=20.0)
BACK_SECONDS = 60.0


def _hosts(run: Run) -> Hosts:
    assert isinstance(run.world, Hosts)
    return run.world


def cut_worker(run: Run) -> None:
    """Cut off one worker host after the other; what it held is found by the others."""
    hosts = _hosts(run)
    for number in range(run.size.blows):
        _cut_for_a_while(run, hosts.host(f"worker{number % len(hosts.workers) + 1}"))


def cut_web(run: Run) -> None:
    """Cut off one web host after the other; the balancer notices."""
    hosts = _hosts(run)
    for number in range(run.size.blows):
        _cut_for_a_while(run, hosts.host(f"web{number % len(hosts.webs) + 1}"))


def _cut_for_a_while(run: Run, host: Host) -> None:
    """Cut off a host that has connections to PostgreSQL; it has to take part again afterwards."""
    run.prove("connections cut", count_clients(run.server, host.address))
    with _cut(run, host):
        run.mended()  # nobody helps: the others have to go on
        time.sleep(run.size.away_seconds)
    took_part = lambda: count_clients(run.server, host.address) > 0  # noqa: E731
    wait_until(took_part, f"{host.name} takes part again", BACK_SECONDS)
    run.prove("times back", 1)
    time.sleep(run.size.seconds / (run.size.blows + 3))


@contextlib.contextmanager
def _cut(run: Run, host: Host) -> Iterator[None]:
    """Cut a host off, and prove that nothing came out of its cable meanwhile."""
    host.cut()
    began, heard = time.monotonic(), host.count_heard()
    yield
    was_silent = not host.is_connected and host.count_heard() == heard
    run.prove("seconds of silence", int(was_silent) * round(time.monotonic() - began))
    host.mend()


def cut_primary(run: Run) -> None:
    """Cut off PostgreSQL's primary and promote its replica.

    The old primary lives on behind its cut cable, and is stopped before that is mended: who
    promotes has to see to that (fencing). What it still answers there nobody hears, and it commits
    nothing: every commit waits for the replica.
    """
    hosts = _hosts(run)
    replica = hosts.replica
    assert replica is not None
    run.prove("connections cut", count_clients(hosts.postgres))
    with _cut(run, hosts.host("postgres1")):
        time.sleep(1.0)  # until somebody noticed
        promote(run, replica)
        run.mended()
        time.sleep(run.size.away_seconds)
        assert hosts.postgres.is_alive
        hosts.postgres.kill()


def cut_valkey(run: Run) -> None:
    """Cut off Valkey's master; the Sentinels make the other one the master."""
    hosts = _hosts(run)
    first = hosts.host("valkey1")
    with _cut(run, first):
        run.mended()  # nobody helps: Sentinel has to
        time.sleep(run.size.away_seconds)
        is_other = lambda: hosts.master_address() not in {None, first.address}  # noqa: E731
        wait_until(is_other, "the Sentinels have chosen another master", BACK_SECONDS)
        run.prove("other masters chosen", 1)


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
