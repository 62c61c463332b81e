"""Writing down what came of attempts, and telling of it: nothing is dropped on the way.

What has come back is written down together. A verdict whose thread somebody else holds is put off,
one that does not go the usual way is written down by itself, and one that the database refuses for
what it says costs no other its place.
"""

import logging
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from flask_messenger.models.base import utc_now
from flask_messenger.models.messages import FAILED
from flask_messenger.models.outage import is_database_away
from flask_messenger.models.upsert import is_transient
from flask_messenger.outbox.announcer import Announcer, stop_account
from flask_messenger.outbox.claim import Place, find_places
from flask_messenger.outbox.ledger import Written, note_accounts, write_alone, write_together
from flask_messenger.outbox.unwritten import Pending, Unwritten
from flask_messenger.outbox.verdicts import Verdict

logger = logging.getLogger(__name__)

NOTE_SECONDS: Final = 1.0
"""How often it is noted which accounts have sent."""
TRIES_BEFORE_DOUBT: Final = 8
"""How often a verdict is put off before it is asked whether its conversation is still there."""


class Writer:
    """What one runner has to write down. Of one thread."""

    def __init__(self, session: Session, announcer: Announcer) -> None:
        self.unwritten = Unwritten()
        self._session = session
        self._announcer = announcer
        self._refused: dict[uuid.UUID, Verdict] = {}
        self._sent: dict[uuid.UUID, datetime] = {}
        self._note_at = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether a verdict, or what follows from one, is not in the database yet."""
        return bool(self.unwritten or self._refused)

    def is_refused(self, account_id: uuid.UUID) -> bool:
        """Say whether Meta refused an account's token and nobody has been told yet."""
        return account_id in self._refused

    def add(self, verdict: Verdict, place: Place) -> None:
        """Keep a verdict until it is written down."""
        self.unwritten.add(Pending(verdict, place))

    def write(self, batch: Sequence[Pending], *, now: datetime) -> Written:
        """Write down a batch in the transaction of the caller, who commits and calls `settle`.

        Raises:
            IntegrityError: an echo was stored at this very moment; roll back, call `part`.
        """
        return write_together(self._session, [each.verdict for each in batch], now=now)

    def settle(self, batch: Sequence[Pending], written: Written, *, now: datetime) -> list[Pending]:
        """Do what follows from a batch that is committed; return those that are done."""
        later = {each.dispatch.message_id for each in written.later}
        odd = {each.dispatch.message_id for each in written.odd}
        done: list[Pending] = []
        for each in batch:
            if each.message_id in later:
                each.put_off()
            elif each.message_id in odd:
                each.is_odd = True
            else:
                self.unwritten.remove(each)
                done.append(each)
        self._remember_sent(done, written, now=now)
        self._tell(done, written)
        return done

    def part(self, batch: Sequence[Pending]) -> None:
        """Have each of a batch written down by itself: together they were refused."""
        for each in batch:
            each.is_odd = True

    def write_odd(self) -> Iterator[Pending]:
        """Write down by itself what did not go with the others; yield what is done."""
        for each in self.unwritten.find_due(is_odd=True):
            if self._write_alone(each):
                yield each

    def stop_accounts(self) -> set[uuid.UUID]:
        """Have accounts stopped whose token is dead; return lanes that go on with a newer one.

        Raises:
            DBAPIError: the database is away, or busy; nothing of theirs goes out until it is done.
        """
        going_on: set[uuid.UUID] = set()
        for account_id, verdict in list(self._refused.items()):
            try:
                if stop_account(self._announcer, self._session, verdict):
                    going_on.add(verdict.dispatch.lane.conversation_id)
            except Exception as error:
                self._session.rollback()
                if will_pass(error):
                    raise
                # It is gone, or refuses this; its next message brings the same question up again.
                logger.error("account_not_stopped error=%s", type(error).__name__)  # noqa: TRY400
            del self._refused[account_id]
        return going_on

    def note_accounts(self, *, is_end: bool = False) -> None:
        """Note which accounts have sent, once a second for all of them. Commits."""
        if not self._sent or (time.monotonic() < self._note_at and not is_end):
            return
        note_accounts(self._session, self._sent, now=max(self._sent.values()))
        self._session.commit()
        self._sent.clear()

    def find_due(self) -> list[Pending]:
        """Return what can be written together now."""
        self._drop_lost()
        return self.unwritten.find_due(is_odd=False)

    def _drop_lost(self) -> None:
        """Forget verdicts whose conversation is gone: there is nothing to write them to."""
        doubted = [
            each
            for each in self.unwritten.find_due(is_odd=False)
            if each.tries and each.tries % TRIES_BEFORE_DOUBT == 0
        ]
        if not doubted:
            return
        ids = {each.place.conversation_id for each in doubted}
        there = {each.conversation_id for each in find_places(self._session, ids)}
        self._session.rollback()
        for each in doubted:
            if each.place.conversation_id not in there:
                self._give_up(each, "conversation_gone")

    def _write_alone(self, pending: Pending) -> bool:
        """Write one down; return whether it is done.

        Raises:
            DBAPIError: the database is away, or busy; the verdict is kept.
        """
        try:
            written = write_alone(self._session, pending.verdict, now=utc_now())
        except Exception as error:
            self._session.rollback()
            if will_pass(error):
                pending.put_off()
                raise
            if isinstance(error, DBAPIError) and not isinstance(error, DataError | IntegrityError):
                # A full disk, a statement that took too long: not what the verdict says.
                logger.error("verdict_unwritten error=%s", type(error).__name__)  # noqa: TRY400
                pending.put_off()
            else:
                self._give_up(pending, type(error).__name__)
            return False
        self.unwritten.remove(pending)
        self._tell([pending], written)
        return True

    def _remember_sent(self, done: Sequence[Pending], written: Written, *, now: datetime) -> None:
        sent = {each.place.account_id for each in done if each.message_id in written.sent}
        if sent and not self._sent:
            self._note_at = time.monotonic() + NOTE_SECONDS
        self._sent |= dict.fromkeys(sent, now)

    def _give_up(self, pending: Pending, why: str) -> None:
        self.unwritten.remove(pending)
        logger.error("verdict_dropped message_id=%s error=%s", pending.message_id, why)

    def _tell(self, done: Sequence[Pending], written: Written) -> None:
        """Have open pages and the host told of what was committed."""
        by_id = {each.message_id: each.verdict for each in done}
        self._announcer.tell(written, by_id)
        for message_id in written.ended:
            verdict = by_id[message_id]
            if verdict.status == FAILED:
                logger.info("send_failed message_id=%s error=%s", message_id, verdict.slug)
            if verdict.needs_reauth:
                self._refused[verdict.dispatch.lane.account_id] = verdict


def will_pass(error: Exception) -> bool:
    """Say whether the database may take the same a moment later."""
    if isinstance(error, PoolTimeoutError):
        return True
    return isinstance(error, DBAPIError) and (is_transient(error) or is_database_away(error))
