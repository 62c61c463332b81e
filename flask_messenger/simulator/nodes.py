"""Which node the first part of a path names, as far as the token may see it."""

from __future__ import annotations

import sqlite3
from http import HTTPStatus

from flask_messenger.simulator import errors
from flask_messenger.simulator.grants import find_grant
from flask_messenger.simulator.tokens import APP, PAGE, Token


def resolve(
    db: sqlite3.Connection, token: Token | None, name: str, *, method: str
) -> tuple[str, str]:
    """Return kind and id of the node called `name`.

    Raises:
        GraphError: there is none that this token may see. Graph does not say which of the two.
    """
    if name == "me":
        return _resolve_me(token)
    if not name.isdigit() and not any(character.isdigit() for character in name):
        raise errors.GraphError(
            f"(#803) Some of the aliases you requested do not exist: {name}",
            code=803,
            status=HTTPStatus.NOT_FOUND,
        )
    kind = _public_kind(db, name) if token is None else _kind_for(db, token, name)
    if kind is None:
        raise errors.unsupported_request(method, name)
    return kind, name


def _resolve_me(token: Token | None) -> tuple[str, str]:
    if token is None or token.kind == APP:
        raise errors.no_token()
    if token.kind == PAGE:
        return "page", token.page_id or ""
    return "user", token.user_id


def _public_kind(db: sqlite3.Connection, name: str) -> str | None:
    """Return the kind of a node that anybody may see."""
    known = db.execute("SELECT 1 FROM pages WHERE id = ?", [name]).fetchone()
    return "page" if known else None


def _kind_for(db: sqlite3.Connection, token: Token, name: str) -> str | None:
    if name == token.app_id:
        return "app"
    if token.kind == PAGE:
        if name == token.page_id:
            return "page"
        return "psid" if _wrote_to_page(db, token, name) else None
    if token.kind == APP:
        return None
    if name == token.user_id:
        return "user"
    grant = find_grant(db, token.person, token.app_id)
    return "page" if grant is not None and name in grant.page_ids else None


def _wrote_to_page(db: sqlite3.Connection, token: Token, psid: str) -> bool:
    """Say whether the person ever wrote to the Page: before that, it cannot see them."""
    row = db.execute(
        "SELECT 1 FROM threads WHERE psid = ? AND account_id = ? AND last_user_at IS NOT NULL",
        [psid, token.page_id],
    ).fetchone()
    return row is not None
