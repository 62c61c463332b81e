"""What the runner does about Meta being away: holds back, asks again, and tells people."""

import enum
import logging
import time
import uuid
from collections.abc import Callable
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
from flask_messenger.models.accounts import ACTIVE, DISCONNECTED
from flask_messenger.outbox.breaker import Breaker, Outage, is_outage
from flask_messenger.outbox.calls import Calls
from flask_messenger.outbox.evidence import Evidence
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


class Finding(enum.Enum):
    """What a runner found out about Meta and has to say to the others."""

    AWAY = enum.auto()
    STILL_AWAY = enum.auto()
    WILLING = enum.auto()
    ANSWERED = enum.auto()


_SAY: Final[dict[Finding, Callable[[Breaker, str], bool]]] = {
    Finding.AWAY: Breaker.open,
    Finding.STILL_AWAY: Breaker.fail_probe,
    Finding.WILLING: Breaker.pass_probe,
    Finding.ANSWERED: Breaker.close,
}


class Outages:
    """The outages of one application's Meta apps, as one runner sees and treats them.

    What is noted is only remembered: answers are judged with it, and nothing that may fail or
    take long is to stand between an answer and its being written down. `attend` does the rest.
    """

    def __init__(self, app: Flask, calls: Calls) -> None:
        self._held = state_of(app)
        self._breaker = self._held.get(Breaker)
        self._evidence = Evidence(failures=self._held.settings.breaker_failures)
        self._calls = calls
        self._now: dict[str, Outage] = {}
        self._looked_at = 0.0
        self._asking: set[str] = set()
        self._trying: set[str] = set()
        self._alone: dict[str, bool] = {}
        self._found: dict[str, Finding] = {}
        self._untold: set[str] = set()

    @property
    def next_at(self) -> float | None:
        """When `attend` is wanted (epoch seconds); None while Meta answers."""
        if self._found or self._untold:
            return self._looked_at
        waiting = [each.probe_at for name, each in self._now.items() if name not in self._asking]
        return max(min(waiting), self._looked_at + LOOK_SECONDS) if waiting else None

    def attend(self, session: Session) -> None:
        """Say what was found out, learn what others found out, and ask Meta where it is time."""
        now = time.time()
        if now < self._looked_at + LOOK_SECONDS and not (self._found or self._untold):
            return
        self._looked_at = now
        self._settle()
        self._read_board()
        self._count_accounts(session)
        self._tell(session)
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
        self._clear(app_name)
        outage = self._now.get(app_name)
        if outage is not None and outage.is_trial:
            self._found[app_name] = Finding.ANSWERED
        elif self._found.get(app_name) is Finding.AWAY:
            del self._found[app_name]

    def note_failure(self, app_name: str, account_id: uuid.UUID, error: GraphError) -> bool:
        """Note that Graph did not answer a send of an account; return whether it is away."""
        if app_name in self._now:
            # Only the message that was let go to see says something; an older one is no news.
            if app_name in self._trying:
                self._trying.discard(app_name)
                self._found[app_name] = Finding.STILL_AWAY
            return True
        self._evidence.note_failure(app_name, account_id, error)
        if not self._is_enough(app_name):
            return False
        self._found[app_name] = Finding.AWAY
        return True

    def note_probe(self, probed: Probed) -> None:
        """Note what came of asking Meta."""
        self._asking.discard(probed.app_name)
        found = Finding.WILLING if probed.answered else Finding.STILL_AWAY
        self._found[probed.app_name] = found

    def _settle(self) -> None:
        """Put on the board what was found."""
        found, self._found = self._found, {}
        for name, finding in found.items():
            if _SAY[finding](self._breaker, name):
                self._untold.add(name)

    def _read_board(self) -> None:
        """Learn what is so by now; others may have said it."""
        before, self._now = self._now, self._breaker.find_outages(self._held.settings.apps)
        self._trying &= self._now.keys()
        for name in before.keys() - self._now.keys():
            # What was counted before it ended says nothing about the time after.
            self._clear(name)

    def _count_accounts(self, session: Session) -> None:
        """Ask whether an app whose calls fail for one account has no other."""
        for name in self._evidence.apps_of_one_account():
            if name not in self._alone:
                self._alone[name] = _is_only_account(session, name)
            if name not in self._now and self._is_enough(name):
                self._found[name] = Finding.AWAY
        if self._found:
            self._settle()
            self._read_board()

    def _is_enough(self, app_name: str) -> bool:
        is_only = self._alone.get(app_name, False)
        return self._evidence.is_enough(app_name, is_only_account=is_only)

    def _clear(self, app_name: str) -> None:
        self._evidence.note_answer(app_name)
        self._alone.pop(app_name, None)

    def _ask(self, session: Session, app_name: str) -> None:
        probe = self._probe(session, app_name)
        if probe is None:
            # Nobody is left to ask with, so nobody waits: the first message to come tries.
            self._found[app_name] = Finding.WILLING
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

    def _tell(self, session: Session) -> None:
        """Have open pages of everybody concerned look again."""
        for name in sorted(self._untold):
            statement = select(Account.workspace_id).where(Account.app_name == name).distinct()
            workspaces = list(session.scalars(statement))
            session.rollback()
            changes = [Change(workspace_id=each, type="outage", ids={}) for each in workspaces]
            publish(self._held.get(redis.Redis), changes)
            self._untold.discard(name)


def outage_of_workspace(session: Session, held: MessengerState, workspace_id: str) -> Outage | None:
    """Return the outage that a workspace's messages wait for, the longest; None while none is.

    Where Meta answered and the next message shows whether all is well, nothing is said.
    """
    found = held.get(Breaker).find_outages(held.settings.apps)
    outages = {name: each for name, each in found.items() if not each.is_trial}
    if not outages:
        return None
    statement = select(Account.app_name).where(
        Account.workspace_id == workspace_id, Account.status != DISCONNECTED
    )
    mine = [outages[name] for name in session.scalars(statement.distinct()) if name in outages]
    return min(mine, key=lambda each: each.since, default=None)


def _is_only_account(session: Session, app_name: str) -> bool:
    """Say whether an app has one account to send from, so that no other can speak for Meta."""
    statement = select(func.count()).where(Account.app_name == app_name, Account.status == ACTIVE)
    count = session.scalar(statement) or 0
    session.rollback()
    return count == 1
