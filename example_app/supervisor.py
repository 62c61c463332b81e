"""Starting, watching and stopping the processes of the example."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

READY_SECONDS: Final = 60.0
LAST_LINES: Final = 15
PR_SET_PDEATHSIG: Final = 1


class ChildError(Exception):
    """A process ended when it should not, or never got ready; the message shows its last lines."""


@dataclass(slots=True, kw_only=True)
class Child:
    """One process with a group of its own, so that a signal reaches what it started too.

    Attributes:
        name: what people are told it is, and the name of its log.
        answers: says whether it does its work yet, given its process id; None for a step that
            has to end well before others can begin.
        stop_seconds: how long it may take to end by itself.
    """

    name: str
    command: Sequence[str]
    log: Path
    answers: Callable[[int], bool] | None
    environ: Mapping[str, str] = field(repr=False)
    stop_seconds: float = 1.0
    started_at: float = 0.0
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; its output goes to the end of its log."""
        self.started_at = time.monotonic()
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(self.environ),
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one thread here
            )

    @property
    def is_alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def is_step(self) -> bool:
        """Whether it is meant to end."""
        return self.answers is None

    def check_ready(self) -> bool:
        """Say whether it answers, or, of a step, whether it is done.

        Raises:
            ChildError: it ended, or is taking too long.
        """
        if self._process is None or not self.is_alive:
            if self.is_step and self._process and self._process.returncode == 0:
                return True
            raise ChildError(self.describe_end())
        if self.answers and self.answers(self._process.pid):
            return True
        if time.monotonic() - self.started_at > READY_SECONDS:
            text = f"The {self.name} did not answer within {READY_SECONDS:.0f} seconds."
            raise ChildError(f"{text}\n{self.last_lines()}")
        return False

    def describe_end(self) -> str:
        """Say that it ended, how, and what it said last."""
        status = self._process.poll() if self._process else None
        how = f"signal {-status}" if status is not None and status < 0 else f"status {status}"
        return f"The {self.name} ended by itself ({how}).\n{self.last_lines()}"

    def last_lines(self) -> str:
        """Return the end of the log, and where the rest is."""
        with contextlib.suppress(OSError):
            lines = self.log.read_text("utf-8", errors="replace").splitlines()[-LAST_LINES:]
            return "\n".join([f"The last lines of {self.log}:", *(f"  {line}" for line in lines)])
        return f"There is nothing in {self.log}."

    def ask_to_stop(self) -> None:
        """Ask the process itself to end; what it started is its own to end first."""
        if self.is_alive and self._process:
            self._process.terminate()

    def stop(self, deadline: float) -> None:
        """Wait until `deadline` (monotonic) for it to end, then end all that is left of it."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(deadline - time.monotonic(), 0))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def start_together(children: Sequence[Child], tell: Callable[[Child], None]) -> Iterator[None]:
    """Start `children` side by side and `tell` of each when it answers; yields while waiting.

    Raises:
        ChildError: one ended, or never answered.
    """
    for child in children:
        child.start()
    waiting = list(children)
    while waiting:
        for child in list(waiting):
            if child.check_ready():
                waiting.remove(child)
                tell(child)
        yield


def stop_together(children: Sequence[Child]) -> None:
    """Stop `children` side by side; return when nothing of them is left."""
    for child in children:
        child.ask_to_stop()
    asked_at = time.monotonic()
    for child in children:
        child.stop(asked_at + child.stop_seconds)


def _end_with_parent() -> None:
    """Have the kernel stop this process when the supervisor is killed and cannot."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


# Looked up here: between fork and exec there is no safe moment for it.
_LIBC = ctypes.CDLL(None)
