"""`flask messenger profile …`: what an account shows in a chat, read back, compared, set."""

import difflib
import json
import sys
import uuid
from collections.abc import Mapping
from typing import Any, Final, TextIO

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.channels.profile import ProfileDiff
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account
from flask_messenger.models.accounts import DISCONNECTED
from flask_messenger.presence.profile import apply_profile, diff_profile, refresh_profile
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import system_scope, workspace_scope

ACTOR: Final = "system"

profile = AppGroup("profile", help="What an account shows in a chat: its profile at Meta.")
account_argument = click.argument("account")
file_argument = click.argument("file", type=click.File(encoding="utf-8"))


@profile.command("show")
@account_argument
def show(account: str) -> None:
    """Print what Meta shows of ACCOUNT, as JSON that `apply` takes.

    ACCOUNT is our id of it, or Meta's.
    """
    account_id, tenant = _find(account)
    with workspace_scope(tenant.workspace_id):
        known = refresh_profile(current_application(), tenant=tenant, account_id=account_id)
    click.echo(_as_json(known.live or {}))


@profile.command("diff")
@account_argument
@file_argument
def diff(account: str, file: TextIO) -> None:
    """Print what setting FILE would change; ends with status 1 where it would change anything."""
    account_id, tenant = _find(account)
    app = current_application()
    document = _read(file)
    with workspace_scope(tenant.workspace_id):
        live = refresh_profile(app, tenant=tenant, account_id=account_id).live or {}
        found = diff_profile(app, tenant=tenant, account_id=account_id, document=document)
    _show_notes(found)
    before, after = _as_json(live).splitlines(), _as_json(found.apply_to(live)).splitlines()
    for line in difflib.unified_diff(before, after, "live", "wanted", lineterm=""):
        click.echo(line)
    sys.exit(0 if found.is_empty else 1)


@profile.command("apply")
@account_argument
@file_argument
def apply(account: str, file: TextIO) -> None:
    """Have ACCOUNT show what FILE says.

    What FILE leaves out stays as it is, null removes it.
    """
    account_id, tenant = _find(account)
    document = _read(file)
    with workspace_scope(tenant.workspace_id):
        done = apply_profile(
            current_application(), tenant=tenant, account_id=account_id, document=document
        )
    _show_notes(done)
    for name in done.changes:
        click.echo(f"set {name}")
    for name in done.removals:
        click.echo(f"removed {name}")
    if done.is_empty:
        click.echo("Nothing to change.")


def _find(account: str) -> tuple[uuid.UUID, Tenant]:
    """Return an account's id, and somebody who sees all of its workspace."""
    session: Session = state().db.session
    try:
        named = Account.id == uuid.UUID(account)
    except ValueError:
        named = Account.external_id == account
    with system_scope("profile"):
        statement = select(Account.id, Account.workspace_id).where(
            named, Account.status != DISCONNECTED
        )
        rows = session.execute(statement).all()
        session.rollback()
    if len(rows) != 1:
        says = "There is no such account." if not rows else "Several are called so: use our id."
        raise click.ClickException(says)
    return rows[0][0], Tenant(workspace_id=rows[0][1], user_id=ACTOR)


def _read(file: TextIO) -> Mapping[str, Any]:
    try:
        document = json.load(file)
    except ValueError as error:
        raise click.ClickException(f"{file.name} is not JSON.") from error
    if not isinstance(document, dict):
        raise click.ClickException(f"{file.name} holds no JSON object.")
    return document


def _show_notes(found: ProfileDiff) -> None:
    for note in found.notes:
        click.echo(f"-- {note}", err=True)


def _as_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
