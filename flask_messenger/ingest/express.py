"""The one INSERT Meta waits for, on connections of its own, one round trip and a time limit.

What it saves against a session of the host's: the checkout, switching to autocommit and back, the
compiler's cache, a cursor. What it adds is a limit on the client's side: a server that is frozen,
or behind a cut cable, raises nothing and answers nothing.

It is for psycopg. Other drivers, and other databases, take the plain way in `ingest.journal`.
"""

import contextvars
import os
import threading
import time
from collections import deque
from concurrent.futures import Future
from typing import Any, Final

import psycopg
from sqlalchemy import Engine, event

from flask_messenger.errors import JournalUnavailableError
from flask_messenger.ingest.express_connection import ExpressConnection, TooSlowError
from flask_messenger.ingest.receive import JournalRows

CONNECT_SECONDS: Final = 2
"""The least libpq knows."""
IDLE_SECONDS: Final = 180.0
"""Firewalls and balancers forget a connection that says nothing after four minutes and more."""


class ExpressWriter:
    """Writes journal rows over a few connections that are kept open, in autocommit.

    They are made as the host's engine makes its own, with its arguments and its event handlers,
    and belong to us from then on. They are kept apart by process: a web server forks.

    Attributes:
        timeout_seconds: how long one `write` may take, and what connections that are made from
            now on tell the server.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        size: int,
        timeout_seconds: float,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._engine = engine
        self._size = size
        self.timeout_seconds = timeout_seconds
        self._idle_seconds = idle_seconds
        self._own = _Own(size)
        self._abandoned: list[_Own] = []
        self._lock = threading.Lock()
        self._connecting = threading.local()
        event.listen(engine, "do_connect", self._hasten)

    def write(self, rows: JournalRows) -> None:
        """Store `rows`, all or none, and commit. Takes no longer than the time limit.

        Raises:
            JournalUnavailableError: perhaps nothing was stored; the same rows may be written again.
        """
        ends_at = time.monotonic() + self.timeout_seconds
        own = self._own if self._own.pid == os.getpid() else self._leave_to_parent()
        if not own.free.acquire(timeout=self.timeout_seconds):
            raise TooSlowError("busy")
        try:
            self._write(own, rows, ends_at)
        except TooSlowError:
            own.close()  # those beside it may lead into the same silence
            raise
        except Exception as error:  # noqa: BLE001 - a host's code makes connections, and may raise
            raise JournalUnavailableError(_state_of(error)) from None
        finally:
            own.free.release()

    def _write(self, own: "_Own", rows: JournalRows, ends_at: float) -> None:
        """Write over an idle connection, or else over a fresh one.

        An idle one may have died with its server long ago, or lead to a server that is no longer
        the primary: what it cannot do is done once more over a fresh one.
        """
        connection = self._take_idle(own)
        if connection is not None:
            try:
                _write_over(own, connection, rows, ends_at)
            except (psycopg.Error, OSError):
                own.close()  # those beside it died of the same
            else:
                return
        _write_over(own, self._connect(ends_at), rows, ends_at, is_repeat=True)

    def _take_idle(self, own: "_Own") -> ExpressConnection | None:
        """Return the connection that was used last; drop those that are too old, or idle too long.

        How old is what the host says of its own (`pool_recycle`), who may know its network.
        """
        recycle_seconds: int = self._engine.pool._recycle  # noqa: SLF001 - said nowhere else
        while (connection := own.pop()) is not None:
            now = time.monotonic()
            is_old = 0 <= recycle_seconds < now - connection.made_at
            if not is_old and now - connection.used_at < self._idle_seconds:
                return connection
            connection.close()
        return None

    def _connect(self, ends_at: float) -> ExpressConnection:
        """Return a fresh connection, or give up on it in time.

        A thread makes it: no limit of the driver's is one for all of it, the name server, each
        address of each host, and what the host's own handlers do.
        """
        promise: Future[ExpressConnection] = Future()
        run = contextvars.copy_context().run  # those handlers may ask for the current application
        threading.Thread(
            target=run,
            args=(self._fulfil, promise, ends_at),
            name="messenger-journal-connect",
            daemon=True,
        ).start()
        try:
            return promise.result(max(0.0, ends_at - time.monotonic()))
        except TimeoutError:
            if promise.cancel():
                raise TooSlowError("connect") from None
            return promise.result()

    def _fulfil(self, promise: "Future[ExpressConnection]", ends_at: float) -> None:
        """Make a connection for whoever still waits for it."""
        try:
            connection = self._open(ends_at)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            if promise.set_running_or_notify_cancel():
                promise.set_exception(error)
            return
        if promise.set_running_or_notify_cancel():
            promise.set_result(connection)
        else:
            connection.close()

    def _open(self, ends_at: float) -> ExpressConnection:
        """Return a connection made by the host's engine, that its pool does not know of."""
        self._connecting.is_hasty = True
        # A pool for this one alone, or they would wait for each other as long as the host's may.
        made = self._engine.pool.recreate().connect()
        raw: Any = made.dbapi_connection
        made.detach()
        return ExpressConnection(raw, timeout_seconds=self.timeout_seconds, ends_at=ends_at)

    def _hasten(self, _dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
        """Wait no longer than Meta's patience allows, unless the host says how long."""
        if getattr(self._connecting, "is_hasty", False):
            parameters.setdefault("connect_timeout", CONNECT_SECONDS)

    def _leave_to_parent(self) -> "_Own":
        """Begin anew after a fork. What was open belongs to the parent: it is not even closed."""
        with self._lock:
            if self._own.pid != os.getpid():
                self._abandoned.append(self._own)
                self._own = _Own(self._size)
            return self._own

    def close(self) -> None:
        """Close what is idle; the next write connects again."""
        if self._own.pid == os.getpid():
            self._own.close()


class _Own:
    """What one process has of its own. It is made whole, so that no thread sees half of it."""

    def __init__(self, size: int) -> None:
        self.pid = os.getpid()
        self.free = threading.BoundedSemaphore(size)
        self._idle: deque[ExpressConnection] = deque()

    def pop(self) -> ExpressConnection | None:
        """Return the idle connection that was used last, or None."""
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def put(self, connection: ExpressConnection) -> None:
        """Keep a connection for the next delivery."""
        self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle."""
        while (connection := self.pop()) is not None:
            connection.close()


def _write_over(
    own: _Own,
    connection: ExpressConnection,
    rows: JournalRows,
    ends_at: float,
    *,
    is_repeat: bool = False,
) -> None:
    try:
        connection.insert(rows, ends_at, is_repeat=is_repeat)
    except BaseException:
        connection.close()
        raise
    own.put(connection)


def _state_of(error: Exception) -> str:
    """Return the code of an error, never its text: that may quote a row."""
    inner = getattr(error, "orig", None) or error
    return getattr(inner, "sqlstate", None) or type(inner).__name__
