"""The host's answers about plans, asked for beside the sending: a slow host holds no message back.

Each message's plan was looked at when it was written. This is the second look, at one that may have
waited: an answer is used for half a minute, and while it is asked for again the old one counts.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from flask import Flask

from flask_messenger.outbox.helper import Helper
from flask_messenger.outbox.verdicts import NotYetError, UnreadyError
from flask_messenger.state import state_of
from flask_messenger.tenancy import workspace_scope
from flask_messenger.tiers import Access, feature_access

logger = logging.getLogger(__name__)

THREADS: Final = 4
FRESH_SECONDS: Final = 30.0
FAILED_SECONDS: Final = 5.0
"""How long an answer counts before the host is asked again; and how long none is asked for."""
PATIENCE_SECONDS: Final = 0.02
"""A host that answers at once is worth waiting for: less than putting the message off costs."""
FIRST_WAIT_SECONDS: Final = 0.1
LONGEST_WAIT_SECONDS: Final = 5.0
SLOW_SECONDS: Final = 10.0
COMPLAIN_SECONDS: Final = 60.0
MOST_KEPT: Final = 20_000

Key = tuple[str, str]
"""A workspace and a feature."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the host said, and until when that is used unasked; None where it failed to say."""

    access: Access | None
    until: float


class Plans:
    """Which workspaces may send, as one runner knows it.

    Args:
        app: whose host is asked.
        threaded: whether the host is asked in threads of their own, or where its answer is wanted.
    """

    def __init__(self, app: Flask, *, threaded: bool) -> None:
        self._held = state_of(app)
        # Several: a question about one workspace that hangs holds back no other's.
        self._helper = Helper(app, "messenger-outbox-plans", threads=THREADS if threaded else 0)
        self._answers: dict[Key, _Answer] = {}
        self._asked: dict[Key, float] = {}
        self._complained_at = -COMPLAIN_SECONDS

    def access(self, workspace_id: str, feature: str) -> Access:
        """Return what the host said of a workspace's plan, lately.

        Raises:
            NotYetError: it has said nothing yet.
            UnreadyError: its loader failed, and there is no earlier answer.
        """
        if self._held.hooks.tier is None:
            return feature_access(self._held, workspace_id, feature)
        key = (workspace_id, feature)
        answer = self._answers.get(key)
        if answer is None or answer.until <= time.monotonic():
            self._ask(key)
            answer = self._answers.get(key)
        if answer is None:
            raise NotYetError(self._wait(key))
        if answer.access is None:
            raise UnreadyError("The host did not say which plan the workspace has.")
        return answer.access

    def close(self) -> None:
        """End the threads."""
        self._helper.close()

    def _ask(self, key: Key) -> None:
        """Have the host asked; return with its answer where that is quick."""
        self._complain()
        if key in self._asked:
            return
        is_idle = not self._helper.backlog
        self._asked[key] = time.monotonic()
        answered = threading.Event()
        self._helper.do(partial(self._load, key, answered.set))
        if is_idle:
            answered.wait(PATIENCE_SECONDS)

    def _load(self, key: Key, tell: Callable[[], object]) -> None:
        try:
            self._keep(key, self._load_answer(key))
        finally:
            self._asked.pop(key, None)
            tell()

    def _load_answer(self, key: Key) -> _Answer:
        workspace_id, feature = key
        try:
            with workspace_scope(workspace_id):
                access = feature_access(self._held, workspace_id, feature)
        except Exception as error:  # noqa: BLE001 - whatever the host raises
            # The text may hold what the host read.
            logger.error("plan_loader_failed error=%s", type(error).__name__)  # noqa: TRY400
            before = self._answers.get(key)
            kept = before.access if before is not None else None
            return _Answer(kept, time.monotonic() + FAILED_SECONDS)
        finally:
            self._held.db.session.rollback()  # what the host read is not to stay open over a call
        return _Answer(access, time.monotonic() + FRESH_SECONDS)

    def _keep(self, key: Key, answer: _Answer) -> None:
        if key not in self._answers and len(self._answers) >= MOST_KEPT:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = answer

    def _wait(self, key: Key) -> timedelta:
        """Return a wait as long as the question is old: less and less is written meanwhile."""
        age = time.monotonic() - self._asked.get(key, time.monotonic())
        return timedelta(seconds=min(max(age, FIRST_WAIT_SECONDS), LONGEST_WAIT_SECONDS))

    def _complain(self) -> None:
        """Say so, once a minute, where the host does not answer."""
        now = time.monotonic()
        seconds = self._helper.busy_seconds
        if seconds >= SLOW_SECONDS and now >= self._complained_at + COMPLAIN_SECONDS:
            self._complained_at = now
            logger.error("plan_loader_hangs seconds=%.0f waiting=%d", seconds, len(self._asked))
