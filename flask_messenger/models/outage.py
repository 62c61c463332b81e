"""What went wrong with a statement: is the database away, and what may be said of it."""

from typing import Final

from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    PendingRollbackError,
    TimeoutError,  # noqa: A004 - SQLAlchemy's own: no connection became free
)

AWAY_STATES: Final = frozenset({"57P01", "57P02", "57P03", "25006"})
"""PostgreSQL is stopping, has crashed, is starting, or is a replica that may not write (yet)."""
CONNECTION_CLASS: Final = "08"
LOST_IN_TRANSACTION: Final = "8s2b"
"""SQLAlchemy's own word for a statement after the connection was lost in the same transaction."""


def is_database_away(error: BaseException) -> bool:
    """Say whether the database could not be reached, was lost on the way, or is changing over.

    A server that refuses a connection says so without a state; a statement that failed has one.
    Where it hangs, all connections of the pool wait for it, and no other becomes free.
    """
    if isinstance(error, TimeoutError):
        return True
    if isinstance(error, PendingRollbackError):
        return error.code == LOST_IN_TRANSACTION
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in AWAY_STATES or state.startswith(CONNECTION_CLASS)
    is_postgres = type(error.orig).__module__.startswith("psycopg")
    return is_postgres and isinstance(error, OperationalError | InterfaceError)


def name_error(error: BaseException) -> str:
    """Return the kind of an error and, where it is a database's, its SQLSTATE.

    That may be logged; the text may not, for it can quote the row that failed.
    """
    inner = getattr(error, "orig", None) or error
    state = getattr(inner, "sqlstate", None)
    kind = type(inner).__name__
    return f"{kind} {state}" if state else kind
