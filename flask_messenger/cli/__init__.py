"""`flask messenger …`: what an operator runs."""

from flask.cli import AppGroup

from flask_messenger.cli.database import database
from flask_messenger.cli.doctor import doctor
from flask_messenger.cli.journal import journal
from flask_messenger.cli.keys import keys
from flask_messenger.cli.privacy import privacy
from flask_messenger.cli.roles import roles
from flask_messenger.cli.worker import worker

messenger = AppGroup("messenger", help="Meta channels: database, roles, keys, worker.")
messenger.add_command(database)
messenger.add_command(doctor)
messenger.add_command(journal)
messenger.add_command(keys)
messenger.add_command(privacy)
messenger.add_command(roles)
messenger.add_command(worker)

__all__ = ["messenger"]
