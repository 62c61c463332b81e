"""Sending: messages a second against a Graph that takes 50 ms, and how soon a single one is out.

The floor is a bare pool of threads with a requests session and as many connections: no database,
no order, no state. Runs of the two are interleaved; the median of the rounds counts. Besides: how
long one message takes from its commit to being `sent` while nothing else is sent. For that the
runner is a process of its own, so that whoever looks on takes nothing from it but processor time.
"""

import contextlib
import multiprocessing
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from statistics import median
from typing import Any

import redis
import requests
from requests.adapters import HTTPAdapter
from sqlalchemy import delete, func, insert, select

from benchmarks.host import WORKSPACE, create_app
from benchmarks.results import Result, interleave
from benchmarks.surroundings import (
    Surroundings,
    free_port,
    run_process,
    run_surroundings,
    wait_for,
)
from flask_messenger.crypto import KeyRing
from flask_messenger.models import Account, Conversation, Identity, Message, schema
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.messages import QUEUED, SENT
from flask_messenger.outbox.claim import Place
from flask_messenger.outbox.runner import run_outbox
from flask_messenger.outbox.wake import CHANNEL, publish_wake
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope

CONNECTIONS = (8, 16, 32)
ROUNDS, QUICK_ROUNDS = 5, 1
MESSAGES_A_CONNECTION, QUICK_MESSAGES = 60, 10
"""So many fill three seconds of a connection at 50 ms."""
LATENCY_MILLISECONDS = 50
RATE_BAR = 0.8
ACCOUNTS = 20
MESSAGES_A_LANE = 3
IDLE_BAR_MILLISECONDS = 50.0
IDLE_MESSAGES, QUICK_IDLE_MESSAGES = 50, 10
PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.001
FLOOR, OURS = "floor", "ours"


def measure(*, quick: bool) -> Iterator[Result]:
    """Yield messages a second at each number of connections, and the time of one message."""
    with run_surroundings() as around:
        with run_stub(around, LATENCY_MILLISECONDS) as url:
            bench = Bench(around, url)
            for connections in CONNECTIONS:
                yield _measure_rate(bench, connections, quick=quick)
            bench.close()
        with run_stub(around, 0) as url:
            bench = Bench(around, url)
            yield _measure_idle(bench, quick=quick)
            bench.close()


def _measure_rate(bench: "Bench", connections: int, *, quick: bool) -> Result:
    count = connections * (QUICK_MESSAGES if quick else MESSAGES_A_CONNECTION)
    runs = {
        FLOOR: partial(run_floor, bench.url, connections, count),
        OURS: partial(bench.send, connections, count),
    }
    for run in runs.values():
        run()  # connections are made, statements are prepared
    rates = interleave(QUICK_ROUNDS if quick else ROUNDS, runs, pause_seconds=0.2)
    return Result.at_least(
        "outbox_rate",
        median(rates[OURS]),
        "messages/s",
        bar=RATE_BAR,
        floor=median(rates[FLOOR]),
        size=connections,
        note=f"{LATENCY_MILLISECONDS} ms a call; the size is the connections",
    )


def _measure_idle(bench: "Bench", *, quick: bool) -> Result:
    times = bench.send_singly(QUICK_IDLE_MESSAGES if quick else IDLE_MESSAGES)
    return Result.at_most(
        "outbox_idle_latency",
        median(times),
        "ms",
        bar=IDLE_BAR_MILLISECONDS,
        note="one message, from its commit to `sent`; Graph answers at once",
    )


def run_floor(url: str, connections: int, count: int) -> float:
    """Return messages a second of a bare pool of threads."""
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=connections))

    def send(number: int) -> None:
        response = session.post(
            f"{url}/v25.0/100/messages",
            params={"appsecret_proof": "0" * 64},
            headers={"Authorization": "Bearer token"},
            json={
                "recipient": {"id": "7"},
                "messaging_type": "RESPONSE",
                "message": {"text": f"hello {number}", "metadata": f"fm:{number}"},
            },
            timeout=(5, 10),
        )
        response.raise_for_status()
        response.json()["message_id"]

    started = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(send, range(count)))
    return count / (time.perf_counter() - started)


