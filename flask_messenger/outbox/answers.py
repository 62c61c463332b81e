"""What Graph said of an attempt, told to limiter and breaker and turned into a verdict."""

import logging
import random
from typing import Final

from flask_messenger.errors import AccountPausedError, GraphError, RateLimitedError
from flask_messenger.models.messages import SENDING
from flask_messenger.outbox.backoff import wait_before_retry
from flask_messenger.outbox.breaker import is_outage
from flask_messenger.outbox.calls import Outcome
from flask_messenger.outbox.outages import Outages
from flask_messenger.outbox.pacing import Pacer
from flask_messenger.outbox.verdicts import Verdict, judge

logger = logging.getLogger(__name__)

NOT_AWAY: Final = False


class Answers:
    """Judges what comes back. Of one thread; never asks the database."""

    def __init__(self, *, pacer: Pacer, outages: Outages, tries: int) -> None:
        self._pacer = pacer
        self._outages = outages
        self._tries = tries

    def judge(self, outcome: Outcome) -> Verdict | None:
        """Return what is to be written down; None where nobody knows what became of it."""
        verdict = judge(
            outcome,
            tries=self._tries,
            chance=random.random(),  # noqa: S311 - spreads tries, keeps no secret
            is_away=self._note(outcome),
        )
        if verdict.status != SENDING:
            return verdict
        message_id, name = outcome.dispatch.message_id, type(outcome.error).__name__
        logger.warning("send_unanswered message_id=%s error=%s", message_id, name)
        return None

    def _note(self, outcome: Outcome) -> bool:
        """Tell limiter and breaker what Graph said; return whether Meta is away."""
        try:
            return self._tell(outcome)
        except Exception as error:  # noqa: BLE001 - whatever they meet: the answer is to be written
            logger.error("answer_unnoted error=%s", type(error).__name__)  # noqa: TRY400
            return NOT_AWAY

    def _tell(self, outcome: Outcome) -> bool:
        dispatch, error = outcome.dispatch, outcome.error
        account_id, app_name = dispatch.lane.account_id, dispatch.app_name
        if outcome.answer is not None:
            self._outages.note_answer(app_name)
            self._pacer.note_usage(account_id, app_name, outcome.answer.usage)
            return NOT_AWAY
        if not isinstance(error, GraphError):
            return NOT_AWAY
        if is_outage(error):
            return self._outages.note_failure(app_name, account_id, error)
        self._outages.note_answer(app_name)
        if isinstance(error, RateLimitedError | AccountPausedError):
            wait = wait_before_retry(error, attempts=dispatch.attempts, chance=0.0)
            self._pacer.note_limit(account_id, app_name, error, wait)
        return NOT_AWAY
