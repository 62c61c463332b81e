"""Graph's limits on how often an edge may be called."""

from __future__ import annotations

import threading
import time
from collections import deque

from flask_messenger.simulator import errors
from flask_messenger.simulator.state import simulator

CUSTOM_LIMIT = 613
_lock = threading.Lock()


def take_turn(
    name: str,
    owner: str,
    *,
    calls: int,
    seconds: float,
    code: int = CUSTOM_LIMIT,
    subcode: int | None = None,
) -> None:
    """Count one call; pass while `owner` made no more than `calls` of this kind in `seconds`.

    Raises:
        GraphError: it made too many; the refused call does not count.
    """
    now = time.monotonic()
    with _lock:
        times = simulator().turns.setdefault((name, owner), deque())
        while times and times[0] <= now - seconds:
            times.popleft()
        if len(times) >= calls:
            raise errors.rate_limited(code, subcode)
        times.append(now)
