"""The accounts in the operator's check: what their last examinations found."""

import uuid
from collections.abc import Iterator

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.connect import findings
from flask_messenger.connect.doctor import examine_account
from flask_messenger.errors import NotFoundError
from flask_messenger.models import Account
from flask_messenger.models.accounts import DISCONNECTED, NEEDS_REAUTH
from flask_messenger.operate.findings import Finding, note, ok, wrong
from flask_messenger.state import MessengerState, state_of
from flask_messenger.tenancy import system_scope

MOST_SHOWN = 50


def check_accounts(held: MessengerState) -> Iterator[Finding]:
    """Yield what is wrong, or soon will be, with any account; one line where nothing is.

    Without asking Meta: the worker does, once a day.
    """
    session: Session = held.db.session
    with system_scope("doctor"):
        statement = select(Account).where(Account.status != DISCONNECTED).order_by(Account.id)
        accounts = list(session.scalars(statement))
        found = [line for account in accounts for line in _lines(account)]
        unchecked = sum(account.checked_at is None for account in accounts)
        session.rollback()
    yield from found[:MOST_SHOWN]
    if len(found) > MOST_SHOWN:
        yield note("accounts", f"{len(found) - MOST_SHOWN} more findings are not shown.")
    if unchecked:
        says = f"Of {len(accounts)} accounts {unchecked} were not examined yet."
        yield note("accounts", says, "The worker does it within a day; or give `--account ID`.")
    elif not found:
        yield ok("accounts", f"{len(accounts)} connected, and nothing is wrong with any.")


def examine_one(app: Flask, account_id: uuid.UUID) -> list[Finding]:
    """Ask Meta about one account now, and return everything that was found.

    Raises:
        NotFoundError: there is no such account.
    """
    session: Session = state_of(app).db.session
    with system_scope("doctor"):
        account = session.scalars(select(Account).where(Account.id == account_id)).one_or_none()
        if account is None:
            raise NotFoundError("There is no such account.")
        diagnosis = examine_account(app, account).diagnosis
    return [_line(each.title, each) for each in diagnosis.findings]


def _lines(account: Account) -> Iterator[Finding]:
    """Yield an account's trouble. Its name is a business's, not a person's."""
    where = f"account {account.id}"
    kept = [findings.Finding.from_dict(each) for each in account.findings]
    heavy = [each for each in kept if each.state in {findings.WRONG, findings.SOON}]
    if account.status == NEEDS_REAUTH and not any(each.check == "token" for each in heavy):
        yield wrong(where, "It has to be connected again.", "Its admin does that in the settings.")
    yield from (_line(where, each) for each in heavy)


def _line(check: str, each: findings.Finding) -> Finding:
    says = " ".join(filter(None, [each.says, each.cause]))
    if each.state == findings.OK:
        return ok(check, says)
    return (wrong if each.state == findings.WRONG else note)(check, says, each.mend)
