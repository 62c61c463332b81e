"""Many messages from many customers at a steady rate, for load tests."""

from __future__ import annotations

import sqlite3
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from flask_messenger.simulator import acts, threads
from flask_messenger.simulator.storage import Storage

MAX_MESSAGES, MAX_PER_SECOND, MAX_CUSTOMERS = 100_000, 1000, 1000


@dataclass
class Burst:
    """One run of many messages."""

    storage: Storage
    page_ids: list[str]
    messages: int
    per_second: float
    customers: int
    text: str
    written: int = 0
    began_at: float = 0.0
    ended_at: float | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin in the background."""
        self.began_at = time.time()
        threading.Thread(target=self.run, name="burst", daemon=True).start()

    def stop(self) -> None:
        """End early."""
        self._stopping.set()

    def run(self) -> None:
        """Write the messages, each at its own moment: a late one does not move the next."""
        with self.storage.writing() as db:
            for number in range(self.customers):
                _make_customer(db, number)
        began = time.monotonic()
        while self.written < self.messages:
            wait_seconds = began + self.written / self.per_second - time.monotonic()
            if self._stopping.wait(max(0.0, wait_seconds)):
                break
            self._write_one()
        self.ended_at = time.time()

    def progress(self) -> dict[str, Any]:
        """Return how far it is."""
        return {
            "messages": self.messages,
            "written": self.written,
            "is_running": self.ended_at is None,
            "seconds": round((self.ended_at or time.time()) - self.began_at, 3),
        }

    def _write_one(self) -> None:
        number = self.written
        page_id = self.page_ids[number % len(self.page_ids)]
        with self.storage.writing() as db:
            thread = threads.open_thread(db, page_id, customer_slug(number % self.customers))
            acts.write(db, thread, acts.Writing(text=f"{self.text} {number + 1}"))
        self.written += 1


def customer_slug(number: int) -> str:
    """Return the readable name of one of the customers of a burst."""
    return f"load-customer-{number + 1:04}"


def _make_customer(db: sqlite3.Connection, number: int) -> None:
    db.execute(
        "INSERT OR IGNORE INTO customers (slug, first_name, last_name, position, is_seeded)"
        " VALUES (?, 'Load', ?, ?, 0)",
        [customer_slug(number), f"Customer {number + 1:04}", 1000 + number],
    )
