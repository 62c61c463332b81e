"""Accounts: the connected Pages, Instagram accounts and numbers."""

import uuid

from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.accounts import (
    Account,
    Accounts,
    AccountsQuery,
    Diagnosis,
)
from flask_messenger.connect.doctor import diagnose, read_diagnosis
from flask_messenger.inbox import queries
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import current_tenant, require_permission


@bp.get("/accounts")
@operation("listAccounts", tag="accounts", answers={200: (Accounts, "The accounts, by name.")})
def list_accounts(query: AccountsQuery) -> Accounts:
    """List the accounts the tenant sees."""
    rows = queries.list_accounts(
        state().db.session,
        tenant=current_tenant(),
        include_disconnected=query.include_disconnected == "true",
    )
    return Accounts(items=[Account.of(row) for row in rows])


@bp.get("/accounts/<uuid:account_id>")
@operation("getAccount", tag="accounts", answers={200: (Account, "The account.")}, problems=(404,))
def get_account(account_id: uuid.UUID) -> Account:
    """Return one account."""
    row = queries.get_account(state().db.session, tenant=current_tenant(), account_id=account_id)
    return Account.of(row)


@bp.get("/accounts/<uuid:account_id>/doctor")
@operation(
    "getDiagnosis",
    tag="accounts",
    answers={200: (Diagnosis, "What was found; each thing with its cause and its fix.")},
    problems=(404,),
)
def get_diagnosis(account_id: uuid.UUID) -> Diagnosis:
    """Return what the last examination of an account found. The worker makes one a day."""
    found = read_diagnosis(state().db.session, tenant=current_tenant(), account_id=account_id)
    return Diagnosis.of(found)


@bp.post("/accounts/<uuid:account_id>/doctor")
@operation(
    "examineAccount",
    tag="accounts",
    answers={200: (Diagnosis, "What was found; each thing with its cause and its fix.")},
    problems=(403, 404),
)
def examine_account(account_id: uuid.UUID) -> Diagnosis:
    """Examine an account now: Meta is asked, and what it says is kept."""
    tenant = require_permission("connect")
    return Diagnosis.of(diagnose(current_application(), tenant=tenant, account_id=account_id))
