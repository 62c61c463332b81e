"""One connection of the express way, and how a delivery goes over it.

It talks to psycopg's own wrapper of libpq, `psycopg.pq`, which is public.
"""

import os
import select
import socket
import struct
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.pq import abc

from flask_messenger.errors import JournalUnavailableError
from flask_messenger.ingest.receive import JournalRows

_ONE: Final = b"messenger_journal_one"
_MANY: Final = b"messenger_journal_many"
_STATEMENTS: Final = {
    _ONE: b"""
        INSERT INTO messenger_webhook_entries
            (id, app_name, object, received_at, raw, state, attempts, turn)
        VALUES ($1::uuid, $2::text, $3::text, $4::timestamptz, $5::bytea, 'pending', 0,
            messenger_journal_key($5::bytea))
        """,
    _MANY: b"""
        INSERT INTO messenger_webhook_entries
            (id, app_name, object, received_at, raw, state, attempts, turn)
        SELECT given.id, $2::text, $3::text, $4::timestamptz, given.raw, 'pending', 0,
            messenger_journal_key(given.raw)
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
_pack_length = struct.Struct("!i").pack

# The server gives up a little before we do, so that no statement lives on behind our back. And
# where a host lets its own commits come back before they are on disk, this one does not.
_SETTINGS: Final = b"""
    SELECT set_config('statement_timeout', $1, false),
           set_config('synchronous_commit', CASE current_setting('synchronous_commit')
               WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)
"""


class TooSlowError(JournalUnavailableError):
    """No answer in time; nobody knows whether the rows were stored."""


class ExpressConnection:
    """One connection with its statements prepared. One thread at a time holds it."""

    def __init__(
        self, raw: "psycopg.Connection[Any]", *, timeout_seconds: float, ends_at: float
    ) -> None:
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
                self._prepare(timeout_seconds, ends_at)
        except BaseException:
            self.close()
            raise
        self.made_at = self.used_at = time.monotonic()

    def _prepare(self, timeout_seconds: float, ends_at: float) -> None:
        server_milliseconds = str(int(timeout_seconds * 900)).encode()
        self._wire.send_query_params(_SETTINGS, [server_milliseconds])
        self._finish(ends_at)
        for name, statement in _STATEMENTS.items():
            self._wire.send_prepare(name, statement)
            self._finish(ends_at)

    def close(self) -> None:
        """Close it."""
        self._raw.close()

    def insert(self, rows: JournalRows, ends_at: float, *, is_repeat: bool) -> None:
        """Store the rows and commit; where it `is_repeat`, those that are not there yet.

        Raises:
            psycopg.Error: the server refused, or is gone.
            TooSlowError: it did not answer before `ends_at`, on the monotonic clock.
        """
        if time.monotonic() >= ends_at:
            raise TooSlowError("timeout")  # not sent: it would be stored behind our back
        name = _ONE if len(rows.ids) == 1 else _MANY
        values = _encode(rows)
        if self._is_prepared and not is_repeat:
            self._wire.send_query_prepared(name, values, _BINARY)
        else:
            statement = _STATEMENTS[name] + (_UNLESS_THERE if is_repeat else b"")
            self._wire.send_query_params(statement, values, None, _BINARY)
        self._finish(ends_at)
        self.used_at = time.monotonic()

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
        ids, raws = rows.ids[0], rows.raws[0]
    else:
        ids = _encode_array(_UUID_OID, rows.ids)
        raws = _encode_array(_BYTEA_OID, rows.raws)
    return (ids, rows.app_name.encode(), rows.object.encode(), struct.pack("!q", since), raws)


def _encode_array(oid: int, items: Sequence[bytes]) -> bytes:
    """Return a one-dimensional array without nulls: a head, then each item behind its length."""
    head = struct.pack("!iiIii", 1, 0, oid, len(items), 1)
    return b"".join([head, *[part for item in items for part in (_pack_length(len(item)), item)]])


def _limit_silence(descriptor: int, timeout_seconds: float) -> None:
    """Let the kernel give a connection up whose other end no longer acknowledges anything."""
    with socket.socket(fileno=os.dup(descriptor)) as same:
        if same.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
            milliseconds = int(timeout_seconds * 1000)
            same.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
