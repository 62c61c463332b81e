"""One workspace's flood, and another's messages: how much later they are for it.

Real processes: gunicorn, `flask messenger worker`, PostgreSQL, Valkey, a Graph that takes 50 ms.
An agent of a quiet workspace hears of a message, reads it, answers it; its host is told of it; now
and then it has a piece of bulk work. First alone, which is the floor. Then while another workspace
has 20,000 messages coming in, 20,000 going out to 2,000 people, and bulk work without end.
"""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any, Final

import redis
import requests
from flask import Flask
from sqlalchemy import insert, select, text

from benchmarks import host
from benchmarks.fairness_host import BULK_KEY, FLOOD, OTHER, TOLD_KEY, bench_piece
from benchmarks.load import Connection, make_body, make_request
from benchmarks.outbox import run_stub
from benchmarks.results import Result
from benchmarks.surroundings import PAGE_ID, Surroundings, run_process, run_surroundings, run_web
from flask_messenger import jobs
from flask_messenger.crypto import KeyRing
from flask_messenger.models import Account, Conversation, Identity, Message, schema
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.messages import QUEUED
from flask_messenger.outbox.wake import publish_wake
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope

OTHER_PAGE: Final = "100000000000002"
PERSON: Final = "200000000000002"
INBOUND, QUICK_INBOUND = 20_000, 2_000
OUTBOUND, QUICK_OUTBOUND = 20_000, 1_000
PEOPLE, QUICK_PEOPLE = 2_000, 100
SECONDS, QUICK_SECONDS = 30, 6
DELIVERY: Final = 100
RATE: Final = 2
FEWEST: Final = 10
GAP_SECONDS: Final = 0.1
PIECES: Final = 400
PATIENCE_SECONDS: Final = 120.0
LATENCY_MILLISECONDS: Final = 50
BAR: Final = 2.0
"""Of the times without the flood. The two share the processors, so they cannot stay the same."""
NAMES: Final = ("shown", "answered", "told", "bulk")
ABOUT: Final = {
    "shown": "from Meta's POST until an agent has the message",
    "answered": "from the agent's press of Send until Meta has it",
    "told": "from Meta's POST until the host's signal",
    "bulk": "from asking for bulk work until it begins",
}


@dataclass(frozen=True, slots=True)
class _Around(Surroundings):
    """Surroundings with a Graph."""

    graph_url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        base = Surroundings(self.database_url, self.redis_url, self.folder)
        return {**base.environment, "META_GRAPH_URL": self.graph_url}


@dataclass
class _Times:
    """What one phase measured, in milliseconds."""

    shown: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)
    bulk: list[float] = field(default_factory=list)


def measure(*, quick: bool) -> Iterator[Result]:
    """Yield the 95th percentile of each time with the flood, against that without."""
    with (
        run_surroundings() as plain,
        run_stub(plain, LATENCY_MILLISECONDS) as graph_url,
    ):
        around = _Around(plain.database_url, plain.redis_url, plain.folder, graph_url)
        app = _make_app(around)
        target = "benchmarks.fairness_host:create_app"
        worker = [sys.executable, "-m", "flask", "--app", target, "messenger", "worker"]
        with (
            run_web(around, f"{target}()", workers=2, threads=8) as port,
            run_process(around, worker, "worker"),
        ):
            bench = _Bench(app, port, seconds=QUICK_SECONDS if quick else SECONDS)
            bench.warm_up()
            alone = bench.run_phase()
            flood = _Flood(app, port, quick=quick)
            flood.start()
            crowded = bench.run_phase()
            yield from _results(alone, crowded)
            yield from flood.finish()
        with app.app_context():
            state_of(app).db.engine.dispose()


def _results(alone: _Times, crowded: _Times) -> Iterator[Result]:
    for name in NAMES:
        floor, value = (_p95(getattr(each, name)) for each in (alone, crowded))
        yield Result.at_most(
            f"fairness_{name}_p95", value, "ms", bar=BAR, floor=floor, note=ABOUT[name]
        )


def _p95(times: list[float]) -> float:
    return quantiles(times, n=20, method="inclusive")[18]


