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
import math
import queue
import random
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import redis
from flask import Flask
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from flask_messenger.errors import AccountPausedError, GraphError, RateLimitedError
from flask_messenger.graph.client import Graph
from flask_messenger.models.base import utc_now
from flask_messenger.models.messages import FAILED, QUEUED, SENDING
from flask_messenger.models.outage import is_database_away
from flask_messenger.models.upsert import is_transient
from flask_messenger.outbox.announcer import Announcer, stop_account
from flask_messenger.outbox.backoff import wait_before_retry
from flask_messenger.outbox.breaker import is_outage
from flask_messenger.outbox.calls import Calls, Outcome, Sending
from flask_messenger.outbox.claim import (
    Place,
    claim_heads,
    find_due,
    find_next_due,
    find_places,
    find_waiting,
)
from flask_messenger.outbox.lane import Dispatch
from flask_messenger.outbox.ledger import Written, note_accounts, write_alone, write_together
from flask_messenger.outbox.outages import Outages, Probed
from flask_messenger.outbox.pacing import Pacer
from flask_messenger.outbox.prepare import Preparer
from flask_messenger.outbox.ready import Ready
from flask_messenger.outbox.verdicts import NotYetError, Verdict, judge
from flask_messenger.outbox.wake import Listener, Wake
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
DEAF_LOOK_SECONDS: Final = 1.0
"""How often the tables are looked at for what nobody said; more often where wakes are not heard."""
LOOK_LIMIT: Final = 1000
LISTEN_SECONDS: Final = 0.25
"""The longest wait for something to happen: how soon a runner notices that it should stop."""
LOCKED_WAIT_SECONDS: Final = 0.01
LONGEST_LOCKED_WAIT_SECONDS: Final = 0.5
TROUBLE_SECONDS: Final = 0.5
"""How long the database is left alone after it failed."""
AHEAD: Final = 2
"""What part of the threads (one in so many) has its next message claimed before it is free."""
LONE_SHARE: Final = 0.75
CROWD_SHARE: Final = 0.5
"""Of the threads: what one account may have where it is alone, and where it is not."""
FINISH_SECONDS: Final = 25.0
"""Longer than one call to Meta may take: a send that is cut off has no known end."""
NOTE_SECONDS: Final = 1.0
"""How often an account's last send is noted."""
BACKLOG: Final = 5_000
"""News the host has not been told; beyond it nothing more is claimed."""


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
    runner = Runner(app, threads=count)
    try:
        with system_scope("outbox"):
            return runner.run(stopping, until_idle=until_idle)
    finally:
        runner.close()


