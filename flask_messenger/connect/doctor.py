"""The connection doctor: how an account is, by what Meta says and what our own rows tell.

What was found is kept with the account; pages and commands read it without asking Meta.
"""

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from flask_messenger.channels.registry import channel_named
from flask_messenger.connect.accounts import get_account
from flask_messenger.connect.announce import AccountFacts, announce, announce_needs_reauth
from flask_messenger.connect.asking import Told, ask
from flask_messenger.connect.case import RECONNECT, Case, Evidence
from flask_messenger.connect.findings import (
    SOON,
    WRONG,
    AccountWarning,
    Diagnosis,
    Finding,
)
from flask_messenger.connect.health import TOKEN_EXPIRED, mark_needs_reauth
from flask_messenger.connect.judging import judge
from flask_messenger.connect.reach import Reach, reach_of
from flask_messenger.errors import RateLimitedError
from flask_messenger.graph.client import Graph
from flask_messenger.graph.users import TokenFacts
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, Conversation, Message
from flask_messenger.models.accounts import DISCONNECTED, NEEDS_REAUTH
from flask_messenger.models.base import utc_now
from flask_messenger.models.messages import FAILED
from flask_messenger.outbox.circumstances import our_app_ids
from flask_messenger.outbox.ownership import THEIRS, control_of
from flask_messenger.settings import Settings
from flask_messenger.signals import account_expiring
from flask_messenger.state import MessengerState, state_of

logger = logging.getLogger(__name__)

NEWEST = 20
LATELY = timedelta(days=7)
"""How long a refused reply tells how things are: what it was for may have been mended since."""
ENDING = ("expiry", "data_access")
WEBHOOK_PATH = "/webhooks/meta"


@dataclass(frozen=True, slots=True)
class Examined:
    """An examination, and whether Meta asked us to leave it alone for a while."""

    diagnosis: Diagnosis
    is_limited: bool


def read_diagnosis(session: Session, *, tenant: Tenant, account_id: uuid.UUID) -> Diagnosis:
    """Return what the last examination of an account found, without asking Meta.

    Raises:
        NotFoundError: no such account for this person.
    """
    return _kept(get_account(session, tenant=tenant, account_id=account_id))


def diagnose(app: Flask, *, tenant: Tenant, account_id: uuid.UUID) -> Diagnosis:
    """Examine an account now. Commits by itself; no transaction is open while Meta is asked.

    Raises:
        NotFoundError: no such account for this person.
    """
    session: Session = state_of(app).db.session
    account = get_account(session, tenant=tenant, account_id=account_id)
    return examine_account(app, account).diagnosis


def examine_account(app: Flask, account: Account) -> Examined:
    """Ask Meta about an account, keep what was found, and tell of what is news.

    For the workspace in scope, or in the system scope. What could not be asked changes nothing.
    """
    held = state_of(app)
    session: Session = held.db.session
    evidence = _read_evidence(session, held.settings, account)
    if account in session:
        session.expunge(account)
    session.rollback()
    reach = None if account.status == DISCONNECTED else reach_of(held, account)
    told = ask(held.get(Graph), reach) if reach else None
    before = [Finding.from_dict(each) for each in account.findings]
    _note_ends(account, told)
    findings = judge(_case(held, account, reach, told, evidence))
    is_ended = _store(session, account, told, findings)
    session.commit()
    _tell(app, account, before=before, now_found=findings, is_ended=is_ended)
    limited = told is not None and isinstance(told.token, RateLimitedError)
    return Examined(_diagnosis(account, findings), limited)


def list_warnings(session: Session, *, tenant: Tenant) -> list[AccountWarning]:
    """Return what those who see an account should know of it now, the worst first."""
    statement = (
        select(Account)
        .where(Account.workspace_id == tenant.workspace_id, Account.status != DISCONNECTED)
        .order_by(Account.name, Account.id)
    )
    found = [
        warning
        for account in session.scalars(statement)
        if tenant.sees_location(account.location_id)
        for warning in [_warning_of(account)]
        if warning is not None
    ]
    return sorted(found, key=lambda each: each.state != WRONG)


def _warning_of(account: Account) -> AccountWarning | None:
    """Return the heaviest thing to warn of: an account has one line, not ten."""
    finding = None
    if account.status == NEEDS_REAUTH:
        finding = Finding(
            check="token", state=WRONG, title="", says="has to be connected again", mend=RECONNECT
        )
    kept = [Finding.from_dict(each) for each in account.findings]
    for state in (WRONG, SOON):
        finding = finding or next((each for each in kept if each.state == state), None)
    if finding is None:
        return None
    return AccountWarning(
        account_id=account.id,
        channel=account.channel,
        name=account.name,
        check=finding.check,
        state=finding.state,
        title=f"{finding.title}: {finding.says}" if finding.title else finding.says,
        mend=finding.mend,
        can_reconnect=finding.mend.startswith("Reconnect"),
        ends_at=_ends(account).get(finding.check),
    )


