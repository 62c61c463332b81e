"""Telling the runner that a lane has something to send: published in Redis, heard in milliseconds.

A wake that is lost costs a moment and no message: the runner looks at the tables by itself.
"""

import json
import logging
import queue
import threading
import uuid
from dataclasses import dataclass
from typing import Any, Final

import redis

from flask_messenger.outbox.claim import Place

logger = logging.getLogger(__name__)

CHANNEL: Final = "messenger:outbox:wake"
LISTEN_SECONDS: Final = 1.0
"""How soon the thread that listens notices that it should end, or tries Redis again."""


@dataclass(frozen=True, slots=True)
class Wake:
    """A lane to look at, and where it belongs as far as the sender knew; None for all lanes."""

    conversation_id: uuid.UUID | None = None
    place: Place | None = None


def publish_wake(client: "redis.Redis", lane: Place | uuid.UUID | None = None) -> bool:
    """Wake every runner; return whether Redis took it. Call it after the commit.

    Args:
        client: for the channel.
        lane: to look at; by its place no runner has to ask where it belongs. None for all lanes.
    """
    try:
        client.publish(CHANNEL, _write(lane))
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


def _write(lane: Place | uuid.UUID | None) -> str:
    if not isinstance(lane, Place):
        return str(lane or "")
    return json.dumps(
        [str(lane.conversation_id), str(lane.account_id), lane.workspace_id, lane.app_name]
    )


def _read(data: Any) -> Wake:
    try:
        text = data.decode()
        if not text.startswith("["):
            return Wake(uuid.UUID(text))
        conversation_id, account_id, workspace_id, app_name = json.loads(text)
        place = Place(
            conversation_id=uuid.UUID(conversation_id),
            account_id=uuid.UUID(account_id),
            workspace_id=str(workspace_id),
            app_name=str(app_name),
        )
    except (AttributeError, TypeError, ValueError):
        return Wake()
    return Wake(place.conversation_id, place)
