"""The lane's worker: claim, check again, send, write down. No transaction is open over a call.

What can happen to a message on its way, and what is done about it:

| Meta's answer | the message | the lane |
| --- | --- | --- |
| yes | `sent`, or further where an echo or receipt came first | goes on |
| no, for good | `failed`, with the reason | goes on |
| no, for now | `queued` again, later; `failed` after MESSENGER_SEND_MAX_ATTEMPTS tries | waits |
| none | stays `sending`: an echo proves it, else it becomes `unknown` | waits |
| the token is dead | `queued` again; the account needs a reconnection | waits for that |
"""

import logging
import random
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import redis
from flask import Flask
from sqlalchemy.orm import Session

from flask_messenger.channels._messaging import METADATA_PREFIX
from flask_messenger.channels.registry import channel_named
from flask_messenger.connect.announce import AccountFacts, announce_needs_reauth
from flask_messenger.connect.health import TOKEN_EXPIRED, mark_needs_reauth
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import (
    ContentError,
    GraphError,
    GraphTimeoutError,
    PolicyError,
    RateLimitedError,
    TierError,
    TokenExpiredError,
)
from flask_messenger.graph.client import Graph
from flask_messenger.graph.messages import SentMessage, send_message
from flask_messenger.models import Account
from flask_messenger.models.accounts import ACTIVE, DISCONNECTED
from flask_messenger.models.base import utc_now
from flask_messenger.models.messages import FAILED
from flask_messenger.outbox import records
from flask_messenger.outbox.announce import StatusChange, announce_status
from flask_messenger.outbox.backoff import wait_before_retry
from flask_messenger.outbox.lane import (
    Dispatch,
    Lane,
    claim_next,
    find_lane,
    has_next,
    load_dispatch,
)
from flask_messenger.outbox.pacing import Pacer
from flask_messenger.outbox.policy import Decision, decide
from flask_messenger.realtime import publish
from flask_messenger.state import MessengerState, state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from flask_messenger.tiers import feature_access

logger = logging.getLogger(__name__)

LANE_SECONDS: Final = 15.0
"""How long one job works on one lane, while others wait; what is left then waits in its turn."""
UNREADY_WAIT: Final = timedelta(minutes=5)
"""Until the operator has mended what keeps an account's token from being used."""
ACCOUNT_DISCONNECTED: Final = "account_disconnected"


class _UnreadyError(Exception):
    """The account's token or Meta app is not configured here; the message waits."""


def run_lane(
    app: Flask, conversation_id: uuid.UUID, *, stopping: Callable[[], bool] = lambda: False
) -> bool:
    """Send what the lane of a conversation holds, in order, as far as it may go now.

    May run twice at once: the database lets one of them have the lane.

    Args:
        app: the application.
        conversation_id: whose lane it is.
        stopping: asked between messages; where it says yes, the rest is left for another worker.

    Returns:
        Whether there is more that could go out now: the caller wakes the lane again, behind the
        others.
    """
    session: Session = state_of(app).db.session
    ends_at = time.monotonic() + LANE_SECONDS
    while time.monotonic() < ends_at and not stopping():
        lane = _look(session, conversation_id)
        if lane is None:
            return False
        with workspace_scope(lane.workspace_id):
            if not _send_next(app, session, lane):
                return False
    return _has_more(session, conversation_id)


def _look(session: Session, conversation_id: uuid.UUID) -> Lane | None:
    with system_scope("outbox lane"):
        lane = find_lane(session, conversation_id)
        session.commit()
    return lane


def _has_more(session: Session, conversation_id: uuid.UUID) -> bool:
    lane = _look(session, conversation_id)
    if lane is None or lane.account_status not in {ACTIVE, DISCONNECTED}:
        return False
    with workspace_scope(lane.workspace_id):
        has_more = has_next(session, conversation_id=conversation_id, now=utc_now())
        session.commit()
    return has_more


def _send_next(app: Flask, session: Session, lane: Lane) -> bool:
    """Take the lane's first message as far as it goes; say whether the lane can go on."""
    held = state_of(app)
    if lane.account_status not in {ACTIVE, DISCONNECTED}:
        return False  # its messages wait until the account is connected again
    # The host's own code, hence before anything is claimed: it may fail.
    access = feature_access(held, lane.workspace_id, channel_named(lane.channel).feature)
    session.commit()
    dispatch = _claim(session, held, lane)
    if dispatch is None:
        return False
    if lane.account_status == DISCONNECTED:
        return _fail(app, session, dispatch, slug=ACCOUNT_DISCONNECTED)
    refused = None
    if not access.allowed:
        refused = TierError(
            feature=access.feature, plan=access.plan, needed_plan=access.needed_plan
        )
    return _attempt(app, session, dispatch, refused=refused)


def _claim(session: Session, held: MessengerState, lane: Lane) -> Dispatch | None:
    if lane.account_status == ACTIVE and not held.get(Pacer).may_send(lane.account_id):
        return None
    message_id = claim_next(session, conversation_id=lane.conversation_id, now=utc_now())
    if message_id is None:
        session.rollback()
        return None
    dispatch = load_dispatch(session, held.get(KeyRing), lane, message_id=message_id)
    session.commit()
    return dispatch


