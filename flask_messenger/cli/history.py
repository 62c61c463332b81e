"""`flask messenger history …`: an account's past at Meta, fetched and compared."""

import uuid

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger import jobs
from flask_messenger.history import runs
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, HistoryRun
from flask_messenger.models.accounts import DISCONNECTED
from flask_messenger.state import state
from flask_messenger.tenancy import system_scope, workspace_scope

ACTOR = "system"
COUNTS = ("conversations", "messages", "new", "checked", "missing", "repaired", "skipped")

history = AppGroup("history", help="What Meta has of an account's conversations.")
account_argument = click.argument("account")


@history.command("backfill")
@account_argument
def backfill(account: str) -> None:
    """Have the worker fetch the past of ACCOUNT: our id of it, or Meta's."""
    account_id, tenant = _find(account)
    with workspace_scope(tenant.workspace_id):
        run = runs.start_backfill(state().db.session, tenant=tenant, account_id=account_id)
        jobs.wake_history(run.workspace_id, run.id)
        click.echo(_line(run))


@history.command("status")
@account_argument
def status(account: str) -> None:
    """Print the latest runs over ACCOUNT, newest first."""
    account_id, tenant = _find(account)
    with workspace_scope(tenant.workspace_id):
        found = runs.list_runs(state().db.session, tenant=tenant, account_id=account_id)
        for run in found:
            click.echo(_line(run))
    if not found:
        click.echo("None yet.")


def _line(run: HistoryRun) -> str:
    counts = ", ".join(f"{run.result[name]} {name}" for name in COUNTS if name in run.result)
    parts = (f"{run.created_at:%Y-%m-%d %H:%M}", run.kind, run.state, run.error or "", counts)
    return "  ".join(part for part in parts if part)


def _find(account: str) -> tuple[uuid.UUID, Tenant]:
    """Return an account's id, and somebody who sees all of its workspace."""
    session: Session = state().db.session
    try:
        named = Account.id == uuid.UUID(account)
    except ValueError:
        named = Account.external_id == account
    with system_scope("history"):
        statement = select(Account.id, Account.workspace_id).where(
            named, Account.status != DISCONNECTED
        )
        rows = session.execute(statement).all()
        session.rollback()
    if len(rows) != 1:
        says = "There is no such account." if not rows else "Several are called so: use our id."
        raise click.ClickException(says)
    return rows[0][0], Tenant(workspace_id=rows[0][1], user_id=ACTOR)
