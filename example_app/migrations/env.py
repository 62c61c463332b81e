"""Alembic's way into the CRM: its own tables, its own version table."""

from alembic import context
from flask import current_app

database = current_app.extensions["migrate"].db
options = current_app.extensions["migrate"].configure_args


def include_name(name: str | None, type_: str, _parents: object) -> bool:
    """Leave the messenger's tables to the messenger: `flask messenger db upgrade`."""
    return not (type_ == "table" and (name or "").startswith("messenger_"))


def run_online() -> None:
    """Migrate the database of the current application."""
    with database.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            include_name=include_name,
            **options,
        )
        with context.begin_transaction():
            context.run_migrations()


def run_offline() -> None:
    """Write the SQL instead of running it (`flask db upgrade --sql`)."""
    context.configure(
        url=database.engine.url.render_as_string(hide_password=False),
        target_metadata=database.metadata,
        literal_binds=True,
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
