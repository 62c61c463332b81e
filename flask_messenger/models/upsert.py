"""The one place that knows the SQL dialect: inserts that meet rows already there."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Table, bindparam, cast, column, func, update, values
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

T = TypeVar("T")

TRANSIENT_STATES: Final = frozenset({"40001", "40P01", "55P03", "57P01", "57P03"})

CHUNK: Final = 2_000
"""A list of thousands of keys exceeds PostgreSQL's stack, and SQLite's parameters at 32,766."""


def insert_for(session: Session, table: Table) -> Any:
    """Return the dialect's own `insert(table)`, which knows `on_conflict_*`."""
    if dialect_of(session) == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def dialect_of(session: Session) -> str:
    """Return `postgresql` or `sqlite`."""
    return session.get_bind().dialect.name


def is_transient(error: DBAPIError) -> bool:
    """Say whether a statement failed for what others did at that moment, and may work again.

    A deadlock, a serialisation failure, a lock or a connection that was not to be had.
    """
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    return state in TRANSIENT_STATES or "database is locked" in str(error.orig)


def insert_missing(
    session: Session, table: Table, rows: Sequence[dict[str, Any]], *, key: Sequence[str]
) -> None:
    """Insert `rows` whose `key` is not there yet, in one statement."""
    if rows:
        statement = insert_for(session, table).on_conflict_do_nothing(index_elements=list(key))
        session.execute(statement, list(rows))


def chunks(items: Collection[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Yield `items`, sorted, in lists short enough for the parameters of one statement."""
    ordered: list[Any] = sorted(items)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def greatest(session: Session, first: Any, second: Any) -> ColumnElement[Any]:
    """Return the later of two columns, None counting as before everything.

    PostgreSQL's `greatest` passes over nulls; SQLite's `max` of two values does not.
    """
    if dialect_of(session) == "postgresql":
        return func.greatest(first, second)
    return func.max(func.coalesce(first, second), func.coalesce(second, first))


def update_many(
    session: Session,
    table: Table,
    rows: Sequence[dict[str, Any]],
    *,
    is_partitioned: bool = False,
) -> None:
    """Update each row by its `id`, all in one statement on PostgreSQL.

    Every row names the same columns. Of a table partitioned by `id`, PostgreSQL looks only into
    the partitions between the first and the last id, which it cannot tell from the join. SQLite,
    which has no named table of values, gets one statement executed many times: it is in-process,
    and no round trip is saved.
    """
    if not rows:
        return
    changed = [name for name in rows[0] if name != "id"]
    if dialect_of(session) == "postgresql":
        statement = _update_from_values(table, rows, changed)
        if is_partitioned:
            ids = [row["id"] for row in rows]
            statement = statement.where(table.c.id.between(min(ids), max(ids)))
        session.execute(statement)
        return
    statement = (
        update(table)
        .where(table.c.id == bindparam("row_id"))
        .values({name: bindparam(f"new_{name}") for name in changed})
    )
    parameters = [
        {"row_id": row["id"], **{f"new_{name}": row[name] for name in changed}} for row in rows
    ]
    session.connection().execute(statement, parameters)


def _update_from_values(table: Table, rows: Sequence[dict[str, Any]], changed: list[str]) -> Any:
    names = ["id", *changed]
    given = values(*(column(name, table.c[name].type) for name in names), name="given").data(
        [tuple(row[name] for name in names) for row in rows]
    )
    return (
        update(table)
        .where(table.c.id == cast(given.c.id, table.c.id.type))
        .values({name: cast(given.c[name], table.c[name].type) for name in changed})
    )


def raise_many(session: Session, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Move columns of rows forward and never back, all in one statement on PostgreSQL.

    Each row names its `id` and the same columns; None moves nothing.
    """
    if not rows:
        return
    raised = [name for name in rows[0] if name != "id"]
    if dialect_of(session) == "postgresql":
        names = ["id", *raised]
        given = values(*(column(name, table.c[name].type) for name in names), name="given").data(
            [tuple(row[name] for name in names) for row in rows]
        )
        later = {
            name: greatest(session, table.c[name], cast(given.c[name], table.c[name].type))
            for name in raised
        }
        matches = table.c.id == cast(given.c.id, table.c.id.type)
        session.execute(update(table).where(matches).values(later))
        return
    later = {
        name: greatest(session, table.c[name], bindparam(f"new_{name}", type_=table.c[name].type))
        for name in raised
    }
    parameters = [
        {"row_id": row["id"], **{f"new_{name}": row[name] for name in raised}} for row in rows
    ]
    statement = update(table).where(table.c.id == bindparam("row_id")).values(later)
    session.connection().execute(statement, parameters)
