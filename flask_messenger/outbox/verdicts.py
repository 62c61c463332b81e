"""What an attempt at a message means for the message. Pure.

| Meta's answer | the message | tries |
| --- | --- | --- |
| yes | `sent`, or further where an echo or receipt came first | |
| no, for good | `failed`, with the reason | |
| no, for now | `queued` again, later; `failed` when the tries are used up | counts |
| no, because Meta is away | `queued` again | does not count |
| none | stays `sending`: an echo proves it, else it becomes `unknown` | |
| the token is dead | `queued` again; the account needs a reconnection | does not count |
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask_messenger.errors import (
    ContentError,
    GraphError,
    GraphTimeoutError,
    MessengerError,
    PolicyError,
    TierError,
    TokenExpiredError,
)
from flask_messenger.graph.error_codes import most_tries
from flask_messenger.models.messages import FAILED, QUEUED, SENDING, SENT
from flask_messenger.outbox.backoff import wait_before_retry
from flask_messenger.outbox.calls import Outcome
from flask_messenger.outbox.lane import Dispatch

UNREADY_WAIT: Final = timedelta(minutes=5)
"""Until the operator has mended what keeps an account's token from being used."""
AWAY_WAIT: Final = timedelta(seconds=1)
"""While Meta is away the breaker holds the message; this is for when it closes."""
ACCOUNT_DISCONNECTED: Final = "account_disconnected"


class UnreadyError(MessengerError):
    """The account's token, its Meta app or the host's plan cannot be read; the message waits."""

    slug = "account_unready"


class NotYetError(MessengerError):
    """Nothing is wrong, and the message should go out a moment later."""

    slug = "not_yet"

    def __init__(self, wait: timedelta) -> None:
        super().__init__("The message goes out a moment later.")
        self.wait = wait


class DisconnectedError(MessengerError):
    """The account was disconnected while the message waited."""

    slug = ACCOUNT_DISCONNECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is written down about one attempt.

    Attributes:
        status: `sent`, `failed`, `queued` for another try, or `sending` where nobody answered.
        wait: before the next try; None for as soon as its turn comes.
        counts: whether the attempt counts against how often we try.
        needs_reauth: whether the account has to be connected again.
    """

    dispatch: Dispatch
    status: str
    external_id: str | None = None
    tag: str | None = None
    wait: timedelta | None = None
    counts: bool = True
    needs_reauth: bool = False
    slug: str | None = None
    code: int | None = None
    subcode: int | None = None

    @property
    def attempts(self) -> int:
        """How many tries the message has had, this one included if it counts."""
        return self.dispatch.attempts if self.counts else self.dispatch.attempts - 1

    def next_attempt_at(self, now: datetime) -> datetime | None:
        """When the message may be tried again."""
        return None if self.wait is None else now + self.wait


def judge(outcome: Outcome, *, tries: int, chance: float, is_away: bool = False) -> Verdict:
    """Return what an attempt means for its message.

    Args:
        outcome: of the attempt.
        tries: how often a message is tried at most.
        chance: a random number from 0 to 1; spreads what failed together.
        is_away: whether Meta is known to be away, so that the try does not count.
    """
    dispatch, error = outcome.dispatch, outcome.error
    if outcome.answer is not None:
        return Verdict(
            dispatch=dispatch,
            status=SENT,
            external_id=outcome.answer.message_id,
            tag=outcome.tag,
        )
    if isinstance(error, GraphError):
        return _judge_graph(dispatch, error, tries=tries, chance=chance, is_away=is_away)
    if isinstance(error, NotYetError):
        return _again(dispatch, wait=error.wait)
    if isinstance(error, UnreadyError):
        return _again(dispatch, wait=UNREADY_WAIT)
    if isinstance(error, ContentError | PolicyError | TierError | DisconnectedError):
        return Verdict(dispatch=dispatch, status=FAILED, slug=error.slug)
    # Something of ours broke after the call may have gone out: nobody knows.
    return Verdict(dispatch=dispatch, status=SENDING)


def _judge_graph(
    dispatch: Dispatch, error: GraphError, *, tries: int, chance: float, is_away: bool
) -> Verdict:
    if isinstance(error, GraphTimeoutError):
        return Verdict(dispatch=dispatch, status=SENDING)
    if isinstance(error, TokenExpiredError):
        return _again(dispatch, wait=None, needs_reauth=True)
    return _judge_refusal(dispatch, error, tries=tries, chance=chance, is_away=is_away)


def _judge_refusal(
    dispatch: Dispatch, error: GraphError, *, tries: int, chance: float, is_away: bool
) -> Verdict:
    if error.retryable and is_away:
        return _again(dispatch, wait=AWAY_WAIT * (1 + chance))
    if error.retryable and dispatch.attempts < most_tries(
        error.code, error.subcode, otherwise=tries
    ):
        wait = wait_before_retry(error, attempts=dispatch.attempts, chance=chance)
        return Verdict(dispatch=dispatch, status=QUEUED, wait=wait)
    return Verdict(
        dispatch=dispatch,
        status=FAILED,
        slug=error.slug,
        code=error.code,
        subcode=error.subcode,
    )


def _again(dispatch: Dispatch, *, wait: timedelta | None, needs_reauth: bool = False) -> Verdict:
    return Verdict(
        dispatch=dispatch, status=QUEUED, wait=wait, counts=False, needs_reauth=needs_reauth
    )
