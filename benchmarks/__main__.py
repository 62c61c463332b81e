"""`python -m benchmarks NAME [--json]`; NAME is `all` for every one of them."""

import sys
from collections.abc import Callable, Iterator

import click

from benchmarks import latency, webhook
from benchmarks.results import Result

BENCHMARKS: dict[str, Callable[[], Iterator[Result]]] = {
    "webhook": webhook.measure,
    "latency": latency.measure,
}


@click.command()
@click.argument("name", type=click.Choice(["all", *BENCHMARKS]))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def main(name: str, *, as_json: bool) -> None:
    """Measure; exit with 1 where a promise did not hold."""
    chosen = BENCHMARKS.values() if name == "all" else [BENCHMARKS[name]]
    all_met = True
    for measure in chosen:
        for result in measure():
            click.echo(result.as_json() if as_json else result.as_text())
            all_met = all_met and result.met
    sys.exit(0 if all_met else 1)


if __name__ == "__main__":
    main()
