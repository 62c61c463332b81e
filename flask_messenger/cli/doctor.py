"""`flask messenger doctor`: is everything as it should be?"""

import json
import sys
from typing import Final

import click
from flask.cli import with_appcontext

from flask_messenger.cli.finding import find_account
from flask_messenger.operate.accounts import examine_one
from flask_messenger.operate.doctor import examine
from flask_messenger.operate.findings import NOTE, OK, WRONG, Finding
from flask_messenger.operate.walls import WEB, WORKER
from flask_messenger.state import current_application

MARKS: Final = {OK: "ok", NOTE: "--", WRONG: "!!"}


@click.command("doctor")
@click.option(
    "--process",
    type=click.Choice([WEB, WORKER]),
    default=WEB,
    show_default=True,
    help="Which process uses this configuration: what it should be allowed differs.",
)
@click.option("--account", help="Ask Meta about this account now: our id of it, or Meta's.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@with_appcontext
def doctor(process: str, account: str | None, *, as_json: bool) -> None:
    """Check the connection in use, the walls, keys, Redis, workers, settings and accounts.

    Run it with the very configuration of the process it is about. Ends with status 1 where
    something is wrong.
    """
    app = current_application()
    if account is None:
        findings = examine(app, process=process)
    else:
        findings = examine_one(app, find_account(account)[0])
    is_wrong = any(each.state == WRONG for each in findings)
    if as_json:
        click.echo(json.dumps([each.as_dict() for each in findings], indent=2))
    else:
        for each in findings:
            _show(each)
    sys.exit(1 if is_wrong else 0)


def _show(finding: Finding) -> None:
    click.echo(f"{MARKS[finding.state]} {finding.check}: {finding.says}")
    if finding.mend:
        click.echo(f"   → {finding.mend}")
