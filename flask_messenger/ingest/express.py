"""The one INSERT Meta waits for, on connections of its own, one round trip and a time limit.

What it saves against a session of the host's: the checkout, switching to autocommit and back, the
compiler's cache, a cursor. What it adds is a limit on the client's side: a server that is frozen,
or behind a cut cable, raises nothing and answers nothing.

It talks to psycopg's own wrapper of libpq, `psycopg.pq`, which is public. Other drivers, and other
databases, take the plain way in `ingest.journal`.
"""

import os
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.pq import abc
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import Pool

from flask_messenger.errors import JournalUnavailableError
from flask_messenger.ingest.receive import JournalRows

CONNECT_SECONDS: Final = 2
"""The least libpq knows."""

_ONE: Final = b"messenger_journal_one"
_MANY: Final = b"messenger_journal_many"
_STATEMENTS: Final = {
    _ONE: b"""
        INSERT INTO messenger_webhook_entries
            (id, app_name, object, received_at, raw, state, attempts)
        VALUES ($1::uuid, $2::text, $3::text, $4::timestamptz, $5::bytea, 'pending', 0)
        """,
    _MANY: b"""
        INSERT INTO messenger_webhook_entries
            (id, app_name, object, received_at, raw, state, attempts)
        SELECT given.id, $2::text, $3::text, $4::timestamptz, given.raw, 'pending', 0
        FROM unnest($1::uuid[], $5::bytea[]) AS given (id, raw)
        """,
}
# For a second try of what may be there already. Not for the first one: PostgreSQL inserts each
# row twice over for it. It does not name the id, which would ask for the right to read the table.
_UNLESS_THERE: Final = b"ON CONFLICT DO NOTHING"
_BINARY: Final = (pq.Format.BINARY,) * 5
_GOOD: Final = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_POSTGRES_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_UUID_OID: Final = 2950
_BYTEA_OID: Final = 17

# The server gives up a little before we do, so that no statement lives on behind our back. And
# where a host lets its own commits come back before they are on disk, this one does not.
_SETTINGS: Final = b"""
    SELECT set_config('statement_timeout', $1, false),
           set_config('synchronous_commit', CASE current_setting('synchronous_commit')
               WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)
"""


class TooSlowError(JournalUnavailableError):
    """No answer in time; nobody knows whether the rows were stored."""


