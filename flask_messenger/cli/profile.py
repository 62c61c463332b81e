"""`flask messenger profile …`: what an account shows in a chat, read back, compared, set."""

import difflib
import json
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import click
from flask.cli import AppGroup

from flask_messenger.channels.profile import ProfileDiff
from flask_messenger.cli.finding import account_argument, find_account
from flask_messenger.presence.profile import apply_profile, diff_profile, refresh_profile
from flask_messenger.state import current_application
from flask_messenger.tenancy import workspace_scope

profile = AppGroup("profile", help="What an account shows in a chat: its profile at Meta.")
file_argument = click.argument("file", type=click.File(encoding="utf-8"))


@profile.command("show")
@account_argument
def show(account: str) -> None:
    """Print what Meta shows of ACCOUNT, as JSON that `apply` takes.

    ACCOUNT is our id of it, or Meta's.
    """
    account_id, tenant = find_account(account)
    with workspace_scope(tenant.workspace_id):
        known = refresh_profile(current_application(), tenant=tenant, account_id=account_id)
    click.echo(_as_json(known.live or {}))


@profile.command("diff")
@account_argument
@file_argument
def diff(account: str, file: TextIO) -> None:
    """Print what setting FILE would change; ends with status 1 where it would change anything."""
    account_id, tenant = find_account(account)
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
    account_id, tenant = find_account(account)
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
