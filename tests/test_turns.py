"""Turns between workspaces, on a real Valkey."""

from collections.abc import Iterator

import pytest
import redis

from flask_messenger import turns as turning
from flask_messenger.turns import Piece, Turns, share_of


@pytest.fixture
def client(redis_url: str) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def turns(client: "redis.Redis") -> Turns:
    return Turns(client, "bulk")


def pieces(workspace_id: str, count: int) -> list[Piece]:
    return [Piece(workspace_id=workspace_id, name="work", args=(each,)) for each in range(count)]


def take_all(turns: Turns, *, cap: int = 1) -> list[tuple[str, int]]:
    """Take and finish one piece after the other; return whose each was, and which."""
    taken = []
    while (turn := turns.take(cap=cap)) is not None:
        taken.append((turn.piece.workspace_id, turn.piece.args[0]))
        turns.finish(turn)
    return taken


def test_workspaces_take_turns_and_each_keeps_its_order(turns: Turns) -> None:
    turns.put(pieces("flood", 5))
    turns.put(pieces("other", 2))

    assert take_all(turns) == [
        ("flood", 0),
        ("other", 0),
        ("flood", 1),
        ("other", 1),
        ("flood", 2),
        ("flood", 3),
        ("flood", 4),
    ]
    assert not turns.has_waiting()


def test_a_workspace_at_its_share_is_passed_over(turns: Turns) -> None:
    turns.put(pieces("flood", 3))
    first = turns.take(cap=1)

    assert turns.take(cap=1) is None
    turns.put(pieces("other", 1))
    second = turns.take(cap=1)

    assert first is not None
    assert second is not None
    assert second.piece.workspace_id == "other"
    assert turns.count_running("flood") == 1
    turns.finish(first)
    third = turns.take(cap=1)
    assert third is not None
    assert third.piece.args == (1,)


def test_a_larger_share_allows_more_at_once(turns: Turns) -> None:
    turns.put(pieces("flood", 3))

    assert [turns.take(cap=2) is not None for _ in range(3)] == [True, True, False]


def test_an_equal_piece_is_not_put_twice_while_it_waits_or_is_under_way(turns: Turns) -> None:
    piece = Piece(workspace_id="w1", name="export", args=("1",), key="export:1")

    assert [turns.put([piece]), turns.put([piece])] == [1, 0]
    turn = turns.take(cap=1)
    assert turns.put([piece]) == 0

    assert turn is not None
    turns.finish(turn)
    assert turns.put([piece]) == 1


def test_a_piece_under_way_keeps_its_place_while_its_worker_says_so(
    turns: Turns, client: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    piece = Piece(workspace_id="w1", name="export", args=("1",), key="export:1")
    turns.put([piece])
    monkeypatch.setattr(turning, "LEASE_SECONDS", -1)
    turn = turns.take(cap=1)
    assert turn is not None
    assert turns.count_running("w1") == 0  # nothing was said of it since
    monkeypatch.undo()

    turns.extend(turn)

    assert turns.count_running("w1") == 1
    assert turns.put([piece]) == 0
    turns.finish(turn)
    turns.extend(turn)  # the heartbeat comes a moment too late
    assert turns.count_running("w1") == 0
    assert client.zcard("messenger:turns:bulk:known") == 0


def test_a_worker_that_dies_with_a_piece_keeps_it_known_for_its_lease_only(
    turns: Turns, client: "redis.Redis"
) -> None:
    """Taking and noting for how long is one step: there is no moment to die in between."""
    turns.put([Piece(workspace_id="w1", name="export", args=("1",), key="export:1")])
    until = client.zscore("messenger:turns:bulk:known", "export:1")
    assert turns.take(cap=1) is not None

    assert client.zscore("messenger:turns:bulk:known", "export:1") < until - 3000


def test_a_piece_that_was_never_finished_frees_its_place(
    turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turning, "LEASE_SECONDS", -1)
    keyed = Piece(workspace_id="w1", name="export", key="export:1")
    turns.put([keyed, *pieces("w1", 1)])
    assert turns.take(cap=1) is not None  # and its worker was killed

    assert turns.put([keyed]) == 1
    assert turns.take(cap=1) is not None


def test_what_waits_is_counted_by_workspace(turns: Turns) -> None:
    turns.put(pieces("a", 2) + pieces("b", 1))

    assert turns.count_waiting() == {"a": 2, "b": 1}
    assert turns.is_waiting(["a", "c"]) == {"a"}
    assert turns.count_waiting_of("b") == 1


@pytest.mark.parametrize(
    ("workers", "at_most", "expected"), [(0, 2, 1), (1, 2, 1), (2, 2, 1), (4, 2, 2), (16, 2, 2)]
)
def test_share_leaves_workers_to_others(workers: int, at_most: int, expected: int) -> None:
    assert share_of(workers, share=0.5, at_most=at_most) == expected