def _make_app(around: _Around) -> Flask:
    environment = around.environment
    names = ("META_APP_ID", "META_APP_SECRET", "META_VERIFY_TOKEN", "META_GRAPH_URL")
    config = {name: environment[name] for name in names} | {
        "SQLALCHEMY_DATABASE_URI": around.database_url,
        "MESSENGER_REDIS_URL": around.redis_url,
        "MESSENGER_ENCRYPTION_KEYS": environment["MESSENGER_ENCRYPTION_KEYS"],
    }
    app = host.create_app(config)
    jobs.PIECES["bench_piece"] = bench_piece
    with app.app_context(), system_scope("benchmark"):
        held = state_of(app)
        schema.upgrade(held.db.engine)
        for workspace_id, page_id in ((FLOOD, PAGE_ID), (OTHER, OTHER_PAGE)):
            account = Account(
                id=new_id(),
                workspace_id=workspace_id,
                channel="facebook",
                external_id=page_id,
                name="Page",
            )
            account.seal_token(held.get(KeyRing), "bench-token")
            held.db.session.add(account)
        held.db.session.commit()
        held.db.session.remove()
    return app


class _Bench:
    """The quiet workspace: a person who writes, and an agent who reads and answers."""

    def __init__(self, app: Flask, port: int, *, seconds: int) -> None:
        self._app = app
        self._url = f"http://127.0.0.1:{port}"
        self._seconds = seconds
        self._meta = Connection(port)
        self._agent = requests.Session()
        self._agent.headers["X-Workspace"] = OTHER
        self._agent.headers["Authorization"] = "Bearer benchmark"
        self._heard = threading.Event()
        self._number = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def warm_up(self) -> None:
        """Let every process do everything once."""
        for _ in range(10):
            self._exchange(_Times())

    def run_phase(self) -> _Times:
        """Write, read and answer for some seconds; return how long each step took."""
        times = _Times()
        asked: dict[str, float] = {}
        posted: dict[str, float] = {}
        ends_at = time.monotonic() + self._seconds
        while time.monotonic() < ends_at or len(times.shown) < FEWEST:
            started = time.monotonic()
            message_id, at = self._exchange(times)
            posted[message_id] = at
            asked[message_id] = self._ask_bulk(message_id)
            time.sleep(max(0.0, 1 / RATE - (time.monotonic() - started)))
        times.told = self._wait_for(TOLD_KEY, posted)
        times.bulk = self._wait_for(BULK_KEY, asked)
        return times

    def _listen(self) -> None:
        """Hear the agent's stream of events, as an open page does, until the server ends."""
        session = requests.Session()
        session.headers.update(self._agent.headers)
        with (
            contextlib.suppress(requests.RequestException),
            session.get(
                f"{self._url}/api/messenger/events", stream=True, timeout=(5, 60)
            ) as answer,
        ):
            for line in answer.iter_lines(chunk_size=1):
                if line.startswith(b"event: message"):
                    self._heard.set()

    def _exchange(self, times: _Times) -> tuple[str, float]:
        """Write once as the person, read and answer as the agent."""
        self._number += 1
        words = f"question {self._number}."
        body = make_body(self._number, person=PERSON, text=words).replace(
            PAGE_ID.encode(), OTHER_PAGE.encode()
        )
        at = time.time()
        if self._meta.send(make_request(body)) != 200:  # noqa: PLR2004 - HTTP's own number
            message = "The webhook did not answer 200."
            raise RuntimeError(message)
        message = self._read_until(words)
        times.shown.append((time.time() - at) * 1000)
        times.answered.append(self._answer(message["conversation_id"]))
        return message["id"], at

    def _read_until(self, words: str) -> Any:
        """Ask for the messages whenever something is heard, until `words` are there."""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends_at:
            self._heard.wait(1.0)
            self._heard.clear()
            listed = self._get("conversations")["items"]
            if listed:
                found = self._get(f"conversations/{listed[0]['id']}/messages")["items"]
                for message in found:
                    if message["text"] == words:
                        return message
        raise TimeoutError(words)

    def _get(self, path: str) -> Any:
        answer = self._agent.get(f"{self._url}/api/messenger/{path}", timeout=30)
        answer.raise_for_status()
        return answer.json()

    def _answer(self, conversation_id: str) -> float:
        """Send, and return the milliseconds until the row says that Meta has it."""
        started = time.time()
        sent = self._agent.post(
            f"{self._url}/api/messenger/send",
            json={"conversation_id": conversation_id, "text": f"answer {self._number}"},
            timeout=30,
        )
        sent.raise_for_status()
        message_id = sent.json()["message"]["id"]
        ends_at = time.monotonic() + PATIENCE_SECONDS
        table = Message.__table__
        query = select(table.c.status, table.c.updated_at).where(table.c.id == message_id)
        while time.monotonic() < ends_at:
            with self._app.app_context(), state_of(self._app).db.engine.connect() as connection:
                row = connection.execute(query).one()
            if row.status == "sent":
                return float((row.updated_at.timestamp() - started) * 1000)
            time.sleep(GAP_SECONDS)
        raise TimeoutError("answer")

    def _ask_bulk(self, name: str) -> float:
        with self._app.app_context():
            at = time.time()
            jobs.put_bulk(OTHER, bench_piece, OTHER, name)
        return at

    def _wait_for(self, key: str, begun: dict[str, float]) -> list[float]:
        """Return the milliseconds from each begin to the note of it in Redis."""
        client = state_of(self._app).get(redis.Redis)
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends_at:
            noted: Any = client.hgetall(key)
            at = {name.decode(): float(value) for name, value in noted.items()}
            if begun.keys() <= at.keys():
                return [(at[name] - since) * 1000 for name, since in begun.items()]
            time.sleep(GAP_SECONDS)
        raise TimeoutError(key)


