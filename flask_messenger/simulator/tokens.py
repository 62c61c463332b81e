"""Codes and access tokens: issued, looked up, refused once they are dead."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
import time
from dataclasses import dataclass, field

from flask_messenger.simulator import errors, ids, instagram_grants
from flask_messenger.simulator.grants import app_scoped_id, find_grant, manages

CODE_LIFE_SECONDS = 10 * 60
SHORT_LIFE_SECONDS = 90 * 60
LONG_LIFE_SECONDS = 60 * 24 * 3600
PROOF_LIFE_SECONDS = 5 * 60
NEVER = 0

USER, PAGE, APP, INSTAGRAM_USER = "USER", "PAGE", "APP", "INSTAGRAM"
INSTAGRAM_CODE_SECONDS = 3600
INSTAGRAM_SHORT_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token and whom it speaks for. Times are Unix seconds; `NEVER` expires never."""

    value: str = field(repr=False)
    kind: str
    app_id: str
    person: str = ""
    page_id: str | None = None
    instagram_id: str | None = None
    issued_at: int = 0
    expires_at: int = NEVER
    dead_subcode: int | None = None

    @property
    def is_long_lived(self) -> bool:
        """Whether a Page's token made from this one has no end."""
        return self.expires_at == NEVER or self.expires_at - self.issued_at > SHORT_LIFE_SECONDS

    @property
    def user_id(self) -> str:
        """The app-scoped id of the person, or of the Instagram account, behind the token."""
        if self.instagram_id is not None:
            return instagram_grants.app_scoped_id(self.instagram_id, self.app_id)
        return app_scoped_id(self.person, self.app_id)


def issue_code(
    db: sqlite3.Connection,
    *,
    app_id: str,
    redirect_uri: str,
    person: str = "",
    instagram_id: str | None = None,
) -> str:
    """Return a new authorisation code, good once: for ten minutes, or Instagram's for an hour."""
    code = ids.new_code()
    life_seconds = CODE_LIFE_SECONDS if instagram_id is None else INSTAGRAM_CODE_SECONDS
    expires_at = int(time.time()) + life_seconds
    db.execute(
        "INSERT INTO codes (code, app_id, person, instagram_id, redirect_uri, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [code, app_id, person, instagram_id, redirect_uri, expires_at],
    )
    return code


def redeem_code(db: sqlite3.Connection, *, app_id: str, code: str, redirect_uri: str) -> Token:
    """Return the short-lived token of the person who got `code`.

    Raises:
        GraphError: the code is unknown, used, expired, or was asked for another address.
    """
    row = db.execute(
        "SELECT * FROM codes WHERE code = ? AND app_id = ? AND instagram_id IS NULL",
        [code, app_id],
    ).fetchone()
    if row is None:
        raise errors.GraphError("Invalid verification code format.", code=100)
    if row["redirect_uri"] != redirect_uri:
        raise errors.GraphError(
            "Error validating verification code. Please make sure your redirect_uri is identical"
            " to the one you used in the OAuth dialog request",
            code=100,
            subcode=36008,
        )
    if row["used_at"] is not None:
        raise errors.GraphError("This authorization code has been used.", code=100, subcode=36009)
    if row["expires_at"] < time.time():
        raise errors.GraphError("This authorization code has expired.", code=100, subcode=36007)
    db.execute("UPDATE codes SET used_at = ? WHERE code = ?", [int(time.time()), code])
    return issue_user_token(
        db, app_id=app_id, person=row["person"], life_seconds=SHORT_LIFE_SECONDS
    )


def issue_user_token(
    db: sqlite3.Connection, *, app_id: str, person: str, life_seconds: int
) -> Token:
    """Return a new token of a person."""
    issued_at = int(time.time())
    token = Token(
        value=ids.new_token(USER),
        kind=USER,
        app_id=app_id,
        person=person,
        issued_at=issued_at,
        expires_at=issued_at + life_seconds,
    )
    _store(db, token, parent=None)
    return token


def issue_instagram_token(
    db: sqlite3.Connection, *, app_id: str, instagram_id: str, life_seconds: int
) -> Token:
    """Return a new token of an Instagram account."""
    issued_at = int(time.time())
    token = Token(
        value=ids.new_token(INSTAGRAM_USER),
        kind=INSTAGRAM_USER,
        app_id=app_id,
        instagram_id=instagram_id,
        issued_at=issued_at,
        expires_at=issued_at + life_seconds,
    )
    _store(db, token, parent=None)
    return token


