"""Not asking Meta while Meta is away: one breaker for each Meta app, shared by all workers.

    closed ──failures one after the other, of several accounts──> open
    open ──after a while, one harmless question is answered──> trial
    trial ──one message goes through──> closed; it does not ──> open, for longer

While it is open nothing of the app goes out: messages stay queued and use up no tries. Failures
are counted by each runner for itself (`evidence.py`); that it is open, and since when, is on the
board for all.
"""

import json
import logging
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Final

from flask_messenger.errors import GraphError, GraphTimeoutError, GraphUnavailableError
from flask_messenger.outbox.board import Board

logger = logging.getLogger(__name__)

OUTAGE_CODES: Final = frozenset({1, 2, 1200, 131000, 131016})
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


class Breaker:
    """What all workers know about Meta's being there; one for each application."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def outage_of(self, app_name: str) -> Outage | None:
        """Return the outage of an app; None while Meta answers."""
        return self.find_outages([app_name]).get(app_name)

    def find_outages(self, app_names: Iterable[str]) -> dict[str, Outage]:
        """Return the outages of those apps that have one, in one round trip."""
        names = list(app_names)
        values = self._board.get_many([_key(name) for name in names])
        found = {name: _read(value) for name, value in zip(names, values, strict=True)}
        return {name: outage for name, outage in found.items() if outage is not None}

    def open(self, app_name: str) -> bool:
        """Say that Meta is away, and ask again in a moment.

        Returns whether that is news: what somebody else found before, and how long was waited
        since, is left as it is.
        """
        now = time.time()
        outage = Outage(since=now, probe_at=now + FIRST_WAIT_SECONDS)
        is_news = self._board.put_new(_key(app_name), _written(outage), seconds=KEPT_SECONDS)
        if is_news:
            logger.error("meta_away app=%s", app_name)
        return is_news

    def close(self, app_name: str) -> bool:
        """Say that Meta answers again, where a message was let go to see; return whether it was."""
        outage = self.outage_of(app_name)
        if outage is None or not outage.is_trial:
            return False
        self._board.drop(_key(app_name), _probe_key(app_name))
        logger.warning(
            "meta_answers app=%s after_seconds=%.0f", app_name, time.time() - outage.since
        )
        return True

    def may_probe(self, app_name: str, *, for_seconds: float) -> bool:
        """Take the turn to ask Meta again; one worker has it at a time."""
        outage = self.outage_of(app_name)
        if outage is None or (outage.probe_at > time.time() and not outage.is_trial):
            return False
        return self._board.put_new(_probe_key(app_name), "1", seconds=for_seconds)

    def pass_probe(self, app_name: str) -> bool:
        """Say that Meta answered: one message may try. Return whether that is news."""
        outage = self.outage_of(app_name)
        if outage is not None:
            self._say(app_name, replace(outage, is_trial=True))
        self._board.drop(_probe_key(app_name))
        return outage is not None and not outage.is_trial

    def fail_probe(self, app_name: str) -> bool:
        """Say that Meta is still away, and ask again later than the last time.

        Returns whether that is news: a message had been let go to see.
        """
        outage = self.outage_of(app_name)
        if outage is not None:
            wait = min(FIRST_WAIT_SECONDS * 2.0 ** min(outage.times + 1, 10), LONGEST_WAIT_SECONDS)
            later = replace(
                outage, probe_at=time.time() + wait, times=outage.times + 1, is_trial=False
            )
            self._say(app_name, later)
        self._board.drop(_probe_key(app_name))
        return outage is not None and outage.is_trial

    def _say(self, app_name: str, outage: Outage) -> None:
        self._board.put(_key(app_name), _written(outage), seconds=KEPT_SECONDS)


def is_outage(error: GraphError) -> bool:
    """Say whether an error tells of Graph rather than of the call.

    No answer does, and so do Graph's own words for a failure of its own.
    """
    if not isinstance(error, GraphUnavailableError | GraphTimeoutError):
        return False
    return error.code is None or (error.code in OUTAGE_CODES and error.subcode is None)


def _read(value: str | None) -> Outage | None:
    if value is None:
        return None
    try:
        return Outage(**json.loads(value))
    except (TypeError, ValueError):
        return None


def _written(outage: Outage) -> str:
    return json.dumps(asdict(outage))


def _key(app_name: str) -> str:
    return f"messenger:breaker:{app_name}"


def _probe_key(app_name: str) -> str:
    return f"messenger:breaker:{app_name}:probe"
