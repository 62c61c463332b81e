"""Hearing which lanes were woken, as a runner would."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis
from flask import Flask

from flask_messenger.outbox.wake import CHANNEL
from flask_messenger.state import state_of


@contextmanager
def hear_wakes(app: Flask) -> Iterator[Callable[[], str]]:
    """Yield a function that waits for the next wake and returns the conversation it is for."""
    pubsub = state_of(app).get(redis.Redis).pubsub()
    pubsub.subscribe(CHANNEL)
    pubsub.get_message(timeout=5)

    def hear() -> str:
        message = pubsub.get_message(ignore_subscribe_messages=True, timeout=5)
        assert message is not None, "nobody was woken"
        heard = message["data"].decode()
        return json.loads(heard)[0] if heard.startswith("[") else heard

    try:
        yield hear
    finally:
        pubsub.close()
