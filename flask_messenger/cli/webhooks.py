"""`flask messenger webhooks`: what Meta sends the app as a whole, and where to."""

import click
from flask.cli import AppGroup, with_appcontext

from flask_messenger.connect.app_webhooks import list_webhooks, subscribe_webhooks
from flask_messenger.state import current_application

webhooks = AppGroup("webhooks", help="What Meta sends the app as a whole, and where to.")


@webhooks.command("show")
@click.option("--app", "app_name", help="Our name of a Meta app; all of them without it.")
@with_appcontext
def show(app_name: str | None) -> None:
    """Show what each Meta app is sent, and what is missing."""
    for each in list_webhooks(current_application(), app_name=app_name):
        missing = f"; missing: {', '.join(each.missing)}" if each.missing else ""
        where = each.callback_url or "nowhere"
        click.echo(f"{each.app_name} {each.object} → {where}: {len(each.fields)} fields{missing}")


@webhooks.command("subscribe")
@click.option("--app", "app_name", help="Our name of a Meta app; all of them without it.")
@with_appcontext
def subscribe(app_name: str | None) -> None:
    """Have Meta send each app everything that is read, to MESSENGER_PUBLIC_URL.

    Meta asks that address for an answer first, so it has to be reachable.
    """
    for each in subscribe_webhooks(current_application(), app_name=app_name):
        click.echo(
            f"{each.app_name} {each.object} → {each.callback_url}: {len(each.fields)} fields"
        )
