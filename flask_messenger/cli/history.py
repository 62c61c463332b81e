"""`flask messenger history …`: an account's past at Meta, fetched and compared."""

import click
from flask.cli import AppGroup

from flask_messenger import jobs
from flask_messenger.cli.finding import account_argument, find_account
from flask_messenger.history import runs
from flask_messenger.models import HistoryRun
from flask_messenger.state import state
from flask_messenger.tenancy import workspace_scope

COUNTS = ("conversations", "messages", "new", "checked", "missing", "repaired", "skipped")

history = AppGroup("history", help="What Meta has of an account's conversations.")


@history.command("backfill")
@account_argument
def backfill(account: str) -> None:
    """Have the worker fetch the past of ACCOUNT: our id of it, or Meta's."""
    account_id, tenant = find_account(account)
    with workspace_scope(tenant.workspace_id):
        run = runs.start_backfill(state().db.session, tenant=tenant, account_id=account_id)
        jobs.wake_history(run.workspace_id, run.id)
        click.echo(_line(run))


@history.command("status")
@account_argument
def status(account: str) -> None:
    """Print the latest runs over ACCOUNT, newest first."""
    account_id, tenant = find_account(account)
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