@contextlib.contextmanager
def run_stub(around: Surroundings, milliseconds: int) -> Iterator[str]:
    """Run a Graph that takes so long; yield its address."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.graph_stub", str(port), str(milliseconds)]
    with run_process(around, command, f"graph-{port}"):
        wait_for(port)
        yield f"http://127.0.0.1:{port}"


class Bench:
    """An application with accounts and conversations, and a Graph at `url`."""

    def __init__(self, around: Surroundings, url: str) -> None:
        self.url = url
        self._config = _config(around, url)
        self._app = create_app(dict(self._config))
        self._conversations: list[Place] = []
        with self._app.app_context(), system_scope("benchmark"):
            schema.upgrade(state_of(self._app).db.engine)
            self._prepare()

    def close(self) -> None:
        """Give the connections back."""
        with self._app.app_context():
            state_of(self._app).db.session.remove()
            state_of(self._app).db.engine.dispose()

    @property
    def _session(self) -> Any:
        return state_of(self._app).db.session

    def _prepare(self) -> None:
        most = max(CONNECTIONS) * MESSAGES_A_CONNECTION // MESSAGES_A_LANE
        keys, now = state_of(self._app).get(KeyRing), utc_now()
        for number in range(ACCOUNTS):
            account = Account(
                id=new_id(),
                workspace_id=f"{WORKSPACE}-{number % 5}",
                channel="facebook",
                external_id=f"{self.url}-{number}",
                name="Bench Page",
            )
            account.seal_token(keys, f"bench-token-{number}")
            self._session.add(account)
            self._session.flush()
            for person in range(most // ACCOUNTS + 1):
                self._add_conversation(account, f"{person}", now)
        self._session.commit()

    def _add_conversation(self, account: Account, person: str, now: Any) -> None:
        identity = Identity(
            id=new_id(),
            workspace_id=account.workspace_id,
            account_id=account.id,
            external_id=person,
        )
        self._session.add(identity)
        self._session.flush()
        conversation = Conversation(
            id=new_id(),
            workspace_id=account.workspace_id,
            account_id=account.id,
            identity_id=identity.id,
            channel="facebook",
            last_inbound_at=now,
        )
        self._session.add(conversation)
        self._session.flush()
        place = Place(
            conversation_id=conversation.id,
            account_id=account.id,
            workspace_id=account.workspace_id,
            app_name=account.app_name,
        )
        self._conversations.append(place)

    def _queue(self, count: int) -> tuple[Place, uuid.UUID]:
        """Queue messages, a few in each of many lanes; return the last one's."""
        now = utc_now()
        lanes = self._conversations[:: max(1, len(self._conversations) * MESSAGES_A_LANE // count)]
        rows = []
        for number in range(count):
            place = lanes[number % len(lanes)]
            rows.append(
                {
                    "id": new_id(),
                    "workspace_id": place.workspace_id,
                    "account_id": place.account_id,
                    "conversation_id": place.conversation_id,
                    "direction": "outbound",
                    "kind": "text",
                    "text": f"hello {number}",
                    "content": {},
                    "status": QUEUED,
                    "sent_at": now,
                    "sent_by": "person",
                    "attempts": 0,
                }
            )
        self._session.execute(insert(Message.__table__), rows)
        self._session.commit()
        return place, rows[-1]["id"]

    def send(self, connections: int, count: int) -> float:
        """Return messages a second of the runner."""
        with self._app.app_context(), system_scope("benchmark"):
            self._session.execute(delete(Message.__table__))
            self._queue(count)
            self._session.remove()
            started = time.perf_counter()
            run_outbox(self._app, until_idle=True, threads=connections)
            seconds = time.perf_counter() - started
            statement = select(func.count()).where(Message.__table__.c.status == SENT)
            if self._session.scalar(statement) != count:
                message = "Not every message was sent."
                raise RuntimeError(message)
            return count / seconds

    def send_singly(self, count: int) -> list[float]:
        """Return the milliseconds from the commit of one message to its being `sent`, each."""
        with self._app.app_context(), system_scope("benchmark"):
            self._session.execute(delete(Message.__table__))
            self._session.commit()
            with self._running():
                return [self._send_one() for _ in range(count)]

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        """Run the outbox in a process of its own; return when it listens."""
        runner = multiprocessing.get_context("spawn").Process(target=serve, args=(self._config,))
        client = state_of(self._app).get(redis.Redis)
        runner.start()
        try:
            ends_at = time.monotonic() + PATIENCE_SECONDS
            while not client.pubsub_numsub(CHANNEL)[0][1]:
                if time.monotonic() > ends_at:
                    message = "The runner did not come up."
                    raise TimeoutError(message)
                time.sleep(LOOK_SECONDS)
            for _ in range(3):
                self._send_one()  # connections are made, statements are prepared
            yield
        finally:
            runner.terminate()
            runner.join()

    def _send_one(self) -> float:
        place, message_id = self._queue(1)
        client = state_of(self._app).get(redis.Redis)
        table = Message.__table__
        status = select(table.c.status).where(table.c.id == message_id)
        started = time.perf_counter()
        publish_wake(client, place)
        while self._session.scalar(status) != SENT:
            self._session.rollback()
            if time.perf_counter() > started + PATIENCE_SECONDS:
                message = "A message was not sent."
                raise TimeoutError(message)
            time.sleep(LOOK_SECONDS)
        seconds = time.perf_counter() - started
        self._session.rollback()
        time.sleep(0.02)
        return seconds * 1000


def serve(config: dict[str, Any]) -> None:
    """Run the outbox of an application until the process is told to end."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    app = create_app(config)
    with app.app_context():
        run_outbox(app, stopping.is_set)


def _config(around: Surroundings, url: str) -> dict[str, Any]:
    return {
        "SQLALCHEMY_DATABASE_URI": around.database_url,
        "META_APP_ID": "1",
        "META_APP_SECRET": "benchmark",
        "META_VERIFY_TOKEN": "benchmark",
        "META_GRAPH_URL": url,
        "MESSENGER_REDIS_URL": around.redis_url,
        "MESSENGER_ENCRYPTION_KEYS": around.environment["MESSENGER_ENCRYPTION_KEYS"],
        "MESSENGER_WINDOW_MARGIN_SECONDS": int(timedelta(minutes=1).total_seconds()),
        # As many connections are kept as there may be calls at once.
        "MESSENGER_OUTBOX_THREADS": max(CONNECTIONS),
    }
