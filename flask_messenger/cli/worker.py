"""`flask messenger worker`: the background work of one host."""

from collections.abc import Mapping
from typing import Final

import click
from flask import Flask
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from flask_messenger.cli.supervisor import Supervisor
from flask_messenger.models.schema import current_revision, newest_revision
from flask_messenger.settings import read_processes
from flask_messenger.state import current_application, state_of

GROUPS: Final = ("ingest", "outbox", "default", "bulk")
SCHEDULE: Final = "schedule"


@click.command("worker")
@click.option(
    "--queues",
    default=",".join(GROUPS),
    show_default=True,
    help="Which groups this host works on; each has processes of its own.",
)
@click.option(
    "--processes",
    default="",
    metavar="GROUP=N,...",
    help="How many processes a group gets, such as ingest=2,default=4; the others keep what"
    " MESSENGER_WORKER_PROCESSES says.",
)
@with_appcontext
def worker(queues: str, processes: str) -> None:
    """Work: drain the journal, send messages, announce, keep the schedule.

    Processes that die are started again. Stop it with SIGTERM or Ctrl-C: what is being done is
    finished first. While Redis is away the work goes on from the tables, more slowly.
    """
    names = [name.strip() for name in queues.split(",") if name.strip()]
    unknown = sorted(set(names) - set(GROUPS))
    if unknown or not names:
        raise click.BadParameter(f"--queues takes {', '.join(GROUPS)}")
    app = current_application()
    plan = plan_processes(app, names, processes)
    for line in greet(app, plan):
        click.echo(line)
    # The processes are forked: none of them may share a connection that is open here.
    with app.app_context():
        state_of(app).db.engine.dispose()
    Supervisor(app, plan).run()


def greet(app: Flask, plan: Mapping[str, int]) -> list[str]:
    """Say what works from now on, and why it could not."""
    numbers = ", ".join(f"{group}={number}" for group, number in plan.items())
    lines = [f"Working with {numbers or 'no process at all'}. Ctrl-C stops it."]
    engine = state_of(app).db.engine
    try:
        at = current_revision(engine)
    except SQLAlchemyError:  # it waits for the database
        return lines
    if at != newest_revision():
        lines.append("The tables are not those of this version: run `flask messenger db upgrade`.")
    return lines


def plan_processes(app: Flask, names: list[str], processes: str) -> dict[str, int]:
    """Return how many processes to keep, by group. The schedule goes with `default`."""
    numbers = dict(state_of(app).settings.worker_processes)
    try:
        given = read_processes(processes)
    except ValueError as error:
        message = f"--processes takes GROUP=N,... with groups {', '.join(GROUPS)}"
        raise click.BadParameter(message) from error
    named = {part.partition("=")[0].strip() for part in processes.split(",")}
    numbers |= {group: number for group, number in given.items() if group in named}
    plan = {name: numbers[name] for name in names if numbers[name]}
    return {**plan, SCHEDULE: 1} if "default" in plan else plan
