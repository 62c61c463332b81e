"""What is looked after day by day: every account is examined, and tokens that end are renewed.

Instagram's own tokens live sixty days. One that is ten days old is exchanged for a new one, which
leaves fifty days of tries before anybody would notice.
"""

import logging
import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from flask_messenger.connect.announce import AccountFacts, announce_needs_reauth
from flask_messenger.connect.doctor import examine_account
from flask_messenger.connect.findings import NOTE
from flask_messenger.connect.health import TOKEN_EXPIRED, mark_needs_reauth
from flask_messenger.connect.login import INSTAGRAM_SECONDS
from flask_messenger.connect.reach import LOOKED_AFTER, hear, reach_of
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import GraphError, RateLimitedError, TokenExpiredError
from flask_messenger.graph.client import Graph
from flask_messenger.graph.instagram import refresh_instagram_token
from flask_messenger.graph.users import UserToken
from flask_messenger.models import Account
from flask_messenger.models.accounts import BY_INSTAGRAM
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of

logger = logging.getLogger(__name__)

CHECKED_KEY: Final = "messenger:tokens:checked"
"""Holds the minute up to which accounts were taken."""
TURN_SECONDS: Final = 5.0
FIELDS: Final = "webhook_fields"
"""The check whose note says that messages arrive and something else does not."""
RENEWED_AFTER: Final = timedelta(days=10)
YOUNGEST: Final = timedelta(hours=24)
"""Instagram renews no token that is younger."""

Renewed = Literal["not_due", "renewed", "ended", "unknown"]


def check_accounts(app: Flask, account_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Check accounts one after the other for a few seconds; return those that are left.

    In the system scope. Where Meta limits how often it may be asked, the rest is left for
    the next day. Commits by itself.
    """
    ends_at = time.monotonic() + TURN_SECONDS
    left = list(account_ids)
    while left and time.monotonic() < ends_at:
        try:
            is_limited = check_account(app, left.pop(0))
        except RateLimitedError:
            is_limited = True
        if is_limited:
            logger.warning("account_checks_limited left=%s", len(left))
            return []
    return left


def check_account(app: Flask, account_id: uuid.UUID) -> bool:
    """Renew an account's token where it is due, and examine it; say whether Meta wants a pause."""
    if renew_token(app, account_id) == "ended":
        return False
    session: Session = state_of(app).db.session
    account = _read(session, account_id)
    if account is None:
        session.rollback()
        return False
    examined = examine_account(app, account)
    if any(each.check == FIELDS and each.state == NOTE for each in examined.diagnosis.findings):
        _hear_more(app, account)
    return examined.is_limited


def _hear_more(app: Flask, account: Account) -> None:
    """Subscribe to what was refused, or not asked for yet, when the account was connected."""
    held = state_of(app)
    session: Session = held.db.session
    reach = reach_of(held, account)
    if reach is None:
        return
    try:
        agreed = hear(held.get(Graph), reach)
    except RateLimitedError:
        raise
    except GraphError as error:
        logger.info("subscribe_failed account_id=%s error=%s", account.id, error.slug)
        return
    session.execute(
        update(Account)
        .where(Account.id == account.id, Account.token_sealed == account.token_sealed)
        .values(subscribed_fields=list(agreed))
        .execution_options(synchronize_session=False)
    )
    session.commit()


def renew_token(app: Flask, account_id: uuid.UUID) -> Renewed:
    """Exchange a token that ends by time for a new one, well before. Commits by itself.

    Could Meta not be asked, nothing changes: there are weeks left to try.

    Raises:
        RateLimitedError: Meta was asked too often.
    """
    held = state_of(app)
    session: Session = held.db.session
    account = _read(session, account_id)
    if account is None or not _is_due(account, now=utc_now()):
        session.rollback()
        return "not_due"
    session.expunge(account)
    session.rollback()
    reach = reach_of(held, account)
    if reach is None:
        return "unknown"
    try:
        token = refresh_instagram_token(held.get(Graph), token=reach.token)
    except RateLimitedError:
        raise
    except TokenExpiredError:
        return _give_up(app, session, account)
    except GraphError as error:
        logger.warning("token_not_renewed account_id=%s error=%s", account.id, error.slug)
        return "unknown"
    return "renewed" if _keep(session, held.get(KeyRing), account, token) else "unknown"


def _read(session: Session, account_id: uuid.UUID) -> Account | None:
    statement = select(Account).where(Account.id == account_id, Account.status.in_(LOOKED_AFTER))
    return session.scalars(statement).one_or_none()


def _is_due(account: Account, *, now: datetime) -> bool:
    issued_at = account.token_issued_at or account.connected_at
    if account.login != BY_INSTAGRAM or issued_at is None:
        return False
    ends_soon = account.token_expires_at is None or (
        account.token_expires_at - now < timedelta(seconds=INSTAGRAM_SECONDS) - RENEWED_AFTER
    )
    return now - issued_at > YOUNGEST and ends_soon


def _keep(session: Session, keys: KeyRing, account: Account, token: UserToken) -> bool:
    """Seal the new token, unless the account was connected anew or let go meanwhile."""
    if not token.value:
        logger.warning("token_not_renewed account_id=%s error=no_token", account.id)
        return False
    old, now = account.token_sealed, utc_now()
    account.seal_token(keys, token.value)
    statement = (
        update(Account)
        .where(
            Account.id == account.id,
            Account.status.in_(LOOKED_AFTER),
            Account.token_sealed == old,
        )
        .values(
            token_sealed=account.token_sealed,
            token_issued_at=now,
            token_expires_at=now + timedelta(seconds=token.expires_in_seconds or INSTAGRAM_SECONDS),
        )
        .execution_options(synchronize_session=False)
    )
    result: CursorResult[Any] = session.execute(statement)  # type: ignore[assignment]
    session.commit()
    logger.info("token_renewed account_id=%s", account.id)
    return result.rowcount > 0


def _give_up(app: Flask, session: Session, account: Account) -> Renewed:
    is_news = mark_needs_reauth(session, account, TOKEN_EXPIRED)
    session.commit()
    if is_news:
        logger.warning("token_dead account_id=%s", account.id)
        announce_needs_reauth(app, AccountFacts.of(account), reason=TOKEN_EXPIRED)
    return "ended"