def _attempt(
    app: Flask, session: Session, dispatch: Dispatch, *, refused: TierError | None
) -> bool:
    try:
        if refused is not None:
            raise refused
        decision = _decide_again(dispatch)
        answer = _send(state_of(app), dispatch, tag=decision.tag)
    except (ContentError, PolicyError, TierError) as error:
        return _fail(app, session, dispatch, slug=error.slug)
    except GraphTimeoutError:
        logger.warning("send_unanswered message_id=%s", dispatch.message_id)
        return False
    except TokenExpiredError:
        return _stop_for_reauth(app, session, dispatch)
    except GraphError as error:
        return _retry_or_fail(app, session, dispatch, error)
    except _UnreadyError:
        logger.error("account_unready account_id=%s", dispatch.lane.account_id)  # noqa: TRY400
        now = utc_now()
        records.requeue(
            session, dispatch, next_attempt_at=now + UNREADY_WAIT, counts=False, now=now
        )
        return False
    _finish(app, session, dispatch, answer, tag=decision.tag)
    return True


def _decide_again(dispatch: Dispatch) -> Decision:
    """Return how the message goes out now; it may have waited past its window.

    Without the margin: that was there for the wait, and Meta itself judges the last seconds.
    """
    decision = decide(
        channel=dispatch.lane.channel,
        last_inbound_at=dispatch.last_inbound_at,
        sender=dispatch.sender,
        human_agent_enabled=dispatch.human_agent_enabled,
        now=utc_now(),
    )
    decision.check()
    return decision


def _send(held: MessengerState, dispatch: Dispatch, *, tag: str | None) -> SentMessage:
    meta_app = held.settings.apps.get(dispatch.app_name)
    if meta_app is None or dispatch.token is None:
        raise _UnreadyError
    content = dispatch.content
    channel = channel_named(dispatch.lane.channel)
    channel.check_content(content)
    request = channel.build_message(
        content,
        recipient_id=dispatch.recipient_id,
        metadata=f"{METADATA_PREFIX}{dispatch.message_id}",
        tag=tag,
        reply_to_external_id=dispatch.reply_to_external_id,
    )
    return send_message(
        held.get(Graph),
        app=meta_app,
        token=dispatch.token,
        account_external_id=dispatch.account_external_id,
        request=request,
    )


def _finish(
    app: Flask, session: Session, dispatch: Dispatch, answer: SentMessage, *, tag: str | None
) -> None:
    recorded = records.record_sent(
        session, dispatch, external_id=answer.message_id, tag=tag, now=utc_now()
    )
    change = _change(dispatch, recorded.status)
    announce_status(app, [change], is_sent_news=recorded.is_news)
    held = state_of(app)
    publish(held.get(redis.Redis), records.settle_receipts(session, dispatch))
    held.get(Pacer).note_usage(dispatch.lane.account_id, answer.usage)


def _retry_or_fail(app: Flask, session: Session, dispatch: Dispatch, error: GraphError) -> bool:
    held = state_of(app)
    if not error.retryable or dispatch.attempts >= held.settings.send_max_attempts:
        return _fail(
            app, session, dispatch, slug=error.slug, code=error.code, subcode=error.subcode
        )
    wait = wait_before_retry(error, attempts=dispatch.attempts, chance=random.random())  # noqa: S311 - spreads tries, keeps no secret
    if isinstance(error, RateLimitedError):
        held.get(Pacer).note_limit(dispatch.lane.account_id, error, wait)
    now = utc_now()
    records.requeue(session, dispatch, next_attempt_at=now + wait, counts=True, now=now)
    return False


def _fail(
    app: Flask,
    session: Session,
    dispatch: Dispatch,
    *,
    slug: str,
    code: int | None = None,
    subcode: int | None = None,
) -> bool:
    is_current = records.record_failed(
        session, dispatch, slug=slug, code=code, subcode=subcode, now=utc_now()
    )
    if is_current:
        logger.info("send_failed message_id=%s error=%s", dispatch.message_id, slug)
        announce_status(app, [_change(dispatch, FAILED)])
    return True


def _stop_for_reauth(app: Flask, session: Session, dispatch: Dispatch) -> bool:
    """Put the message back and say that the account has to be connected again.

    Where it was reconnected while the call was under way, the lane goes on with the new token.
    """
    records.requeue(session, dispatch, next_attempt_at=None, counts=False, now=utc_now())
    account = session.get_one(Account, dispatch.lane.account_id, populate_existing=True)
    facts = AccountFacts.of(account)
    if account.token_sealed != dispatch.token_sealed:
        session.commit()
        return True
    is_news = mark_needs_reauth(session, account, TOKEN_EXPIRED)
    session.commit()
    if is_news:
        announce_needs_reauth(app, facts, reason=TOKEN_EXPIRED)
    return False


def _change(dispatch: Dispatch, status: str) -> StatusChange:
    return StatusChange(
        message_id=dispatch.message_id,
        lane=dispatch.lane,
        status=status,
        sent_by=dispatch.sender,
    )
