"""Not asking Meta while Meta is away: one breaker for each Meta app, shared by all workers.

    closed ──failures one after the other, of several accounts──> open
    open ──after a while, one harmless question is answered──> trial
    trial ──one message goes through──> closed; it does not ──> open, for longer

While it is open nothing of the app goes out: messages stay queued and use up no tries. Failures
are counted by each worker for itself; that it is open, and since when, is on the board for all.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Final

from flask_messenger.errors import GraphError, GraphTimeoutError, GraphUnavailableError
from flask_messenger.outbox.board import Board

logger = logging.getLogger(__name__)

OUTAGE_CODES: Final = frozenset({1, 2, 1200, 131000, 131016})
SEVERAL_ACCOUNTS: Final = 2
FIRST_WAIT_SECONDS: Final = 5.0
LONGEST_WAIT_SECONDS: Final = 60.0
KEPT_SECONDS: Final = 3600.0
"""How long an open breaker stands if every worker that could try it is gone."""


@dataclass(frozen=True, slots=True)
class Outage:
    """An open breaker. Times are epoch seconds.

    Attributes:
        since: when Meta was found to be away.
        probe_at: when Meta is asked again.
        times: how often in a row it was asked in vain.
        is_trial: whether Meta answered, and one message may go to see whether all is well.
    """

    since: float
    probe_at: float
    times: int = 0
    is_trial: bool = False

    @property
    def began_at(self) -> datetime:
        """`since`, aware, UTC."""
        return datetime.fromtimestamp(self.since, UTC)


@dataclass(slots=True)
class _Evidence:
    """Failures since Graph last answered this process."""

    count: int
    accounts: set[uuid.UUID]
    is_unreachable: bool = False


class Breaker:
    """What is known about Meta's being there; one for each application, shared by its threads."""

    def __init__(self, board: Board, *, failures: int = 5) -> None:
        self._board = board
        self._failures = failures
        self._lock = threading.Lock()
        self._evidence: dict[str, _Evidence] = {}
        self._seen: dict[str, tuple[Outage | None, float]] = {}

    def outage_of(self, app_name: str, *, max_age_seconds: float = 0.0) -> Outage | None:
        """Return the outage of an app; None while Meta answers.

        Args:
            app_name: ours.
            max_age_seconds: how old an answer may be.
        """
        seen = self._seen.get(app_name)
        if seen is not None and seen[1] + max_age_seconds > time.monotonic():
            return seen[0]
        [value] = self._board.get_many([_key(app_name)])
        outage = _read(value)
        self._seen[app_name] = (outage, time.monotonic())
        return outage

    def find_outages(self, app_names: Iterable[str]) -> dict[str, Outage]:
        """Return the outages of those apps that have one, in one round trip."""
        names = list(app_names)
        values = self._board.get_many([_key(name) for name in names])
        found = {name: _read(value) for name, value in zip(names, values, strict=True)}
        return {name: outage for name, outage in found.items() if outage is not None}

    def note_answer(self, app_name: str) -> bool:
        """Note that Graph answered, whatever it said; return whether that ends an outage."""
        with self._lock:
            self._evidence.pop(app_name, None)
        outage = self.outage_of(app_name, max_age_seconds=KEPT_SECONDS)
        if outage is None or not outage.is_trial:
            return False
        self._forget(app_name)
        logger.warning(
            "meta_answers app=%s after_seconds=%.0f", app_name, time.time() - outage.since
        )
        return True

    def note_failure(self, app_name: str, account_id: uuid.UUID, error: GraphError) -> bool:
        """Note that Graph did not answer, or not in earnest; return whether it is away now."""
        outage = self.outage_of(app_name, max_age_seconds=KEPT_SECONDS)
        if outage is not None:
            if outage.is_trial:
                self.fail_probe(app_name)
            return True
        with self._lock:
            evidence = self._evidence.setdefault(app_name, _Evidence(0, set()))
            evidence.count += 1
            evidence.accounts.add(account_id)
            # Where no connection is to be had it is no single account's failure.
            evidence.is_unreachable |= _is_unreachable(error)
            is_several = evidence.is_unreachable or len(evidence.accounts) >= SEVERAL_ACCOUNTS
            is_away = evidence.count >= self._failures and is_several
        if is_away:
            self.open(app_name)
        return is_away

    def is_in_doubt(self, app_name: str) -> bool:
        """Say whether a call failed since Graph last answered this process."""
        return app_name in self._evidence

    def is_suspected(self, app_name: str) -> bool:
        """Say whether enough calls failed, though all of one account."""
        with self._lock:
            evidence = self._evidence.get(app_name)
            return evidence is not None and evidence.count >= self._failures

    def open(self, app_name: str) -> None:
        """Say that Meta is away, and ask again in a moment."""
        now = time.time()
        self._say(app_name, Outage(since=now, probe_at=now + FIRST_WAIT_SECONDS))
        logger.error("meta_away app=%s", app_name)

    def may_probe(self, app_name: str, *, for_seconds: float) -> bool:
        """Take the turn to ask Meta again; one worker has it at a time."""
        outage = self.outage_of(app_name)
        if outage is None or (outage.probe_at > time.time() and not outage.is_trial):
            return False
        return self._board.put_new(_probe_key(app_name), "1", seconds=for_seconds)

    def pass_probe(self, app_name: str) -> None:
        """Say that Meta answered: one message may try."""
        outage = self.outage_of(app_name)
        if outage is not None:
            self._say(app_name, replace(outage, is_trial=True))
        self._board.drop(_probe_key(app_name))

    def fail_probe(self, app_name: str) -> None:
        """Say that Meta is still away, and ask again later than the last time."""
        outage = self.outage_of(app_name)
        if outage is not None:
            wait = min(FIRST_WAIT_SECONDS * 2.0 ** min(outage.times + 1, 10), LONGEST_WAIT_SECONDS)
            later = replace(
                outage, probe_at=time.time() + wait, times=outage.times + 1, is_trial=False
            )
            self._say(app_name, later)
        self._board.drop(_probe_key(app_name))

    def _say(self, app_name: str, outage: Outage) -> None:
        self._board.put(_key(app_name), json.dumps(asdict(outage)), seconds=KEPT_SECONDS)
        self._seen[app_name] = (outage, time.monotonic())

    def _forget(self, app_name: str) -> None:
        self._board.drop(_key(app_name), _probe_key(app_name))
        self._seen[app_name] = (None, time.monotonic())


def is_outage(error: GraphError) -> bool:
    """Say whether an error tells of Graph rather than of the call.

    No answer does, and so do Graph's own words for a failure of its own.
    """
    if not isinstance(error, GraphUnavailableError | GraphTimeoutError):
        return False
    return error.code is None or (error.code in OUTAGE_CODES and error.subcode is None)


def _is_unreachable(error: GraphError) -> bool:
    return isinstance(error, GraphUnavailableError) and error.is_unreachable


def _read(value: str | None) -> Outage | None:
    if value is None:
        return None
    try:
        return Outage(**json.loads(value))
    except (TypeError, ValueError):
        return None


def _key(app_name: str) -> str:
    return f"messenger:breaker:{app_name}"


def _probe_key(app_name: str) -> str:
    return f"messenger:breaker:{app_name}:probe"