def page_token(db: sqlite3.Connection, parent: Token, page_id: str) -> Token:
    """Return the Page's token that belongs to a person's token: the same one each time."""
    row = db.execute(
        "SELECT * FROM tokens WHERE parent = ? AND page_id = ? AND dead_subcode IS NULL",
        [parent.value, page_id],
    ).fetchone()
    if row is not None:
        return _token_of(row)
    token = Token(
        value=ids.new_token(PAGE),
        kind=PAGE,
        app_id=parent.app_id,
        person=parent.person,
        page_id=page_id,
        issued_at=int(time.time()),
        expires_at=NEVER if parent.is_long_lived else parent.expires_at,
    )
    _store(db, token, parent=parent.value)
    return token


def read_token(db: sqlite3.Connection, value: str) -> Token:
    """Return the token written as `value`, dead or alive.

    Raises:
        GraphError: nobody ever issued it.
    """
    app_id, _, secret = value.partition("|")
    if secret:
        row = db.execute("SELECT secret FROM apps WHERE id = ?", [app_id]).fetchone()
        if row is None or not hmac.compare_digest(row["secret"].encode(), secret.encode()):
            raise errors.unreadable_token()
        return Token(value=value, kind=APP, app_id=app_id)
    row = db.execute("SELECT * FROM tokens WHERE token = ?", [value]).fetchone()
    if row is None:
        raise errors.unreadable_token()
    return _token_of(row)


def check_alive(db: sqlite3.Connection, token: Token) -> None:
    """Pass where the token still opens what it once opened.

    Raises:
        GraphError: it was revoked, it expired, the person removed the app or the Page from it.
    """
    if token.kind == APP:
        return
    if token.dead_subcode is not None:
        raise errors.dead_token(token.dead_subcode)
    if token.expires_at != NEVER and token.expires_at < time.time():
        raise errors.dead_token(463)
    if token.instagram_id is not None:
        if instagram_grants.find_permissions(db, token.instagram_id, token.app_id) is None:
            raise errors.dead_token(458)
        return
    grant = find_grant(db, token.person, token.app_id)
    if grant is None:
        raise errors.dead_token(458)
    if token.page_id is not None and not (
        token.page_id in grant.page_ids and manages(db, token.person, token.page_id)
    ):
        raise errors.dead_token(492)


def check_proof(
    token: str, secret: str, *, proof: str | None, signed_at: str | None, is_required: bool
) -> None:
    """Pass where `proof` shows that the caller knows the app's secret.

    Raises:
        GraphError: it is missing where it is required, wrong, or too old.
    """
    if proof is None:
        if is_required:
            raise errors.missing_proof()
        return
    signed = token if signed_at is None else f"{token}|{signed_at}"
    wanted = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted.encode(), proof.encode()):
        raise errors.wrong_proof()
    if signed_at is not None and not _is_recent(signed_at):
        raise errors.wrong_proof()


def kill_token(db: sqlite3.Connection, token: str, subcode: int) -> int:
    """End a token and every Page's token made from it; return how many ended."""
    return db.execute(
        "UPDATE tokens SET dead_subcode = ? WHERE token = ? OR parent = ?", [subcode, token, token]
    ).rowcount


def _is_recent(signed_at: str) -> bool:
    return signed_at.isdigit() and abs(time.time() - int(signed_at)) <= PROOF_LIFE_SECONDS


def _store(db: sqlite3.Connection, token: Token, *, parent: str | None) -> None:
    db.execute(
        "INSERT INTO tokens (token, kind, app_id, person, page_id, instagram_id, parent,"
        " issued_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            token.value,
            token.kind,
            token.app_id,
            token.person,
            token.page_id,
            token.instagram_id,
            parent,
            token.issued_at,
            token.expires_at,
        ],
    )


def _token_of(row: sqlite3.Row) -> Token:
    return Token(
        value=row["token"],
        kind=row["kind"],
        app_id=row["app_id"],
        person=row["person"],
        page_id=row["page_id"],
        instagram_id=row["instagram_id"],
        issued_at=row["issued_at"],
        expires_at=row["expires_at"],
        dead_subcode=row["dead_subcode"],
    )
