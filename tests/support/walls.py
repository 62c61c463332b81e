"""One row of every workspace in every table, whatever tables there are."""

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, insert, text

from flask_messenger.models import Base, WorkspaceScoped
from flask_messenger.models.base import UtcDateTime


def scoped_tables() -> list[Table]:
    """Return the tables of every workspace-scoped model, and the journal; parents come first."""
    names = {
        str(mapper.local_table.name)
        for mapper in Base.registry.mappers
        if issubclass(mapper.class_, WorkspaceScoped)
    }
    names.add("messenger_webhook_entries")
    return [table for table in Base.metadata.sorted_tables if table.name in names]


def fill(connection: Connection, workspace_id: str) -> None:
    """Put one row of `workspace_id` in each of them. For the owner of the tables."""
    ids: dict[str, uuid.UUID] = {}
    for table in scoped_tables():
        ids[table.name] = uuid.uuid4()
        connection.execute(insert(table), row_of(table, workspace_id, ids))


def row_of(table: Table, workspace_id: str, ids: dict[str, uuid.UUID]) -> dict[str, Any]:
    """Return a row that the table takes; `ids` holds the row of each other table it refers to."""
    row = {
        column.name: value_for(column, ids, workspace_id)
        for column in table.columns
        if not column.nullable or column.foreign_keys
    }
    row["id"] = ids.get(table.name, uuid.uuid4())
    return row | {"workspace_id": workspace_id}


def value_for(column: Column[Any], ids: dict[str, uuid.UUID], workspace_id: str) -> Any:
    for key in column.foreign_keys:
        return ids.get(key.column.table.name)
    if isinstance(column.type, UtcDateTime):
        return datetime.now(UTC)
    kind = column.type.python_type
    if kind is uuid.UUID:
        return uuid.uuid4()
    if kind is str:
        return f"{workspace_id}-{column.name}"[:60]
    return {bool: False, int: 0, float: 0.0, bytes: b"{}", dict: {}, list: []}.get(kind)


def count(connection: Connection, table: str) -> int:
    return int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608
