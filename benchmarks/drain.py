"""The drain of one worker process, into tables that already hold many messages.

Against two floors, measured in the same run on the same tables: a bare SQLAlchemy Core insert of
the same message rows (nothing looked up, nothing summed up, nobody told), and the usual design
(`benchmarks.usual`). Runs are interleaved, what a run added is removed before the next, and medians
count. The worker is the real one's job: it tells open pages and queues the news for the host, too.
"""

import base64
import contextlib
import json
import pickle
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import redis
from rq import Queue
from sqlalchemy import Engine, create_engine, make_url, select, text

from benchmarks.drainer import USUAL_QUEUE
from benchmarks.history import History, forget_news, make_history
from benchmarks.results import Result, interleave
from benchmarks.surroundings import REPOSITORY, Surroundings, run_surroundings
from flask_messenger.models import Conversation
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.tenancy import system_scope

ROUNDS: Final = 5
SIZES: Final = {10_000: 2_000, 100_000: 5_000, 1_000_000: 10_000}
"""Messages in the tables, and how many each run adds."""
QUICK_SIZES: Final = {1_000: 300}
USUAL_JOBS: Final = 300
STRANGERS: Final = 0.05
"""The share of messages of people who never wrote before."""
FLOOR_BAR: Final = 0.25
USUAL_BAR: Final = 40.0
RATE_BAR: Final = 5_000.0
TWO_WORKERS_BAR: Final = 1.6
SINGLES: Final = 30
BODY: Final = "Message {}, about as long as what people write to a business in one go."


def measure(*, quick: bool) -> Iterator[Result]:
    """Yield messages a second of ours and of both floors at each size; two workers at the last."""
    sizes = QUICK_SIZES if quick else SIZES
    with run_surroundings() as around:
        for size, count in sizes.items():
            with _open_bench(around, size, count) as bench:
                is_largest = size == max(sizes)
                yield from _measure_size(bench, 1 if quick else ROUNDS, is_largest=is_largest)


def _measure_size(bench: "_Bench", rounds: int, *, is_largest: bool) -> Iterator[Result]:
    runs = {"ours": bench.run_ours, "floor": bench.run_floor, "usual": bench.run_usual}
    if is_largest:
        runs |= {"two": bench.run_two, "mixed": bench.run_mixed}
    for run in runs.values():
        run()  # what is compiled and cached once is there afterwards, for each of them
    rates = {name: median(each) for name, each in interleave(rounds, runs).items()}
    ours, unit, size = rates["ours"], "messages/s", bench.history.messages
    yield Result.at_least(
        "drain_over_insert", ours, unit, floor=rates["floor"], bar=FLOOR_BAR, size=size
    )
    yield Result.at_least(
        "drain_over_usual", ours, unit, floor=rates["usual"], bar=USUAL_BAR, size=size
    )
    yield Result.plain("drain_cpu", median(bench.cpu_microseconds), "us/message", size=size)
    yield Result.plain("drain_of_one", bench.run_singles() * 1000, "ms", size=size)
    if is_largest:
        yield Result.at_least("drain_rate", ours, unit, bar=RATE_BAR, size=size)
        yield Result.plain("drain_mixed", rates["mixed"], "events/s", size=size)
        yield Result.at_least(
            "drain_two_workers",
            rates["two"],
            unit,
            floor=ours,
            bar=TWO_WORKERS_BAR,
            size=size,
            note="workers, PostgreSQL and Valkey share the cores",
        )


