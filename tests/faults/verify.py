"""The count at the end: what was promised, what is there, what the customers got."""

import collections
import contextlib
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.faults.postgres import Postgres

SENT = frozenset({"sent", "delivered", "read"})
OPEN = frozenset({"queued", "sending"})
SETTLE_SECONDS = 240.0
INBOUND = (
    "SELECT m.external_id, i.external_id FROM messenger_messages m"
    " JOIN messenger_conversations c ON c.id = m.conversation_id"
    " JOIN messenger_identities i ON i.id = c.identity_id WHERE m.direction = 'inbound'"
)
OUTBOUND = "SELECT idempotency_key, status FROM messenger_messages WHERE direction = 'outbound'"
UNDONE = "SELECT count(*) FROM messenger_webhook_entries WHERE state <> 'done'"
WAITING = (
    "SELECT (SELECT count(*) FROM messenger_webhook_entries WHERE state = 'pending')"
    " + (SELECT count(*) FROM messenger_messages WHERE status IN ('queued', 'sending'))"
)


@dataclass
class Verdict:
    """What came through and what did not.

    Attributes:
        lost_in: accepted with 200, and not there.
        duplicated_in: there more than once.
        lost_out: taken by the API, and not there, or said to be sent when nobody got it.
        duplicated_out: got more than once by the customer.
        misplaced: in another person's conversation, or got by another customer.
        misreported: said to have failed, and the customer got it.
        strangers: outgoing messages that nobody of ours wrote: an echo that was not recognised.
        disordered: got after one of the same conversation that was written later.
        unsettled: still on its way at the end.
        undone: journal entries that were not applied at the end, whatever is in them.
        statuses: how many outgoing messages ended as what.
    """

    lost_in: int = 0
    duplicated_in: int = 0
    lost_out: int = 0
    duplicated_out: int = 0
    misplaced: int = 0
    misreported: int = 0
    strangers: int = 0
    disordered: int = 0
    unsettled: int = 0
    undone: int = 0
    statuses: dict[str, int] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        return self.lost_in + self.lost_out + self.unsettled + self.undone

    @property
    def duplicated(self) -> int:
        return self.duplicated_in + self.duplicated_out + self.strangers

    @property
    def harm(self) -> int:
        """Return how many promises were broken, of whatever kind."""
        return self.lost + self.duplicated + self.misplaced + self.misreported + self.disordered

    @property
    def is_clean(self) -> bool:
        return not self.harm


def settle(server: Postgres, inbound: Collection[str], *, seconds: float) -> float:
    """Wait until all that was accepted is settled, or the time is over; return how long it took."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if _is_settled(server, inbound):
            break
        time.sleep(0.2)
    return time.monotonic() - began


def _is_settled(server: Postgres, inbound: Collection[str]) -> bool:
    with contextlib.suppress(psycopg.Error):
        waiting = server.execute(WAITING)[0][0]
        return waiting == 0 and count_stored(server, inbound) == len(inbound)
    return False


def count_stored(server: Postgres, inbound: Collection[str]) -> int:
    """Return how many of these messages are there."""
    statement = "SELECT count(*) FROM messenger_messages WHERE external_id = ANY(%s)"
    return int(server.execute(statement, [list(inbound)])[0][0])


def judge(
    server: Postgres,
    inbound: Iterable[str],
    outbound: Mapping[str, float],
    got: list[dict[str, Any]],
    *,
    asked: Mapping[str, float],
    people: Mapping[str, str],
) -> Verdict:
    """Compare promises with rows, and rows with what the customers got.

    Args:
        server: where the rows are.
        inbound: ids of the messages that were accepted.
        outbound: keys of the messages that the API took, and when; a key is also the text.
        got: what Meta wrote down, in its order.
        asked: when the API was first asked for each message.
        people: who wrote, or is to get, each message, by its id or key.
    """
    verdict = Verdict()
    stored = server.execute(INBOUND)
    copies = collections.Counter(mid for mid, _ in stored)
    verdict.lost_in = sum(mid not in copies for mid in inbound)
    verdict.duplicated_in = sum(count - 1 for count in copies.values())
    verdict.misplaced = _count_misplaced(stored, got, people)
    rows = server.execute(OUTBOUND)
    times = collections.Counter(str(line["text"]) for line in got)
    statuses = {key: status for key, status in rows if key is not None}
    verdict.statuses = dict(collections.Counter(statuses.values()))
    verdict.strangers = sum(key is None for key, _ in rows)
    verdict.lost_out = sum(
        key not in statuses or (statuses[key] in SENT and not times[key]) for key in outbound
    )
    verdict.duplicated_out = sum(count - 1 for count in times.values() if count > 1)
    verdict.misreported = sum(
        status == "failed" and times[key] > 0 for key, status in statuses.items()
    )
    verdict.unsettled = sum(status in OPEN for status in statuses.values())
    verdict.undone = server.execute(UNDONE)[0][0]
    verdict.disordered = _count_disordered(outbound, asked, got)
    return verdict


def _count_misplaced(
    stored: Iterable[Sequence[str]], got: Iterable[Mapping[str, Any]], people: Mapping[str, str]
) -> int:
    both = (*stored, *((str(line["text"]), str(line["person"])) for line in got))
    return sum(people.get(which, person) != person for which, person in both)


def _count_disordered(
    taken: Mapping[str, float], asked: Mapping[str, float], got: list[dict[str, Any]]
) -> int:
    """Count messages that one person got after another that was not even asked for before.

    Between asking and being taken nothing is promised: an answer may be lost on the way, and the
    message have its place in the lane all the same.
    """
    latest: dict[str, float] = {}
    count = 0
    for line in got:
        key, person = str(line["text"]), str(line["person"])
        if key in taken:
            count += taken[key] < latest.get(person, 0.0)
            latest[person] = max(latest.get(person, 0.0), asked[key])
    return count
