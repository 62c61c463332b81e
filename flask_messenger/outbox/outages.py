"""What the runner does about Meta being away: holds back, asks again, and tells people."""

import logging
import time
from dataclasses import dataclass, field
from typing import Final

import redis
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flask_messenger.crypto import KeyRing
from flask_messenger.errors import GraphError, SecretError
from flask_messenger.graph.client import Graph, node
from flask_messenger.models import Account
from flask_messenger.models.accounts import ACTIVE
from flask_messenger.outbox.breaker import Breaker, Outage, is_outage
from flask_messenger.outbox.calls import Calls
from flask_messenger.outbox.lane import Dispatch
from flask_messenger.realtime import Change, publish
from flask_messenger.settings import MetaApp
from flask_messenger.state import MessengerState, state_of

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.25
PROBE_SECONDS: Final = 30.0
"""How long one worker has the turn to ask Meta, if it does not come back with an answer."""
EVERYTHING: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One harmless question to Meta: an account's own id."""

    graph: Graph = field(repr=False)
    app: MetaApp
    token: str = field(repr=False)
    account_external_id: str

    def __call__(self) -> "Probed":
        """Ask. Whatever is answered, it was answered."""
        try:
            self.graph.get(
                node(self.account_external_id),
                app=self.app,
                token=self.token,
                params={"fields": "id"},
            )
        except GraphError as error:
            return Probed(self.app.name, answered=not is_outage(error))
        except Exception as error:  # noqa: BLE001 - a thread that ends would take its turn along
            logger.error("probe_failed error=%s", type(error).__name__)  # noqa: TRY400
            return Probed(self.app.name, answered=False)
        return Probed(self.app.name, answered=True)


@dataclass(frozen=True, slots=True)
class Probed:
    """Whether Meta answered a probe."""

    app_name: str
    answered: bool


class Outages:
    """The outages of one application's Meta apps, as one runner sees and treats them."""

    def __init__(self, app: Flask, calls: Calls) -> None:
        self._held = state_of(app)
        self._breaker = self._held.get(Breaker)
        self._calls = calls
        self._now: dict[str, Outage] = {}
        self._looked_at = 0.0
        self._asking: set[str] = set()
        self._trying: set[str] = set()

    @property
    def next_at(self) -> float | None:
        """When Meta is to be asked again (epoch seconds); None while it answers."""
        waiting = [each.probe_at for name, each in self._now.items() if name not in self._asking]
        return max(min(waiting), self._looked_at + LOOK_SECONDS) if waiting else None

    def attend(self, session: Session) -> None:
        """Learn what others found out, and ask Meta again where it is time."""
        now = time.time()
        if now < self._looked_at + LOOK_SECONDS:
            return
        self._looked_at = now
        self._now = self._breaker.find_outages(self._held.settings.apps)
        self._trying &= self._now.keys()
        for name, outage in self._now.items():
            if not outage.is_trial and outage.probe_at <= now and name not in self._asking:
                self._ask(session, name)

    def room(self, app_name: str, *, under_way: int) -> int:
        """Return how many messages of an app may go now: none while Meta is away, one to try.

        Args:
            app_name: ours.
            under_way: how many of its messages this process is sending.
        """
        outage = self._now.get(app_name)
        if outage is None:
            return EVERYTHING
        if not outage.is_trial or under_way:
            return 0
        if app_name not in self._trying:
            if not self._breaker.may_probe(app_name, for_seconds=PROBE_SECONDS):
                return 0
            self._trying.add(app_name)
        return 1

    def note_answer(self, app_name: str) -> None:
        """Note that Graph answered a send."""
        if app_name not in self._now and not self._breaker.is_in_doubt(app_name):
            return
        if self._breaker.note_answer(app_name):
            self._now.pop(app_name, None)
            self._trying.discard(app_name)
            self._tell(app_name)

    def note_failure(self, session: Session, dispatch: Dispatch, error: GraphError) -> bool:
        """Note that Graph did not answer a send; return whether it is away."""
        app_name = dispatch.app_name
        was_away = app_name in self._now
        is_away = self._breaker.note_failure(app_name, dispatch.lane.account_id, error)
        if not is_away and self._breaker.is_suspected(app_name):
            is_away = _is_only_account(session, app_name)
            if is_away:
                self._breaker.open(app_name)
        self._trying.discard(app_name)
        if is_away:
            self._now = self._breaker.find_outages(self._held.settings.apps)
            if not was_away:
                self._tell(app_name)
        return is_away

    def note_probe(self, probed: Probed) -> None:
        """Note what came of asking Meta."""
        self._asking.discard(probed.app_name)
        if probed.answered:
            self._breaker.pass_probe(probed.app_name)
        else:
            self._breaker.fail_probe(probed.app_name)
        self._looked_at = 0.0

    def _ask(self, session: Session, app_name: str) -> None:
        probe = self._probe(session, app_name)
        if probe is None:
            # Nobody is left to ask with, so nobody waits: the first message to come tries.
            self._breaker.pass_probe(app_name)
            return
        if self._breaker.may_probe(app_name, for_seconds=PROBE_SECONDS):
            self._asking.add(app_name)
            self._calls.make(probe)

    def _probe(self, session: Session, app_name: str) -> Probe | None:
        statement = (
            select(Account)
            .where(
                Account.app_name == app_name,
                Account.status == ACTIVE,
                Account.token_sealed.is_not(None),
            )
            .order_by(Account.last_sent_at.desc().nulls_last())
            .limit(1)
        )
        account = session.scalars(statement).one_or_none()
        try:
            token = account.open_token(self._held.get(KeyRing)) if account else None
        except SecretError:
            token = None
        external_id = account.external_id if account else ""
        session.rollback()
        if token is None:
            return None
        return Probe(
            graph=self._held.get(Graph),
            app=self._held.settings.apps[app_name],
            token=token,
            account_external_id=external_id,
        )

    def _tell(self, app_name: str) -> None:
        """Have open pages of everybody concerned look again."""
        session: Session = self._held.db.session
        statement = select(Account.workspace_id).where(Account.app_name == app_name).distinct()
        workspaces = list(session.scalars(statement))
        session.rollback()
        changes = [Change(workspace_id=each, type="outage", ids={}) for each in workspaces]
        publish(self._held.get(redis.Redis), changes)


def outage_of_workspace(session: Session, held: MessengerState, workspace_id: str) -> Outage | None:
    """Return the outage that a workspace's messages wait for, the longest; None while none is."""
    outages = held.get(Breaker).find_outages(held.settings.apps)
    if not outages:
        return None
    statement = select(Account.app_name).where(Account.workspace_id == workspace_id).distinct()
    mine = [outages[name] for name in session.scalars(statement) if name in outages]
    return min(mine, key=lambda each: each.since, default=None)


def _is_only_account(session: Session, app_name: str) -> bool:
    """Say whether an app has one account to send from, so that no other can speak for Meta."""
    statement = select(func.count()).where(Account.app_name == app_name, Account.status == ACTIVE)
    count = session.scalar(statement) or 0
    session.rollback()
    return count == 1
