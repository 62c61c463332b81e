"""The one place that knows the SQL dialect: statements over many rows at once.

On PostgreSQL the rows travel as one JSON text, and `json_to_recordset` makes rows of it again: the
statement is the same for one row and for thousands. It is built and compiled once, and prepared by
the server. A list of VALUES would be another statement for each number of rows, and compiling it
cost more than running it (`docs/performance.md`). SQLite is in-process and has no round trip to
save: it gets a statement executed many times, or a list.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, Final, TypeVar

import orjson
from sqlalchemy import (
    JSON,
    Column,
    String,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

T = TypeVar("T")

TRANSIENT_STATES: Final = frozenset({"40001", "40P01", "55P03", "57P01", "57P03"})
DATA_CLASSES: Final = frozenset({"22", "23", "54", "P0"})
"""Values that do not fit, constraints, rows beyond a limit (of an index, say), and what a trigger
refuses. Every other class is about the server, its schema, or what others do at that moment."""
CANCELLED: Final = "57014"

CHUNK: Final = 2_000
"""A list of thousands of keys exceeds PostgreSQL's stack, and SQLite's parameters at 32,766."""

STATEMENTS: Final = 256
"""How many statements of callers are kept built; each caller has a constant few."""


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
    if error.connection_invalidated or _state_of(error) in TRANSIENT_STATES:
        return True
    # Only where it is the driver's own text: PostgreSQL's may quote a row.
    is_sqlite = type(error.orig).__module__.startswith("sqlite3")
    return is_sqlite and "database is locked" in str(error.orig)


def is_of_data(error: DBAPIError) -> bool:
    """Say whether a statement failed for the values it was given, and would fail again."""
    state = _state_of(error)
    if state is not None:
        return state[:2] in DATA_CLASSES
    return isinstance(error, DataError | IntegrityError)  # SQLite, or refused by the driver


def is_cancelled(error: BaseException) -> bool:
    """Say whether PostgreSQL cancelled a statement, as a rule because it took too long."""
    return isinstance(error, DBAPIError) and _state_of(error) == CANCELLED


def _state_of(error: DBAPIError) -> str | None:
    state: str | None = getattr(error.orig, "sqlstate", None)
    return state


def chunks(items: Collection[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Yield `items`, sorted, in lists short enough for the parameters of one statement."""
    ordered: list[Any] = sorted(items)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def greatest(session: Session, first: Any, second: Any) -> ColumnElement[Any]:
    """Return the later of two columns, None counting as before everything."""
    return later_of(dialect_of(session), first, second)


def later_of(dialect: str, first: Any, second: Any) -> ColumnElement[Any]:
    """Return the later of two columns, for a statement that is built before any session.

    PostgreSQL's `greatest` passes over nulls; SQLite's `max` of two values does not.
    """
    if dialect == "postgresql":
        return func.greatest(first, second)
    return func.max(func.coalesce(first, second), func.coalesce(second, first))


def insert_missing(
    session: Session,
    table: Table,
    rows: Sequence[dict[str, Any]],
    *,
    key: tuple[str, ...],
    returning: tuple[str, ...] = (),
) -> list[Any]:
    """Insert `rows` whose `key` is not there yet; return the columns `returning` of those.

    Every row names the same columns; those it does not name get the model's defaults.
    """
    if not rows:
        return []
    if dialect_of(session) == "postgresql":
        rows = _with_defaults(table, rows)
        statement = _insert_given(table, tuple(rows[0]), key, returning)
        result = session.connection().execute(statement, {"given": as_json(rows)})
    else:
        insert: Any = sqlite.insert(table).on_conflict_do_nothing(index_elements=list(key))
        if returning:
            insert = insert.returning(*(table.c[name] for name in returning))
        result = session.connection().execute(insert, list(rows))
    return list(result) if returning else []


def update_many(
    session: Session,
    table: Table,
    rows: Sequence[dict[str, Any]],
    *,
    is_partitioned: bool = False,
) -> None:
    """Update each row by its `id`, all in one statement on PostgreSQL.

    Every row names the same columns. Of a table partitioned by `id`, PostgreSQL looks only into
    the partitions between the first and the last id, which it cannot tell from the join.
    """
    if not rows:
        return
    names = tuple(rows[0])
    if dialect_of(session) == "postgresql":
        values: dict[str, Any] = {"given": as_json(rows)}
        if is_partitioned:
            ids = [row["id"] for row in rows]
            values |= {"lowest_id": min(ids), "highest_id": max(ids)}
        statement = _update_given(table, names, is_partitioned=is_partitioned)
        session.connection().execute(statement, values)
        return
    session.connection().execute(_update_each(table, names), _as_parameters(rows))


