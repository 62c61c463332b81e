"""What an attempt at a message means for the message. Pure.

| Meta's answer | the message | tries |
| --- | --- | --- |
| yes | `sent`, or further where an echo or receipt came first | |
| no, for good | `failed`, with the reason | |
| no, for now | `queued` again, later; `failed` when the tries are used up | counts |
| no, because Meta is away | `queued` again | does not count |
| none | stays `sending`: an echo proves it, else it becomes `unknown` | |
| the token is dead | `queued` again; the account needs a reconnection | does not count |
| the thread is another app's | `queued`, held: with that reason | does not count |
| our settings for Meta are wrong | `queued`, held: with that reason | does not count |
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask_messenger.errors import (
    AppMisconfiguredError,
    ContentError,
    GraphError,
    GraphTimeoutError,
    MessengerError,
    PolicyError,
    ThreadTakenError,
    TierError,
    TokenExpiredError,
)
from flask_messenger.graph.error_codes import most_tries
from flask_messenger.models.messages import FAILED, QUEUED, SENDING, SENT
from flask_messenger.outbox.backoff import wait_before_retry
from flask_messenger.outbox.calls import Outcome
from flask_messenger.outbox.holds import HELD, HELD_WAIT
from flask_messenger.outbox.lane import Dispatch
from flask_messenger.outbox.policy import OBSTACLES

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


class HeldError(MessengerError):
    """Another app has the thread; the message waits until it is ours, or free."""

    slug = HELD


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
    recipient_external_id: str | None = None
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
            recipient_external_id=outcome.answer.recipient_id,
            tag=outcome.tag,
        )
    if isinstance(error, GraphError):
        return _judge_graph(dispatch, error, tries=tries, chance=chance, is_away=is_away)
    if isinstance(error, NotYetError | UnreadyError):
        wait = error.wait if isinstance(error, NotYetError) else UNREADY_WAIT
        return _again(dispatch, wait=wait)
    if isinstance(error, HeldError):
        return _hold(dispatch, error, wait=HELD_WAIT)
    if isinstance(error, ContentError | PolicyError | TierError | DisconnectedError):
        return Verdict(dispatch=dispatch, status=FAILED, slug=_reason_of(error))
    # Something of ours broke after the call may have gone out: nobody knows.
    return Verdict(dispatch=dispatch, status=SENDING)


def _judge_graph(
    dispatch: Dispatch, error: GraphError, *, tries: int, chance: float, is_away: bool
) -> Verdict:
    if isinstance(error, GraphTimeoutError):
        return Verdict(dispatch=dispatch, status=SENDING)
    if isinstance(error, TokenExpiredError):
        return _again(dispatch, wait=None, needs_reauth=True)
    if isinstance(error, ThreadTakenError):
        wait = max(HELD_WAIT, timedelta(seconds=error.retry_after_seconds or 0.0))
        return _hold(dispatch, error, wait=wait * (1 + chance / 4))
    if isinstance(error, AppMisconfiguredError):
        return _hold(dispatch, error, wait=UNREADY_WAIT * (1 + chance / 4))
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


def _reason_of(error: MessengerError) -> str:
    """Return what is kept of a refusal of ours: a window that closed is one, whichever it was."""
    if isinstance(error, PolicyError) and error.reason in OBSTACLES:
        return error.reason
    return error.slug


def _hold(dispatch: Dispatch, error: MessengerError, *, wait: timedelta) -> Verdict:
    """Keep the message queued, and say why it waits."""
    return Verdict(
        dispatch=dispatch,
        status=QUEUED,
        wait=wait,
        counts=False,
        slug=error.slug,
        code=getattr(error, "code", None),
        subcode=getattr(error, "subcode", None),
    )


def _again(dispatch: Dispatch, *, wait: timedelta | None, needs_reauth: bool = False) -> Verdict:
    return Verdict(
        dispatch=dispatch, status=QUEUED, wait=wait, counts=False, needs_reauth=needs_reauth
    )
