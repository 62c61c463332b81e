"""Which node the first part of a path names, as far as the token may see it."""

from __future__ import annotations

import sqlite3
from http import HTTPStatus

from flask_messenger.simulator import errors
from flask_messenger.simulator.access import visible_accounts
from flask_messenger.simulator.accounts import Account
from flask_messenger.simulator.seeds import commenter_id_of
from flask_messenger.simulator.tokens import APP, INSTAGRAM_USER, PAGE, Token

# Where the things of an account are, and what their nodes are called on Messenger and Instagram.
OWNED = (
    ("SELECT account_id FROM posts WHERE id = ? AND deleted_at IS NULL", "post", "media"),
    ("SELECT account_id FROM comments WHERE id = ? AND deleted_at IS NULL", "comment", "reply"),
    ("SELECT account_id FROM threads WHERE conversation_id = ?", "conversation", "conversation"),
    (
        "SELECT t.account_id FROM messages m JOIN threads t ON t.psid = m.psid WHERE m.mid = ?",
        "message",
        "message",
    ),
    (
        "SELECT account_id FROM threads WHERE psid = ? AND last_user_at IS NOT NULL",
        "psid",
        "igsid",
    ),
    (
        "SELECT page_id AS account_id FROM personas WHERE id = ? AND deleted_at IS NULL",
        "persona",
        "",
    ),
    ("SELECT page_id AS account_id FROM labels WHERE id = ?", "label", ""),
    ("SELECT page_id AS account_id FROM message_templates WHERE id = ?", "template", ""),
)


def resolve(
    db: sqlite3.Connection, token: Token | None, name: str, *, method: str
) -> tuple[str, str]:
    """Return kind and id of the node called `name`.

    Raises:
        GraphError: there is none that this token may see. Graph does not say which of the two.
    """
    if name == "me":
        return _resolve_me(token)
    kind = _public_kind(db, name) if token is None else _kind_for(db, token, name)
    if kind is None and not any(character.isdigit() for character in name):
        raise errors.GraphError(
            f"(#803) Some of the aliases you requested do not exist: {name}",
            code=803,
            status=HTTPStatus.NOT_FOUND,
        )
    if kind is None:
        raise errors.unsupported_request(method, name)
    if kind == "instagram" and token is not None and token.instagram_id is not None:
        return kind, token.instagram_id  # `id` and `user_id` name the same account
    return kind, name


def _resolve_me(token: Token | None) -> tuple[str, str]:
    if token is None or token.kind == APP:
        raise errors.no_token()
    if token.kind == PAGE:
        return "page", token.page_id or ""
    if token.kind == INSTAGRAM_USER:
        return "instagram", token.instagram_id or ""
    return "user", token.user_id


def _public_kind(db: sqlite3.Connection, name: str) -> str | None:
    """Return the kind of a node that anybody may see."""
    known = db.execute("SELECT 1 FROM pages WHERE id = ?", [name]).fetchone()
    return "page" if known else None


def _kind_for(db: sqlite3.Connection, token: Token, name: str) -> str | None:
    if name == token.app_id:
        return "app"
    if token.kind == APP:
        return None
    if token.kind != PAGE and name == token.user_id:
        return "instagram" if token.kind == INSTAGRAM_USER else "user"
    accounts = {account.id: account for account in visible_accounts(db, token)}
    if name in accounts:
        return "instagram" if accounts[name].is_instagram else "page"
    return _owned_kind(db, accounts, name)


def _owned_kind(db: sqlite3.Connection, accounts: dict[str, Account], name: str) -> str | None:
    for query, on_messenger, on_instagram in OWNED:
        row = db.execute(query, [name]).fetchone()
        if row is not None:
            account = accounts.get(row["account_id"])
            if account is None:
                return None
            return on_instagram if account.is_instagram else on_messenger
    for account in accounts.values():
        if account.is_instagram and _commented(db, account, name):
            return "igsid"
    return None


def _commented(db: sqlite3.Connection, account: Account, name: str) -> bool:
    """Say whether `name` is somebody who only commented: known, but without consent."""
    rows = db.execute(
        "SELECT DISTINCT customer FROM comments WHERE account_id = ? AND customer IS NOT NULL",
        [account.id],
    ).fetchall()
    return any(
        commenter_id_of(account.id, row["customer"], account.channel) == name for row in rows
    )