class Runner:
    """What `run_outbox` remembers while it runs. Of one thread."""

    def __init__(self, app: Flask, *, threads: int) -> None:
        self._app = app
        self._held = state_of(app)
        self._session: Session = self._held.db.session
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._calls = Calls(threads, self._inbox)
        # More than there are threads, so that none waits for the next claim.
        self._threads = threads
        self._most = max(1, threads + threads // AHEAD)
        self._ready = Ready()
        self._pacer = self._held.get(Pacer)
        self._outages = Outages(app, self._calls)
        self._preparer = Preparer(self._held)
        self._announcer = Announcer(app, threaded=threads > 0)
        self._listener = Listener(self._held.get(redis.Redis), self._inbox) if threads else None
        self._flights: dict[uuid.UUID, Place] = {}
        self._busy: Counter[uuid.UUID] = Counter()
        self._unwritten: list[tuple[Verdict, Place]] = []
        self._missed: list[Place] = []
        self._woken: set[uuid.UUID] = set()
        self._locked: Counter[uuid.UUID] = Counter()
        self._noted: dict[uuid.UUID, float] = {}
        self._look_at = 0.0
        self._is_more = False
        self._goes_on = False
        self._is_stopping = False
        self._rest_until = 0.0

    def run(self, stopping: Callable[[], bool], *, until_idle: bool) -> bool:
        """Go round until told to stop, or until nothing could go out now."""
        if self._listener is not None and not until_idle:
            self._listener.start()
        self._look(time.time())
        while not stopping():
            self._go_round()
            if until_idle and self._is_idle():
                return False
            self._hear(self._wait_seconds())
        self._finish()
        return bool(find_waiting(self._session, now=utc_now(), limit=1))

    def close(self) -> None:
        """End the threads."""
        if self._listener is not None and self._listener.has_started:
            self._listener.close()
        self._calls.close()
        self._announcer.close()
        self._session.rollback()

    def _is_idle(self) -> bool:
        """Say whether nothing is under way and nothing could begin now."""
        under_way = self._flights or self._unwritten or self._locked or self._woken or self._missed
        return not (under_way or self._inbox.qsize() or self._is_more or self._goes_on)

    def _go_round(self) -> None:
        now = time.time()
        if now < self._rest_until:
            return
        try:
            self._ready.wake_due(now)
            self._find_woken()
            if now >= self._look_at or (self._is_more and not self._ready):
                self._look(now)
            self._outages.attend(self._session)
            self._write_and_claim()
        except DBAPIError as error:
            # What Meta said is kept here until it is written; the rest is still in the tables.
            self._session.rollback()
            if not _will_pass(error):
                raise
            logger.error("outbox_database_failed error=%s", type(error).__name__)  # noqa: TRY400
            self._rest_until = time.time() + TROUBLE_SECONDS

    def _look(self, now: float) -> None:
        """Find what nobody said: lanes that may go, and when the next one may."""
        at = utc_now()
        places = find_waiting(self._session, now=at, limit=LOOK_LIMIT)
        due_at = find_next_due(self._session, now=at)
        self._session.rollback()
        for place in places:
            self._ready.add(place)
        self._is_more = len(places) == LOOK_LIMIT
        is_hearing = self._listener is not None and self._listener.is_hearing
        self._look_at = now + (LOOK_SECONDS if is_hearing else DEAF_LOOK_SECONDS)
        if due_at is not None:
            self._look_at = min(self._look_at, due_at.timestamp())

    def _find_woken(self) -> None:
        if not self._woken:
            return
        places = find_places(self._session, self._woken)
        self._session.rollback()
        self._woken.clear()
        for place in places:
            self._ready.add(place)

    def _write_and_claim(self) -> None:
        """Write down what has come back and claim what may go: one transaction for both."""
        writing, self._unwritten = self._unwritten, []
        places = self._choose()
        self._goes_on = bool(places)
        if not (writing or places or self._missed):
            return
        now = utc_now()
        claimed: list[Dispatch] = []
        try:
            written = write_together(self._session, [each for each, _ in writing], now=now)
            self._note_accounts(written, writing, now=now)
            claimed = claim_heads(self._session, [each.conversation_id for each in places], now=now)
            self._return_missed()
            self._session.commit()
        except IntegrityError:
            self._session.rollback()
            claimed.clear()
            written = Written(odd=[each for each, _ in writing])
        except DBAPIError:
            self._unwritten = writing + self._unwritten
            for place in places:
                self._ready.add(place)
            raise
        taken = {each.lane.conversation_id for each in claimed}
        self._missed += [each for each in places if each.conversation_id not in taken]
        self._start(claimed, places)
        self._tell(written, [each for each, _ in writing])
        self._write_rest(written, writing)

    def _choose(self) -> list[Place]:
        """Take the lanes whose turn it is, as many as may go."""
        capacity = self._most - len(self._flights)
        if self._is_stopping or capacity <= 0 or not self._ready:
            return []
        if self._announcer.backlog > BACKLOG:
            return []
        owners = self._ready.owners()
        self._pacer.look_ahead(
            [each.account_id for each in owners], {each.app_name for each in owners}
        )
        granted: dict[uuid.UUID, tuple[str, int]] = {}
        share = CROWD_SHARE if len(owners) > 1 else LONE_SHARE
        most = max(1, math.floor(self._threads * share))

        def room(place: Place, waiting: int) -> int:
            free = min(most - self._busy[place.account_id], waiting, capacity)
            given = self._take_permits(place, free)
            granted[place.account_id] = (place.app_name, given)
            return given

        places = self._ready.take(capacity, room)
        used = Counter(each.account_id for each in places)
        for account_id, (app_name, given) in granted.items():
            self._pacer.give_back(account_id, app_name, given - used[account_id])
        return places

    def _take_permits(self, place: Place, wanted: int) -> int:
        """Return how many messages of an account may go now; set a time to ask again if fewer."""
        if wanted <= 0:
            return 0
        now = time.time()
        held_until = self._pacer.held_until(place.account_id, place.app_name)
        if held_until is not None:
            self._ready.add_at(held_until, None)
            return 0
        under_way = sum(each.app_name == place.app_name for each in self._flights.values())
        wanted = min(wanted, self._outages.room(place.app_name, under_way=under_way))
        given = self._pacer.take(place.account_id, place.app_name, wanted)
        if given < wanted:
            self._ready.add_at(math.ceil(now * 10 + 1) / 10, None)
        return given

    def _start(self, claimed: Sequence[Dispatch], places: Sequence[Place]) -> None:
        """Hand what was claimed to the threads."""
        place_of = {each.conversation_id: each for each in places}
        graph = self._held.get(Graph)
        for dispatch in claimed:
            place = place_of[dispatch.lane.conversation_id]
            self._locked.pop(place.conversation_id, None)
            self._flights[dispatch.message_id] = place
            self._busy[place.account_id] += 1
            made = self._preparer.prepare(dispatch)
            if isinstance(made, Outcome):
                self._inbox.put(made)
            else:
                self._calls.make(Sending(made, graph))

    def _return_missed(self) -> None:
        """Decide when to ask again for the lanes of which nothing was claimed."""
        missed, self._missed = self._missed, []
        if not missed:
            return
        due = find_due(self._session, [each.conversation_id for each in missed])
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
            self._locked[key] += 1
            wait = LOCKED_WAIT_SECONDS * 2.0 ** min(self._locked[key], 10)
            self._ready.add_at(now + min(wait, LONGEST_LOCKED_WAIT_SECONDS), place)

    def _hear(self, seconds: float) -> None:
        """Wait until something comes in, and take all that has."""
        try:
            self._take_in(self._inbox.get(timeout=seconds))
            while True:
                self._take_in(self._inbox.get_nowait())
        except queue.Empty:
            return

    def _wait_seconds(self) -> float:
        if self._goes_on and len(self._flights) < self._most:
            return 0.0
        now = time.time()
        times = [self._look_at, self._ready.next_at, self._outages.next_at]
        next_at = min(each for each in times if each is not None)
        return min(max(next_at - now, self._rest_until - now, 0.0), LISTEN_SECONDS)

    def _take_in(self, item: Any) -> None:
        if isinstance(item, Outcome):
            self._judge(item)
        elif isinstance(item, Probed):
            self._outages.note_probe(item)
        elif isinstance(item, Wake):
            if item.conversation_id is None:
                self._look_at = 0.0
            else:
                self._woken.add(item.conversation_id)

    def _judge(self, outcome: Outcome) -> None:
        """Decide what an attempt means, for its message and for what comes after it."""
        dispatch, error = outcome.dispatch, outcome.error
        place = self._flights.pop(dispatch.message_id)
        self._busy[place.account_id] -= 1
        is_away = self._note(dispatch, outcome)
        verdict = judge(
            outcome,
            tries=self._held.settings.send_max_attempts,
            chance=random.random(),  # noqa: S311 - spreads tries, keeps no secret
            is_away=is_away,
        )
        if verdict.status == SENDING:
            name = type(error).__name__
            logger.warning("send_unanswered message_id=%s error=%s", dispatch.message_id, name)
            return
        self._unwritten.append((verdict, place))
        if verdict.status == QUEUED:
            if verdict.wait is not None:
                self._ready.add_at(time.time() + verdict.wait.total_seconds(), place)
        else:
            # Written down and claimed in the same transaction: the lane loses no time.
            self._ready.add(place)

    def _note(self, dispatch: Dispatch, outcome: Outcome) -> bool:
        """Tell limiter and breaker what Graph said; return whether Meta is away."""
        account_id, app_name = dispatch.lane.account_id, dispatch.app_name
        error = outcome.error
        if outcome.answer is not None:
            self._outages.note_answer(app_name)
            self._pacer.note_usage(account_id, app_name, outcome.answer.usage)
            return False
        if not isinstance(error, GraphError):
            return False
        if is_outage(error):
            return self._outages.note_failure(app_name, account_id, error)
        self._outages.note_answer(app_name)
        if isinstance(error, RateLimitedError | AccountPausedError):
            wait = wait_before_retry(error, attempts=dispatch.attempts, chance=0.0)
            self._pacer.note_limit(account_id, app_name, error, wait)
        return False

    def _note_accounts(
        self, written: Written, writing: Sequence[tuple[Verdict, Place]], *, now: datetime
    ) -> None:
        moment = time.monotonic()
        sent = {
            place.account_id for each, place in writing if each.dispatch.message_id in written.sent
        }
        stale = {each for each in sent if self._noted.get(each, 0.0) + NOTE_SECONDS <= moment}
        note_accounts(self._session, stale, now=now)
        if len(self._noted) > LOOK_LIMIT:
            self._noted.clear()
        self._noted.update(dict.fromkeys(stale, moment))

    def _write_rest(self, written: Written, writing: Sequence[tuple[Verdict, Place]]) -> None:
        """Write down by itself what did not go with the others."""
        place_of = {each.dispatch.message_id: place for each, place in writing}
        for verdict in written.later:
            self._unwritten.append((verdict, place_of[verdict.dispatch.message_id]))
            self._ready.add_at(time.time() + LOCKED_WAIT_SECONDS, None)
        left = deque(written.odd)
        try:
            while left:
                alone = write_alone(self._session, left[0], now=utc_now())
                verdict = left.popleft()
                self._tell(alone, [verdict])
                self._go_on(verdict, place_of[verdict.dispatch.message_id])
        finally:
            self._unwritten += [(each, place_of[each.dispatch.message_id]) for each in left]

    def _go_on(self, verdict: Verdict, place: Place) -> None:
        if verdict.status != QUEUED:
            self._ready.add(place)
            self._goes_on = True

    def _tell(self, written: Written, verdicts: Iterable[Verdict]) -> None:
        """Have open pages and the host told of what was written, and stop what cannot go on."""
        by_id = {each.dispatch.message_id: each for each in verdicts}
        self._announcer.tell(written, by_id)
        for message_id in written.ended:
            verdict = by_id[message_id]
            if verdict.status == FAILED:
                logger.info("send_failed message_id=%s error=%s", message_id, verdict.slug)
            if verdict.needs_reauth and stop_account(self._announcer, self._session, verdict):
                self._woken.add(verdict.dispatch.lane.conversation_id)

    def _finish(self) -> None:
        """Give back what was not begun, and write down what comes back of the rest."""
        self._is_stopping = True
        for work in self._calls.withdraw():
            if isinstance(work, Sending):
                error = NotYetError(timedelta(0))
                self._inbox.put(Outcome(dispatch=work.call.dispatch, error=error))
        ends_at = time.monotonic() + FINISH_SECONDS
        while self._flights or self._unwritten:
            if time.monotonic() > ends_at:
                logger.error(
                    "outbox_unfinished messages=%d", len(self._flights) + len(self._unwritten)
                )
                return
            self._hear(LISTEN_SECONDS if self._flights else LOCKED_WAIT_SECONDS)
            self._go_round()


def _will_pass(error: DBAPIError) -> bool:
    """Say whether the database may take the same a moment later."""
    return is_transient(error) or is_database_away(error)
