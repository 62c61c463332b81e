"""Faults of the machine: a full disk, and clocks that jump."""

import contextlib
import os
import subprocess
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.faults.postgres import Postgres, SmallDisk
from tests.faults.processes import wait_until
from tests.faults.proofs import count_spooled, is_web_clock_off, is_worker_clock_off
from tests.faults.run import Fault, Run, Size
from tests.faults.world import run_world
from tools.fault_programs import advise, find_compiler

HOUR_SECONDS = 3600
JUMPS = (HOUR_SECONDS, -HOUR_SECONDS, 0)
SMALL = Size(1_000, 40, 15.0, away_seconds=4.0)
FULL = Size(12_000, 480, 75.0, blows=2, away_seconds=15.0)
NO_ROOM = "No space left on device"


def fill_disk(run: Run) -> None:
    """Fill the disk of the tables to the last byte; make room after a while."""
    disk = run.world.postgres.disk
    assert disk is not None
    for _ in range(run.size.blows):
        disk.fill()
        time.sleep(run.size.away_seconds)
        run.prove("deliveries spooled", count_spooled(run.world.valkey))
        disk.make_room()
        _bring_back(run.world.postgres)
        run.mended()
        time.sleep(run.size.seconds / (run.size.blows + 3))
    complaints = run.world.postgres.read_log().count(NO_ROOM)
    run.prove("statements that found no room", complaints)


def _bring_back(postgres: Postgres) -> None:
    """Start PostgreSQL where it gave up: without room for its log it may not come back alone."""
    with contextlib.suppress(RuntimeError):
        wait_until(lambda: postgres.answers or not postgres.is_alive, "PostgreSQL is back")
    if not postgres.is_alive:
        postgres.start()


def jump_clocks(run: Run) -> None:
    """Move the clock of the web and of the worker, together and apart, and back."""
    clocks = run.world.clocks
    assert clocks is not None
    for web_seconds, worker_seconds in (
        *((jump, jump) for jump in JUMPS),
        (HOUR_SECONDS, -HOUR_SECONDS),
        (-HOUR_SECONDS, HOUR_SECONDS),
        (0, 0),
    ):
        clocks.set("web", web_seconds)
        clocks.set("worker", worker_seconds)
        is_web_off = partial(is_web_clock_off, run.world.target, web_seconds)
        is_worker_off = partial(is_worker_clock_off, run.world.valkey, worker_seconds)
        wait_until(is_web_off, "the web's clock has jumped")
        run.prove("jumps seen in the web", 1)
        wait_until(is_worker_off, "the worker's clock has jumped")
        run.prove("jumps seen in the worker", 1)
        time.sleep(run.size.seconds / 16)
    run.mended()


def cannot_mount() -> str | None:
    """Return why no small disk can be made here; None where it can."""
    if os.geteuid() != 0:
        return "only root may mount a small disk"
    return None if _can_mount() else "this machine does not let us mount a small disk"


def _can_mount() -> bool:
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        with contextlib.ExitStack() as stack:
            SmallDisk(Path("/tmp") / f"messenger-mount-{os.getpid()}", 1).mount(stack)  # noqa: S108
        return True
    return False


def cannot_fake_clocks() -> str | None:
    """Return why clocks cannot be moved here; None where they can."""
    return None if find_compiler() else f"no C compiler. {advise(['cc'])}"


FAULTS = (
    Fault(
        "disk_full",
        "the disk of the tables full",
        fill_disk,
        SMALL,
        FULL,
        world=partial(run_world, disk="tables"),
        missing=cannot_mount,
    ),
    Fault(
        "disk_full_log",
        "the disk of PostgreSQL's log (WAL) full",
        fill_disk,
        SMALL,
        FULL,
        world=partial(run_world, disk="everything"),
        missing=cannot_mount,
    ),
    Fault(
        "clocks_jump",
        "clocks an hour ahead, an hour back, apart",
        jump_clocks,
        replace(SMALL, seconds=40.0),
        FULL,
        world=partial(run_world, with_clocks=True),
        missing=cannot_fake_clocks,
    ),
)
