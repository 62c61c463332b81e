"""What is fast and how fast, each against a floor measured in the same run.

`python -m benchmarks NAME [--json] [--quick]`, or `make bench` for all of them. A benchmark is a
module here with a line in `benchmarks.__main__.BENCHMARKS` and one function:

    def measure(*, quick: bool) -> Iterator[Result]:
        with run_surroundings() as around:  # PostgreSQL and Valkey of its own
            times = interleave(ROUNDS, {"ours": run_ours, "floor": run_floor})
            yield Result.at_least("rate", median(times["ours"]), "requests/s",
                                  floor=median(times["floor"]), bar=0.8, size=1_000_000)

It yields each figure as soon as it is known: a figure of one `name` may come at several `size`s,
to show how it grows. `quick` asks for the same work in seconds: to see that it runs, not how fast.
The frame prints the table with each bar and verdict, writes `docs/benchmarks/NAME.json`,
`NAME.svg` and the table of all figures beside them, and exits with 1 where a bar was missed.
"""