class _Flood:
    """The other workspace: everything at once."""

    def __init__(self, app: Flask, port: int, *, quick: bool) -> None:
        self._app = app
        self._port = port
        self._inbound = QUICK_INBOUND if quick else INBOUND
        self._outbound = QUICK_OUTBOUND if quick else OUTBOUND
        self._people = QUICK_PEOPLE if quick else PEOPLE
        self._thread = threading.Thread(target=self._pour_in)
        self._started = 0.0
        self._poured = 0.0

    def start(self) -> None:
        """Queue the campaign and the bulk work, and begin to pour messages in."""
        with self._app.app_context(), system_scope("benchmark"):
            self._queue_campaign()
            for number in range(PIECES):
                jobs.put_bulk(FLOOD, bench_piece, FLOOD, str(number))
            publish_wake(state_of(self._app).get(redis.Redis))
        self._started = time.monotonic()
        self._thread.start()

    def finish(self) -> Iterator[Result]:
        """Yield how far the flood had come when the other had been measured."""
        seconds = time.monotonic() - self._started
        left = self._count("messenger_webhook_entries WHERE state = 'pending'")
        queued = self._count("messenger_messages WHERE status IN ('queued', 'sending')")
        untold = self._count("messenger_messages WHERE announced_at IS NULL")
        self._thread.join()
        note = f"after {seconds:.0f} s; poured in within {self._poured:.0f} s"
        for name, count in (("entries", left), ("answers", queued), ("signals", untold)):
            yield Result.plain(f"fairness_flood_{name}_left", count, "rows", note=note)

    def _pour_in(self) -> None:
        connection = Connection(self._port)
        for start in range(0, self._inbound, DELIVERY):
            entries: list[Any] = []
            for number in range(start, start + DELIVERY):
                person = f"3{number % self._people:014}"
                body = make_body(number, person=person, text=f"flood {number}")
                entries += json.loads(body)["entry"]
            body = json.dumps({"object": "page", "entry": entries}).encode()
            connection.send(make_request(body))
        connection.close()
        self._poured = time.monotonic() - self._started

    def _queue_campaign(self) -> None:
        session = state_of(self._app).db.session
        account_id = session.scalar(select(Account.id).where(Account.workspace_id == FLOOD))
        now = utc_now()
        shared = {"workspace_id": FLOOD, "account_id": account_id}
        people = [
            {"id": new_id(), "external_id": f"4{number:014}", **shared}
            for number in range(self._people)
        ]
        threads = [
            {
                "id": new_id(),
                "identity_id": person["id"],
                "channel": "facebook",
                "last_inbound_at": now,
                **shared,
            }
            for person in people
        ]
        messages = [
            {
                "id": new_id(),
                "conversation_id": threads[number % len(threads)]["id"],
                "direction": "outbound",
                "kind": "text",
                "text": f"campaign {number}",
                "content": {},
                "status": QUEUED,
                "sent_at": now,
                "sent_by": "person",
                "attempts": 0,
                **shared,
            }
            for number in range(self._outbound)
        ]
        for model, rows in ((Identity, people), (Conversation, threads), (Message, messages)):
            session.execute(insert(model.__table__), rows)
        session.commit()

    def _count(self, what: str) -> float:
        with self._app.app_context(), state_of(self._app).db.engine.connect() as connection:
            return float(connection.scalar(text(f"SELECT count(*) FROM {what}")) or 0)  # noqa: S608