@dataclass(slots=True)
class _Bench:
    """One size: its database, two worker processes, and what can be run."""

    around: Surroundings
    engine: Engine
    history: History
    count: int
    workers: list["_Worker"]
    random: random.Random
    cpu_microseconds: list[float]

    def run_ours(self) -> float:
        """Drain `count` entries in one process; return messages a second."""
        self._fill(self.count)
        rate = self._race(self.workers[:1], "drain")
        self.cpu_microseconds.append(self.workers[0].cpu_seconds / self.count * 1e6)
        return rate

    def run_two(self) -> float:
        """Drain as many in two processes at once."""
        self._fill(self.count)
        return self._race(self.workers, "drain")

    def run_mixed(self) -> float:
        """Drain messages, answers from the Page inbox and receipts, as they come in life."""
        self._fill(self.count, is_mixed=True)
        return self._race(self.workers[:1], "drain")

    def run_floor(self) -> float:
        """Insert `count` message rows with SQLAlchemy Core."""
        forget_news(self.engine)
        path = self.around.folder / "rows.pickle"
        path.write_bytes(pickle.dumps(self._message_rows()))
        return self._race(self.workers[:1], f"insert {path}")

    def run_usual(self) -> float:
        """Work off `USUAL_JOBS` jobs of the usual design."""
        forget_news(self.engine)
        jobs = min(self.count, USUAL_JOBS)
        with redis.Redis.from_url(self.around.redis_url) as client:
            client.flushall()
            queue = Queue(USUAL_QUEUE, connection=client)
            for entry in self._entries(jobs):
                body = b'{"object":"page","entry":[' + entry + b"]}"
                queue.enqueue("benchmarks.usual.store_webhook", body, result_ttl=0)
        return self._race(self.workers[:1], "usual", jobs)

    def run_singles(self) -> float:
        """Return the CPU seconds of a drain that finds one message."""
        forget_news(self.engine)
        seconds = []
        for _ in range(SINGLES):
            self._journal(1)
            self._race(self.workers[:1], "drain", 1)
            seconds.append(self.workers[0].cpu_seconds)
        return median(seconds)

    def _race(self, workers: list["_Worker"], line: str, count: int | None = None) -> float:
        for worker in workers:
            worker.start(line)
        answers = [worker.finish() for worker in workers]
        seconds = max(each["ended"] for each in answers) - min(each["began"] for each in answers)
        self._check_empty()
        return (self.count if count is None else count) / seconds

    def _check_empty(self) -> None:
        with self.engine.connect() as connection:
            left = connection.scalar(
                text("SELECT count(*) FROM messenger_webhook_entries WHERE state <> 'done'")
            )
        if left:
            message = f"{left} entries are not done."
            raise RuntimeError(message)

    def _fill(self, count: int, *, is_mixed: bool = False) -> None:
        forget_news(self.engine)
        with redis.Redis.from_url(self.around.redis_url) as client:
            client.flushall()
        self._journal(count, is_mixed=is_mixed)

    def _journal(self, count: int, *, is_mixed: bool = False) -> None:
        connection = self.engine.raw_connection()
        driver: Any = connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            for entry in self._entries(count, is_mixed=is_mixed):
                page_id = json.loads(entry)["id"]
                row = (new_id(), "default", "page", entry, "pending", 0, utc_now(), page_id)
                copy.write_row(row)
        connection.commit()
        connection.close()

    def _entries(self, count: int, *, is_mixed: bool = False) -> Iterator[bytes]:
        """Yield entries as Meta writes them, an event each."""
        kinds = ("message", "message", "message", "echo", "delivery", "read")
        for number in range(count):
            person = self.random.randrange(self.history.conversations)
            if self.random.random() < STRANGERS:
                person += self.history.conversations + self.random.randrange(1_000_000_000)
            kind = kinds[number % len(kinds)] if is_mixed else "message"
            page_id = self.history.page_of(person)
            now = int(time.time() * 1000)
            event = self._event(kind, number, page_id, self.history.person(person), now)
            entry = {"id": page_id, "time": now, "messaging": [event]}
            yield json.dumps(entry, separators=(",", ":")).encode()

    def _event(self, kind: str, number: int, page: str, person: str, now: int) -> dict[str, Any]:
        event: dict[str, Any] = {
            "sender": {"id": page if kind == "echo" else person},
            "recipient": {"id": person if kind == "echo" else page},
            "timestamp": now,
        }
        if kind in {"delivery", "read"}:
            return event | {kind: {"watermark": now}}
        message = {"mid": self._mid(), "text": BODY.format(number)}
        return event | {"message": message | ({"is_echo": True} if kind == "echo" else {})}

    def _mid(self) -> str:
        return "m_" + base64.urlsafe_b64encode(self.random.randbytes(64)).decode().rstrip("=")

    def _message_rows(self) -> list[dict[str, Any]]:
        """Return the rows that a drain of `count` entries would insert."""
        table = Conversation.__table__
        columns = (table.c.id, table.c.account_id, table.c.workspace_id)
        with system_scope("benchmark"), self.engine.connect() as connection:
            threads = list(connection.execute(select(*columns)))
        now = utc_now()
        rows = []
        for number in range(self.count):
            conversation_id, account_id, workspace_id = self.random.choice(threads)
            rows.append(
                {
                    "id": new_id(),
                    "workspace_id": workspace_id,
                    "account_id": account_id,
                    "conversation_id": conversation_id,
                    "external_id": self._mid(),
                    "direction": "inbound",
                    "kind": "text",
                    "text": BODY.format(number),
                    "content": {},
                    "status": "received",
                    "sent_at": now,
                    "sent_by": "customer",
                    "announced_at": None,
                }
            )
        return rows


_COPY: Final = (
    "COPY messenger_webhook_entries"
    " (id, app_name, object, raw, state, attempts, received_at, turn) FROM STDIN"
)


@contextlib.contextmanager
def _open_bench(around: Surroundings, size: int, count: int) -> Iterator[_Bench]:
    """Make a database of `size` messages, and two worker processes on it."""
    url = make_url(around.database_url).set(database=f"bench_{size}")
    admin = create_engine(around.database_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE bench_{size}"))
    admin.dispose()
    shown = url.render_as_string(hide_password=False)
    engine = create_engine(shown)
    history = make_history(engine, size)
    here = Surroundings(shown, around.redis_url, around.folder)
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(_run_worker(here, index)) for index in range(2)]
        # The same people write in each run of the benchmark, and in each round others.
        seeded = random.Random(size)  # noqa: S311 - no secret is made of it
        yield _Bench(around, engine, history, count, workers, seeded, [])
    engine.dispose()


class _Worker:
    """A process of `benchmarks.drainer`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.cpu_seconds = 0.0
        self._read()

    def start(self, line: str) -> None:
        """Let it work on `line`."""
        if self._process.stdin is not None:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def finish(self) -> dict[str, float]:
        """Wait for it, and return when it began and ended."""
        answer: dict[str, float] = json.loads(self._read())
        self.cpu_seconds = answer["cpu"]
        return answer

    def _read(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            message = "A worker ended early."
            raise RuntimeError(message)
        return line


@contextlib.contextmanager
def _run_worker(around: Surroundings, index: int) -> Iterator[_Worker]:
    log: Path = around.folder / f"drainer-{index}.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.drainer"],
            cwd=REPOSITORY,
            env=around.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield _Worker(process)
        except BaseException:
            print(log.read_text()[-4000:], file=sys.stderr)
            raise
        finally:
            process.kill()
