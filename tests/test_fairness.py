"""One workspace's flood, and another's single message: in small; `make bench` does it in large."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

from flask_messenger import jobs, message_received
from flask_messenger.ingest.drain import drain_batch
from flask_messenger.ingest.wake import DrainWaker
from flask_messenger.jobs import schedule
from flask_messenger.models import Message
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from flask_messenger.turns import Turns
from tests.support import meta
from tests.support.app import Factory
from tests.support.ingest import rows
from tests.test_jobs import work

FLOOD, OTHER = "100001", "100002"
BATCH = 40


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """The workspaces of the signals, in order."""
    heard: list[str] = []

    def listen(_: Flask, **arguments: Any) -> None:
        heard.append(arguments["workspace_id"])

    with message_received.connected_to(listen):
        yield heard


@pytest.fixture
def bulk() -> Iterator[Callable[..., Any]]:
    """A piece of bulk work that notes whose turn it was, and takes two turns."""
    seen: list[tuple[str, int]] = []

    def note_turn(workspace_id: str, turn: int = 0) -> tuple[Any, ...] | None:
        seen.append((workspace_id, turn))
        return (workspace_id, 1) if turn == 0 else None

    note_turn.seen = seen  # type: ignore[attr-defined]
    jobs.PIECES["note_turn"] = note_turn
    yield note_turn
    del jobs.PIECES["note_turn"]


def flood(client: FlaskClient, count: int) -> None:
    entries = [
        meta.entry(FLOOD, meta.message(FLOOD, f"9{number:06}", "flood")) for number in range(count)
    ]
    meta.post(client, meta.delivery(*entries))


@pytest.mark.databases("postgresql")
def test_a_flood_in_the_journal_leaves_others_their_part_of_the_next_batch(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account("flood", external_id=FLOOD, token=None)
    factory.account("other", external_id=OTHER, token=None)
    flood(client, 10 * BATCH)
    meta.post(client, meta.delivery(meta.entry(OTHER, meta.message(OTHER, "8", "hello"))))
    state_of(app).get(DrainWaker).close()

    with system_scope("test"):
        outcome = drain_batch(state_of(app).db.session, limit=BATCH)

    assert outcome is not None
    assert BATCH // 2 < outcome.entries <= BATCH
    assert [each.text for each in rows(app, Message, workspace_id="other")] == ["hello"]


@pytest.mark.databases("postgresql")
def test_between_large_batches_is_a_small_one_of_who_has_little(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account("flood", external_id=FLOOD, token=None)
    factory.account("other", external_id=OTHER, token=None)
    flood(client, 10 * BATCH)
    counts = []
    with system_scope("test"):
        for number in range(4):
            outcome = drain_batch(state_of(app).db.session, limit=BATCH)
            assert outcome is not None
            counts.append(outcome.entries)
            event = meta.message(OTHER, "8", f"hello {number}")
            meta.post(client, meta.delivery(meta.entry(OTHER, event)))
    state_of(app).get(DrainWaker).close()

    assert counts == [BATCH, 1, BATCH // 2 + BATCH // 4 + 1, 1]
    assert len(rows(app, Message, workspace_id="other")) == 3


@pytest.mark.databases("postgresql")
def test_everything_of_a_flood_is_drained_once(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account("flood", external_id=FLOOD, token=None)
    flood(client, 3 * BATCH)
    state_of(app).get(DrainWaker).close()

    counts = []
    with system_scope("test"):
        while (outcome := drain_batch(state_of(app).db.session, limit=BATCH)) is not None:
            counts.append(outcome.entries)

    assert sum(counts) == 3 * BATCH
    assert len(rows(app, Message)) == 3 * BATCH


def test_a_flood_of_signals_lets_others_in_between(
    app: Flask, client: FlaskClient, factory: Factory, heard: list[str]
) -> None:
    factory.account("flood", external_id=FLOOD, token=None)
    factory.account("other", external_id=OTHER, token=None)
    flood(client, 3 * jobs.ANNOUNCE_CHUNK)
    meta.post(client, meta.delivery(meta.entry(OTHER, meta.message(OTHER, "8", "hello"))))

    work(app)

    assert len(heard) == 3 * jobs.ANNOUNCE_CHUNK + 1
    assert heard.index("other") <= jobs.ANNOUNCE_CHUNK


def test_news_that_were_lost_are_found_for_every_workspace(
    app: Flask, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "SWEEP_LIMIT", 2)
    for workspace_id, count in (("flood", 5), ("other", 1)):
        conversation = factory.conversation(factory.account(workspace_id))
        for _ in range(count):
            message = factory.message(conversation, created_at=utc_now() - timedelta(days=2))
            with system_scope("test"):
                message.announced_at = None
                factory.session.commit()

    jobs.sweep([each for each in jobs.SCHEDULE if each.name == "sweep_news"])

    turns = Turns(state_of(app).get(redis.Redis), "default")
    assert set(turns.count_waiting()) == {"flood", "other"}


def test_bulk_work_takes_turns_by_workspace(app: Flask, bulk: Any) -> None:
    with app.app_context():
        for workspace_id in ("flood", "flood", "other"):
            jobs.put_bulk(workspace_id, bulk, workspace_id)

        work(app)

    assert bulk.seen[:2] == [("flood", 0), ("other", 0)]
    assert sorted(bulk.seen) == sorted(
        [("flood", 0), ("flood", 0), ("flood", 1), ("flood", 1), ("other", 0), ("other", 1)]
    )


def test_a_piece_that_fails_stops_nobody(app: Flask, bulk: Any) -> None:
    def fail(*_: Any) -> tuple[Any, ...] | None:
        raise LookupError("Maya Okafor is not in the CRM")

    jobs.PIECES["fail"] = fail
    try:
        with app.app_context():
            jobs.put_bulk("flood", fail)
            jobs.put_bulk("other", bulk, "other")
            work(app)
    finally:
        del jobs.PIECES["fail"]

    assert bulk.seen == [("other", 0), ("other", 1)]
    assert not Turns(state_of(app).get(redis.Redis), "bulk").has_waiting()


def test_what_waits_without_a_ticket_gets_one(app: Flask, bulk: Any) -> None:
    with app.app_context():
        jobs.put_bulk("w1", bulk, "w1")
        client = state_of(app).get(redis.Redis)
        client.delete(f"rq:queue:{jobs.QUEUES['bulk']}")  # the worker died with it

        jobs.sweep([each for each in jobs.SCHEDULE if each.name == "sweep_turns"])
        work(app)

    assert bulk.seen == [("w1", 0), ("w1", 1)]


def test_an_unknown_piece_is_refused(app: Flask) -> None:
    with app.app_context(), pytest.raises(LookupError):
        jobs.put_bulk("w1", utc_now)  # type: ignore[arg-type]
