"""Looking after the subscriptions: Meta drops them, and says nothing.

After an hour of webhooks that failed Meta unsubscribes a Page; a person can do so, too, in the
settings of the Page, and a new version of Graph can lose a field. Nothing arrives then, and nothing
looks wrong. So every account is asked about once an hour, each at its own minute, and what is
missing is subscribed again.

Source: https://developers.facebook.com/docs/messenger-platform/webhooks#webhook-alerts
"""

import logging
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, cast

import redis
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from flask_messenger.connect.announce import AccountFacts, announce, announce_needs_reauth
from flask_messenger.connect.health import SUBSCRIPTION_LOST, TOKEN_EXPIRED, mark_needs_reauth
from flask_messenger.connect.reach import (
    LOOKED_AFTER,
    Reach,
    hear,
    heard_fields,
    missing_fields,
    reach_of,
    shares_page,
    stop_hearing,
)
from flask_messenger.errors import (
    AppMisconfiguredError,
    AppNotApprovedError,
    GraphError,
    MissingPermissionError,
    RateLimitedError,
    TokenExpiredError,
)
from flask_messenger.graph.client import Graph
from flask_messenger.models import Account
from flask_messenger.models.accounts import DISCONNECTED
from flask_messenger.models.audit import record
from flask_messenger.state import MessengerState, state_of

logger = logging.getLogger(__name__)

MINUTE_SECONDS: Final = 60
TURN_SECONDS: Final = 5.0
CHECKED_KEY: Final = "messenger:subscriptions:checked"
"""Holds the minute up to which accounts were taken."""

Found = Literal["kept", "restored", "lost", "unknown"]


@dataclass(frozen=True, slots=True)
class _Asked:
    """An account as it was when Meta was asked, and how to ask."""

    account: Account
    reach: Reach


def take_due(
    session: Session, client: "redis.Redis", *, period_seconds: int, key: str = CHECKED_KEY
) -> dict[str, list[uuid.UUID]]:
    """Return the accounts whose minute it is, or was since anybody looked, by workspace.

    And those that were connected since: what is wrong with a new one is known while whoever
    connected it is still there. `key` holds the minute up to which accounts were taken for this
    kind of check.

    Each is given to one who asks: the minutes count as looked at. Where nobody looked for longer
    than a period, every account is due, once.

    Raises:
        redis.RedisError: Redis is away.
    """
    minute = int(time.time()) // MINUTE_SECONDS
    last = cast("bytes | None", client.getset(key, minute))
    longest = period_seconds // MINUTE_SECONDS
    first = max(int(last or minute - 1), minute - longest) + 1
    return find_due(session, minutes=range(first, minute + 1), period_seconds=period_seconds)


