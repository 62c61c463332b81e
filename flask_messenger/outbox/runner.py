"""The outbox of one process: many lanes at once, each in its order, over a pool of connections.

One thread, the one that calls `run_outbox`, has the database to itself: it claims the first
messages of many lanes together, hands them to threads that only talk to Meta, and writes down
together what has come back. A lane whose account is paused, whose call is slow or whose token is
dead waits by itself; the others go on.

    wake, or a time that has come ──> ready lanes ──claim, commit──> threads ──> answers
          ^                                                                        │
          └───────────── the lane goes on ◀──── written down, commit ◀─────────────┘
"""

import logging
import queue
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

import redis
from flask import Flask
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flask_messenger.graph.client import Graph
from flask_messenger.models.base import utc_now
from flask_messenger.models.messages import QUEUED
from flask_messenger.outbox.announcer import Announcer
from flask_messenger.outbox.answers import Answers
from flask_messenger.outbox.calls import Calls, Outcome, Sending
from flask_messenger.outbox.choice import Chooser
from flask_messenger.outbox.claim import (
    Place,
    claim_heads,
    find_due,
    find_waiting,
    return_unbegun,
)
from flask_messenger.outbox.flights import Flights
from flask_messenger.outbox.lane import Dispatch
from flask_messenger.outbox.outages import Outages, Probed
from flask_messenger.outbox.pacing import Pacer
from flask_messenger.outbox.prepare import Preparer
from flask_messenger.outbox.ready import Ready
from flask_messenger.outbox.sight import Sight
from flask_messenger.outbox.unwritten import Leftovers, Pending
from flask_messenger.outbox.uploading import THREADS as UPLOAD_THREADS
from flask_messenger.outbox.verdicts import NotYetError
from flask_messenger.outbox.wake import Listener, Wake
from flask_messenger.outbox.writer import Writer, will_pass
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope

logger = logging.getLogger(__name__)

LISTEN_SECONDS: Final = 0.25
"""The longest wait for something to happen: how soon a runner notices that it should stop."""
LINGER_SECONDS: Final = 0.004
"""How long more answers are waited for while no thread waits: they share a transaction."""
LOCKED_WAIT_SECONDS: Final = 0.01
LONGEST_LOCKED_WAIT_SECONDS: Final = 0.5
TROUBLE_SECONDS: Final = 0.5
"""How long the database is left alone after it failed."""
AHEAD: Final = 2
"""What part of the threads (one in so many) has its next message claimed before it is free."""
FINISH_SECONDS: Final = 25.0
"""Longer than one call to Meta may take: a send that is cut off has no known end."""


def run_outbox(
    app: Flask,
    stopping: Callable[[], bool] = lambda: False,
    *,
    until_idle: bool = False,
    threads: int | None = None,
) -> bool:
    """Send what waits, until told to stop.

    May run in several processes at once: the database lets one of them have a lane.

    Args:
        app: the application, with its context entered.
        stopping: asked again and again; where it says yes, what is on its way is finished and
            written down, and the rest is left for others.
        until_idle: return as soon as nothing could go out now.
        threads: how many calls at once; None for MESSENGER_OUTBOX_THREADS, 0 to make each call
            in this very thread.

    Returns:
        Whether there is more that could go out now.
    """
    count = state_of(app).settings.outbox_threads if threads is None else threads
    with system_scope("outbox"):
        runner = Runner(app, threads=count)
        try:
            is_idle = runner.run(stopping, until_idle=until_idle)
        finally:
            runner.close()
        return not is_idle and runner.has_more()


