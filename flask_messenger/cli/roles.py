"""`flask messenger roles …`: who the processes are, in PostgreSQL."""

import os
from typing import Final

import click
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError

from flask_messenger.models.upsert import is_transient
from flask_messenger.operate.roles import (
    READER_ROLE,
    WEB_ROLE,
    WORKER_ROLE,
    Login,
    create_roles,
    plan_roles,
)
from flask_messenger.state import state

roles = AppGroup("roles", help="The database roles of the web and the worker processes.")

ADVICE: Final = (
    "Run this as the owner of the tables with CREATEROLE, or give a DBA what --print-sql prints."
)
BUSY: Final = (
    "A table that has to be changed is in use, and others would wait behind us: nothing was"
    " changed. Try again in a quieter moment."
)
WEB_PASSWORD: Final = "MESSENGER_WEB_PASSWORD"  # noqa: S105 - names of variables
WORKER_PASSWORD: Final = "MESSENGER_WORKER_PASSWORD"  # noqa: S105


@roles.command("create")
@click.option("--web-role", default=WEB_ROLE, show_default=True, help="The role of web processes.")
@click.option("--worker-role", default=WORKER_ROLE, show_default=True, help="The role of workers.")
@click.option(
    "--reader-role", default=READER_ROLE, show_default=True, help="What the search runs as."
)
@click.option("--web-login", help=f"Also make a login in it; its password: {WEB_PASSWORD}.")
@click.option("--worker-login", help=f"Also make a login in it; its password: {WORKER_PASSWORD}.")
@click.option("--print-sql", is_flag=True, help="Print the statements for a DBA; change nothing.")
def create(
    web_role: str,
    worker_role: str,
    reader_role: str,
    web_login: str | None,
    worker_login: str | None,
    *,
    print_sql: bool,
) -> None:
    """Make the roles, or bring their grants up to date.

    Run it as the owner of our tables, after every `db upgrade`. Passwords come from the
    environment, else they are asked for: never from the command line, which others can read.
    """
    logins = [
        Login(name=name, role=role, password=None if print_sql else _read_password(name, variable))
        for name, role, variable in (
            (web_login, web_role, WEB_PASSWORD),
            (worker_login, worker_role, WORKER_PASSWORD),
        )
        if name
    ]
    try:
        with state().db.engine.begin() as connection:
            if print_sql:
                steps = plan_roles(
                    connection,
                    web=web_role,
                    worker=worker_role,
                    reader=reader_role,
                    logins=logins,
                )
                done = [f"{step.statement};" for step in steps]
            else:
                done = create_roles(
                    connection,
                    web=web_role,
                    worker=worker_role,
                    reader=reader_role,
                    logins=logins,
                )
                done.append(
                    f"The host's own tables are the host's: grant {web_role} and {worker_role}"
                    " what your code does there."
                )
    except DBAPIError as error:
        if is_transient(error):
            raise click.ClickException(BUSY) from error
        reason = str(error.orig).splitlines()[0]
        raise click.ClickException(f"PostgreSQL refused: {reason}. {ADVICE}") from error
    for line in done:
        click.echo(line)


def _read_password(login: str, variable: str) -> str:
    given = os.environ.get(variable)
    if given:
        return given
    password: str = click.prompt(f"Password of {login}", hide_input=True, confirmation_prompt=True)
    return password
