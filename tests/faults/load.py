"""Load: customers who write (signed webhooks), and agents who answer (through the API).

Both remember what was promised to them: a webhook that was answered 200, a message that the API
took. What gets no answer, or another one, is tried again, as Meta and a careful caller do.
"""

import contextlib
import http.client
import itertools
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.meta import Webhook, make_delivery
from tests.support.app import APP_SECRET

PAGES = tuple(f"1000{number:02}" for number in range(10))
PEOPLE = 400
"""Who wrote first; agents answer them. A person belongs to one Page."""
CONNECTIONS_IN = 8
CONNECTIONS_OUT = 4
API_SECONDS = 15.0
RETRY_SECONDS = 0.2
TAKEN = ("200", "202")


@dataclass(frozen=True, slots=True)
class Target:
    """Where the web is."""

    host: str
    port: int

    @property
    def webhook_url(self) -> str:
        return f"http://{self.host}:{self.port}/webhooks/meta"


@dataclass(frozen=True, slots=True)
class Address:
    """Whom an agent writes to, and from which account."""

    account_id: str
    person_id: str


def page_of(person: int) -> str:
    return PAGES[person % len(PAGES)]


def person_id(person: int) -> str:
    return f"2000{person:06}"


@dataclass
class Load:
    """A number of things to do at a steady pace, over several connections at once."""

    total: int
    per_second: float
    connections: int
    answers: Counter[str] = field(default_factory=Counter)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _threads: list[threading.Thread] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        self.began = time.monotonic()
        for number in range(self.connections):
            thread = threading.Thread(target=self._run, name=f"load-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    @property
    def is_over(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """End early; what was not taken by then was not promised to anybody."""
        self._stopping.set()
        self.join()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        with contextlib.closing(self._connect()) as connection:
            while True:
                with self._lock:
                    number = next(self._numbers)
                wait = self.began + number / self.per_second - time.monotonic()
                if number >= self.total or self._stopping.wait(max(0.0, wait)):
                    return
                self._send(connection, number)

    def _note(self, answer: str) -> None:
        with self._lock:
            self.answers[answer] += 1

    def _connect(self) -> Any:
        """Return what one thread sends over; it has a `close`."""
        raise NotImplementedError

    def _send(self, connection: Any, number: int) -> None:
        """Send one, until it is taken or there is no more time."""
        raise NotImplementedError


@dataclass
class Inbound(Load):
    """Customers' messages.

    Attributes:
        accepted: the ids of those that were answered 200, and when.
        repeats: how often each is sent in all; the later ones come in any order.
    """

    target: Target = field(kw_only=True)
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8], kw_only=True)
    repeats: int = field(default=1, kw_only=True)
    accepted: dict[str, float] = field(default_factory=dict)

    def _connect(self) -> Webhook:
        return Webhook(self.target.webhook_url, APP_SECRET)

    def _send(self, connection: Webhook, number: int) -> None:
        body = self.make_body(number)
        for _ in range(self.repeats):
            if connection.post_until_taken(body, self._note, self._stopping):
                self.accepted.setdefault(self.mid(number), time.time())

    @property
    def people(self) -> dict[str, str]:
        """Return who wrote each message that was accepted."""
        numbers = {mid: int(mid.rpartition("_")[2]) for mid in list(self.accepted)}
        return {mid: person_id(number % PEOPLE) for mid, number in numbers.items()}

    def mid(self, number: int) -> str:
        return f"m_{self.run}_{number}"

    def make_body(self, number: int) -> bytes:
        person = number % PEOPLE
        event = {
            "sender": {"id": person_id(person)},
            "recipient": {"id": page_of(person)},
            "timestamp": time.time_ns() // 1_000_000,
            "message": {"mid": self.mid(number), "text": f"question {number}"},
        }
        return make_delivery(page_of(person), event)


@dataclass
class Outbound(Load):
    """Agents' messages, each with an idempotency key, so that it may be asked for again.

    Attributes:
        accepted: key of each message that the API took, and when.
        asked: when it was first asked to.
        addresses: whom to write to: those who wrote before.
    """

    target: Target = field(kw_only=True)
    addresses: Sequence[Address] = field(kw_only=True)
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8], kw_only=True)
    accepted: dict[str, float] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)

    @property
    def people(self) -> dict[str, str]:
        """Return who is to get each message that was asked for."""
        numbers = {key: int(key.rpartition("-")[2]) for key in list(self.asked)}
        return {key: self._address(number).person_id for key, number in numbers.items()}

    def _address(self, number: int) -> Address:
        return self.addresses[number % len(self.addresses)]

    def _connect(self) -> "Api":
        return Api(self.target)

    def _send(self, connection: "Api", number: int) -> None:
        key = f"{self.run}-{number}"
        address = self._address(number)
        wanted: dict[str, object] = {
            "account_id": address.account_id,
            "recipient_id": address.person_id,
            "text": key,
            "idempotency_key": key,
        }
        self.asked[key] = time.time()
        while True:
            answer = connection.post("/api/messenger/send", wanted)
            self._note(answer)
            if answer in TAKEN:
                self.accepted[key] = time.time()
                return
            if self._stopping.wait(RETRY_SECONDS * (1 + random.random())):  # noqa: S311 - spreads
                return


class Api:
    """Calls the JSON API over a connection that is kept."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, wanted: dict[str, object]) -> str:
        """Return the status of the answer, or the name of what went wrong."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                self._target.host, self._target.port, timeout=API_SECONDS
            )
        try:
            headers = {"Content-Type": "application/json", "Authorization": "Bearer agent"}
            self._connection.request("POST", path, json.dumps(wanted), headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return type(error).__name__
        return str(answer.status)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