def find_due(
    session: Session, *, minutes: Iterable[int], period_seconds: int
) -> dict[str, list[uuid.UUID]]:
    """Return the accounts whose turn it is in these minutes (since the epoch), by workspace.

    An account's minute comes from its id: they spread evenly, and nobody has to remember when. It
    has another turn in the minute after it was connected.
    """
    slots = max(1, period_seconds // MINUTE_SECONDS)
    minutes = set(minutes)
    due = {minute % slots for minute in minutes}
    if not due:
        return {}
    statement = select(Account.workspace_id, Account.id, Account.connected_at).where(
        Account.status.in_(LOOKED_AFTER)
    )
    found: dict[str, list[uuid.UUID]] = {}
    for workspace_id, account_id, connected_at in session.execute(statement):
        if account_id.int % slots in due or _minute_after(connected_at) in minutes:
            found.setdefault(workspace_id, []).append(account_id)
    session.rollback()
    return found


def _minute_after(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp()) // MINUTE_SECONDS + 1


def check_subscriptions(app: Flask, account_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Check accounts one after the other for a few seconds; return those that are left.

    Where Meta limits how often it may be asked, the rest is left for the next hour.
    """
    ends_at = time.monotonic() + TURN_SECONDS
    left = list(account_ids)
    while left and time.monotonic() < ends_at:
        try:
            check_subscription(app, left.pop(0))
        except RateLimitedError:
            logger.warning("subscription_checks_limited left=%s", len(left))
            return []
    return left


def check_subscription(app: Flask, account_id: uuid.UUID) -> Found:
    """Ask Meta what it sends us of an account, and mend what is missing. Commits by itself.

    In the system scope. No transaction is open while Meta is asked.

    Raises:
        RateLimitedError: Meta was asked too often.
    """
    held = state_of(app)
    session: Session = held.db.session
    asked = _open(held, session, account_id)
    if asked is None:
        return "unknown"
    try:
        fields = heard_fields(held.get(Graph), asked.reach)
    except RateLimitedError:
        raise
    except GraphError as error:
        if _is_over(error):
            return _give_up(app, session, asked, reason=TOKEN_EXPIRED, missing=())
        logger.info("subscription_unread account_id=%s error=%s", account_id, error.slug)
        return "unknown"
    missing = missing_fields(asked.reach, tuple(asked.account.subscribed_fields), fields)
    return _restore(app, session, asked, missing) if missing else "kept"


def _is_over(error: GraphError) -> bool:
    """Say whether only a person can mend it: not where it is the app that Meta refuses."""
    is_lost = isinstance(error, TokenExpiredError | MissingPermissionError)
    return is_lost and not isinstance(error, AppNotApprovedError)


def _open(held: MessengerState, session: Session, account_id: uuid.UUID) -> _Asked | None:
    """Return the account, read and let go of; None where it cannot be asked about."""
    statement = select(Account).where(Account.id == account_id, Account.status.in_(LOOKED_AFTER))
    account = session.scalars(statement).one_or_none()
    if account is None:
        session.rollback()
        return None
    session.expunge(account)
    session.rollback()
    reach = reach_of(held, account)
    return _Asked(account, reach) if reach else None


def _restore(app: Flask, session: Session, asked: _Asked, missing: list[str]) -> Found:
    graph = state_of(app).get(Graph)
    try:
        agreed = hear(graph, asked.reach)
    except RateLimitedError:
        raise
    except GraphError as error:
        if error.retryable or isinstance(error, AppNotApprovedError | AppMisconfiguredError):
            logger.info("subscribe_failed account_id=%s error=%s", asked.account.id, error.slug)
            return "unknown"
        return _give_up(app, session, asked, reason=SUBSCRIPTION_LOST, missing=missing)
    if not _keep(session, asked, agreed):
        _undo_if_disconnected(graph, session, asked)
        return "unknown"
    _record(session, asked, action="subscription_restored", missing=missing)
    session.commit()
    logger.warning(
        "subscription_restored account_id=%s fields=%s", asked.account.id, ",".join(missing)
    )
    announce(app, None, [AccountFacts.of(asked.account)])
    return "restored"


def _keep(session: Session, asked: _Asked, agreed: tuple[str, ...]) -> bool:
    """Note what Meta agreed to, unless the account was connected anew or let go meanwhile."""
    statement = (
        update(Account)
        .where(
            Account.id == asked.account.id,
            Account.status.in_(LOOKED_AFTER),
            Account.token_sealed == asked.account.token_sealed,
        )
        .values(subscribed_fields=list(agreed))
        .execution_options(synchronize_session=False)
    )
    result: CursorResult[Any] = session.execute(statement)  # type: ignore[assignment]
    return result.rowcount > 0


def _undo_if_disconnected(graph: Graph, session: Session, asked: _Asked) -> None:
    """Take back a subscription that was made while somebody disconnected the account."""
    statement = select(Account.status).where(Account.id == asked.account.id)
    is_gone = session.scalar(statement) == DISCONNECTED
    is_shared = is_gone and shares_page(session, asked.account)
    session.rollback()
    if not is_gone:
        return
    try:
        stop_hearing(graph, asked.reach, is_shared=is_shared)
    except GraphError as error:
        logger.warning("unsubscribe_failed account_id=%s error=%s", asked.account.id, error.slug)


def _give_up(
    app: Flask, session: Session, asked: _Asked, *, reason: str, missing: Sequence[str]
) -> Found:
    """Say that the account has to be connected again: only a person can mend this."""
    facts = AccountFacts.of(asked.account)
    is_news = mark_needs_reauth(session, asked.account, reason)
    if is_news:
        _record(session, asked, action="subscription_lost", missing=missing)
    session.commit()
    if is_news:
        logger.warning("subscription_lost account_id=%s", facts.account_id)
        announce_needs_reauth(app, facts, reason=reason)
    return "lost"


def _record(session: Session, asked: _Asked, *, action: str, missing: Sequence[str]) -> None:
    record(
        session,
        workspace_id=asked.account.workspace_id,
        actor="system",
        action=action,
        subject=str(asked.account.id),
        fields=list(missing),
    )
