"""What one simulator holds, and how a view reaches it."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from flask import current_app

from flask_messenger.simulator.bursts import Burst
from flask_messenger.simulator.settings import SimulatorSettings
from flask_messenger.simulator.storage import Storage

if TYPE_CHECKING:  # the sender needs what is here
    from flask_messenger.simulator.sender import Sender

KEY = "flask_messenger.simulator"
REMEMBERED_CALLS = 500


@dataclass
class SimulatorState:
    """The parts of one simulator."""

    settings: SimulatorSettings
    storage: Storage
    sender: Sender
    is_closed: bool = False
    burst: Burst | None = None
    calls: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=REMEMBERED_CALLS))
    turns: dict[tuple[str, str], deque[float]] = field(default_factory=dict)
    """When the latest calls of a limited kind were made, by kind and owner."""
    used: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Calls by owner and hour, for the usage headers."""

    def close(self) -> None:
        """Stop the webhook sender and close the file."""
        self.is_closed = True
        if self.burst is not None:
            self.burst.stop()
        self.sender.stop()
        self.storage.close()


def simulator() -> SimulatorState:
    """Return the parts of the simulator that answers this request."""
    return cast("SimulatorState", current_app.extensions[KEY])
