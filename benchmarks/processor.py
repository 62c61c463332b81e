"""Processor time of other processes, from /proc: it says less of what else the machine does."""

import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
USER, SYSTEM, PARENT = 11, 12, 1
"""Places in /proc/PID/stat, counted from behind the name."""


def measure_web(port: int) -> float:
    """Return the seconds that the web server on `port` and its workers have used so far."""
    address = f"127.0.0.1:{port}".encode()
    return sum(_seconds(_stat(pid)) for pid in _pids() if address in _command(pid))


def measure_postgres(folder: Path) -> float:
    """Return the seconds that the PostgreSQL with its data in `folder` has used so far.

    Its processes are children of one; of those that are gone it knows the time no more.
    """
    first = int((folder / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
    stats = [_stat(pid) for pid in _pids()]
    return sum(_seconds(each) for each in stats if each and int(each[PARENT]) == first)


def _pids() -> Iterator[int]:
    return (int(each.name) for each in PROC.iterdir() if each.name.isdecimal())


def _command(pid: int) -> bytes:
    try:
        return (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:  # it ended meanwhile
        return b""


def _stat(pid: int) -> list[str]:
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _seconds(stat: list[str]) -> float:
    return (int(stat[USER]) + int(stat[SYSTEM])) / TICKS_A_SECOND if stat else 0.0
