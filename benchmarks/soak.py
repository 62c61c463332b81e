"""A soak: web and worker under a steady load in and out, and whether their memory stays flat.

`python -m benchmarks soak` takes half an hour; `python -m benchmarks.soak --minutes 5` less. Every
process is looked at every few seconds: the memory that is no file's, with what it shares with its
relatives counted in part (Linux: Pss_Anon and Pss_Shmem). Pages of files are left out: how much of
a library is counted here would change with every other program on the machine that uses it.
Start-up and caches fill in the first half; over the second a straight line is laid, and what that
line climbs is the growth.
"""

import http.client
import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, median
from typing import Final

import click
import psutil

from benchmarks.results import Result
from tests.faults.load import Target
from tests.faults.verify import judge, settle
from tests.faults.world import World, run_world

MINUTES: Final = 30.0
QUICK_MINUTES: Final = 1.0
IN_PER_SECOND: Final = 50.0
OUT_PER_SECOND: Final = 4.0
READS_PER_SECOND: Final = 4.0
SAMPLE_SECONDS: Final = 2.0
SETTLE_SECONDS: Final = 120.0
GROWTH_BAR_MIB: Final = 3.0
"""What the process that grows most may grow in the second half. Half an hour with 90,000 messages
that each left 100 bytes behind would already be more."""
ENDED_SECONDS: Final = 5 * SAMPLE_SECONDS
READS: Final = (
    "/api/messenger/conversations",
    "/api/messenger/conversations?text=question",
    "/messenger/inbox",
)


@dataclass
class Memory:
    """What each process of a kind was seen to use: seconds and MiB."""

    samples: dict[int, list[tuple[float, float]]] = field(default_factory=dict)

    def look(self, processes: Sequence[psutil.Process], seconds: float) -> None:
        """Take one sample of each."""
        for process in processes:
            try:
                used = read_own_mib(process.pid)
            except OSError:
                continue  # it ended meanwhile
            self.samples.setdefault(process.pid, []).append((seconds, used))

    def growths(self) -> list[float]:
        """Return what each process grew in the second half, in MiB, by a line laid through it.

        A process that was started again in the middle is not there for half of the time.
        """
        longest = max(map(len, self.samples.values()), default=0)
        whole = [each for each in self.samples.values() if len(each) > longest * 0.9]
        return [_climb(each[len(each) // 2 :]) for each in whole]

    def total(self) -> float:
        """Return what those that lived at the end used, in MiB: the median of ten samples."""
        end = max((each[-1][0] for each in self.samples.values()), default=0.0)
        alive = [each[-10:] for each in self.samples.values() if end - each[-1][0] < ENDED_SECONDS]
        return sum(median(used for _, used in each) for each in alive)


def read_own_mib(pid: int) -> float:
    """Return the memory of a process that is no file's, in MiB.

    Raises:
        OSError: it ended.
    """
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    fields = [line.split() for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:"))]
    return sum(int(kib) for _, kib, _ in fields) / 1024


def _climb(samples: Sequence[tuple[float, float]]) -> float:
    seconds, used = zip(*samples, strict=True)
    slope, _ = linear_regression(seconds, used)
    return float(slope) * (seconds[-1] - seconds[0])


class Reader(threading.Thread):
    """Agents who look at their inbox."""

    def __init__(self, target: Target) -> None:
        super().__init__(name="reader", daemon=True)
        self._target = target
        self._stopping = threading.Event()
        self.answers: dict[int, int] = {}

    def run(self) -> None:
        """Read one page after the other until told to stop."""
        number = 0
        connection = http.client.HTTPConnection(self._target.host, self._target.port, timeout=30)
        while not self._stopping.wait(1 / READS_PER_SECOND):
            connection.request("GET", READS[number % len(READS)])
            answer = connection.getresponse()
            answer.read()
            self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
            number += 1
        connection.close()

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        self.join()


def measure(*, quick: bool) -> Iterator[Result]:
    """Yield how much the web and the worker grew, and what they used at the end."""
    yield from soak(QUICK_MINUTES if quick else MINUTES)


def soak(minutes: float) -> Iterator[Result]:
    """Put the load on for so long, and look."""
    # Every process has its work from the first minutes on. One that has its first job in the second
    # half would show as growth what is only the end of sharing with its parent: about 15 MiB.
    with run_world(environment={"MESSENGER_SUBSCRIPTION_CHECK_SECONDS": "60"}) as world:
        world.let_people_write()
        yield from _watch(world, minutes * 60)


def _watch(world: World, seconds: float) -> Iterator[Result]:
    inbound = world.make_inbound(int(IN_PER_SECOND * seconds), IN_PER_SECOND)
    outbound = world.make_outbound(int(OUT_PER_SECOND * seconds), OUT_PER_SECOND)
    reader = Reader(world.target)
    kinds = {"web": (world.web, Memory()), "worker": (world.worker, Memory())}
    began = time.monotonic()
    for load in (inbound, outbound, reader):
        load.start()
    while not (inbound.is_over and outbound.is_over):
        for process, memory in kinds.values():
            seen = [psutil.Process(process.pid), *process.children()]
            memory.look(seen, time.monotonic() - began)
        time.sleep(SAMPLE_SECONDS)
    reader.stop()
    settle(world.postgres, inbound.accepted, seconds=SETTLE_SECONDS)
    note = (
        f"{seconds / 60:g} minutes, {len(inbound.accepted):,} messages in,"
        f" {len(outbound.accepted):,} out, {sum(reader.answers.values()):,} pages read"
    )
    for kind, (_, memory) in kinds.items():
        growths = memory.growths()
        yield Result.at_most(
            f"soak_{kind}_growth",
            max(growths),
            "MiB",
            bar=GROWTH_BAR_MIB,
            note=f"the one of {len(growths)} processes that grew most, second half of {note}",
        )
        yield Result.plain(
            f"soak_{kind}_memory", memory.total(), "MiB", note="of all, at the end; without files"
        )
    verdict = judge(
        world.postgres,
        inbound.accepted,
        outbound.accepted,
        world.read_got(),
        asked=outbound.asked,
        people=inbound.people | outbound.people,
    )
    refused = sum(count for status, count in reader.answers.items() if status != 200)  # noqa: PLR2004 - HTTP's own number
    yield Result.at_most(
        "soak_harm",
        verdict.harm + refused,
        "messages",
        bar=0,
        note="lost, twice, misreported, out of order; pages not answered with 200",
    )


@click.command()
@click.option("--minutes", default=MINUTES, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def main(minutes: float, *, as_json: bool) -> None:
    """Soak for so long; exit with 1 where memory grew."""
    all_met = True
    for result in soak(minutes):
        click.echo(json.dumps(result.as_dict()) if as_json else result.as_text())
        all_met = all_met and result.met
    sys.exit(0 if all_met else 1)


if __name__ == "__main__":
    main()
