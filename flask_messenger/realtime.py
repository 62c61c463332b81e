"""What changed, told to open pages: published to Redis, streamed as server-sent events.

One Redis subscription per process serves all its browsers. An event holds ids only; a page that
hears one asks for the fragment it concerns. Where Redis is away, pages poll: the stream says so
and ends.
"""

import json
import logging
import queue
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import redis

logger = logging.getLogger(__name__)

CHANNEL: Final = "messenger:events:"
HEARTBEAT_SECONDS: Final = 15.0
LOOK_UP_SECONDS: Final = 1.0
"""How soon the thread that listens notices that it should end."""
RETRY_MILLISECONDS: Final = 3000
SHORTEST_SHARE: Final = 0.8
"""Of the time a stream may last, the least it does."""
BACKLOG: Final = 256
"""Events a slow browser may lag behind before it is told to reload everything."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed.

    Attributes:
        type: `message`, `status`, `conversation` or `account`.
        ids: ids as text, such as `conversation_id`, `message_id`, `account_id`, `location_id`.
    """

    workspace_id: str
    type: str
    ids: dict[str, str | None]


def publish(client: "redis.Redis", changes: Sequence[Change]) -> bool:
    """Tell open pages of `changes`, in one round trip; return whether Redis took them."""
    if not changes:
        return True
    try:
        pipeline = client.pipeline(transaction=False)
        for change in changes:
            payload = json.dumps({"type": change.type, **change.ids}, separators=(",", ":"))
            pipeline.publish(CHANNEL + change.workspace_id, payload)
        pipeline.execute()
    except redis.RedisError as error:
        logger.warning("realtime_publish_failed error=%s", type(error).__name__)
        return False
    return True


class Hub:
    """This process's one subscription, and the browsers that listen to it."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._lock = threading.Lock()
        self._listeners: dict[str, set[queue.Queue[str | None]]] = defaultdict(set)
        self._pubsub: Any = None
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    def listen(self, workspace_id: str) -> "queue.Queue[str | None]":
        """Start hearing one workspace; the queue yields JSON texts, None when Redis went away.

        Raises:
            redis.RedisError: Redis is away.
        """
        inbox: queue.Queue[str | None] = queue.Queue(maxsize=BACKLOG)
        with self._lock:
            if self._pubsub is None:
                self._pubsub = self._client.pubsub(  # type: ignore[no-untyped-call]
                    ignore_subscribe_messages=True
                )
            if not self._listeners[workspace_id]:
                self._pubsub.subscribe(CHANNEL + workspace_id)
            self._listeners[workspace_id].add(inbox)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, args=(self._pubsub,), name="messenger-realtime", daemon=True
                )
                self._thread.start()
        return inbox

    def leave(self, workspace_id: str, inbox: "queue.Queue[str | None]") -> None:
        """Stop hearing."""
        with self._lock:
            self._listeners[workspace_id].discard(inbox)
            if not self._listeners[workspace_id]:
                del self._listeners[workspace_id]
                if self._pubsub is not None:
                    try:
                        self._pubsub.unsubscribe(CHANNEL + workspace_id)
                    except redis.RedisError:
                        logger.info("realtime_unsubscribe_failed")

    def close(self) -> None:
        """End the subscription and every stream of this process; return when both are over."""
        with self._lock:
            thread = self._thread
            self._closing.set()
        if thread is not None:
            thread.join()

    def _run(self, pubsub: Any) -> None:
        try:
            while not self._closing.is_set():
                message = pubsub.get_message(timeout=LOOK_UP_SECONDS)
                if message and message["type"] == "message":
                    workspace_id = message["channel"].decode()[len(CHANNEL) :]
                    self._spread(workspace_id, message["data"].decode())
        except (redis.RedisError, OSError, ValueError) as error:
            logger.warning("realtime_lost error=%s", type(error).__name__)
        finally:
            self._drop_everybody()
            pubsub.close()

    def _spread(self, workspace_id: str, payload: str) -> None:
        with self._lock:
            inboxes = list(self._listeners.get(workspace_id, ()))
        for inbox in inboxes:
            try:
                inbox.put_nowait(payload)
            except queue.Full:
                _end(inbox)

    def _drop_everybody(self) -> None:
        with self._lock:
            inboxes = [each for group in self._listeners.values() for each in group]
            self._listeners.clear()
            self._pubsub = None
            self._thread = None
        for inbox in inboxes:
            _end(inbox)


def _end(inbox: "queue.Queue[str | None]") -> None:
    """Make the stream of this queue end; its browser connects again and reloads."""
    while True:
        try:
            inbox.put_nowait(None)
        except queue.Full:
            inbox.get_nowait()
        else:
            return


def stream(hub: Hub, workspace_id: str, *, seconds: float) -> Iterator[str]:
    """Yield server-sent events of one workspace until the browser leaves or Redis goes away.

    The first event is `live` (or `away` where Redis is away, and then the stream ends: the page
    polls, and the browser tries again after `retry`). After `seconds`, or a little less so that
    not all come back at once, the last event is `again`: the browser connects anew, and whoever
    has signed out meanwhile is told nothing more.
    """
    ends_at = time.monotonic() + seconds * random.uniform(SHORTEST_SHARE, 1.0)  # noqa: S311 - spreads load
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    try:
        inbox = hub.listen(workspace_id)
    except (redis.RedisError, OSError):
        yield _event("away", "{}")
        return
    try:
        yield _event("live", "{}")
        yield from _drain(inbox, ends_at=ends_at)
    finally:
        hub.leave(workspace_id, inbox)


def _drain(inbox: "queue.Queue[str | None]", *, ends_at: float) -> Iterator[str]:
    heartbeat_at = time.monotonic() + HEARTBEAT_SECONDS
    while (now := time.monotonic()) < ends_at:
        try:
            payload = inbox.get(timeout=max(0.0, min(heartbeat_at, ends_at) - now))
        except queue.Empty:
            if time.monotonic() >= heartbeat_at:
                yield ": still here\n\n"
                heartbeat_at = time.monotonic() + HEARTBEAT_SECONDS
            continue
        if payload is None:
            yield _event("away", "{}")
            return
        yield _event(json.loads(payload)["type"], payload)
    yield _event("again", "{}")


def _event(name: str, payload: str) -> str:
    return f"event: {name}\ndata: {payload}\n\n"
