"""Threads beside the sending, for work that may take as long as it likes: the host's code."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from flask import Flask

from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope

logger = logging.getLogger(__name__)

Work = Callable[[], None]

CLOSE_SECONDS: Final = 1.0
"""How long the end waits for what is left: a process that is told to stop has half a minute."""


class Helper:
    """Does what it is given: beside whoever gives it, or at once.

    Args:
        app: whose context the work is done in.
        name: of the threads.
        threads: how many at most; with one, things are done in their order, and with none, where
            they are given.
    """

    def __init__(self, app: Flask, name: str, *, threads: int = 1) -> None:
        self._app = app
        self._name = name
        self._most = threads
        self._work: deque[tuple[Work, int]] = deque()
        self._lock = threading.Lock()
        self._came = threading.Condition(self._lock)
        self._weight = 0
        self._busy_since: dict[threading.Thread, float] = {}
        self._threads: list[threading.Thread] = []
        self._is_closing = False

    @property
    def backlog(self) -> int:
        """How much is to be done yet, in the unit of `do`."""
        return self._weight

    @property
    def busy_seconds(self) -> float:
        """For how long the oldest work in hand has been going on."""
        with self._lock:
            since = min(self._busy_since.values(), default=None)
        return 0.0 if since is None else time.monotonic() - since

    def do(self, work: Work, *, weight: int = 1) -> None:
        """Do something that has an application context and, in a thread, a session of its own."""
        if self._most == 0:
            self._try(work)
            return
        with self._came:
            self._work.append((work, weight))
            self._weight += weight
            self._came.notify()
            idle = len(self._threads) - len(self._busy_since)
            if len(self._work) > idle and len(self._threads) < self._most:
                self._start_one()

    def close(self, *, seconds: float = CLOSE_SECONDS) -> None:
        """Return when all is done, or when it takes too long; what is left is given up."""
        with self._came:
            self._is_closing = True
            self._came.notify_all()
        ends_at = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(timeout=max(0.0, ends_at - time.monotonic()))
        if not any(each.is_alive() for each in self._threads):
            return
        with self._lock:
            left = self._weight
            self._work.clear()  # it ends after the work in hand
        logger.error("outbox_helper_given_up helper=%s left=%d", self._name, left)

    def _start_one(self) -> None:
        # A daemon: code of the host's that never returns must not keep a process alive.
        thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        me = threading.current_thread()
        with self._app.app_context():
            session = state_of(self._app).db.session
            while (given := self._next()) is not None:
                work, weight = given
                self._try(work)
                # The host's code may have left a transaction, or rows it read, behind.
                self._try(session.remove)
                with self._lock:
                    self._weight -= weight
                    del self._busy_since[me]

    def _next(self) -> tuple[Work, int] | None:
        """Wait for something to do; None at the end."""
        with self._came:
            while not self._work:
                if self._is_closing:
                    return None
                self._came.wait()
            self._busy_since[threading.current_thread()] = time.monotonic()
            return self._work.popleft()

    def _try(self, work: Work) -> None:
        try:
            with system_scope(self._name):
                work()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the next one is done all the same
            name = type(error).__name__
            logger.error("outbox_helper_failed helper=%s error=%s", self._name, name)  # noqa: TRY400
