"""A world whose Meta is the simulator: as strict as Meta, and told to misbehave."""

import json
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask_messenger.simulator.bursts import customer_slug
from flask_messenger.simulator.seeds import page_id_of, psid_of
from tests.faults.load import Address, Target
from tests.faults.processes import Process, wait_until
from tests.simulator.driver import APP_ID, SECRET, Graph

PERSON = "max-many"
PAGES = tuple(page_id_of(f"Corner Shop {number:03}") for number in range(1, 6))
CUSTOMERS = 200
"""Each writes to one of the Pages, in turns."""
SPEED = "10"
"""How much faster than Meta's the waits between two tries at a webhook are."""
IN = "SELECT mid, psid, sent_at FROM messages WHERE direction = 'in' ORDER BY rowid"
TAKEN = "SELECT body FROM deliveries WHERE state = 'done' ORDER BY done_at, id"
OUT = (
    "SELECT text, psid, sent_at FROM messages WHERE direction = 'out' AND app_id = ? ORDER BY rowid"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a webhook, with one event in it."""

    content: dict[str, Any]

    @property
    def key(self) -> str:
        """Return what is the same for each copy of it."""
        return json.dumps(self.content, sort_keys=True)

    @property
    def _event(self) -> dict[str, Any]:
        return self.content["messaging"][0]

    @property
    def at(self) -> int:
        """Return when what it tells of happened, in milliseconds."""
        return int(self._event["timestamp"])

    @property
    def mid(self) -> str | None:
        """Return the id of the customer's message it tells of; None where it tells of another."""
        message = self._event.get("message", {})
        return None if message.get("is_echo") else message.get("mid")


class Simulator:
    """The simulator's process, and what its app's operator and its customers do."""

    def __init__(self, folder: Path, port: int, target: Target) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.graph = Graph(self.url)
        self._database = folder / "simulator.sqlite"
        command = [sys.executable, "-m", "flask_messenger.simulator", "--port", str(port)]
        command += ["--database", str(self._database), "--callback-url", target.webhook_url]
        self.process = Process("meta", [*command, "--speed", SPEED], folder=folder)

    def connect_pages(self) -> dict[str, str]:
        """Log in, subscribe the Pages, and return the token of each."""
        user_token = self.graph.log_in(PERSON, pages=list(PAGES))
        tokens = {page: self.graph.page_token(user_token, page) for page in PAGES}
        for page, token in tokens.items():
            fields = "messages,message_echoes,message_deliveries,message_reads"
            answer = self.graph.post(f"{page}/subscribed_apps", token, subscribed_fields=fields)
            assert answer.json() == {"success": True}, answer.text
        return tokens

    def control(self, method: str, path: str, /, **body: Any) -> Any:
        return self.graph.control(method, path, **body)

    def strike(self, **fault: Any) -> None:
        """Let the next sends go wrong."""
        self.control("POST", "faults", path="*/messages", method="POST", **fault)

    def be_well(self) -> None:
        self.control("DELETE", "faults")

    def read(self, statement: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        database = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=20)
        try:
            return database.execute(statement, list(values)).fetchall()
        finally:
            database.close()

    def count_waiting(self) -> int:
        """Return how many webhooks are not answered with 200 yet."""
        rows = self.read("SELECT count(*) FROM deliveries WHERE state IN ('pending', 'held')")
        return int(rows[0][0])

    def read_taken(self) -> list[Entry]:
        """Return every entry that was answered 200, as often as it was, in the order of sending."""
        bodies = [json.loads(body) for (body,) in self.read(TAKEN)]
        return [Entry(entry) for body in bodies for entry in body["entry"]]

    def count_subscribed(self) -> int:
        """Return of how many of the Pages webhooks are sent."""
        rows = self.read("SELECT page_id FROM page_subscriptions WHERE app_id = ?", [APP_ID])
        return sum(page in PAGES for (page,) in rows)

    def read_got(self) -> list[dict[str, Any]]:
        """Return what the customers got from the app, in its order."""
        return [
            {"text": text, "person": psid, "at": at / 1000}
            for text, psid, at in self.read(OUT, [APP_ID])
        ]


class SimulatedInbound:
    """Customers of the simulator who write at a steady pace."""

    def __init__(self, simulator: Simulator, total: int, per_second: float) -> None:
        self._simulator = simulator
        self._known = {mid for mid, *_ in simulator.read(IN)}
        self._wanted = {"messages": total, "per_second": per_second, "customers": CUSTOMERS}
        self.run = f"burst-{len(self._known)}"

    def start(self) -> None:
        self.began = time.monotonic()
        self._simulator.control("POST", "burst", page_ids=list(PAGES), **self._wanted)

    @property
    def is_over(self) -> bool:
        burst = self._simulator.control("GET", "burst")
        return not burst["is_running"]

    def join(self) -> None:
        """Wait until every webhook was answered with 200, however often it took."""
        wait_until(lambda: self.is_over, "everybody has written", 600.0, pause=0.5)
        done = lambda: self._simulator.count_waiting() == 0  # noqa: E731
        wait_until(done, "every webhook is answered", 300.0, pause=0.5)

    @property
    def accepted(self) -> dict[str, float]:
        """Return what was in a webhook that was answered 200, and when it was written."""
        taken = {entry.mid for entry in self._simulator.read_taken()}
        rows = self._simulator.read(IN)
        return {mid: at / 1000 for mid, _, at in rows if mid in taken and mid not in self._known}

    @property
    def people(self) -> dict[str, str]:
        """Return who wrote each message."""
        return {mid: psid for mid, psid, _ in self._simulator.read(IN)}

    @property
    def answers(self) -> Counter[str]:
        """Return how the webhooks ended, and after how many tries."""
        rows = self._simulator.read(
            "SELECT state || ' after ' || attempts, count(*) FROM deliveries GROUP BY 1"
        )
        return Counter(dict(rows))


def addresses(account_ids: dict[str, str]) -> list[Address]:
    """Return everybody who has written, once a burst has gone round."""
    found = []
    for number in range(CUSTOMERS):
        page = PAGES[number % len(PAGES)]
        found.append(Address(account_ids[page], psid_of(page, customer_slug(number))))
    return found


def app_environment() -> dict[str, str]:
    return {"FAULTS_APP_ID": APP_ID, "FAULTS_APP_SECRET": SECRET}
