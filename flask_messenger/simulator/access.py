"""Which accounts a token opens, and what it may do with them."""

from __future__ import annotations

import json
import sqlite3

from flask_messenger.simulator import errors
from flask_messenger.simulator.accounts import Account, find_account, linked_instagram
from flask_messenger.simulator.constants import INSTAGRAM, MESSENGER
from flask_messenger.simulator.grants import GRANTED, find_grant, tasks_of
from flask_messenger.simulator.tokens import INSTAGRAM_USER, Token

MESSAGES, COMMENTS, BASIC = "messages", "comments", "basic"
NEEDED = {
    (MESSENGER, MESSAGES): "pages_messaging",
    (MESSENGER, COMMENTS): "pages_manage_engagement",
    (MESSENGER, BASIC): "pages_read_engagement",
    (INSTAGRAM, MESSAGES): "instagram_manage_messages",
    (INSTAGRAM, COMMENTS): "instagram_manage_comments",
    (INSTAGRAM, BASIC): "instagram_basic",
}
NEEDED_BY_INSTAGRAM_LOGIN = {
    MESSAGES: "instagram_business_manage_messages",
    COMMENTS: "instagram_business_manage_comments",
    BASIC: "instagram_business_basic",
}


def known_account(db: sqlite3.Connection, account_id: str) -> Account:
    """Return an account that is known to exist.

    Raises:
        GraphError: somebody reset the world in between.
    """
    account = find_account(db, account_id)
    if account is None:
        raise errors.unsupported_request("get", account_id)
    return account


def visible_accounts(db: sqlite3.Connection, token: Token) -> list[Account]:
    """Return the accounts that a token opens: its own, and the Instagram account of a Page."""
    if token.kind == INSTAGRAM_USER:
        return [known_account(db, token.instagram_id or "")]
    page_ids = [token.page_id or ""]
    if token.page_id is None:
        grant = find_grant(db, token.person, token.app_id)
        page_ids = list(grant.page_ids) if grant is not None else []
    pages = [known_account(db, page_id) for page_id in page_ids]
    linked = [linked_instagram(db, page.id) for page in pages]
    return pages + [account for account in linked if account is not None]


def permits(db: sqlite3.Connection, token: Token, permission: str) -> bool:
    """Say whether whoever is behind the token granted the app this permission."""
    if token.kind == INSTAGRAM_USER:
        row = db.execute(
            "SELECT permissions FROM instagram_grants WHERE instagram_id = ? AND app_id = ?",
            [token.instagram_id, token.app_id],
        ).fetchone()
        return row is not None and json.loads(row["permissions"]).get(permission) == GRANTED
    grant = find_grant(db, token.person, token.app_id)
    return grant is not None and grant.has(permission)


def require_access(
    db: sqlite3.Connection, token: Token, account: Account, use: str, *, task: str | None = None
) -> None:
    """Pass where the token may use the account for messages, comments or its basic fields.

    Raises:
        GraphError: the permission was not granted, or the person lacks the task on the Page.
    """
    name = (
        NEEDED_BY_INSTAGRAM_LOGIN[use]
        if token.kind == INSTAGRAM_USER
        else NEEDED[(account.channel, use)]
    )
    if not permits(db, token, name):
        code = 230 if use == MESSAGES else 10
        raise errors.permission(code, f"Requires {name} permission to manage the object")
    if task is None or token.kind == INSTAGRAM_USER:
        return
    if task not in tasks_of(db, token.person, account.page_id or ""):
        raise errors.permission(
            200, "User does not have sufficient administrative permission for this action."
        )
