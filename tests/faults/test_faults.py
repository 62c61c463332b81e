"""The faults in a short form: `make faults` runs them all, and long."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from tests.faults.__main__ import make_command
from tests.faults.faults import kill_workers, restart_postgres, restart_valkey_empty
from tests.faults.processes import NotInTimeError
from tests.faults.report import Row, head
from tests.faults.run import Fault, Run, Size, judge_run, strike_under_load
from tests.faults.verify import Verdict, judge
from tests.faults.world import World, run_world

SIZE = Size(1_000, 40, 8.0)
HELLO = (
    "SELECT external_id FROM messenger_messages WHERE direction = 'inbound'"
    " AND external_id <> ALL(%s) AND conversation_id = ("
    " SELECT conversation_id FROM messenger_messages WHERE external_id = %s)"
)
HARM = frozenset(vars(Verdict())) - {"statuses"}


@pytest.fixture
def world() -> Iterator[World]:
    with run_world() as world:
        world.let_people_write()
        yield world


def strike(run: Run) -> None:
    """Do a little of everything while the load is on."""
    kill_workers(replace(run, size=replace(run.size, blows=3, seconds=run.size.seconds / 2)))
    restart_valkey_empty(run)
    restart_postgres(run)


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(900)  # a loaded machine; all waits end much sooner by themselves
def test_nothing_is_lost_and_nothing_comes_twice(world: World) -> None:
    runs: list[Run] = []

    def strike_and_keep(run: Run) -> None:
        strike(run)
        runs.append(run)

    fault = Fault("short", "some kills, and a restart of each", strike_and_keep, SIZE, SIZE)
    row = strike_under_load(world, fault, SIZE)
    assert row.is_clean, row.as_text()
    assert (row.accepted_in, row.accepted_out) == (SIZE.inbound, SIZE.outbound)
    check_the_judge(runs[0])


PLANTED = {
    "lost_in": "DELETE FROM messenger_messages WHERE external_id = %(mid)s",
    "duplicated_in": (
        "UPDATE messenger_messages SET external_id = %(mid)s, account_id = ("
        " SELECT id FROM messenger_accounts a WHERE a.id <> messenger_messages.account_id LIMIT 1)"
        " WHERE idempotency_key IS NULL AND external_id = %(hello)s"
    ),
    "misplaced": (
        "UPDATE messenger_messages SET conversation_id = ("
        " SELECT id FROM messenger_conversations c"
        " WHERE c.id <> messenger_messages.conversation_id LIMIT 1) WHERE external_id = %(mid)s"
    ),
    "lost_out": "DELETE FROM messenger_messages WHERE idempotency_key = %(key)s",
    "misreported": (
        "UPDATE messenger_messages SET status = 'failed' WHERE idempotency_key = %(key)s"
    ),
    "unsettled": "UPDATE messenger_messages SET status = 'queued' WHERE idempotency_key = %(key)s",
    "strangers": (
        "UPDATE messenger_messages SET direction = 'outbound' WHERE external_id = %(hello)s"
    ),
    "undone": (
        "UPDATE messenger_webhook_entries SET state = 'failed'"
        " WHERE id = (SELECT min(id::text)::uuid FROM messenger_webhook_entries)"
    ),
}


def find_planted(run: Run, got: list[dict[str, Any]]) -> set[str]:
    return {name for name, value in vars(judge_run(run, got)).items() if name in HARM and value}


def check_the_judge(run: Run) -> None:
    """Plant each kind of harm among the real rows and the real log, and see that it is found."""
    got = run.world.read_got()
    assert find_planted(run, got) == set()
    last = got[-1]
    assert find_planted(run, [*got, last]) == {"duplicated_out"}
    assert find_planted(run, got[:-1]) == {"lost_out"}
    assert find_planted(run, [*got[:-1], last | {"person": "0"}]) == {"misplaced"}
    assert find_planted(run, got[::-1]) == {"disordered"}
    accepted = list(run.inbound.accepted)
    values = {
        "mid": accepted[0],
        "key": next(iter(run.outbound.accepted)),
        "hello": run.server.execute(HELLO, [accepted, accepted[0]])[0][0],
    }
    for harm, statement in PLANTED.items():
        with run.server.connect() as connection, connection.transaction(force_rollback=True):
            connection.execute(statement, values)
            planted = replace(run, server=Planted(connection))  # type: ignore[arg-type]
            assert find_planted(planted, got) == {harm}


class Planted:
    """A server as one transaction sees it."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement).fetchall()


class Rows:
    """Stands for the database where only the counting is looked at."""

    def __init__(self, inbound: list[tuple[str, str]], outbound: list[tuple[str | None, str]]):
        self._answers = iter((inbound, outbound, [(0,)]))

    def execute(self, _statement: str) -> list[tuple]:
        return next(self._answers)


