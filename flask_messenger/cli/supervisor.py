"""The parent of a host's worker processes: it starts them, starts them again, and stops them."""

import gc
import logging
import multiprocessing
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Final

from flask import Flask

from flask_messenger.cli.working import work_on

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5
STOP_SECONDS: Final = 30.0
"""Longer than one call to Meta may take: a send that is killed has no known end."""
STEADY_SECONDS: Final = 10.0
"""A process that lived as long is started again at once; others wait longer each time."""
LONGEST_WAIT_SECONDS: Final = 30.0


@dataclass(slots=True)
class _Slot:
    """One process that should be there."""

    group: str
    number: int
    process: BaseProcess | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    deaths: int = 0


class Supervisor:
    """Keeps so many processes per queue group alive until told to stop."""

    def __init__(self, app: Flask, processes: Mapping[str, int]) -> None:
        self._app = app
        self._stop = threading.Event()
        self._context = multiprocessing.get_context("fork")
        self._slots = [
            _Slot(group, number) for group, count in processes.items() for number in range(count)
        ]

    def run(self) -> None:
        """Work until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        # What is loaded by now the processes share, until a collector writes into every object's
        # head: it shall look at what comes later only.
        gc.collect()
        gc.freeze()
        self._keep()
        while not self._stop.wait(LOOK_SECONDS):
            self._keep()
        self._finish()

    def _keep(self) -> None:
        """Note who died, and start whoever is missing and due."""
        now = time.monotonic()
        for slot in self._slots:
            if slot.process is not None and not slot.process.is_alive():
                self._note_death(slot, now)
            if slot.process is None and slot.start_at <= now:
                self._start(slot, now)

    def _note_death(self, slot: _Slot, now: float) -> None:
        exitcode = slot.process.exitcode if slot.process else None
        slot.process = None
        slot.deaths = 0 if now - slot.started_at > STEADY_SECONDS else slot.deaths + 1
        wait = min(LONGEST_WAIT_SECONDS, 2.0 ** (slot.deaths - 1)) if slot.deaths else 0.0
        slot.start_at = now + wait
        logger.error(
            "worker_died group=%s exit=%s again_in_seconds=%.0f", slot.group, exitcode, wait
        )

    def _start(self, slot: _Slot, now: float) -> None:
        slot.started_at = now
        slot.process = self._context.Process(
            target=work_on,
            args=(self._app, slot.group),
            name=f"messenger-{slot.group}-{slot.number}",
        )
        slot.process.start()

    def _finish(self) -> None:
        """Ask all to stop, and give them time to finish what they do."""
        processes = [slot.process for slot in self._slots if slot.process is not None]
        for process in processes:
            process.terminate()
        ends_at = time.monotonic() + STOP_SECONDS
        for process in processes:
            process.join(max(0.0, ends_at - time.monotonic()))
            if process.is_alive():
                process.kill()
