"""Whom a command is about, said in one word."""

import uuid
from typing import Final

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.hooks import Tenant
from flask_messenger.models import Account
from flask_messenger.models.accounts import DISCONNECTED
from flask_messenger.state import state
from flask_messenger.tenancy import system_scope

ACTOR: Final = "system"

NONE: Final = (
    "There is no such account among those that are connected."
    " Its page in the settings shows Meta's id; ours is in the address of that page."
)
SEVERAL: Final = "Several are called so: use our id."

account_argument = click.argument("account")
"""Our id of an account, or Meta's."""


def find_account(account: str) -> tuple[uuid.UUID, Tenant]:
    """Return a connected account's id, and somebody who sees all of its workspace.

    Raises:
        click.ClickException: there is none, or several workspaces had it.
    """
    session: Session = state().db.session
    try:
        named = Account.id == uuid.UUID(account)
    except ValueError:
        named = Account.external_id == account
    with system_scope("command"):
        statement = select(Account.id, Account.workspace_id).where(
            named, Account.status != DISCONNECTED
        )
        rows = session.execute(statement).all()
        session.rollback()
    if len(rows) != 1:
        raise click.ClickException(SEVERAL if rows else NONE)
    return rows[0][0], Tenant(workspace_id=rows[0][1], user_id=ACTOR)
