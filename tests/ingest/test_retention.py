"""The journal's days, and what is kept for a time only."""

import re
import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, func, insert, select, text
from sqlalchemy.orm import sessionmaker

from flask_messenger.ingest.partitions import add_days, drop_days, list_days
from flask_messenger.ingest.retention import tidy, tidy_journal
from flask_messenger.models import Attachment, WebhookEntry, schema
from flask_messenger.models.base import new_id
from flask_messenger.models.journal import first_id
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support.app import Factory
from tests.support.ingest import rows

NOW = datetime(2031, 5, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
on_postgresql = pytest.mark.databases("postgresql")


@pytest.fixture
def session(app: Flask) -> Any:
    session = state_of(app).db.session
    with system_scope("test"):
        yield session
        session.rollback()
        if session.get_bind().dialect.name == "postgresql":
            # The days of another year are of no use to the next test.
            session.execute(text("DELETE FROM messenger_webhook_entries"))
            session.commit()
            drop_days(session, before=date(2031, 1, 1) - DAY)
            drop_days(session, before=date(2032, 1, 1))
            add_days(session, now=datetime.now(UTC))


def put(session: Any, at: datetime, state: str = "done", **values: Any) -> Any:
    """Put an entry into the journal as it would be there had it come at `at`."""
    row_id = type(new_id())(int=first_id(at).int | (new_id().int & ((1 << 64) - 1)))
    row = {
        "id": row_id,
        "app_name": "default",
        "object": "page",
        "raw": b"{}",
        "state": state,
        "received_at": at,
        "processed_at": None if state == "pending" else at,
        **values,
    }
    session.execute(insert(WebhookEntry.__table__).values(row))
    session.commit()
    return row_id


def place_of(session: Any, row_id: Any) -> str:
    place = text("tableoid::regclass::text")
    return str(session.scalar(select(place).where(WebhookEntry.id == row_id)))


def left(app: Flask) -> list[Any]:
    return [each.id for each in rows(app, WebhookEntry)]


def test_entries_past_their_time_are_removed_and_those_that_wait_stay(
    app: Flask, session: Any
) -> None:
    for state in ("done", "failed", "unrouted"):
        put(session, NOW - 31 * DAY, state)
    waiting = put(session, NOW - 31 * DAY, "pending")
    young = [put(session, NOW - 29 * DAY, state) for state in ("done", "failed", "unrouted")]

    tidy_journal(session, now=NOW, days=30)

    assert left(app) == [waiting, *sorted(young)]


def test_more_than_one_batch_is_removed(app: Flask, session: Any) -> None:
    entries = [
        {
            "id": type(new_id())(int=first_id(NOW - 40 * DAY).int + number),
            "app_name": "default",
            "object": "page",
            "raw": b"{}",
            "state": "done",
            "received_at": NOW,
        }
        for number in range(2_500)
    ]
    session.execute(insert(WebhookEntry.__table__), entries)
    session.commit()

    tidy_journal(session, now=NOW, days=30)

    assert left(app) == []


def test_entries_of_a_clock_that_was_ahead_go_when_their_real_time_is_over(
    app: Flask, session: Any
) -> None:
    put(session, NOW + 3650 * DAY, processed_at=NOW - 31 * DAY)
    recent = put(session, NOW + 3650 * DAY, processed_at=NOW - 1 * DAY)
    waiting = put(session, NOW + 3650 * DAY, "pending")

    tidy_journal(session, now=NOW, days=30)

    assert left(app) == sorted([recent, waiting])


def test_the_schedule_keeps_as_many_days_as_the_settings_say(new_app: Any) -> None:
    app = new_app(MESSENGER_JOURNAL_DAYS="2")
    with app.app_context(), system_scope("test"):
        session = state_of(app).db.session
        now = datetime.now(UTC)
        put(session, now - 4 * DAY)
        kept = put(session, now - 1 * DAY)

        tidy(app, now)

        assert left(app) == [kept]


def test_attachments_past_their_time_are_forgotten_but_not_that_there_were_some(
    new_app: Any,
) -> None:
    app = new_app(MESSENGER_ATTACHMENT_DAYS="90")
    factory = Factory(app)
    with app.app_context(), system_scope("test"):
        session = state_of(app).db.session
        message = factory.message(factory.conversation(factory.account()))
        now = datetime.now(UTC)
        for number, age in enumerate((120, 100, 10)):
            session.add(
                Attachment(
                    id=first_id(now - age * DAY),
                    workspace_id="w1",
                    message_id=message.id,
                    position=number,
                    type="image",
                    url="https://cdn.example.test/1.jpg",
                    title="A picture",
                    payload={"sticker_id": 1},
                )
            )
        session.commit()

        tidy(app, now - 15 * DAY)  # one of them is old enough by then
        first_time = [each.state for each in rows(app, Attachment)]
        tidy(app, now)

        assert first_time == ["expired", "remote", "remote"]
        found = rows(app, Attachment)
        assert [each.state for each in found] == ["expired", "expired", "remote"]
        assert [each.url for each in found[:2]] == [None, None]
        assert found[0].title is None
        assert found[0].payload == {}
        assert found[2].url


def test_attachments_are_kept_where_nothing_else_is_said(app: Flask, factory: Factory) -> None:
    message = factory.message(factory.conversation(factory.account()))
    with system_scope("test"):
        factory.session.add(
            Attachment(workspace_id="w1", message_id=message.id, position=0, type="image")
        )
        factory.session.commit()

        tidy(app, datetime.now(UTC) + 5000 * DAY)
        tidy(app, datetime.now(UTC))

    assert [each.state for each in rows(app, Attachment)] == ["remote"]


@on_postgresql
def test_the_next_days_have_partitions_and_entries_go_there(session: Any) -> None:
    add_days(session, now=NOW)
    add_days(session, now=NOW)  # nothing more to do

    days = {day for day in list_days(session) if day.year == 2031}
    assert days == {(NOW + ahead * DAY).date() for ahead in range(8)}
    first = put(session, datetime(2031, 5, 21, tzinfo=UTC))
    last = put(session, datetime(2031, 5, 21, 23, 59, 59, 999_000, tzinfo=UTC))
    assert place_of(session, first) == "messenger_webhook_entries_20310521"
    assert place_of(session, last) == "messenger_webhook_entries_20310521"


@on_postgresql
def test_an_entry_of_a_day_without_partition_is_taken_all_the_same(session: Any) -> None:
    entry = put(session, NOW + 400 * DAY, "pending")

    assert place_of(session, entry) == "messenger_webhook_entries_default"


@on_postgresql
def test_a_day_that_began_in_the_default_partition_stays_there(app: Flask, session: Any) -> None:
    entry = put(session, NOW, "pending")

    add_days(session, now=NOW)

    assert NOW.date() not in list_days(session)
    assert (NOW + DAY).date() in list_days(session)
    assert left(app) == [entry]


@on_postgresql
def test_a_day_that_has_to_wait_lets_the_next_ones_wait_too(
    app: Flask, session: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with state_of(app).db.engine.connect() as drain:
        drain.execute(text("SELECT FROM messenger_webhook_entries"))

        add_days(session, now=NOW)

    assert NOW.date() not in list_days(session)
    assert caplog.text.count("journal_day_waits") == 1
    add_days(session, now=NOW)
    assert NOW.date() in list_days(session)


@on_postgresql
def test_a_day_is_dropped_whole_unless_an_entry_of_it_still_waits(app: Flask, session: Any) -> None:
    add_days(session, now=NOW)
    put(session, NOW, "done")
    put(session, NOW, "failed")
    waiting = put(session, NOW + DAY, "pending")
    later = put(session, NOW + 2 * DAY, "done")

    assert drop_days(session, before=(NOW + 2 * DAY).date())

    assert NOW.date() not in list_days(session)
    assert (NOW + DAY).date() in list_days(session)
    assert left(app) == [waiting, later]


@on_postgresql
def test_dropping_gives_up_soon_where_a_drain_is_at_work(app: Flask, session: Any) -> None:
    add_days(session, now=NOW)
    engine = state_of(app).db.engine

    with engine.connect() as drain:
        drain.execute(select(func.count()).select_from(WebhookEntry.__table__))

        assert not drop_days(session, before=(NOW + DAY).date())

    assert NOW.date() in list_days(session)
    assert drop_days(session, before=(NOW + DAY).date())
    assert NOW.date() not in list_days(session)


@on_postgresql
def test_two_workers_may_make_the_same_days(app: Flask, session: Any) -> None:
    failures: list[BaseException] = []

    def make() -> None:
        try:
            with app.app_context(), system_scope("test"):
                add_days(state_of(app).db.session, now=NOW)
                state_of(app).db.session.remove()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    threads = [threading.Thread(target=make) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    add_days(session, now=NOW)  # what gave up its wait, now

    assert failures == []
    assert len([day for day in list_days(session) if day.year == 2031]) == 8


def test_a_journal_that_is_there_already_moves_without_losing_a_row(
    new_postgres_database: Any,
) -> None:
    url = new_postgres_database()
    engine = create_engine(url)
    schema.upgrade(engine, "0003")
    old, young, ahead = first_id(NOW - 3650 * DAY), new_id(), first_id(NOW + 3650 * DAY)
    row = "'default', 'page', '\\x7b7d', 'pending', 0, now()"
    columns = "id, app_name, object, raw, state, attempts, received_at"
    with engine.begin() as connection:
        for entry_id in (old, young):
            values = f"VALUES ('{entry_id}', {row})"
            connection.execute(text(f"INSERT INTO messenger_webhook_entries ({columns}) {values}"))

    schema.upgrade(engine, "0004")
    with engine.begin() as connection:
        values = f"VALUES ('{ahead}', {row})"
        connection.execute(text(f"INSERT INTO messenger_webhook_entries ({columns}) {values}"))
    schema.upgrade(engine)
    where = text("SELECT id, tableoid::regclass::text FROM messenger_webhook_entries ORDER BY id")
    with engine.connect() as connection:
        places = connection.execute(where).all()
    schema.downgrade(engine, "0009")
    schema.upgrade(engine)
    with engine.connect() as connection:
        again = connection.execute(where).all()
    with sessionmaker(engine)() as session:
        add_days(session, now=datetime.now(UTC) + DAY)
        days = list_days(session)
        session.execute(text("UPDATE messenger_webhook_entries SET state = 'done'"))
        session.commit()
        is_dropped = drop_days(session, before=min(days) + DAY)
        kept = session.scalars(text("SELECT id FROM messenger_webhook_entries")).all()
    schema.downgrade(engine, "0003")
    with engine.connect() as connection:
        left = connection.scalars(text("SELECT id FROM messenger_webhook_entries ORDER BY id"))
        ids = left.all()
    engine.dispose()

    until = f"messenger_webhook_entries_until_{min(days):%Y%m%d}"
    default = "messenger_webhook_entries_default"
    assert [row[0] for row in places] == [old, young, ahead]
    assert [row[1] for row in places][::2] == [until, default]
    assert re.fullmatch(r"messenger_webhook_entries_\d{8}", places[1][1])
    assert again == places
    assert len(days) >= 8
    assert (is_dropped, sorted(kept)) == (True, [young, ahead])
    assert ids == [young, ahead]
