"""Faults of Meta itself, by the simulator: as strict as Meta, and told to misbehave."""

import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Any

from tests.faults.processes import NotInTimeError, wait_until
from tests.faults.run import Fault, Run, Size
from tests.faults.simulated import PAGES, Entry, Simulator
from tests.faults.world import reconnect_accounts, run_world

SMALL = Size(300, 60, 10.0, blows=1)
FULL = Size(2_000, 400, 60.0, blows=3, away_seconds=15.0)
LONG = Size(4_000, 400, 150.0)
"""Long enough for Meta to give up on the Pages, and for the check that comes once a minute."""
HOUR_IN_SECONDS = 10.0
"""What Meta's hour of patience is shortened to."""
COPIES = 3
BATCH = 7
CALLS = 20
"""How many sends each blow spoils."""
BURST_SECONDS = 20.0
"""How long things go wrong at most."""
UNKNOWN_SECONDS = 60.0
UNKNOWN = "SELECT count(*) FROM messenger_messages WHERE status = 'unknown'"
NEEDING = "SELECT count(*) FROM messenger_accounts WHERE status = 'needs_reauth'"
CHECK_OFTEN = {"MESSENGER_SUBSCRIPTION_CHECK_SECONDS": "60"}


def _simulator(run: Run) -> Simulator:
    assert run.world.simulator is not None
    return run.world.simulator


