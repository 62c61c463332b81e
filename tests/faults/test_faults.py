"""The faults in a short form: `make faults` runs them all, and long."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.faults.faults import kill_workers, restart_postgres, restart_valkey_empty
from tests.faults.report import Row, head
from tests.faults.run import Fault, Run, Size, strike_under_load
from tests.faults.verify import Verdict, judge
from tests.faults.world import World, run_world

SIZE = Size(1_000, 40, 8.0)


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
    fault = Fault("short", "some kills, and a restart of each database", strike, SIZE, SIZE)
    row = strike_under_load(world, fault, SIZE)
    assert row.is_clean, row.as_text()
    assert (row.accepted_in, row.accepted_out) == (SIZE.inbound, SIZE.outbound)


class Rows:
    """Stands for the database where only the counting is looked at."""

    def __init__(self, inbound: list[tuple[str, int]], outbound: list[tuple[str | None, str]]):
        self._answers = iter((inbound, outbound))

    def execute(self, _statement: str) -> list[tuple]:
        return next(self._answers)


def count(*, stored: dict[str, int], rows: list[tuple[str | None, str]], got: list[str]) -> Verdict:
    lines = [{"text": text, "person": "1", "at": time.time()} for text in got]
    return judge(
        Rows(list(stored.items()), rows),  # type: ignore[arg-type]
        ["in1", "in2"],
        {"out1": 1.0, "out2": 2.0},
        lines,
        asked={"out1": 0.5, "out2": 1.5},
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


def test_no_harm_is_no_harm() -> None:
    verdict = count(
        stored={"in1": 1, "in2": 1},
        rows=[("out1", "delivered"), ("out2", "unknown")],
        got=["out1", "out2"],
    )
    assert verdict.is_clean


def test_a_row_is_one_line_and_one_object() -> None:
    row = Row("short", "a fault", 1_000, 40, Verdict(statuses={"unknown": 2}), [0.5, 1.25], [])
    assert head().splitlines()[0].split()[0] == "fault"
    assert row.as_text().split("  ")[0] == "short"
    assert "0.9 ≤ 1.2 s" in row.as_text()
    told = SimpleNamespace(**json.loads(row.as_json()))
    assert (told.lost, told.duplicated, told.met) == (0, 0, True)
    assert not Row("bad", "", 1, 1, Verdict(lost_in=1)).is_clean
