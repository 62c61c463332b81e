"""The current scope, and the walls the ORM and PostgreSQL build from it.

Every query on a workspace-scoped model runs inside a scope: one workspace, or the whole system
(workers and commands, said explicitly and logged). With no scope there is no query. In a request
the scope is the tenant that the host's `tenant_loader` returns, unless one was entered explicitly.

The ORM adds the workspace to its statements. PostgreSQL is told the scope, and compares it with
every row by itself (`models.walls`): that holds for raw SQL and bare tables, too.
"""

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, cast

from flask import g, has_request_context
from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria
from sqlalchemy.sql import ClauseElement, visitors

from flask_messenger.errors import NotSignedInError, PermissionDeniedError, ScopeError
from flask_messenger.hooks import Tenant
from flask_messenger.models import Base, WorkspaceScoped
from flask_messenger.models.schema import TABLE_PREFIX
from flask_messenger.models.walls import ASK_SYSTEM, SYSTEM_ON, TELL_SCOPE
from flask_messenger.state import state

logger = logging.getLogger(__name__)

TOLD: Final = "messenger_scope"
"""Where a connection's `info` keeps the scope that PostgreSQL knows of in this transaction."""
ALLOWED: Final = "messenger_may_see_everything"
"""Where it keeps, as long as the connection lives, whether its role may have the system scope."""
ENDINGS: Final = (
    "commit",
    "rollback",
    "prepare_twophase",
    "commit_twophase",
    "rollback_twophase",
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What queries may see: one workspace, or everything where `workspace_id` is None."""

    workspace_id: str | None


_scope: ContextVar[Scope | None] = ContextVar("messenger_scope", default=None)


@contextlib.contextmanager
def workspace_scope(workspace_id: str) -> Iterator[None]:
    """Run the block as one workspace."""
    token = _scope.set(Scope(str(workspace_id)))
    try:
        yield
    finally:
        _scope.reset(token)


@contextlib.contextmanager
def system_scope(reason: str) -> Iterator[None]:
    """Run the block over all workspaces; `reason` goes to the log.

    For workers, commands and Meta's callbacks, which belong to no tenant. In a request of a
    person only for a question whose answer names nothing of another workspace, such as whether
    a Page is taken.
    """
    logger.debug("system_scope", extra={"reason": reason})
    token = _scope.set(Scope(None))
    try:
        yield
    finally:
        _scope.reset(token)


def current_scope() -> Scope:
    """Return the scope queries run in.

    Raises:
        ScopeError: none was entered and no tenant is signed in.
    """
    scope = _scope.get()
    if scope is None and has_request_context():
        tenant = load_tenant()
        scope = Scope(tenant.workspace_id) if tenant else None
    if scope is None:
        raise ScopeError(
            "A query on messenger data needs a scope: enter workspace_scope(...) first."
        )
    return scope


def load_tenant() -> Tenant | None:
    """Ask the host who is asking, once per request."""
    if "messenger_tenant" not in g:
        loader = state().hooks.tenant
        g.messenger_tenant = loader() if loader else None
    tenant: Tenant | None = g.messenger_tenant
    return tenant


def current_tenant() -> Tenant:
    """Return who is asking.

    Raises:
        NotSignedInError: the host knows nobody for this request.
    """
    tenant = load_tenant()
    if tenant is None:
        raise NotSignedInError("Sign in first.")
    return tenant


def require_permission(permission: str) -> Tenant:
    """Return the tenant if the host gave it `permission`.

    Raises:
        NotSignedInError: nobody is signed in.
        PermissionDeniedError: somebody without the permission is.
    """
    tenant = current_tenant()
    if not tenant.may(permission):
        raise PermissionDeniedError(f"This needs the permission {permission!r}.")
    return tenant


@event.listens_for(Session, "do_orm_execute")
def _add_workspace_criterion(execution: ORMExecuteState) -> None:
    """Narrow every ORM statement on our models to the workspace in scope."""
    scope = _scope.get()
    sees_everything = scope is not None and scope.workspace_id is None
    if sees_everything or execution.is_column_load or not _touches_scoped_models(execution):
        return
    workspace_id = current_scope().workspace_id
    if workspace_id is None or execution.is_insert:
        return
    execution.statement = execution.statement.options(
        with_loader_criteria(
            WorkspaceScoped,
            lambda model: model.workspace_id == workspace_id,
            include_aliases=True,
        )
    )


def _touches_scoped_models(execution: ORMExecuteState) -> bool:
    """Look at every table of the statement.

    An entity that is only counted, joined or asked for in a subquery is not among the mappers
    that the statement names. Those are asked first: it costs less.
    """
    if any(issubclass(mapper.class_, WorkspaceScoped) for mapper in execution.all_mappers):
        return True
    names = _scoped_tables()
    return any(
        element.__visit_name__ == "table" and getattr(element, "name", None) in names
        for element in visitors.iterate(cast("ClauseElement", execution.statement))
    )


@cache
def _scoped_tables() -> frozenset[str]:
    mappers = Base.registry.mappers
    return frozenset(
        str(mapper.local_table.name)  # type: ignore[attr-defined]
        for mapper in mappers
        if issubclass(mapper.class_, WorkspaceScoped)
    )


@event.listens_for(Session, "before_flush")
def _refuse_foreign_rows(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    """Stop a new or changed row of another workspace before it reaches the database."""
    rows = [each for each in (*session.new, *session.dirty) if isinstance(each, WorkspaceScoped)]
    if not rows:
        return
    workspace_id = current_scope().workspace_id
    if workspace_id is not None and any(row.workspace_id != workspace_id for row in rows):
        raise ScopeError("A row of another workspace cannot be written in this scope.")


def tell_database(engine: Engine) -> None:
    """Tell PostgreSQL the scope before a statement on our tables, where it does not know it.

    That is once per transaction, and again when the scope changes in the middle of one. The host's
    own statements cost nothing. It hangs on the connection rather than on the session: statements
    that go past the ORM are told of, too. What is told ends with the transaction, so a connection
    in the pool belongs to nobody. In autocommit there is nothing to tell: such a statement sees no
    row.
    """
    if engine.dialect.name != "postgresql":
        return
    event.listen(engine, "before_cursor_execute", _tell_scope)
    for ending in ENDINGS:
        event.listen(engine, ending, _forget_told)
    event.listen(engine, "rollback_savepoint", _doubt_told)
    event.listen(engine, "checkin", lambda _, record: record.info.pop(TOLD, None))


def _tell_scope(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
    if TABLE_PREFIX not in statement or statement == ASK_SYSTEM:
        return
    driver = cursor.connection
    if getattr(driver, "autocommit", False):
        return
    scope = _known_scope()
    if connection.info.get(TOLD) == scope:
        return
    sees_everything = scope is not None and scope.workspace_id is None
    if sees_everything:
        _check_role(connection)
    values = (scope.workspace_id or "" if scope else "", SYSTEM_ON if sees_everything else "")
    try:
        with driver.cursor() as own:  # a third of the time that SQLAlchemy's way takes
            own.execute(TELL_SCOPE, values)
    except Exception:  # noqa: BLE001 - whatever the driver raises: the other way makes sense of it
        connection.exec_driver_sql(TELL_SCOPE, values)
    connection.info[TOLD] = scope


def _check_role(connection: Connection) -> None:
    """Ask once per connection whether its role may have the system scope.

    Without it the policies would let nothing through, and nobody would hear why.

    Raises:
        ScopeError: it may not.
    """
    if ALLOWED not in connection.info:
        allowed = bool(connection.exec_driver_sql(ASK_SYSTEM).scalar())
        connection.info[ALLOWED] = allowed
    if not connection.info[ALLOWED]:
        raise ScopeError(
            "The database role of this process may not see all workspaces; only the worker's may."
            " Use the configuration that `flask messenger worker` runs with."
        )


def _known_scope() -> Scope | None:
    """Return the scope, without asking the host who is asking: it may ask the database for that."""
    scope = _scope.get()
    if scope is None and has_request_context():
        tenant: Tenant | None = g.get("messenger_tenant")
        scope = Scope(tenant.workspace_id) if tenant else None
    return scope


def _forget_told(connection: Connection, *_: Any) -> None:
    # One that was lost with its server has told nobody anything, and may not be asked.
    if not connection.invalidated:
        connection.info.pop(TOLD, None)


def _doubt_told(connection: Connection, *_: Any) -> None:
    """Tell it again: what was told inside a savepoint went back with it."""
    if not connection.invalidated:
        connection.info[TOLD] = _doubt_told