def raise_many(session: Session, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Move columns of rows forward and never back, all in one statement on PostgreSQL.

    Each row names its `id` and the same columns; None moves nothing.
    """
    if not rows:
        return
    names = tuple(rows[0])
    if dialect_of(session) == "postgresql":
        statement = _update_given(table, names, is_raising=True)
        session.connection().execute(statement, {"given": as_json(rows)})
        return
    session.connection().execute(_raise_each(table, names), _as_parameters(rows))


def match_many(
    session: Session,
    statement: Any,
    key: tuple[Column[Any], ...],
    keys: Collection[Any],
    **values: Any,
) -> list[Any]:
    """Run `statement` for the rows whose columns `key` are among `keys`; return what it returns.

    Args:
        session: where it runs.
        statement: a SELECT, or an UPDATE or DELETE that returns something. Built once and kept by
            the caller: it is compiled once.
        key: the columns to look rows up by.
        keys: a tuple per row; a plain value where `key` is one column.
        values: what the statement's own `bindparam`s are.
    """
    if not keys:
        return []
    connection = session.connection()
    if dialect_of(session) == "postgresql":
        names = [each.name for each in key]
        is_plain = len(names) == 1
        given = [dict(zip(names, (each,) if is_plain else each, strict=True)) for each in keys]
        return list(
            connection.execute(_match_given(statement, key), {"given": as_json(given), **values})
        )
    target = tuple_(*key) if len(key) > 1 else key[0]
    return [
        row
        for part in chunks(keys)
        for row in connection.execute(statement.where(target.in_(part)), values)
    ]


def as_json(rows: Sequence[dict[str, Any]]) -> str:
    """Return `rows` as PostgreSQL reads them back. A time in them is aware."""
    return orjson.dumps(rows).decode()


def given_rows(columns: Iterable[Column[Any]]) -> Any:
    """Return the rows in the parameter `given`, with these columns, as PostgreSQL's own."""
    shape = [column(each.name, _plain_type(each)) for each in columns]
    rows = func.json_to_recordset(cast(bindparam("given", type_=String), JSON))
    return rows.table_valued(*shape, name="given").render_derived(with_types=True)


def _plain_type(of: Column[Any]) -> Any:
    # Without its length: a text that is too long is refused where it is stored, never cut.
    return Text() if isinstance(of.type, String) else of.type


@cache
def _insert_given(
    table: Table, names: tuple[str, ...], key: tuple[str, ...], returning: tuple[str, ...]
) -> Any:
    given = given_rows(table.c[name] for name in names)
    statement = (
        postgresql.insert(table)
        .from_select(list(names), select(*given.c), include_defaults=False)
        .on_conflict_do_nothing(index_elements=list(key))
    )
    return statement.returning(*(table.c[name] for name in returning)) if returning else statement


@cache
def _update_given(
    table: Table,
    names: tuple[str, ...],
    *,
    is_partitioned: bool = False,
    is_raising: bool = False,
) -> Any:
    given = given_rows(table.c[name] for name in names)
    new: dict[str, Any] = {name: given.c[name] for name in names if name != "id"}
    if is_raising:
        new = {name: func.greatest(table.c[name], value) for name, value in new.items()}
    statement = update(table).where(table.c.id == given.c.id).values(new)
    if is_partitioned:
        lowest, highest = (bindparam(f"{end}_id", type_=table.c.id.type) for end in _ENDS)
        statement = statement.where(table.c.id.between(lowest, highest))
    return statement


_ENDS: Final = ("lowest", "highest")


@lru_cache(STATEMENTS)
def _match_given(statement: Any, key: tuple[Column[Any], ...]) -> Any:
    given = given_rows(key)
    target = tuple_(*key) if len(key) > 1 else key[0]
    return statement.where(target.in_(select(*given.c)))


@cache
def _update_each(table: Table, names: tuple[str, ...]) -> Any:
    new: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names if name != "id"}
    return update(table).where(table.c.id == bindparam("new_id")).values(new)


@cache
def _raise_each(table: Table, names: tuple[str, ...]) -> Any:
    new: dict[str, Any] = {}
    for name in names:
        if name != "id":
            given, there = bindparam(f"new_{name}", type_=table.c[name].type), table.c[name]
            new[name] = func.max(func.coalesce(there, given), func.coalesce(given, there))
    return update(table).where(table.c.id == bindparam("new_id")).values(new)


def _as_parameters(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{f"new_{name}": value for name, value in row.items()} for row in rows]


def _with_defaults(table: Table, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Add the defaults that the model makes in Python: PostgreSQL knows nothing of them."""
    defaults = _defaults_of(table, tuple(rows[0]))
    if not defaults:
        return rows
    return [
        {**row, **{name: make(None) if is_made else make for name, make, is_made in defaults}}
        for row in rows
    ]


@cache
def _defaults_of(table: Table, names: tuple[str, ...]) -> tuple[tuple[str, Any, bool], ...]:
    """Return name, default and whether it is called, of columns that are not among `names`."""
    defaults: dict[str, Any] = {
        each.name: each.default
        for each in table.c
        if each.name not in names and each.server_default is None and each.default is not None
    }
    return tuple((name, each.arg, each.is_callable) for name, each in defaults.items())
