"""Faults of Meta itself, by the simulator: as strict as Meta, and told to misbehave."""

import time
from functools import partial
from typing import Any

from tests.faults.processes import wait_until
from tests.faults.run import Fault, Run, Size
from tests.faults.simulated import PAGES, Simulator
from tests.faults.world import reconnect_accounts, run_world

SMALL = Size(300, 60, 10.0, blows=1)
FULL = Size(2_000, 400, 80.0, blows=3)
CALLS = 20
"""How many sends each blow spoils."""
SPOILT_SECONDS = 60.0


def _simulator(run: Run) -> Simulator:
    assert run.world.simulator is not None
    return run.world.simulator


def _spoil(run: Run, *faults: dict[str, Any]) -> None:
    """Let the next sends go wrong in these ways, once for each blow."""
    simulator = _simulator(run)
    for _ in range(run.size.blows):
        count = max(1, min(CALLS, run.size.outbound // 8) // len(faults))
        for fault in faults:
            simulator.strike(count=count, **fault)
        nothing_left = lambda: not simulator.control("GET", "faults")["faults"]  # noqa: E731
        wait_until(nothing_left, "the faults are used up", SPOILT_SECONDS, pause=0.2)
        run.mended()
        time.sleep(run.size.seconds / (run.size.blows + 3))


def fail_with_5xx(run: Run) -> None:
    """Answer with 5xx, as JSON and as a page of HTML, having done nothing."""
    _spoil(
        run,
        {"kind": "error", "http_status": 500, "code": 2},
        {"kind": "error", "http_status": 503, "html": True},
    )


def fail_after_taking(run: Run) -> None:
    """Take the message, and answer with a gateway's 502 all the same."""
    _spoil(run, {"kind": "error", "http_status": 502, "html": True, "when": "after"})


def time_out_after_taking(run: Run) -> None:
    """Take the message, and answer when nobody listens any more."""
    _spoil(run, {"kind": "latency", "seconds": 7, "when": "after"})


def reset_after_taking(run: Run) -> None:
    """Take the message, and close the connection without an answer."""
    _spoil(run, {"kind": "drop", "when": "after"})


def limit_the_rate(run: Run) -> None:
    """Refuse with Graph's codes for too many calls: of the app, the Page, one conversation."""
    _spoil(
        run,
        {"kind": "error", "code": 613},
        {"kind": "error", "code": 32},
        {"kind": "error", "code": 4},
    )


def revoke_tokens(run: Run) -> None:
    """End every token in the middle of it; connect again after a while."""
    simulator = _simulator(run)
    for page in PAGES:
        simulator.control("POST", "tokens/revoke", page_id=page, subcode=460)
    time.sleep(min(run.size.away_seconds, run.size.seconds / 2))
    reconnect_accounts(run.world, simulator.connect_pages())
    run.mended()


def repeat_and_shuffle(run: Run) -> None:
    """Hold webhooks back, let them go in any order and in batches, each of them three times."""
    simulator = _simulator(run)
    simulator.control("PATCH", "webhooks", duplicate=True, hold=True)
    for _ in range(run.size.blows):
        time.sleep(run.size.seconds / (run.size.blows + 1))
        simulator.control("POST", "webhooks/release", order="shuffled", batch=7)
        simulator.control("POST", "webhooks/replay", count=1000)
        simulator.control("PATCH", "webhooks", hold=True)
    simulator.control("POST", "webhooks/release", order="shuffled", batch=7)
    simulator.control("PATCH", "webhooks", duplicate=False)
    run.mended()
    wait_until(lambda: run.outbound.is_over, "everything is written", 300.0)
    simulator.control("POST", "webhooks/replay", count=1000)


FAULTS = tuple(
    Fault(name, what, strike, SMALL, FULL, world=partial(run_world, is_simulated=True))
    for name, what, strike in (
        ("meta_5xx", "Graph answers 5xx", fail_with_5xx),
        ("meta_5xx_after", "Graph takes the message and answers 502", fail_after_taking),
        ("meta_timeout_after", "Graph takes the message and answers late", time_out_after_taking),
        ("meta_reset_after", "Graph takes the message and hangs up", reset_after_taking),
        ("meta_rate_limits", "Graph refuses: too many calls", limit_the_rate),
        ("meta_token_revoked", "every token revoked, and connected again", revoke_tokens),
        ("meta_shuffled", "webhooks three times, shuffled, in batches", repeat_and_shuffle),
    )
)