def count(*, stored: dict[str, int], rows: list[tuple[str | None, str]], got: list[str]) -> Verdict:
    lines = [{"text": text, "person": "1", "at": time.time()} for text in got]
    inbound = [(mid, "1") for mid, copies in stored.items() for _ in range(copies)]
    return judge(
        Rows(inbound, rows),  # type: ignore[arg-type]
        ["in1", "in2"],
        {"out1": 1.0, "out2": 2.0},
        lines,
        asked={"out1": 0.5, "out2": 1.5},
        people=dict.fromkeys(("in1", "in2", "out1", "out2"), "1"),
    )


@pytest.mark.parametrize(
    ("what", "stored", "rows", "got"),
    [
        ("lost_in", {"in1": 1}, [("out1", "sent"), ("out2", "sent")], ["out1", "out2"]),
        ("duplicated_in", {"in1": 1, "in2": 2}, [("out1", "sent"), ("out2", "failed")], ["out1"]),
        ("lost_out", {"in1": 1, "in2": 1}, [("out1", "sent")], ["out1"]),
        ("lost_out", {"in1": 1, "in2": 1}, [("out1", "sent"), ("out2", "sent")], ["out1"]),
        (
            "duplicated_out",
            {"in1": 1, "in2": 1},
            [("out1", "sent"), ("out2", "unknown")],
            ["out1", "out1"],
        ),
        ("misreported", {"in1": 1, "in2": 1}, [("out1", "failed"), ("out2", "failed")], ["out1"]),
        ("unsettled", {"in1": 1, "in2": 1}, [("out1", "failed"), ("out2", "queued")], []),
        (
            "strangers",
            {"in1": 1, "in2": 1},
            [("out1", "failed"), ("out2", "failed"), (None, "sent")],
            [],
        ),
        (
            "disordered",
            {"in1": 1, "in2": 1},
            [("out1", "sent"), ("out2", "sent")],
            ["out2", "out1"],
        ),
    ],
)
def test_each_kind_of_harm_is_counted(
    what: str, stored: dict[str, int], rows: list[tuple[str | None, str]], got: list[str]
) -> None:
    verdict = count(stored=stored, rows=rows, got=got)
    found = {name for name, value in vars(verdict).items() if value and name != "statuses"}
    assert found == {what}
    assert not verdict.is_clean


def test_a_fault_that_could_not_be_tried_fails_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> Any:
        raise NotInTimeError("a server starts: not within 180 s")

    fault = Fault("broken", "a world that does not come up", strike, SIZE, SIZE, world=refuse)
    with pytest.raises(SystemExit) as ended:
        make_command([fault]).main(
            ["--json", str(tmp_path / "rows")], prog_name="faults", standalone_mode=False
        )
    assert ended.value.code == 1
    assert "not within 180 s" in capsys.readouterr().out
    told = json.loads((tmp_path / "rows").read_text(encoding="utf-8"))
    assert (told["fault"], told["met"]) == ("broken", False)


def test_no_harm_is_no_harm() -> None:
    verdict = count(
        stored={"in1": 1, "in2": 1},
        rows=[("out1", "delivered"), ("out2", "unknown")],
        got=["out1", "out2"],
    )
    assert verdict.is_clean


def test_a_row_is_one_line_and_one_object() -> None:
    verdict, proofs = Verdict(statuses={"unknown": 2}), {"kills": 3_000}
    row = Row("short", "a fault", 1_000, 40, verdict, [0.5, 1.25], [], proofs=proofs)
    assert head().splitlines()[0].split()[0] == "fault"
    assert row.as_text().split("  ")[0] == "short"
    assert "0.9 ≤ 1.2 s" in row.as_text()
    told = SimpleNamespace(**json.loads(row.as_json()))
    assert (told.lost, told.duplicated, told.met) == (0, 0, True)
    assert row.as_text().endswith("seen: 3,000 kills")
    assert row.is_clean


@pytest.mark.parametrize(
    "wrong",
    [
        {"verdict": Verdict(lost_in=1)},
        {"proofs": {}},
        {"proofs": {"kills": 3, "connections broken": 0}},
        {"wanted_in": 2},
        {"wanted_out": 2},
    ],
    ids=["harm", "nothing seen", "one thing not seen", "not all taken in", "not all taken out"],
)
def test_a_row_is_bad_where_harm_was_done_or_the_fault_did_not_fall(wrong: dict[str, Any]) -> None:
    good = Row("short", "", 1, 1, Verdict(), wanted_in=1, wanted_out=1, proofs={"kills": 3})
    assert good.is_clean
    bad = replace(good, **wrong)
    assert not bad.is_clean
    assert "NOT MET" in bad.as_text()
