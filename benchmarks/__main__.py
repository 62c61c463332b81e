"""`python -m benchmarks NAME [--json] [--quick] [--to FOLDER]`; NAME is `all` for every one."""

import importlib
import sys
from pathlib import Path
from typing import Final

import click

from benchmarks.report import write_report
from benchmarks.results import Result
from benchmarks.surroundings import REPOSITORY

BENCHMARKS: Final = (
    "webhook",
    "drain",
    "latency",
    "outbox",
    "inbox",
    "fairness",
)
"""What `all` runs, in this order: a module each, imported when it is run."""

ALONE: Final[tuple[str, ...]] = ("soak", "sustained")
"""What takes so long that it is run by its own name only."""

REPORTS: Final = REPOSITORY / "docs" / "benchmarks"


@click.command()
@click.argument("name", type=click.Choice(["all", *BENCHMARKS, *ALONE]))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--quick", is_flag=True, help="See that it runs, in seconds; the figures are rough.")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the report goes; docs/benchmarks, or nowhere where --quick was asked for.",
)
def main(name: str, *, as_json: bool, quick: bool, folder: Path | None) -> None:
    """Measure; exit with 1 where a promise did not hold."""
    folder = folder or (None if quick else REPORTS)
    all_met = True
    for each in BENCHMARKS if name == "all" else (name,):
        results = _run(each, as_json=as_json, quick=quick)
        if folder is not None:
            write_report(folder, each, results)
        all_met = all_met and all(result.met for result in results)
    sys.exit(0 if all_met else 1)


def _run(name: str, *, as_json: bool, quick: bool) -> list[Result]:
    """Run one benchmark and say each figure as soon as it is known."""
    results = []
    for result in importlib.import_module(f"benchmarks.{name}").measure(quick=quick):
        click.echo(result.as_json() if as_json else result.as_text())
        sys.stdout.flush()
        results.append(result)
    return results


if __name__ == "__main__":
    main()