def _ends(account: Account) -> dict[str, datetime | None]:
    """Return what ends by time, by the name of the check that looks at it."""
    return {"expiry": account.token_expires_at, "data_access": account.data_access_expires_at}


def _kept(account: Account) -> Diagnosis:
    return _diagnosis(account, [Finding.from_dict(each) for each in account.findings])


def _diagnosis(account: Account, findings: list[Finding]) -> Diagnosis:
    return Diagnosis(
        account_id=account.id,
        channel=account.channel,
        name=account.name,
        status=account.status,
        checked_at=account.checked_at,
        findings=tuple(findings),
    )


def _case(
    held: MessengerState,
    account: Account,
    reach: Reach | None,
    told: Told | None,
    evidence: Evidence,
) -> Case:
    public_url = held.settings.public_url
    return Case(
        account=account,
        channel=channel_named(account.channel),
        reach=reach,
        told=told,
        evidence=evidence,
        now=utc_now(),
        warn_for=timedelta(days=held.settings.expiry_warning_days),
        callback_url=f"{public_url}{WEBHOOK_PATH}" if public_url else None,
    )


def _read_evidence(session: Session, settings: Settings, account: Account) -> Evidence:
    ours = our_app_ids(settings.apps, account.app_name)
    newest = session.execute(
        select(
            Conversation.id,
            Conversation.thread_owner_app_id,
            Conversation.thread_owner_until,
            Conversation.thread_owner_at,
            Conversation.last_inbound_at,
        )
        .where(
            Conversation.workspace_id == account.workspace_id,
            Conversation.account_id == account.id,
        )
        .order_by(Conversation.last_message_at.desc(), Conversation.id.desc())
        .limit(NEWEST)
    ).all()
    now = utc_now()
    controls = [
        control_of(
            app_id=row.thread_owner_app_id,
            until=row.thread_owner_until,
            noted_at=row.thread_owner_at,
            last_inbound_at=row.last_inbound_at,
            our_app_ids=ours,
            now=now,
        )
        for row in newest
    ]
    others = [each for each in controls if each.owner == THEIRS]
    last_error = session.scalar(
        select(Message.error_slug)
        .where(
            Message.conversation_id.in_([row[0] for row in newest]),
            Message.status == FAILED,
            Message.sent_at > now - LATELY,
        )
        .order_by(Message.id.desc())
        .limit(1)
    )
    return Evidence(recent=len(newest), held_by_others=len(others), last_error=last_error)


def _note_ends(account: Account, told: Told | None) -> None:
    """Write Meta's own dates to the row in hand, which belongs to no session."""
    facts = told.token if told else None
    if not isinstance(facts, TokenFacts):
        return
    account.checked_at = utc_now()
    if facts.is_valid and facts.app_id is not None:
        account.token_issued_at = facts.issued_at
        account.token_expires_at = facts.expires_at
        account.data_access_expires_at = facts.data_access_expires_at
        account.granted_scopes = list(facts.scopes)


def _store(session: Session, account: Account, told: Told | None, findings: list[Finding]) -> bool:
    """Keep what was found, unless the account has another token by now; say whether it ended."""
    values: dict[str, Any] = {"findings": [each.as_dict() for each in findings]}
    if told is not None and told.is_answered:
        values |= {
            "checked_at": account.checked_at,
            "token_issued_at": account.token_issued_at,
            "token_expires_at": account.token_expires_at,
            "data_access_expires_at": account.data_access_expires_at,
            "granted_scopes": account.granted_scopes,
        }
    statement = (
        update(Account)
        .where(
            Account.id == account.id,
            Account.token_sealed.is_(None)
            if account.token_sealed is None
            else Account.token_sealed == account.token_sealed,
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    result: CursorResult[Any] = session.execute(statement)  # type: ignore[assignment]
    if result.rowcount == 0 or told is None or not told.is_dead:
        return False
    if not mark_needs_reauth(session, account, TOKEN_EXPIRED):
        return False
    account.status = NEEDS_REAUTH
    return True


def _tell(
    app: Flask,
    account: Account,
    *,
    before: list[Finding],
    now_found: list[Finding],
    is_ended: bool,
) -> None:
    facts = AccountFacts.of(account)
    if is_ended:
        logger.warning("token_dead account_id=%s", account.id)
        announce_needs_reauth(app, facts, reason=TOKEN_EXPIRED)
    warned = {each.check for each in before if each.state in {SOON, WRONG}}
    ends = _ends(account)
    for each in now_found:
        if each.check in ENDING and each.state == SOON and each.check not in warned:
            logger.warning("account_expiring account_id=%s what=%s", account.id, each.check)
            announce(app, account_expiring, [facts], reason=each.check, expires_at=ends[each.check])
    states = {each.check: each.state for each in before}
    if not is_ended and states != {each.check: each.state for each in now_found}:
        announce(app, None, [facts])
