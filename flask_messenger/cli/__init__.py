"""`flask messenger …`: what an operator runs."""

from flask.cli import AppGroup

from flask_messenger.cli.database import database
from flask_messenger.cli.worker import worker

messenger = AppGroup("messenger", help="Meta channels: database, worker.")
messenger.add_command(database)
messenger.add_command(worker)

__all__ = ["messenger"]
