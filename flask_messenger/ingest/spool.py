"""The spool: where deliveries wait in Redis while the database cannot take them.

A delivery is in it once Redis has it on disk, and out of it once the journal has it: a mover that
dies in between moves it again, and the journal, which knows the ids, takes nothing twice.
"""

import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec
import redis
from flask import Flask
from redis.exceptions import LockError
from redis.lock import Lock
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from flask_messenger.crypto import KeyRing
from flask_messenger.errors import SecretError, SpoolUnavailableError
from flask_messenger.ingest.circuit import Circuit, CircuitOpenError
from flask_messenger.ingest.journal import insert_rows
from flask_messenger.ingest.receive import JournalRows
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope

logger = logging.getLogger(__name__)

# One hash slot, so that a cluster keeps the three together.
STREAM: Final = "messenger:{spool}:deliveries"
BYTES: Final = "messenger:{spool}:bytes"
MOVER: Final = "messenger:{spool}:mover"

CONTEXT: Final = "spool"
"""What a sealed delivery is bound to: it opens nowhere else."""
SYNC_MILLISECONDS: Final = 2_000
"""With `appendfsync everysec` the disk has it after a second at most, and a little."""
ASK_MILLISECONDS: Final = 500
PROMISE_SECONDS: Final = 10.0
"""How long what Redis is set up to do is taken for granted."""
READ: Final = 8
"""Deliveries that are fetched at once: each may have megabytes."""
BATCH: Final = 32
BATCH_ROWS: Final = 5_000
BATCH_BYTES: Final = 4 * 1024 * 1024
"""A batch ends with the delivery that reaches one of these."""
BUDGET_SECONDS: Final = 5.0
"""What came after the outage waits meanwhile; the worker comes back for the rest."""
UNREADABLE_SECONDS: Final = 60.0
"""How long what no key opens is passed over, before it is tried again."""
MOVER_SECONDS: Final = 10
"""How long the place of a mover that died stays taken."""

_PUT: Final = """
if tonumber(redis.call('GET', KEYS[2]) or '0') + #ARGV[1] > tonumber(ARGV[2]) then
    return 0
end
redis.call('XADD', KEYS[1], '*', 'd', ARGV[1])
redis.call('INCRBY', KEYS[2], #ARGV[1])
return 1
"""
_REMOVE: Final = """
for i = 1, #ARGV, 2 do
    if redis.call('XDEL', KEYS[1], ARGV[i]) == 1 then
        redis.call('DECRBY', KEYS[2], ARGV[i + 1])
    end
end
if redis.call('XLEN', KEYS[1]) == 0 then
    redis.call('DEL', KEYS[1], KEYS[2])
end
return redis.call('EXISTS', KEYS[1])
"""

_encode = msgspec.msgpack.Encoder().encode


class _Kept(msgspec.Struct):
    """`JournalRows` as they are in the spool, where the ids may be text or bytes."""

    ids: tuple[uuid.UUID, ...]
    app_name: str
    object: str
    received_at: datetime
    raws: tuple[bytes, ...]

    def as_rows(self) -> JournalRows:
        ids = tuple(each.bytes for each in self.ids)
        return JournalRows(ids, self.app_name, self.object, self.received_at, self.raws)


_decode = msgspec.msgpack.Decoder(_Kept).decode


@dataclass(frozen=True, slots=True)
class Spooled:
    """A delivery in the spool. `rows` is None where no key of ours opens it."""

    id: str
    size_bytes: int
    rows: JournalRows | None = field(repr=False)


