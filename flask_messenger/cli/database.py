"""`flask messenger db …`: our tables in the host's database."""

from collections.abc import Callable

import click
from flask.cli import AppGroup
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from flask_messenger.models import schema
from flask_messenger.models.upsert import is_transient
from flask_messenger.state import state

database = AppGroup("db", help="Our tables, under a version table of their own.")


@database.command("upgrade")
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Bring the database to the newest schema (or to REVISION)."""
    _migrate(schema.upgrade, revision)
    click.echo(f"messenger tables are at {schema.current_revision(state().db.engine)}")


@database.command("downgrade")
@click.argument("revision")
@click.confirmation_option(prompt="This can remove data. Go on?")
def downgrade(revision: str) -> None:
    """Go back to REVISION; `base` removes every table of ours."""
    _migrate(schema.downgrade, revision)
    click.echo(f"messenger tables are at {schema.current_revision(state().db.engine)}")


@database.command("current")
def current() -> None:
    """Say which revision the database is at, and which one this version brings."""
    at = schema.current_revision(state().db.engine)
    click.echo(f"database: {at or 'not installed'}, package: {schema.newest_revision()}")


def _migrate(run: Callable[[Engine, str], None], revision: str) -> None:
    """Run migrations; say where they stopped if a table was not to be had."""
    engine = state().db.engine
    try:
        run(engine, revision)
    except DBAPIError as error:
        if not is_transient(error):
            raise
        says = (
            f"A table was in use for more than {schema.LOCK_SECONDS} seconds, and others would"
            f" wait behind us. The tables are at {schema.current_revision(engine)}, whole."
            " Try again in a quieter moment."
        )
        raise click.ClickException(says) from error