class Runner:
    """What `run_outbox` remembers while it runs. Of one thread."""

    def __init__(self, app: Flask, *, threads: int) -> None:
        self._held = state_of(app)
        self._session: Session = self._held.db.session
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._calls = Calls(threads, self._inbox)
        self._uploads = Calls(min(threads, UPLOAD_THREADS), self._inbox)
        # More than there are threads, so that none waits for the next claim.
        self._most = max(1, threads + threads // AHEAD)
        self._plenty = threads // AHEAD // 2
        self._ready = Ready()
        self._flights = Flights()
        pacer = self._held.get(Pacer)
        self._outages = Outages(app, self._calls)
        self._preparer = Preparer(app, threaded=threads > 0)
        self._announcer = Announcer(app, threaded=threads > 0)
        self._writer = Writer(self._session, self._announcer)
        self._answers = Answers(
            pacer=pacer,
            outages=self._outages,
            tries=self._held.settings.send_max_attempts,
        )
        self._chooser = Chooser(
            ready=self._ready,
            flights=self._flights,
            pacer=pacer,
            outages=self._outages,
            is_refused=self._writer.is_refused,
            threads=threads,
        )
        self._sight = Sight(self._session, self._ready, self._chooser)
        self._listener = Listener(self._held.get(redis.Redis), self._inbox) if threads else None
        self._locked: dict[uuid.UUID, int] = {}
        self._unbegun: list[Dispatch] = []
        self._goes_on = False
        self._is_stopping = False
        self._rest_until = 0.0
        self._take_over()

    def run(self, stopping: Callable[[], bool], *, until_idle: bool) -> bool:
        """Go round until told to stop, or until nothing could go out now; return which it was."""
        if self._listener is not None and not until_idle:
            self._listener.start()
        self._sight.look(is_hearing=self._is_hearing)
        while not stopping():
            self._go_round()
            if until_idle and self._is_idle():
                return True
            self._hear(self._wait_seconds())
        return False

    def close(self) -> None:
        """End the threads. What they bring back is written down, whatever ended the run.

        What was claimed ahead and not begun is given back; what cannot be written now is left for
        the next runner of this process.
        """
        self._is_stopping = True
        self._give_back()
        self._finish()
        if self._listener is not None and self._listener.has_started:
            self._listener.close()
        self._calls.close()
        self._uploads.close()
        self._hear(0.0)
        self._leave()
        self._preparer.close()
        self._announcer.close()
        self._session.rollback()

    def has_more(self) -> bool:
        """Say whether something could go out now."""
        found = find_waiting(self._session, now=utc_now(), limit=1)
        self._session.rollback()
        return bool(found)

    def _is_idle(self) -> bool:
        """Say whether nothing is under way and nothing could begin now."""
        under_way = self._flights or self._writer.is_busy or self._unbegun
        waiting = self._locked or self._inbox.qsize()
        return not (under_way or waiting or self._sight.has_more or self._goes_on)

    @property
    def _is_hearing(self) -> bool:
        return self._listener is not None and self._listener.is_hearing

    def _go_round(self) -> None:
        now = time.time()
        if now < self._rest_until:
            return
        try:
            self._ready.wake_due(now)
            if not self._is_stopping:
                self._sight.find(is_hearing=self._is_hearing)
                self._outages.attend(self._session)
            self._write_and_claim()
        except Exception as error:
            # What Meta said is kept until it is written; the rest is still in the tables.
            self._session.rollback()
            if not will_pass(error):
                raise
            logger.error("outbox_database_failed error=%s", type(error).__name__)  # noqa: TRY400
            self._rest_until = time.time() + TROUBLE_SECONDS

    def _write_and_claim(self) -> None:
        """Write down what has come back and claim what may go: one transaction for both."""
        batch = self._writer.find_due()
        for each in batch:
            if each.verdict.status != QUEUED:
                # Whether it has a next message is known when this one is written.
                self._ready.add(each.place)
        places = self._choose()
        self._goes_on = bool(places)
        if batch or places or self._unbegun:
            self._commit(batch, places)
        for each in self._writer.write_odd():
            self._go_on(each)
        for conversation_id in self._writer.stop_accounts():
            self._sight.hear(Wake(conversation_id))
        self._writer.note_accounts()
        self._announcer.settle()

    def _commit(self, batch: Sequence[Pending], places: Sequence[Place]) -> None:
        """Write the batch down, claim, and hand what was claimed to the threads."""
        now = utc_now()
        claimed: list[Dispatch] = []
        due: dict[uuid.UUID, datetime | None] = {}
        try:
            return_unbegun(self._session, self._unbegun, now=now)
            written = self._writer.write(batch, now=now)
            over = {each.place for each in batch if each.verdict.status != QUEUED}
            over = {each for each in over if each.conversation_id not in written.next}
            wanted = [each for each in places if each not in over]
            claimed = claim_heads(self._session, [each.conversation_id for each in wanted], now=now)
            taken = {each.lane.conversation_id for each in claimed}
            missed = [each for each in wanted if each.conversation_id not in taken]
            if missed:
                due = find_due(self._session, [each.conversation_id for each in missed])
            self._session.commit()
        except Exception as error:
            self._session.rollback()
            # Where the answer to the commit was lost, these may be under way without us.
            self._unbegun += claimed
            self._return(places)
            if isinstance(error, IntegrityError) or (batch and not will_pass(error)):
                self._writer.part(batch)
                return
            raise
        for dispatch in self._unbegun:
            self._sight.hear(Wake(dispatch.lane.conversation_id))
        self._unbegun.clear()
        self._start(claimed, places)
        for place in over:
            self._ready.remove(place)
        self._chooser.give_back(places, taken)
        self._return_missed(missed, due)
        for each in self._writer.settle(batch, written, now=now):
            if each.verdict.status == QUEUED:
                self._go_on(each)

    def _choose(self) -> list[Place]:
        """Take the lanes whose turn it is, as many as may go."""
        capacity = self._most - len(self._flights)
        if self._is_stopping or capacity <= 0 or not self._ready:
            return []
        return self._chooser.choose(capacity)

    def _return(self, places: Iterable[Place]) -> None:
        """Put lanes back, and their permits: nothing was claimed."""
        places = list(places)
        self._chooser.give_back(places, ())
        for place in places:
            self._ready.add(place)

    def _start(self, claimed: Sequence[Dispatch], places: Sequence[Place]) -> None:
        """Hand what was claimed to the threads."""
        place_of = {each.conversation_id: each for each in places}
        graph = self._held.get(Graph)
        for dispatch in claimed:
            place = place_of[dispatch.lane.conversation_id]
            self._locked.pop(place.conversation_id, None)
            self._flights.begin(dispatch.message_id, place)
            made = self._preparer.prepare(dispatch)
            if isinstance(made, Outcome):
                self._inbox.put(made)
            else:
                calls = self._uploads if made.is_upload else self._calls
                calls.make(Sending(made, graph))

    def _return_missed(
        self, missed: Iterable[Place], due: Mapping[uuid.UUID, datetime | None]
    ) -> None:
        """Decide when to ask again for the lanes of which nothing was claimed."""
        now = time.time()
        for place in missed:
            key = place.conversation_id
            at = due.get(key)
            if key not in due or (at is not None and at.timestamp() > now):
                self._locked.pop(key, None)
                if at is not None:
                    self._ready.add_at(at.timestamp(), place)
                continue
            # Somebody holds the conversation: its drain, or a message that is being composed.
            self._locked[key] = self._locked.get(key, 0) + 1
            wait = LOCKED_WAIT_SECONDS * 2.0 ** min(self._locked[key], 10)
            self._ready.add_at(now + min(wait, LONGEST_LOCKED_WAIT_SECONDS), place)

    def _go_on(self, pending: Pending) -> None:
        """Have the lane of a verdict looked at that was written down."""
        verdict = pending.verdict
        if verdict.status != QUEUED:
            self._ready.add(pending.place)
            self._goes_on = True
        elif verdict.wait is not None:
            self._ready.add_at(time.time() + verdict.wait.total_seconds(), pending.place)

    def _hear(self, seconds: float) -> None:
        """Wait until something comes in, and take all that has."""
        with suppress(queue.Empty):
            self._take_in(self._inbox.get(timeout=seconds))
            if self._calls.ahead > self._plenty:
                time.sleep(LINGER_SECONDS)  # no thread waits for us, and a round has its price
            while True:
                self._take_in(self._inbox.get_nowait())

    def _wait_seconds(self) -> float:
        if self._goes_on and len(self._flights) < self._most:
            return 0.0
        now = time.time()
        times = [self._sight.next_at, self._ready.next_at, self._outages.next_at]
        waits = [each - now for each in times if each is not None]
        if (seconds := self._writer.unwritten.wait_seconds) is not None:
            waits.append(seconds)
        return min(max(min(waits), self._rest_until - now, 0.0), LISTEN_SECONDS)

    def _take_in(self, item: Any) -> None:
        if isinstance(item, Outcome):
            place = self._flights.end(item.dispatch.message_id)
            if (verdict := self._answers.judge(item)) is not None:
                self._writer.add(verdict, place)
        elif isinstance(item, Probed):
            self._outages.note_probe(item)
        elif isinstance(item, Wake):
            self._sight.hear(item)

    def _take_over(self) -> None:
        """Take up what the runner before left."""
        pending, self._unbegun = self._held.get(Leftovers).take()
        for each in pending:
            each.due_at = 0.0
            self._writer.unwritten.add(each)

    def _give_back(self) -> None:
        """Give back what no thread has begun: it is certain that it did not go out."""
        for work in (*self._calls.withdraw(), *self._uploads.withdraw()):
            if isinstance(work, Sending):
                error = NotYetError(timedelta(0))
                self._inbox.put(Outcome(dispatch=work.call.dispatch, error=error))

    def _finish(self) -> None:
        """Write down what comes back, as long as a call may take."""
        ends_at = time.monotonic() + FINISH_SECONDS
        self._rest_until = 0.0
        while self._flights or self._inbox.qsize() or self._writer.is_busy or self._unbegun:
            if time.monotonic() > ends_at:
                return
            self._hear(LISTEN_SECONDS if self._flights else LOCKED_WAIT_SECONDS)
            self._go_round_safely()
        self._go_round_safely(is_end=True)

    def _go_round_safely(self, *, is_end: bool = False) -> None:
        """Go round once more, whatever ended the run; a verdict that stays here is left over."""
        try:
            self._go_round()
            if is_end:
                self._writer.note_accounts(is_end=True)
        except Exception as error:  # noqa: BLE001 - what ended the run is raised; this is the rest
            self._session.rollback()
            logger.error("outbox_rest_failed error=%s", type(error).__name__)  # noqa: TRY400
            self._rest_until = time.time() + TROUBLE_SECONDS

    def _leave(self) -> None:
        """Leave to the next runner what is not in the database."""
        pending = self._writer.unwritten.take_all()
        left = len(pending) + len(self._unbegun) + len(self._flights)
        if left:
            logger.error("outbox_unfinished messages=%d", left)
        self._held.get(Leftovers).leave(pending, self._unbegun)
