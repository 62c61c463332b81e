"""`flask messenger privacy …`: how exports and erasures are doing."""

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.models import DataRequest
from flask_messenger.models.privacy import OPEN
from flask_messenger.privacy.work import find_open, work_on
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import system_scope

privacy = AppGroup("privacy", help="Exports and erasures of personal data.")


@privacy.command("list")
@click.option("--all", "is_all", is_flag=True, help="Also those that are done.")
def list_requests(*, is_all: bool) -> None:
    """List requests that are not done, the oldest first."""
    session: Session = state().db.session
    with system_scope("privacy list"):
        statement = select(DataRequest).order_by(DataRequest.id)
        if not is_all:
            statement = statement.where(DataRequest.state.in_(OPEN))
        for request in session.scalars(statement):
            click.echo(
                f"{request.id} {request.workspace_id} {request.kind} {request.state}"
                f" asked {request.requested_at.isoformat()}"
            )


@privacy.command("work")
def work() -> None:
    """Do what is asked now, in this process, where no worker gets to it."""
    app = current_application()
    held = state()
    with system_scope("privacy work"):
        for _, request_id in find_open(held.db.session):
            while work_on(app, request_id):
                pass
            click.echo(f"{request_id} worked on")
