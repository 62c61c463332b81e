"""What Meta said and the database does not know yet: kept until it is committed, whatever happens.

A verdict leaves when it is committed, when nothing is left that it could be written to, or when it
is itself what the database refuses. What a runner could not write before it ended is left for the
next one of its process.
"""

import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask_messenger.outbox.claim import Place
from flask_messenger.outbox.lane import Dispatch
from flask_messenger.outbox.verdicts import Verdict

FIRST_WAIT_SECONDS: Final = 0.01
LONGEST_WAIT_SECONDS: Final = 0.5

Key = tuple[uuid.UUID, datetime | None]
"""A message and the attempt at it: a late answer and that of a later attempt are two."""


@dataclass(slots=True)
class Pending:
    """A verdict that is to be written down.

    Attributes:
        is_odd: whether it has to be written down by itself.
        tries: how often that was put off.
        due_at: when it is tried again (monotonic).
    """

    verdict: Verdict
    place: Place
    is_odd: bool = False
    tries: int = 0
    due_at: float = 0.0

    @property
    def message_id(self) -> uuid.UUID:
        """The message it is about."""
        return self.verdict.dispatch.message_id

    @property
    def key(self) -> Key:
        """The attempt it is about."""
        return self.message_id, self.verdict.dispatch.sending_since

    def put_off(self) -> None:
        """Leave it alone for a while, longer each time."""
        self.tries += 1
        wait = min(FIRST_WAIT_SECONDS * 2.0 ** min(self.tries - 1, 10), LONGEST_WAIT_SECONDS)
        self.due_at = time.monotonic() + wait


class Unwritten:
    """Verdicts that are not committed. Of one thread."""

    def __init__(self) -> None:
        self._pending: dict[Key, Pending] = {}

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def wait_seconds(self) -> float | None:
        """How long until one is due; None where there is none."""
        if not self._pending:
            return None
        due_at = min(each.due_at for each in self._pending.values())
        return max(0.0, due_at - time.monotonic())

    def add(self, pending: Pending) -> None:
        """Keep one until it is committed."""
        self._pending[pending.key] = pending

    def find_due(self, *, is_odd: bool) -> list[Pending]:
        """Return what is to be tried now, of each message one; all of it stays here."""
        now = time.monotonic()
        found: dict[uuid.UUID, Pending] = {}
        for each in self._pending.values():
            if each.is_odd is is_odd and each.due_at <= now:
                found.setdefault(each.message_id, each)
        return list(found.values())

    def remove(self, pending: Pending) -> None:
        """Forget one that is committed, or never can be."""
        self._pending.pop(pending.key, None)

    def take_all(self) -> list[Pending]:
        """Remove and return everything."""
        taken, self._pending = list(self._pending.values()), {}
        return taken


class Leftovers:
    """What runners of this process left unwritten, for the next one; safe to share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[Pending] = []
        self._unbegun: list[Dispatch] = []

    def leave(self, pending: Iterable[Pending], unbegun: Iterable[Dispatch]) -> None:
        """Keep verdicts, and messages of which nobody knows whether their claim was committed."""
        with self._lock:
            self._pending += pending
            self._unbegun += unbegun

    def take(self) -> tuple[list[Pending], list[Dispatch]]:
        """Remove and return both."""
        with self._lock:
            pending, self._pending = self._pending, []
            unbegun, self._unbegun = self._unbegun, []
        return pending, unbegun
