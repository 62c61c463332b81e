"""`flask messenger db …`: our tables in the host's database."""

import click
from flask.cli import AppGroup

from flask_messenger.models import schema
from flask_messenger.state import state

database = AppGroup("db", help="Our tables, under a version table of their own.")


@database.command("upgrade")
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Bring the database to the newest schema (or to REVISION)."""
    schema.upgrade(state().db.engine, revision)
    click.echo(f"messenger tables are at {schema.current_revision(state().db.engine)}")


@database.command("downgrade")
@click.argument("revision")
@click.confirmation_option(prompt="This can remove data. Go on?")
def downgrade(revision: str) -> None:
    """Go back to REVISION; `base` removes every table of ours."""
    schema.downgrade(state().db.engine, revision)
    click.echo(f"messenger tables are at {schema.current_revision(state().db.engine)}")


@database.command("current")
def current() -> None:
    """Say which revision the database is at, and which one this version brings."""
    at = schema.current_revision(state().db.engine)
    click.echo(f"database: {at or 'not installed'}, package: {schema.newest_revision()}")
