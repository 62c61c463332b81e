"""Telling that the database is away from everything else that can be wrong with a statement."""

from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

AWAY_STATES: Final = frozenset({"57P01", "57P02", "57P03", "25006"})
"""PostgreSQL is stopping, has crashed, is starting, or is a replica that may not write (yet)."""
CONNECTION_CLASS: Final = "08"


def is_database_away(error: BaseException) -> bool:
    """Say whether the database could not be reached, was lost on the way, or is changing over.

    A server that refuses a connection says so without a state; a statement that failed has one.
    """
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in AWAY_STATES or state.startswith(CONNECTION_CLASS)
    is_postgres = type(error.orig).__module__.startswith("psycopg")
    return is_postgres and isinstance(error, OperationalError | InterfaceError)
