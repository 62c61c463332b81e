"""Telling the host and open pages, beside the sending: a slow receiver holds no message back."""

import logging
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import redis
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.connect.announce import AccountFacts, announce_needs_reauth
from flask_messenger.connect.health import TOKEN_EXPIRED, mark_needs_reauth
from flask_messenger.ingest.announce import announce_changes, announce_statuses
from flask_messenger.ingest.settle import Settled, settle_waiting_receipts
from flask_messenger.models import Account, Receipt
from flask_messenger.models.messages import FAILED
from flask_messenger.outbox.announce import StatusChange, tell_host, tell_pages
from flask_messenger.outbox.helper import Helper, Work
from flask_messenger.outbox.ledger import Written
from flask_messenger.outbox.records import commit_safely
from flask_messenger.outbox.verdicts import Verdict
from flask_messenger.realtime import publish
from flask_messenger.state import state_of

logger = logging.getLogger(__name__)

BACKLOG: Final = 10_000
"""Changes that open pages, or the host, have not been told; beyond it they hear of no more."""
MOST_NEWS: Final = 100_000
"""The same of messages that have gone out, which the host is to hear of as long as can be."""
SETTLE_SECONDS: Final = 0.2
"""How often it is asked whether receipts wait for what was sent."""
COMPLAIN_SECONDS: Final = 60.0
HOST_SECONDS: Final = 2.0
"""How long the end waits for the host to hear what is left."""


class Announcer:
    """Does what is to be told one after the other, in threads of their own or at once.

    Ours and the host's part are two threads: a receiver that hangs keeps no page from moving on.
    """

    def __init__(self, app: Flask, *, threaded: bool) -> None:
        self.app = app
        self._pages = Helper(app, "messenger-outbox-news", threads=int(threaded))
        self._host = Helper(app, "messenger-outbox-signals", threads=int(threaded))
        self._dropped: Counter[str] = Counter()
        self._complained_at: dict[str, float] = {}
        self._named: list[tuple[uuid.UUID, str]] = []
        self._settle_seconds = SETTLE_SECONDS if threaded else 0.0
        self._settle_at = 0.0

    def tell(self, written: Written, verdicts: Mapping[uuid.UUID, Verdict]) -> None:
        """Tell what became of messages, once it is committed."""
        news, other = _changes(written, verdicts)
        left = [_change(verdicts[each], written.sent[each][0]) for each in written.moved]
        self._tell_pages(news + other + left)
        self._tell_host(news, other)
        if not self._named:
            self._settle_at = time.monotonic() + self._settle_seconds
        self._named += [
            (each.dispatch.lane.account_id, each.external_id)
            for message_id, each in verdicts.items()
            if message_id in written.sent and each.external_id
        ]
        self.settle()

    def settle(self, *, is_end: bool = False) -> None:
        """Have receipts applied that came before we knew their messages' ids.

        That is looked for after the commit, or neither would see the other; and a few times a
        second for all that were sent, as it is seldom found.
        """
        if not self._named or (time.monotonic() < self._settle_at and not is_end):
            return
        named, self._named = self._named, []
        if self._pages.backlog <= BACKLOG:  # what is passed over, the sweep settles
            self._pages.do(partial(self._settle, named))

    def _settle(self, named: list[tuple[uuid.UUID, str]]) -> None:
        settled = settle_early(self.app, named)
        if settled.changed or (settled.lifted and self._host.backlog <= BACKLOG):
            self._host.do(partial(_tell_settled, self.app, settled))

    def do(self, work: Work) -> None:
        """Do something of the host's that has an application context and a session of its own."""
        self._host.do(work)

    def close(self) -> None:
        """Return when everything is told, or when that takes too long."""
        self.settle(is_end=True)
        self._pages.close()
        self._host.close(seconds=HOST_SECONDS)

    def _tell_pages(self, changes: list[StatusChange]) -> None:
        if self._pages.backlog > BACKLOG:
            self._drop("pages", len(changes))
        elif changes:
            self._pages.do(partial(tell_pages, self.app, changes), weight=len(changes))

    def _tell_host(self, news: list[StatusChange], other: list[StatusChange]) -> None:
        backlog = self._host.backlog
        # A status may be missed, by what hosts are promised; that a message went out rather not.
        has_status = backlog <= BACKLOG
        if not has_status:
            self._drop("message_status_changed", len(news) + len(other))
            other = []
        if backlog > MOST_NEWS:
            self._drop("message_sent", len(news))
            news = []
        if news or other:
            work = partial(_tell_host, self.app, news, other, has_status=has_status)
            self._host.do(work, weight=len(news) + len(other))

    def _drop(self, what: str, count: int) -> None:
        """Note what nobody will be told; say so once a minute."""
        self._dropped[what] += count
        now = time.monotonic()
        before = self._complained_at.get(what)
        if not self._dropped[what] or (before is not None and now < before + COMPLAIN_SECONDS):
            return
        self._complained_at[what] = now
        logger.error(
            "outbox_news_dropped what=%s count=%d seconds=%.0f",
            what,
            self._dropped.pop(what),
            max(self._host.busy_seconds, self._pages.busy_seconds),
        )


def _changes(
    written: Written, verdicts: Mapping[uuid.UUID, Verdict]
) -> tuple[list[StatusChange], list[StatusChange]]:
    """Return what has just gone out, and what else changed."""
    news: list[StatusChange] = []
    other: list[StatusChange] = []
    for message_id, (status, is_news) in written.sent.items():
        change = _change(verdicts[message_id], status)
        if message_id in written.moved:
            lane = replace(change.lane, conversation_id=written.moved[message_id])
            change = replace(change, lane=lane)
        (news if is_news else other).append(change)
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
        kind=dispatch.kind,
    )


def _tell_host(
    app: Flask, news: list[StatusChange], other: list[StatusChange], *, has_status: bool
) -> None:
    tell_host(app, news, is_sent_news=True, has_status=has_status)
    tell_host(app, other)


def _tell_settled(app: Flask, settled: Settled) -> None:
    announce_statuses(app, sorted(settled.lifted))
    announce_changes(app, sorted(settled.changed))


def settle_early(app: Flask, named: list[tuple[uuid.UUID, str]]) -> Settled:
    """Apply receipts that came before we knew their messages' ids. Commits."""
    held = state_of(app)
    session: Session = held.db.session
    statement = select(Receipt.account_id).where(
        Receipt.account_id.in_({account_id for account_id, _ in named}),
        Receipt.reference.in_({external_id for _, external_id in named}),
    )
    accounts = set(session.scalars(statement))
    session.rollback()
    if not accounts:
        return Settled()
    settled = commit_safely(session, lambda: settle_waiting_receipts(session, account_ids=accounts))
    publish(held.get(redis.Redis), settled.changes)
    return settled


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
