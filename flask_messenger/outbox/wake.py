"""Telling the runner that a lane has something to send: published in Redis, heard in milliseconds.

A wake that is lost costs a moment and no message: the runner looks at the tables by itself.
"""

import logging
import queue
import threading
import uuid
from dataclasses import dataclass
from typing import Any, Final

import redis

logger = logging.getLogger(__name__)

CHANNEL: Final = "messenger:outbox:wake"
LISTEN_SECONDS: Final = 1.0
"""How soon the thread that listens notices that it should end, or tries Redis again."""


@dataclass(frozen=True, slots=True)
class Wake:
    """A lane to look at; None for all of them."""

    conversation_id: uuid.UUID | None = None


def publish_wake(client: "redis.Redis", conversation_id: uuid.UUID | None = None) -> bool:
    """Wake every runner; return whether Redis took it. Call it after the commit."""
    try:
        client.publish(CHANNEL, str(conversation_id or ""))
    except redis.RedisError as error:
        logger.warning("wake_failed error=%s", type(error).__name__)
        return False
    return True


class Listener:
    """A thread that hears wakes and puts them into a runner's inbox."""

    def __init__(self, client: "redis.Redis", inbox: "queue.SimpleQueue[Any]") -> None:
        self._client = client
        self._inbox = inbox
        self._closing = threading.Event()
        self._hearing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="messenger-outbox-wake", daemon=True)

    @property
    def has_started(self) -> bool:
        """Whether `start` was called."""
        return self._thread.ident is not None

    @property
    def is_hearing(self) -> bool:
        """Whether wakes are heard now."""
        return self._hearing.is_set()

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening; return when that is over."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._listen()
            except (redis.RedisError, OSError, ValueError) as error:
                logger.warning("wakes_unheard error=%s", type(error).__name__)
            self._hearing.clear()
            self._closing.wait(LISTEN_SECONDS)

    def _listen(self) -> None:
        pubsub: Any = self._client.pubsub()  # type: ignore[no-untyped-call]
        try:
            pubsub.subscribe(CHANNEL)
            while not self._closing.is_set():
                message = pubsub.get_message(timeout=LISTEN_SECONDS)
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    # What was published until now was not heard.
                    self._hearing.set()
                    self._inbox.put(Wake())
                elif message["type"] == "message":
                    self._inbox.put(_read(message["data"]))
        finally:
            pubsub.close()


def _read(data: Any) -> Wake:
    try:
        return Wake(uuid.UUID(data.decode()))
    except (AttributeError, ValueError):
        return Wake()
