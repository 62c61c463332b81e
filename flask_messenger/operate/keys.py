"""New keys for what is sealed, while everything runs.

A column named `…_sealed` holds what a `KeyRing` sealed for `<table>:<row id>:<column without the
_sealed>`: that is how they are found, in whichever table. A row is changed only if it still holds
what was read: what somebody wrote meanwhile stays. Every row is a transaction of its own, so nobody
waits for more than one, and stopping anywhere costs nothing: what is sealed with the newest key is
passed over.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, cast

from sqlalchemy import Column, ColumnElement, and_, func, not_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from flask_messenger.crypto import VERSION, KeyRing
from flask_messenger.errors import SecretError
from flask_messenger.models import Base

SUFFIX: Final = "_sealed"
BATCH: Final = 100
SAMPLE: Final = 20
UNREADABLE_NAMED: Final = 20
"""How many rows that do not open are named one by one; the rest is counted."""


@dataclass(slots=True)
class ColumnKeys:
    """How many values of one column each key has sealed."""

    column: str
    by_key: dict[str, int]
    unknown: int
    """Values of no key that is configured."""

    @property
    def total(self) -> int:
        """How many values there are."""
        return sum(self.by_key.values()) + self.unknown


@dataclass(slots=True)
class Rotation:
    """What a rotation did to one column."""

    column: str
    total: int
    """How many values were not of the newest key when it began."""
    sealed: int = 0
    changed_meanwhile: int = 0
    unreadable: int = 0
    unreadable_ids: list[uuid.UUID] = field(default_factory=list)

    @property
    def seen(self) -> int:
        """How many it has looked at."""
        return self.sealed + self.changed_meanwhile + self.unreadable


def sealed_columns() -> list[Column[Any]]:
    """Return every column that holds sealed values."""
    return [
        column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith(SUFFIX)
    ]


def name_of(column: Column[Any]) -> str:
    """Return `table.column`."""
    return f"{column.table.name}.{column.name}"


def context_of(column: Column[Any], row_id: uuid.UUID) -> str:
    """Return the place that a value of `column` is sealed for."""
    return f"{column.table.name}:{row_id}:{column.name.removesuffix(SUFFIX)}"


def count_keys(session: Session, keys: KeyRing) -> list[ColumnKeys]:
    """Return which keys are in use, column by column. For the system scope."""
    return [_count(session, column, keys) for column in sealed_columns()]


def find_unreadable(session: Session, keys: KeyRing, *, sample: int = SAMPLE) -> dict[str, int]:
    """Open the newest values of each column; return how many of them do not open."""
    found = {}
    for column in sealed_columns():
        table = column.table
        statement = (
            select(table.c.id, column)
            .where(column.is_not(None))
            .order_by(table.c.id.desc())
            .limit(sample)
        )
        rows = session.execute(statement).all()
        failed = sum(not _opens(keys, value, context_of(column, id_)) for id_, value in rows)
        if failed:
            found[name_of(column)] = failed
    session.rollback()
    return found


def rotate(
    session: Session, keys: KeyRing, *, progress: Callable[[Rotation], None]
) -> list[Rotation]:
    """Seal anew what an older key sealed; return what was done, column by column.

    For the system scope; commits row by row. A value that does not open, because its key is not
    configured or it was altered, stays as it is and is counted. `progress` is called after every
    batch.
    """
    done = []
    for column in sealed_columns():
        is_old = _is_old(column, keys)
        total = session.scalar(select(func.count()).select_from(column.table).where(is_old))
        session.commit()
        rotation = Rotation(column=name_of(column), total=int(total or 0))
        for batch in _batches(session, column, is_old):
            for row_id, value in batch:
                _seal_anew(session, column, keys, rotation, row_id=row_id, value=value)
            progress(rotation)
        done.append(rotation)
    return done


def _batches(
    session: Session, column: Column[Any], is_old: ColumnElement[bool]
) -> Iterator[list[tuple[uuid.UUID, str]]]:
    table = column.table
    after = uuid.UUID(int=0)
    while True:
        statement = (
            select(table.c.id, column)
            .where(is_old, table.c.id > after)
            .order_by(table.c.id)
            .limit(BATCH)
        )
        rows = [(row[0], row[1]) for row in session.execute(statement)]
        session.commit()
        if not rows:
            return
        yield rows
        after = rows[-1][0]


def _seal_anew(
    session: Session,
    column: Column[Any],
    keys: KeyRing,
    rotation: Rotation,
    *,
    row_id: uuid.UUID,
    value: str,
) -> None:
    context = context_of(column, row_id)
    try:
        sealed = keys.seal(keys.open(value, context=context), context=context)
    except SecretError:
        rotation.unreadable += 1
        if len(rotation.unreadable_ids) < UNREADABLE_NAMED:
            rotation.unreadable_ids.append(row_id)
        return
    table = column.table
    values: dict[Any, Any] = {column: sealed}
    if "updated_at" in table.c:
        values[table.c.updated_at] = table.c.updated_at  # nothing changed that anybody sees
    statement = update(table).where(table.c.id == row_id, column == value).values(values)
    result = cast("CursorResult[Any]", session.execute(statement))
    session.commit()
    if result.rowcount:
        rotation.sealed += 1
    else:
        rotation.changed_meanwhile += 1


def _count(session: Session, column: Column[Any], keys: KeyRing) -> ColumnKeys:
    counted: list[ColumnElement[int]] = [func.count(column)]
    counted += [func.count().filter(_is_of(column, key_id)) for key_id in keys.key_ids]
    total, *of_keys = session.execute(select(*counted).select_from(column.table)).one()
    session.rollback()
    by_key = dict(zip(keys.key_ids, of_keys, strict=True))
    return ColumnKeys(column=name_of(column), by_key=by_key, unknown=total - sum(of_keys))


def _is_old(column: Column[Any], keys: KeyRing) -> ColumnElement[bool]:
    return and_(column.is_not(None), not_(_is_of(column, keys.key_ids[0])))


def _is_of(column: Column[Any], key_id: str) -> ColumnElement[bool]:
    prefix = f"{VERSION}.{key_id}."
    return func.substr(column, 1, len(prefix)) == prefix


def _opens(keys: KeyRing, value: str, context: str) -> bool:
    try:
        keys.open(value, context=context)
    except SecretError:
        return False
    return True
