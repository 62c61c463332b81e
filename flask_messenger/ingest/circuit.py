"""A short circuit: a server that failed is not asked again by everybody."""

import threading
import time
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

PAUSE_SECONDS: Final = 0.5


class CircuitOpenError(Exception):
    """The server failed a moment ago, or somebody is just trying it again."""


class Circuit:
    """Lets all calls through to a server that answers, and one at a time to one that failed.

    After a failure nobody asks for `pause_seconds`; then one caller does, and the others go on
    without it until that one is back. So a dead server costs one caller its time limit, not all.
    """

    def __init__(self, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._pause_seconds = pause_seconds
        self._lock = threading.Lock()
        self._is_open = False
        self._is_trying = False
        self._try_at = 0.0

    @property
    def is_open(self) -> bool:
        """Say whether the last call failed."""
        return self._is_open

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `function`; what it raises counts as a failure of the server.

        Raises:
            CircuitOpenError: it was not called.
        """
        if self._is_open and not self._may_try():
            raise CircuitOpenError
        try:
            result = function(*args, **kwargs)
        except BaseException:
            self._settle(failed=True)
            raise
        if self._is_open:
            self._settle(failed=False)
        return result

    def _may_try(self) -> bool:
        with self._lock:
            if self._is_trying or time.monotonic() < self._try_at:
                return False
            self._is_trying = True
            return True

    def _settle(self, *, failed: bool) -> None:
        with self._lock:
            self._is_open = failed
            self._is_trying = False
            self._try_at = time.monotonic() + self._pause_seconds
