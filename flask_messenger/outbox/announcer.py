"""Telling the host and open pages, beside the sending: a slow receiver holds no message back."""

import logging
import queue
import threading
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import redis
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.connect.announce import AccountFacts, announce_needs_reauth
from flask_messenger.connect.health import TOKEN_EXPIRED, mark_needs_reauth
from flask_messenger.ingest.receipts import settle_waiting_receipts
from flask_messenger.models import Account, Receipt
from flask_messenger.models.messages import FAILED
from flask_messenger.outbox.announce import StatusChange, announce_status
from flask_messenger.outbox.ledger import Written
from flask_messenger.outbox.records import commit_safely
from flask_messenger.outbox.verdicts import Verdict
from flask_messenger.realtime import publish
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope

logger = logging.getLogger(__name__)

Work = Callable[[], None]
_LAST: Final = None


class Announcer:
    """Does what is to be told one after the other, in a thread of its own or at once."""

    def __init__(self, app: Flask, *, threaded: bool) -> None:
        self.app = app
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(
                target=self._serve, name="messenger-outbox-news", daemon=True
            )
            self._thread.start()

    @property
    def backlog(self) -> int:
        """How much there is to be told yet."""
        return self._work.qsize()

    def tell(self, written: Written, verdicts: Mapping[uuid.UUID, Verdict]) -> None:
        """Tell what became of messages, once it is committed."""
        news, other = _changes(written, verdicts)
        if news or other:
            self.do(partial(_announce, self.app, news, other))
        named = [
            (each.dispatch.lane.account_id, each.external_id)
            for message_id, each in verdicts.items()
            if message_id in written.sent and each.external_id
        ]
        if named:
            self.do(partial(settle_early, self.app, named))

    def do(self, work: Work) -> None:
        """Do something that has an application context and a session of its own."""
        if self._thread is None:
            _try(work)
        else:
            self._work.put(work)

    def close(self) -> None:
        """Return when everything is told."""
        if self._thread is not None:
            self._work.put(_LAST)
            self._thread.join()

    def _serve(self) -> None:
        with self.app.app_context():
            while (work := self._work.get()) is not _LAST:
                _try(work)
            state_of(self.app).db.session.remove()


def _try(work: Work) -> None:
    try:
        with system_scope("outbox news"):
            work()
    except Exception as error:  # noqa: BLE001 - the next one is to be told whatever this one met
        logger.error("announcement_failed error=%s", type(error).__name__)  # noqa: TRY400


def _changes(
    written: Written, verdicts: Mapping[uuid.UUID, Verdict]
) -> tuple[list[StatusChange], list[StatusChange]]:
    """Return what has just gone out, and what else changed."""
    news: list[StatusChange] = []
    other: list[StatusChange] = []
    for message_id, (status, is_news) in written.sent.items():
        (news if is_news else other).append(_change(verdicts[message_id], status))
    other += [
        _change(verdicts[each], FAILED) for each in written.ended if verdicts[each].status == FAILED
    ]
    return news, other


def _change(verdict: Verdict, status: str) -> StatusChange:
    dispatch = verdict.dispatch
    return StatusChange(
        message_id=dispatch.message_id,
        lane=dispatch.lane,
        status=status,
        sent_by=dispatch.sender,
    )


def _announce(app: Flask, news: list[StatusChange], other: list[StatusChange]) -> None:
    announce_status(app, news, is_sent_news=True)
    announce_status(app, other)


def settle_early(app: Flask, named: list[tuple[uuid.UUID, str]]) -> None:
    """Apply receipts that came before we knew their messages' ids. Commits."""
    held = state_of(app)
    session: Session = held.db.session
    statement = select(Receipt.account_id).where(
        Receipt.account_id.in_({account_id for account_id, _ in named}),
        Receipt.reference.in_({external_id for _, external_id in named}),
    )
    accounts = set(session.scalars(statement))
    session.rollback()
    if accounts:
        changes = commit_safely(
            session, lambda: settle_waiting_receipts(session, account_ids=accounts)
        )
        publish(held.get(redis.Redis), changes)


def stop_account(announcer: Announcer, session: Session, verdict: Verdict) -> bool:
    """Say that a message's account has to be connected again. Commits.

    Returns whether it was reconnected while the call was under way: then the lane goes on, with
    the new token.
    """
    dispatch = verdict.dispatch
    account = session.get_one(Account, dispatch.lane.account_id, populate_existing=True)
    if account.token_sealed != dispatch.token_sealed:
        session.rollback()
        return True
    facts = AccountFacts.of(account)
    is_news = mark_needs_reauth(session, account, TOKEN_EXPIRED)
    session.commit()
    if is_news:
        announcer.do(partial(announce_needs_reauth, announcer.app, facts, reason=TOKEN_EXPIRED))
    return False
