"""The questions that a request may ask across workspaces, and nothing more.

A request sees its own workspace. Whether a Page is taken and which workspaces a person's login
belongs to cannot be known from there, so on PostgreSQL functions of the tables' owner answer
(`models.walls`); the role of the web process may call these three and see nothing else.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ARRAY, String, Table, func, literal, or_, select, union, update
from sqlalchemy.orm import Session

from flask_messenger.models.accounts import DISCONNECTED, Account, PendingConnection
from flask_messenger.models.journal import PENDING, UNROUTED, WebhookEntry
from flask_messenger.models.upsert import dialect_of

_accounts: Final[Table] = Account.__table__
_attempts: Final[Table] = PendingConnection.__table__
_journal: Final[Table] = WebhookEntry.__table__


def list_taken_pages(
    session: Session, *, workspace_id: str, channel: str, external_ids: Sequence[str]
) -> set[str]:
    """Return which of these accounts of Meta's are connected in another workspace."""
    if dialect_of(session) == "postgresql":
        ids = literal(list(external_ids), ARRAY(String))
        found = func.messenger_taken_pages(workspace_id, channel, ids).column_valued("page_id")
        return set(session.scalars(select(found)))
    statement = select(_accounts.c.external_id).where(
        _accounts.c.workspace_id != workspace_id,
        _accounts.c.channel == channel,
        _accounts.c.status != DISCONNECTED,
        _accounts.c.external_id.in_(external_ids),
    )
    return set(session.connection().scalars(statement))


def list_carried_pages(session: Session, *, workspace_id: str, page_ids: Sequence[str]) -> set[str]:
    """Return which of these Pages carry an Instagram account connected in another workspace."""
    if dialect_of(session) == "postgresql":
        ids = literal(list(page_ids), ARRAY(String))
        found = func.messenger_carried_pages(workspace_id, ids).column_valued("page_id")
        return set(session.scalars(select(found)))
    statement = select(_accounts.c.page_external_id).where(
        _accounts.c.workspace_id != workspace_id,
        _accounts.c.status != DISCONNECTED,
        _accounts.c.page_external_id.in_(page_ids),
    )
    return set(session.connection().scalars(statement))


def list_workspaces_of_login(session: Session, *, app_name: str, meta_user_id: str) -> list[str]:
    """Return the workspaces in which a person's login has, or had, an account or an attempt.

    Sorted: whoever goes through them locks rows in the same order.
    """
    if dialect_of(session) == "postgresql":
        function = func.messenger_workspaces_of_login(app_name, meta_user_id)
        return sorted(session.scalars(select(function.column_valued("workspace_id"))))
    statement = union(
        *(
            select(table.c.workspace_id).where(
                table.c.meta_user_id == meta_user_id, table.c.app_name == app_name
            )
            for table in (_accounts, _attempts)
        )
    )
    return sorted(session.connection().scalars(statement))


def put_back_entries(session: Session, *, workspace_id: str, object_: str, external_id: str) -> int:
    """Put back what came for an account while nobody had it; return how many entries that was.

    For the workspace in scope, which has just connected the account. What was applied for another
    workspace before stays where it is.
    """
    if dialect_of(session) == "postgresql":
        function = func.messenger_put_back(object_, external_id)
        return len(session.scalars(select(function.column_valued("entry_id"))).all())
    statement = (
        update(_journal)
        .where(
            _journal.c.object == object_,
            _journal.c.external_id == external_id,
            _journal.c.state == UNROUTED,
            or_(
                _journal.c.workspace_id.is_(None),
                _journal.c.workspace_id == workspace_id,
            ),
        )
        .values(state=PENDING, attempts=0, error=None, processed_at=None)
        .returning(_journal.c.id)
    )
    return len(session.connection().execute(statement).all())