class ExpressWriter:
    """Writes journal rows over a few connections that are kept open, in autocommit.

    They are made as the host's engine makes its own, with its arguments and its event handlers,
    and belong to us from then on. They are kept apart by process: a web server forks.
    """

    def __init__(self, engine: Engine, *, size: int, timeout_seconds: float) -> None:
        self._engine = engine
        self._size = size
        self._timeout_seconds = timeout_seconds
        self._pool: Pool | None = None
        self._abandoned: list[deque[_Connection]] = []
        self._lock = threading.Lock()
        self._connecting = threading.local()
        event.listen(engine, "do_connect", self._hasten)
        self._begin_process()

    def _begin_process(self) -> None:
        self._pid = os.getpid()
        self._idle: deque[_Connection] = deque()
        self._free = threading.BoundedSemaphore(self._size)

    def write(self, rows: JournalRows) -> None:
        """Store `rows`, all or none, and commit.

        Raises:
            JournalUnavailableError: perhaps nothing was stored; the same rows may be written again.
        """
        if self._pid != os.getpid():
            self._leave_to_parent()
        if not self._free.acquire(timeout=self._timeout_seconds):
            raise TooSlowError("busy")
        try:
            self._write(rows)
        except (psycopg.Error, SQLAlchemyError, OSError) as error:
            raise JournalUnavailableError(_state_of(error)) from None
        finally:
            self._free.release()

    def _write(self, rows: JournalRows) -> None:
        """Write over an idle connection, or else over a fresh one.

        An idle one may have died with its server long ago, or lead to a server that is no longer
        the primary: what it cannot do is done once more over a fresh one.
        """
        ends_at = time.monotonic() + self._timeout_seconds
        try:
            connection = self._idle.pop()
        except IndexError:
            pass
        else:
            try:
                self._write_over(connection, rows, ends_at)
            except (psycopg.Error, OSError):
                self.close()  # those beside it died of the same
            else:
                return
        self._write_over(self._connect(), rows, ends_at, is_repeat=True)

    def _write_over(
        self,
        connection: "_Connection",
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
        self._idle.append(connection)

    def _connect(self) -> "_Connection":
        """Return a connection made by the host's engine, that its pool does not know of."""
        if self._pool is None:
            self._pool = self._engine.pool.recreate()
        self._connecting.is_hasty = True
        try:
            made = self._pool.connect()
        finally:
            self._connecting.is_hasty = False
        raw: Any = made.dbapi_connection
        made.detach()
        return _Connection(raw, self._timeout_seconds)

    def _hasten(self, _dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
        """Wait no longer than Meta's patience allows, unless the host says how long."""
        if getattr(self._connecting, "is_hasty", False):
            parameters.setdefault("connect_timeout", CONNECT_SECONDS)

    def _leave_to_parent(self) -> None:
        """Begin anew after a fork. What was open belongs to the parent: it is not even closed."""
        with self._lock:
            if self._pid != os.getpid():
                self._abandoned.append(self._idle)
                self._pool = None
                self._begin_process()

    def close(self) -> None:
        """Close what is idle; the next write connects again."""
        if self._pid != os.getpid():
            return
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:
                return


class _Connection:
    """One connection with its statements prepared. One thread at a time holds it."""

    def __init__(self, raw: "psycopg.Connection[Any]", timeout_seconds: float) -> None:
        self._raw = raw
        self._wire: abc.PGconn = raw.pgconn
        # A host that turned preparing off has a pooler in between, which may hand each statement to
        # another connection: nothing that belongs to a connection is left on it then.
        self._is_prepared = raw.prepare_threshold is not None
        try:
            raw.commit()  # what a host's `connect` handler set may have begun a transaction
            raw.autocommit = True
            self._poll = select.poll()
            self._poll.register(self._wire.socket, select.POLLIN)
            _limit_silence(self._wire.socket, timeout_seconds)
            if self._is_prepared:
                self._prepare(timeout_seconds)
        except BaseException:
            self.close()
            raise

    def _prepare(self, timeout_seconds: float) -> None:
        ends_at = time.monotonic() + timeout_seconds
        server_milliseconds = str(int(timeout_seconds * 900)).encode()
        self._wire.send_query_params(_SETTINGS, [server_milliseconds])
        self._finish(ends_at)
        for name, statement in _STATEMENTS.items():
            self._wire.send_prepare(name, statement)
            self._finish(ends_at)

    def close(self) -> None:
        self._raw.close()

    def insert(self, rows: JournalRows, ends_at: float, *, is_repeat: bool) -> None:
        """Store the rows; where it `is_repeat`, those that are not there yet.

        Raises:
            psycopg.Error: the server refused, or is gone.
            TooSlowError: it did not answer before `ends_at`.
        """
        name = _ONE if len(rows.ids) == 1 else _MANY
        values = _encode(rows)
        if self._is_prepared and not is_repeat:
            self._wire.send_query_prepared(name, values, _BINARY)
        else:
            statement = _STATEMENTS[name] + (_UNLESS_THERE if is_repeat else b"")
            self._wire.send_query_params(statement, values, None, _BINARY)
        self._finish(ends_at)

    def _finish(self, ends_at: float) -> None:
        """Read until the server is done with what was sent."""
        failure = None
        self._wait(ends_at)
        while (result := self._wire.get_result()) is not None:
            if result.status not in _GOOD:
                failure = result
            self._wait(ends_at)
        if failure is not None:
            raise psycopg.errors.error_from_result(failure)

    def _wait(self, ends_at: float) -> None:
        """Send what is not sent yet and wait until a result is there."""
        wire = self._wire
        while (unsent := wire.flush()) or wire.is_busy():
            if unsent:
                self._poll.modify(wire.socket, select.POLLIN | select.POLLOUT)
            left = ends_at - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise TooSlowError("timeout")
            if unsent:
                self._poll.modify(wire.socket, select.POLLIN)
            wire.consume_input()


def _encode(rows: JournalRows) -> Sequence[bytes]:
    """Return the parameters as the server reads them without parsing."""
    since = (rows.received_at - _POSTGRES_EPOCH) // timedelta(microseconds=1)
    if len(rows.ids) == 1:
        ids, raws = rows.ids[0].bytes, rows.raws[0]
    else:
        ids = _encode_array(_UUID_OID, [each.bytes for each in rows.ids])
        raws = _encode_array(_BYTEA_OID, rows.raws)
    return (ids, rows.app_name.encode(), rows.object.encode(), struct.pack("!q", since), raws)


def _encode_array(oid: int, items: Sequence[bytes]) -> bytes:
    """Return a one-dimensional array without nulls: a head, then each item behind its length."""
    return b"".join([struct.pack("!iiIii", 1, 0, oid, len(items), 1), *_with_lengths(items)])


def _with_lengths(items: Iterable[bytes]) -> Iterable[bytes]:
    for item in items:
        yield struct.pack("!i", len(item))
        yield item


def _limit_silence(descriptor: int, timeout_seconds: float) -> None:
    """Let the kernel give a connection up whose other end no longer acknowledges anything."""
    with socket.socket(fileno=os.dup(descriptor)) as same:
        if same.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
            milliseconds = int(timeout_seconds * 1000)
            same.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


def _state_of(error: Exception) -> str:
    """Return the code of an error, never its text: that may quote a row."""
    inner = getattr(error, "orig", None) or error
    return getattr(inner, "sqlstate", None) or type(inner).__name__