def _spoil(run: Run, *faults: dict[str, Any]) -> None:
    """Let the next sends go wrong in these ways, once for each blow; end it after a while.

    Where so much goes wrong that Meta counts as away, few sends are tried, and some faults are
    left when it is over.
    """
    simulator = _simulator(run)
    for _ in range(run.size.blows):
        count = max(1, min(CALLS, run.size.outbound // 8) // len(faults))
        for fault in faults:
            simulator.strike(count=count, **fault)
        with contextlib.suppress(NotInTimeError):
            wait_until(lambda: _count_left(run) == 0, "all is spoilt", BURST_SECONDS, pause=0.2)
        run.prove("calls spoilt", count * len(faults) - _count_left(run))
        simulator.be_well()
        run.mended()
        time.sleep(run.size.seconds / (run.size.blows + 3))


def _count_left(run: Run) -> int:
    """Return how many calls are still to go wrong."""
    left = _simulator(run).control("GET", "faults")["faults"]
    return sum(each["remaining"] for each in left)


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


def reset_without_echo(run: Run) -> None:
    """Take the message, hang up, and hold its echo back for longer than anybody waits for it.

    Nothing proves then that the customer got it: it is a person's to decide, until the echo comes.
    """
    simulator = _simulator(run)
    simulator.control("PATCH", "webhooks", hold=True)
    count = max(1, min(CALLS, run.size.outbound // 8))
    simulator.strike(kind="drop", when="after", count=count)
    with contextlib.suppress(NotInTimeError):  # then there is nothing to prove the fault by
        wait_until(lambda: _count_unknown(run) > 0, "messages are unknown", UNKNOWN_SECONDS)
    time.sleep(run.size.away_seconds)
    run.prove("messages nobody knew of", _count_unknown(run))
    simulator.be_well()
    run.mended()
    simulator.control("POST", "webhooks/release", order="shuffled", batch=BATCH)
    wait_until(lambda: _count_unknown(run) == 0, "the echoes have come", UNKNOWN_SECONDS)


def _count_unknown(run: Run) -> int:
    return int(run.server.execute(UNKNOWN)[0][0])


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
    needing = run.server.execute(NEEDING)[0][0]
    run.prove("accounts that asked to be connected again", needing)
    reconnect_accounts(run.world, simulator.connect_pages())
    run.mended()


def repeat_and_shuffle(run: Run) -> None:
    """Hold webhooks back, let them go in any order and in batches, each of them three times.

    When all is over the copies still missing are sent: of all that was ever sent, in any order.
    """
    simulator = _simulator(run)
    simulator.control("PATCH", "webhooks", duplicate=True, hold=True)
    for _ in range(run.size.blows):
        time.sleep(run.size.seconds / (run.size.blows + 1))
        simulator.control("POST", "webhooks/release", order="shuffled", batch=BATCH)
        simulator.control("PATCH", "webhooks", hold=True)
    simulator.control("POST", "webhooks/release", order="shuffled", batch=BATCH)
    simulator.control("PATCH", "webhooks", duplicate=False)
    run.mended()
    wait_until(lambda: run.outbound.is_over, "everything is written", 300.0)
    run.inbound.join()
    _send_again(run, Counter(entry.key for entry in simulator.read_taken()))
    taken = simulator.read_taken()
    run.prove("entries sent three times", _count_copied(taken))
    run.prove("messages out of their order", _count_displaced(taken))


def _send_again(run: Run, copies: Counter[str]) -> None:
    """Send every entry as often as is missing, all of them mixed, several in a webhook."""
    simulator = _simulator(run)
    missing = [key for key, count in copies.items() for _ in range(COPIES - count)]
    random.shuffle(missing)
    for start in range(0, len(missing), BATCH):
        entries = [json.loads(key) for key in missing[start : start + BATCH]]
        simulator.control("POST", "webhooks/send", body={"object": "page", "entry": entries})
    wait_until(lambda: simulator.count_waiting() == 0, "all copies are sent", 300.0, pause=0.5)


def _count_copied(taken: Iterable[Entry]) -> int:
    """Return how many entries there were; 0 where one was not sent often enough."""
    copies = Counter(entry.key for entry in taken)
    return len(copies) if min(copies.values()) >= COPIES else 0


def _count_displaced(taken: Iterable[Entry]) -> int:
    """Return how many of the customers' messages came after one that was written later."""
    latest, count = 0, 0
    for entry in taken:
        if entry.mid is not None:
            count += entry.at < latest
            latest = max(latest, entry.at)
    return count


def lose_subscriptions(run: Run) -> None:
    """Let every webhook fail until Meta unsubscribes the Pages; the check has to find that.

    What customers write before the check has been, Meta tells nobody.
    """
    simulator, world = _simulator(run), run.world
    simulator.control("PATCH", "webhooks", speed=3600 / HOUR_IN_SECONDS)
    world.web.kill()
    wait_until(lambda: simulator.count_subscribed() == 0, "Meta has unsubscribed the Pages")
    run.prove("Pages unsubscribed", len(PAGES))
    world.start_web()
    run.mended()
    took = wait_until(lambda: simulator.count_subscribed() == len(PAGES), "they are back", pause=1)
    run.prove("Pages subscribed again", simulator.count_subscribed())
    run.notes["seconds until subscribed again"] = round(took)
    run.inbound.join()
    run.never_sent = run.size.inbound - len(run.inbound.accepted)


FAULTS = (
    *(
        Fault(name, what, strike, SMALL, FULL, world=partial(run_world, is_simulated=True))
        for name, what, strike in (
            ("meta_5xx", "Graph answers 5xx", fail_with_5xx),
            ("meta_5xx_after", "Graph takes the message and answers 502", fail_after_taking),
            (
                "meta_timeout_after",
                "Graph takes the message and answers late",
                time_out_after_taking,
            ),
            ("meta_reset_after", "Graph takes the message and hangs up", reset_after_taking),
            ("meta_echo_late", "Graph hangs up, its echo comes too late", reset_without_echo),
            ("meta_rate_limits", "Graph refuses: too many calls", limit_the_rate),
            ("meta_token_revoked", "every token revoked, and connected again", revoke_tokens),
            ("meta_shuffled", "webhooks three times, shuffled, in batches", repeat_and_shuffle),
        )
    ),
    Fault(
        "subscriptions_lost",
        "an hour of failing webhooks: Meta unsubscribes",
        lose_subscriptions,
        LONG,
        LONG,
        world=partial(run_world, is_simulated=True, environment=CHECK_OFTEN),
    ),
)
