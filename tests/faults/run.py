"""One fault: a world, load in and out, the blows, and the count at the end."""

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from tests.faults.load import Inbound, Outbound
from tests.faults.postgres import Postgres
from tests.faults.report import Row
from tests.faults.simulated import SimulatedInbound
from tests.faults.verify import SETTLE_SECONDS, Verdict, judge, settle
from tests.faults.world import World, run_world

QUIET_SECONDS = 2.0
"""Of load before the first blow."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much load, how fast, and how many blows."""

    inbound: int
    outbound: int
    seconds: float
    blows: int = 1
    away_seconds: float = 5.0
    repeats: int = 1


@dataclass
class Run:
    """What a fault may use: the world, the load that is on, and a clock to tell its blows to.

    Attributes:
        mended_at: for each blow, when what was taken away was back (or, where the application has
            to help itself, when the blow fell).
        server: the PostgreSQL that counts at the end.
        never_sent: messages of customers that Meta was right not to send.
        proofs: what was seen of the fault, and how often; nothing of it may be zero.
    """

    world: World
    size: Size
    inbound: Inbound | SimulatedInbound
    outbound: Outbound
    server: Postgres
    mended_at: list[float] = field(default_factory=list)
    never_sent: int = 0
    proofs: dict[str, int] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    def prove(self, what: str, count: int) -> None:
        """Note that so much of the fault was really there."""
        self.proofs[what] = self.proofs.get(what, 0) + count

    def mended(self) -> None:
        self.mended_at.append(time.time())

    @property
    def has_load(self) -> bool:
        return not (self.inbound.is_over and self.outbound.is_over)


@dataclass(frozen=True, slots=True)
class Fault:
    """A way to do harm.

    Attributes:
        strike: does it, while the load is on; returns when all is mended.
        small: the size that shows it works; `full` is the one that counts.
        world: makes what it strikes at.
        missing: says why it cannot be done here; None where it can.
    """

    name: str
    what: str
    strike: Callable[[Run], None]
    small: Size
    full: Size
    world: Callable[[], AbstractContextManager[World]] = run_world
    missing: Callable[[], str | None] = lambda: None


def run_fault(fault: Fault, size: Size) -> Row:
    """Run one fault in a world of its own."""
    with fault.world() as world:
        world.let_people_write()
        return strike_under_load(world, fault, size)


def strike_under_load(world: World, fault: Fault, size: Size) -> Row:
    """Put load on, strike, wait until all is settled, and count."""
    inbound = world.make_inbound(size.inbound, size.inbound / size.seconds, repeats=size.repeats)
    outbound = world.make_outbound(size.outbound, size.outbound / size.seconds)
    run = Run(world, size, inbound, outbound, world.postgres)
    inbound.start()
    outbound.start()
    time.sleep(min(QUIET_SECONDS, size.seconds / 4))
    fault.strike(run)
    inbound.join()
    outbound.join()
    settled = settle(run.server, inbound.accepted, seconds=SETTLE_SECONDS)
    got = world.read_got()
    return Row(
        fault.name,
        fault.what,
        len(inbound.accepted),
        len(outbound.accepted),
        judge_run(run, got),
        back_in=_known(_back_in(run, each) for each in run.mended_at),
        back_out=_known(_back_out(run, got, each) for each in run.mended_at),
        settled_seconds=settled,
        answers_in=dict(inbound.answers),
        answers_out=dict(outbound.answers),
        wanted_in=size.inbound - run.never_sent,
        wanted_out=size.outbound,
        proofs=run.proofs,
        notes=run.notes,
    )


def judge_run(run: Run, got: list[dict[str, Any]]) -> Verdict:
    """Compare what this run was promised with what is there, and with what the customers got."""
    inbound, outbound = run.inbound, run.outbound
    return judge(
        run.server,
        inbound.accepted,
        outbound.accepted,
        got,
        asked=outbound.asked,
        people=inbound.people | outbound.people,
    )


def _known(seconds: Iterable[float | None]) -> list[float]:
    return [each for each in seconds if each is not None]


def _back_in(run: Run, mended_at: float) -> float | None:
    """Return how long after a blow the first message accepted after it was stored."""
    after = [mid for mid, at in run.inbound.accepted.items() if at > mended_at]
    with run.server.connect() as connection:
        first = connection.execute(
            "SELECT extract(epoch FROM min(created_at)) FROM messenger_messages"
            " WHERE direction = 'inbound' AND external_id = ANY(%s)",
            [after],
        ).fetchone()
    return max(0.0, float(first[0]) - mended_at) if first and first[0] else None


def _back_out(run: Run, got: list[dict[str, Any]], mended_at: float) -> float | None:
    """Return how long after a blow the first message asked for after it reached its customer."""
    times = [line["at"] for line in got if run.outbound.asked.get(str(line["text"]), 0) > mended_at]
    return min(times) - mended_at if times else None
