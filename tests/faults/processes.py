"""Processes of a run: each with its log, stopped or killed with everything it started."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 180.0
"""Generous: a loaded machine is slow, and nothing is proven by how fast a server starts."""
STOP_SECONDS = 40.0


class NotInTimeError(RuntimeError):
    """Something that had to happen did not happen in time."""


class Process:
    """One process and its children; may be started again after it ended."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        within: Sequence[str] = (),
        **options: Any,
    ) -> None:
        """Keep how to start it.

        Args:
            name: also of its log file.
            command: what to run.
            folder: where the log goes.
            environment: added to ours.
            within: a command in front of it, such as `ip netns exec NAME`.
            options: of `subprocess.Popen`.
        """
        self.name = name
        self.environment = dict(environment or {})
        self._command = [*within, *command]
        self._log = folder / f"{name}.log"
        self._options = options
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._popen is not None, f"{self.name} was not started"
        return self._popen.pid

    @property
    def is_alive(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._popen = subprocess.Popen(
                self._command,
                cwd=REPOSITORY,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a Ctrl-C at the terminal is ours to pass on
                **self._options,
            )

    def children(self) -> list[psutil.Process]:
        """Return what it started, and what those started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.pid).children(recursive=True)
        return []

    def kill(self) -> None:
        """Kill it and its children at once: no time to tidy up for any of them."""
        if self._popen is None:
            return
        children = self.children()
        for each in (self._popen, *children):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self._popen.wait()
        wait_until(lambda: not any(map(runs, children)), f"{self.name} is gone")

    def stop(self) -> None:
        """Ask it to stop; kill what does not."""
        if not self.is_alive:
            return
        assert self._popen is not None
        children = self.children()
        self._popen.terminate()
        try:
            self._popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        for each in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()

    def read_log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""


def runs(process: psutil.Process) -> bool:
    """Say whether it still does; a zombie does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        # Who adopts an orphan may be slow to bury it.
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def wait_until(
    is_so: Callable[[], bool], what: str, seconds: float = START_SECONDS, pause: float = 0.05
) -> float:
    """Look again and again until it is so; return how long it took.

    Raises:
        NotInTimeError: it was not so in time.
    """
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > seconds:
            raise NotInTimeError(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause)
    return time.monotonic() - began


def is_listening(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
        return True
    return False


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
