"""Bringing a database to our newest schema, beside whatever the host's own migrations do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

LOCK_SECONDS: Final = 2
"""How long a change of a table waits for others: whoever comes after it waits as long."""
VERSION_TABLE: Final = "messenger_alembic_version"
TABLE_PREFIX: Final = "messenger_"
PARTITION: Final = re.compile(r"messenger_webhook_entries_(default|(until_)?\d{8})")
"""Parts of the journal on PostgreSQL: ours, but no tables of their own."""
WITHOUT_MODEL: Final = re.compile(r"ix_messenger_\w+_words")
"""Indexes over expressions, on PostgreSQL only: no model says them, their migrations do."""


def is_ours(name: str | None, type_: str, parents: Any) -> bool:
    """Tell Alembic what to compare: our tables, never the host's."""
    del parents
    name = name or ""
    if type_ == "index":
        return not WITHOUT_MODEL.fullmatch(name)
    if type_ != "table":
        return True
    return name.startswith(TABLE_PREFIX) and not PARTITION.fullmatch(name)


def migrations_folder() -> Path:
    """Return the folder of our migrations: in an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for our migrations; it needs no file."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrate to `revision`. Safe to run again; on SQLite and PostgreSQL alike.

    Each revision is a transaction of its own, so what the first one locks is free before the second
    begins. Raises what the database raises where a table is not to be had within `LOCK_SECONDS`.
    """
    with _patient_only_so_long(engine) as connection:
        command.upgrade(alembic_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Go back to `revision`; `base` removes every table of ours."""
    with _patient_only_so_long(engine) as connection:
        command.downgrade(alembic_config(connection), revision)


@contextmanager
def _patient_only_so_long(engine: Engine) -> Iterator[Connection]:
    """Yield a connection outside of any transaction: Alembic begins and commits its own."""
    with engine.connect() as connection:
        before, after = _settings_while_migrating(connection)
        _set(connection, before)
        try:
            yield connection
        finally:
            connection.rollback()
            _set(connection, after)


def _settings_while_migrating(connection: Connection) -> tuple[str, str]:
    """Return the statement to set up a migration with, and the one that takes it back.

    SQLite changes a table by copying and dropping it, which it refuses, rows of other tables naming
    it, where the host has foreign keys enforced.
    """
    if connection.dialect.name == "postgresql":
        return f"SET lock_timeout = '{LOCK_SECONDS}s'", "RESET lock_timeout"
    is_enforced = connection.scalar(text("PRAGMA foreign_keys")) or 0
    connection.rollback()
    return "PRAGMA foreign_keys = 0", f"PRAGMA foreign_keys = {is_enforced}"


def _set(connection: Connection, statement: str) -> None:
    connection.execute(text(statement))
    connection.commit()


def current_revision(engine: Engine) -> str | None:
    """Return the revision the database is at; None where we were never installed."""
    with engine.connect() as connection:
        return revision_of(connection)


def revision_of(connection: Connection) -> str | None:
    """Return the revision the database of a connection is at, as `current_revision` does."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def newest_revision() -> str | None:
    """Return the revision this version of the package brings."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()