class Spool:
    """The spool of one application: a Redis stream of sealed deliveries, bounded in bytes."""

    def __init__(
        self, client: "redis.Redis", keys: KeyRing, *, max_bytes: int, replicas: int
    ) -> None:
        self._client = client
        self._keys = keys
        self._max_bytes = max_bytes
        self._replicas = replicas
        self._circuit = Circuit()
        self._promised_until = 0.0
        self._passed = "-"
        self._passed_until = 0.0

    def put(self, rows: JournalRows) -> None:
        """Keep a delivery; return once Redis has it on disk.

        Raises:
            SpoolUnavailableError: it is not kept, or nobody knows for how long.
        """
        if self._max_bytes == 0:
            raise SpoolUnavailableError("off")
        try:
            refusal = self._circuit.call(self._put, rows)
        except CircuitOpenError:
            raise SpoolUnavailableError("circuit_open") from None
        except redis.RedisError as error:
            raise SpoolUnavailableError(type(error).__name__) from None
        if refusal:
            raise SpoolUnavailableError(refusal)

    def _put(self, rows: JournalRows) -> str | None:
        """Return None, or why the delivery is not kept."""
        refusal = self._check_promise()
        if refusal:
            return refusal
        sealed = self._keys.seal_bytes(_encode(rows), context=CONTEXT)
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.eval(_PUT, 2, STREAM, BYTES, sealed, self._max_bytes)
            pipeline.waitaof(1, self._replicas, SYNC_MILLISECONDS)
            is_put, (here, replicas) = pipeline.execute()
        if not is_put:
            return "full"
        # What was not synced in time stays: Meta sends it again, and a repeat is harmless.
        return None if here and replicas >= self._replicas else "not_synced"

    def _check_promise(self) -> str | None:
        """Return None, or why this Redis could lose what it was given.

        Asked first and now and then, so that nothing is put where it could not stay.
        """
        if time.monotonic() < self._promised_until:
            return None
        try:
            _, replicas = self._client.waitaof(1, self._replicas, ASK_MILLISECONDS)
        except redis.ResponseError:
            return "no_append_only_file"
        if replicas < self._replicas:
            return "too_few_replicas"
        memory = self._client.info("memory")
        if memory.get("maxmemory") and str(memory.get("maxmemory_policy")).startswith("allkeys"):
            return "evicts_keys"
        self._promised_until = time.monotonic() + PROMISE_SECONDS
        return None

    def count(self) -> int:
        """Return how many deliveries wait.

        Raises:
            redis.RedisError: Redis is away.
        """
        return int(self._client.xlen(STREAM))

    def size_bytes(self) -> int:
        """Return how many bytes wait.

        Raises:
            redis.RedisError: Redis is away.
        """
        return int(self._client.get(BYTES) or 0)

    def batches(self) -> Iterator[list[Spooled]]:
        """Yield what waits, oldest first, but for what was passed over a moment ago.

        Raises:
            redis.RedisError: Redis is away.
        """
        if time.monotonic() >= self._passed_until:
            self._passed = "-"
        batch: list[Spooled] = []
        for item in self._read(self._passed):
            batch.append(self._open(item))
            if _is_full(batch):
                yield batch
                batch = []
        if batch:
            yield batch

    def _read(self, last: str) -> Iterator[Any]:
        while True:
            items: Any = self._client.xrange(STREAM, min=last, count=READ)
            yield from items
            if len(items) < READ:
                return
            last = f"({items[-1][0].decode()}"

    def pass_over(self, batch: Sequence[Spooled]) -> None:
        """Leave what no key opens for a while: what is left up to the end of `batch`.

        All else up to there is moved. With thousands of such deliveries every drain would else
        begin by opening them all, and everybody's messages would be late by that.
        """
        if self._passed == "-":
            if all(each.rows is not None for each in batch):
                return
            self._passed_until = time.monotonic() + UNREADABLE_SECONDS
        self._passed = f"({batch[-1].id}"

    def _open(self, item: Any) -> Spooled:
        sealed: bytes = item[1][b"d"]
        try:
            rows = _decode(self._keys.open_bytes(sealed, context=CONTEXT)).as_rows()
        except (SecretError, msgspec.MsgspecError):
            rows = None
        return Spooled(item[0].decode(), len(sealed), rows)

    def remove(self, items: Sequence[Spooled]) -> None:
        """Forget what the journal has.

        Raises:
            redis.RedisError: Redis is away.
        """
        pairs: list[Any] = [value for each in items for value in (each.id, each.size_bytes)]
        self._client.eval(_REMOVE, 2, STREAM, BYTES, *pairs)

    @contextlib.contextmanager
    def moving(self) -> Iterator[Callable[[], bool]]:
        """Be the only one to move, if nobody is; give a function that says whether one still is.

        It saves work. Safety does not hang on it: two movers would move the same twice, and the
        journal takes it once.
        """
        lock = self._client.lock(MOVER, timeout=MOVER_SECONDS, blocking=False)
        is_mine = lock.acquire()
        try:
            yield lambda: is_mine and _is_kept(lock)
        finally:
            if is_mine:
                with contextlib.suppress(redis.RedisError, LockError):
                    lock.release()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _is_full(batch: Sequence[Spooled]) -> bool:
    rows = sum(len(each.rows.ids) for each in batch if each.rows is not None)
    size_bytes = sum(each.size_bytes for each in batch)
    return len(batch) >= BATCH or rows >= BATCH_ROWS or size_bytes >= BATCH_BYTES


def _is_kept(lock: Lock) -> bool:
    """Say whether a lock is still ours, and keep it from running out."""
    try:
        return bool(lock.reacquire())
    except LockError:
        return False


def has_spooled(app: Flask) -> bool:
    """Say whether anything waits in the spool, as far as Redis can be asked."""
    try:
        return state_of(app).get(Spool).count() > 0
    except redis.RedisError:
        return False


def empty_spool(app: Flask) -> int:
    """Move what waits into the journal, oldest first; return how many deliveries were moved.

    It ends early, and says so in the log, where the database or Redis is away: the next drain goes
    on. What no key opens stays where it is, until a key does; it is tried once a minute.
    """
    spool = state_of(app).get(Spool)
    moved = unreadable = 0
    ends_at = time.monotonic() + BUDGET_SECONDS
    try:
        with spool.moving() as may_go_on:
            for batch in spool.batches():
                if time.monotonic() > ends_at or not may_go_on():
                    break
                readable = [each for each in batch if each.rows is not None]
                unreadable += len(batch) - len(readable)
                _move(app, spool, readable)
                spool.pass_over(batch)
                moved += len(readable)
    except (redis.RedisError, SQLAlchemyError) as error:
        # By its kind only: a database error's text may quote a message.
        logger.warning("spool_not_emptied error=%s moved=%d", type(error).__name__, moved)
        return moved
    if unreadable:
        logger.error("spool_unreadable deliveries=%d", unreadable)
    if moved:
        logger.warning("spool_emptied deliveries=%d", moved)
    return moved


def _move(app: Flask, spool: Spool, items: Sequence[Spooled]) -> None:
    """Put a batch into the journal, and out of the spool only after the commit."""
    if not items:
        return
    try:
        _store(app, items)
    except DBAPIError as error:
        # A connection of the pool that died with the server; those that follow are fresh.
        if not error.connection_invalidated:
            raise
        _store(app, items)
    spool.remove(items)


def _store(app: Flask, items: Sequence[Spooled]) -> None:
    with system_scope("spool"), state_of(app).db.engine.begin() as connection:
        insert_rows(connection, [each.rows for each in items if each.rows is not None])
