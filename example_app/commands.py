"""`flask --app example_app …`: what the CRM adds to the commands of its extensions."""

import os

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from example_app import seed
from example_app.environment import demo_password


def register(app: Flask) -> None:
    """Add the commands to `app`."""
    app.cli.add_command(seed_demo)
    app.cli.add_command(prepare)


@click.command("seed")
@with_appcontext
def seed_demo() -> None:
    """Make the demo's agencies, locations and log-ins, where they are missing."""
    seed.plant(demo_password(os.environ))
    click.echo("The demo's agencies and log-ins are there.")


@click.command("prepare")
@with_appcontext
def prepare() -> None:
    """Bring the database up to date: the CRM's tables, the messenger's, then the demo's rows."""
    for arguments in (["db", "upgrade"], ["messenger", "db", "upgrade"], ["seed"]):
        current_app.cli.main(arguments, standalone_mode=False)
