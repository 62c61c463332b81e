"""`python -m tests.faults [NAME …] [--small] [--json FILE]`: strike, count, print the table."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from tests.faults import faults, misbehaviour, surroundings
from tests.faults.report import Row, head
from tests.faults.run import Fault, run_fault
from tests.faults.verify import Verdict

FAULTS: Sequence[Fault] = (*faults.FAULTS, *misbehaviour.FAULTS, *surroundings.FAULTS)


def make_command(known: Sequence[Fault]) -> click.Command:
    """Return the command that runs these faults."""

    @click.command()
    @click.argument("names", nargs=-1)
    @click.option("--small", is_flag=True, help="Little load: shows that it can be done here.")
    @click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write there.")
    @click.option("--list", "only_list", is_flag=True, help="Say which there are.")
    def main(
        names: tuple[str, ...], *, small: bool, json_file: Path | None, only_list: bool
    ) -> None:
        """Run the faults named, or all; exit with 1 where something was lost or came twice."""
        chosen = choose(known, names)
        if only_list:
            for fault in chosen:
                click.echo(f"{fault.name:<26} {fault.what}")
            return
        click.echo(head())
        rows = []
        for fault in chosen:
            row = run_one(fault, small=small)
            if row is not None:
                rows.append(row)
                _keep(rows, json_file)
        sys.exit(0 if all(row.is_clean for row in rows) else 1)

    return main


def choose(known: Sequence[Fault], names: Sequence[str]) -> list[Fault]:
    """Return the faults of these names, or all.

    Raises:
        click.BadParameter: there is none of that name.
    """
    by_name = {fault.name: fault for fault in known}
    if unknown := sorted(set(names) - set(by_name)):
        raise click.BadParameter(f"{', '.join(unknown)}: choose from {', '.join(by_name)}")
    return [by_name[name] for name in names] or list(known)


def _keep(rows: Sequence[Row], json_file: Path | None) -> None:
    """Write down what is known so far: a run takes long, and may be ended."""
    if json_file is not None:
        json_file.write_text("".join(row.as_json() + "\n" for row in rows), encoding="utf-8")


def run_one(fault: Fault, *, small: bool) -> Row | None:
    reason = fault.missing()
    if reason is not None:
        click.echo(f"{fault.name:<26}  skipped: {reason}")
        return None
    began = time.monotonic()
    try:
        row = run_fault(fault, fault.small if small else fault.full)
    except Exception as error:  # noqa: BLE001 - the other faults are to be tried all the same
        row = Row(fault.name, fault.what, 0, 0, Verdict(), notes={"error": repr(error)})
    row.notes["seconds"] = round(time.monotonic() - began, 1)
    click.echo(row.as_text())
    return row


if __name__ == "__main__":
    make_command(FAULTS)()
