"""The SQLite file: connections, transactions, the schema."""

from __future__ import annotations

import json
import queue
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 3
SCHEMA = (Path(__file__).parent / "schema.sql").read_text("utf-8")


class Pulse:
    """Wakes whoever waits for something to have been written.

    A chat message must reach its webhook and the open pages at once, so nobody
    polls: each commit beats, each waiter sleeps until the next beat.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._beats = 0

    def beat(self) -> None:
        """Wake every waiter."""
        with self._condition:
            self._beats += 1
            self._condition.notify_all()

    def count(self) -> int:
        """Return how often it has beaten; hand it to `wait`."""
        with self._condition:
            return self._beats

    def wait(self, seen: int, timeout_seconds: float) -> bool:
        """Return at the first beat after `seen`, or false when the time is over."""
        with self._condition:
            return self._condition.wait_for(lambda: self._beats != seen, timeout=timeout_seconds)


class Storage:
    """A pool of connections to one SQLite file, safe under threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.pulse = Pulse()
        self._path = path
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._write_lock = threading.Lock()  # one writer at a time is what SQLite can do anyway
        self._closed = False
        self._prepare()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for one consistent read."""
        with self._lend() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for one transaction: commit at the end, undo on an error."""
        with self._write_lock, self._lend() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()
        self.pulse.beat()

    def close(self) -> None:
        """Close every connection; those lent out close when they come back."""
        self._closed = True
        while not self._idle.empty():
            self._idle.get_nowait().close()

    @contextmanager
    def _lend(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._connect()
        try:
            yield connection
        finally:
            if self._closed:
                connection.close()
            else:
                self._idle.put(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=10, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _prepare(self) -> None:
        with self._lend() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in {0, SCHEMA_VERSION}:
                _drop_everything(connection)  # simulated data of another release: begin anew
            connection.executescript(SCHEMA)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _drop_everything(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA foreign_keys = OFF")
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    for (name,) in names:
        connection.execute(f'DROP TABLE "{name}"')
    connection.execute("PRAGMA foreign_keys = ON")


def switch(db: sqlite3.Connection, name: str, default: Any = None) -> Any:
    """Return what the control page set for `name`."""
    row = db.execute("SELECT value FROM switches WHERE name = ?", [name]).fetchone()
    return default if row is None else json.loads(row["value"])


def set_switch(db: sqlite3.Connection, name: str, value: Any) -> None:
    """Remember `value` for `name`, across restarts."""
    db.execute(
        "INSERT INTO switches (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [name, json.dumps(value)],
    )
