"""`flask messenger …`: what an operator runs."""

from typing import Any

import click
from flask.cli import AppGroup

from flask_messenger.cli.database import database
from flask_messenger.cli.doctor import doctor
from flask_messenger.cli.history import history
from flask_messenger.cli.journal import journal
from flask_messenger.cli.keys import keys
from flask_messenger.cli.privacy import privacy
from flask_messenger.cli.profile import profile
from flask_messenger.cli.roles import roles
from flask_messenger.cli.webhooks import webhooks
from flask_messenger.cli.worker import worker
from flask_messenger.errors import MessengerError


class Commands(AppGroup):
    """Our commands: an error that we know is one line to the operator, not a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command.

        Raises:
            ClickException: it ended in an error of ours.
        """
        try:
            return super().invoke(ctx)
        except MessengerError as error:
            raise click.ClickException(str(error)) from error


messenger = Commands("messenger", help="Meta channels: database, roles, keys, worker.")
messenger.add_command(database)
messenger.add_command(doctor)
messenger.add_command(history)
messenger.add_command(journal)
messenger.add_command(keys)
messenger.add_command(privacy)
messenger.add_command(profile)
messenger.add_command(roles)
messenger.add_command(webhooks)
messenger.add_command(worker)

__all__ = ["messenger"]
