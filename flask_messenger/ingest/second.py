"""A second thread for a drain that meets a backlog.

A drain's time is half its own, reading and building rows, and half PostgreSQL's, which it waits
for. Two threads fill each other's waits, and nearly twice as much is drained by one process. Each
claims batches of its own, as drains of two processes do.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from flask import Flask
from sqlalchemy.exc import TimeoutError as NoConnectionError

from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope

T = TypeVar("T")


class SecondThread(Generic[T]):
    """Runs `work` beside the thread that made it, once it is told that there is enough for two.

    Args:
        app: whose context and session `work` gets, its own ones.
        work: what is done; it ends soon after the first thread is done or `is_left`.
    """

    def __init__(self, app: Flask, work: Callable[[], T]) -> None:
        self.is_left = False
        self._app = app
        self._work = work
        self._pool = ThreadPoolExecutor(1, "drain")
        self._future: Future[T | None] | None = None

    def begin(self) -> None:
        """Begin, if it has not begun."""
        if self._future is None:
            self._future = self._pool.submit(self._run)

    def _run(self) -> T | None:
        with self._app.app_context(), system_scope("drain"):
            session: Any = state_of(self._app).db.session
            try:
                return self._work()
            except NoConnectionError:
                return None  # the host's pool has none to spare: one thread does it all
            finally:
                session.remove()

    def finish(self) -> T | None:
        """Wait for the second thread; return what came of it, None where it did not work."""
        return self._future.result() if self._future is not None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Never leave it behind: what it holds, it commits or gives back."""
        self.is_left = True
        self._pool.shutdown()
