"""What a drain does where the database refuses: who is to blame fails, and everybody else waits."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from flask_messenger.ingest import careful
from flask_messenger.ingest.claim import MAX_BYTES, may_find_more
from flask_messenger.ingest.drain import drain_all, drain_batch
from flask_messenger.ingest.journal import insert_rows, make_rows
from flask_messenger.ingest.receive import Delivery
from flask_messenger.models import Message, WebhookEntry
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support import meta
from tests.support.app import Factory
from tests.support.ingest import Heard, drain, journal_states, rows

PAGE, OTHER = "555", "556"
PERSON = "9001"
TEXTS = ("a", "bad", "b", "c", "d")
on_postgresql = pytest.mark.databases("postgresql")

Refuse = Callable[..., None]


@pytest.fixture
def refuse(app: Flask, tables_owner: Engine) -> Iterator[Refuse]:
    """Returns what makes PostgreSQL refuse messages: with this state, this text, those that."""

    def refuse(state: str, *, which: str = "NEW.text = 'bad'", words: str = "refused") -> None:
        state_of(app).db.session.rollback()  # what was read would keep the trigger waiting
        with tables_owner.begin() as connection:
            connection.execute(
                text(
                    "CREATE OR REPLACE FUNCTION refuse_some() RETURNS trigger LANGUAGE plpgsql AS "
                    f"$$ BEGIN IF {which} THEN "
                    f"RAISE EXCEPTION '{words}' USING ERRCODE = '{state}'; END IF; "
                    "RETURN NEW; END $$"
                )
            )
            connection.execute(
                text(
                    "CREATE OR REPLACE TRIGGER refuse_some BEFORE INSERT ON messenger_messages "
                    "FOR EACH ROW EXECUTE FUNCTION refuse_some()"
                )
            )

    yield refuse
    state_of(app).db.session.rollback()
    with tables_owner.begin() as connection:
        connection.execute(text("DROP FUNCTION IF EXISTS refuse_some CASCADE"))


def journal(app: Flask, *entries: dict[str, Any]) -> None:
    """Put each entry into the journal, in this order."""
    raw = tuple(json.dumps(each).encode() for each in entries)
    with state_of(app).db.engine.begin() as connection:
        insert_rows(connection, [make_rows(Delivery("page", raw), app_name="default")])


def journal_texts(app: Flask, *texts: str) -> None:
    journal(app, *(meta.entry(PAGE, meta.message(PAGE, PERSON, each)) for each in texts))


def stored_texts(app: Flask) -> list[str]:
    return sorted(each.text for each in rows(app, Message))


def be_due(app: Flask) -> None:
    """Let the time go by that an entry waits for its next try."""
    session = state_of(app).db.session
    with system_scope("test"):
        for entry in session.query(WebhookEntry).filter(WebhookEntry.attempts > 0):
            entry.processed_at = utc_now() - timedelta(hours=1)
        session.commit()


@on_postgresql
@pytest.mark.parametrize("state", ["22001", "23514", "54000", "P0001"])
def test_an_entry_fails_for_values_the_database_refuses(
    app: Flask, factory: Factory, refuse: Refuse, state: str
) -> None:
    factory.account(external_id=PAGE)
    refuse(state)
    journal_texts(app, *TEXTS)

    drain(app)

    assert stored_texts(app) == ["a", "b", "c", "d"]
    assert journal_states(app) == ["done", "failed", "done", "done", "done"]


@pytest.mark.databases("sqlite")
def test_an_entry_fails_for_values_sqlite_refuses(
    app: Flask, factory: Factory, tables_owner: Engine
) -> None:
    factory.account(external_id=PAGE)
    journal_texts(app, *TEXTS)
    with tables_owner.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER refuse_some BEFORE INSERT ON messenger_messages"
                " WHEN NEW.text = 'bad' BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )
        )
    try:
        drain(app)
    finally:
        with tables_owner.begin() as connection:
            connection.execute(text("DROP TRIGGER refuse_some"))

    assert stored_texts(app) == ["a", "b", "c", "d"]
    assert journal_states(app) == ["done", "failed", "done", "done", "done"]


@on_postgresql
@pytest.mark.parametrize("state", ["42703", "42P01", "42501", "53100", "53200", "57014", "XX000"])
def test_no_entry_fails_for_the_servers_trouble(
    app: Flask, factory: Factory, refuse: Refuse, state: str
) -> None:
    factory.account(external_id=PAGE)
    refuse(state, which="true")
    journal_texts(app, *(f"text {number}" for number in range(30)))

    for _ in range(3):
        with pytest.raises(DBAPIError):
            drain(app)
        be_due(app)
    assert set(journal_states(app)) == {"pending"}
    refuse(state, which="false")
    drain(app)

    assert set(journal_states(app)) == {"done"}
    assert len(rows(app, Message)) == 30


@on_postgresql
def test_the_words_of_an_error_are_not_taken_for_sqlites(
    app: Flask, factory: Factory, refuse: Refuse
) -> None:
    factory.account(external_id=PAGE)
    refuse("P0001", words="Failing row contains (database is locked)")
    journal_texts(app, *TEXTS)

    drain(app)

    assert journal_states(app).count("failed") == 1


@on_postgresql
def test_an_entry_that_takes_too_long_waits_alone_and_fails_in_the_end(
    app: Flask, factory: Factory, refuse: Refuse
) -> None:
    factory.account(external_id=PAGE)
    refuse("57014")
    journal_texts(app, *TEXTS)

    heard = [drain(app), drain(app)]  # the second time it is not its turn yet
    (waiting,) = rows(app, WebhookEntry, state="pending")
    attempts = [waiting.attempts]
    journal_texts(app, "e")
    for _ in range(careful.MAX_ATTEMPTS - 1):
        be_due(app)
        drain(app)
        attempts.append(rows(app, WebhookEntry)[1].attempts)

    (failed,) = rows(app, WebhookEntry, state="failed")
    assert [len(each) for each in heard] == [4, 0]
    assert attempts == list(range(1, careful.MAX_ATTEMPTS + 1))
    assert (failed.id, failed.error) == (waiting.id, "QueryCanceled")
    assert stored_texts(app) == ["a", "b", "c", "d", "e"]


@on_postgresql
def test_what_was_applied_before_the_trouble_is_told(
    app: Flask, factory: Factory, refuse: Refuse
) -> None:
    factory.account(external_id=PAGE)
    refuse("53100", which="NEW.text LIKE 'bad%'")
    journal_texts(app, *(f"good {number}" for number in range(8)))
    journal_texts(app, *(f"bad {number}" for number in range(56)))
    heard = Heard()

    with system_scope("test"), pytest.raises(DBAPIError):
        drain_all(app, news=heard)

    assert sorted(heard.message_ids) == [each.id for each in rows(app, Message)]
    assert len(heard.message_ids) == 8
    assert journal_states(app).count("pending") == 56


def large_entry(page: str, person: str) -> dict[str, Any]:
    return meta.entry(page, meta.message(page, person, "large")) | {"x": "y" * (MAX_BYTES * 2 // 3)}


def test_a_batch_has_no_more_bytes_than_a_worker_can_hold(app: Flask, factory: Factory) -> None:
    factory.account(external_id=PAGE)
    factory.account("w2", external_id=OTHER)
    journal(app, *(large_entry(PAGE, f"90{number}") for number in range(4)))
    journal(app, meta.entry(OTHER, meta.message(OTHER, PERSON, "small")))

    counts: list[int] = []
    with system_scope("test"):
        while (outcome := drain_batch(state_of(app).db.session, limit=100)) is not None:
            counts.append(outcome.entries)

    # Two of them are more than the limit: the second is the one that passes it.
    assert sum(counts) == 5
    assert max(counts) <= 3
    assert set(journal_states(app)) == {"done"}


@on_postgresql
def test_what_is_small_passes_what_is_large(app: Flask, factory: Factory) -> None:
    factory.account(external_id=PAGE)
    factory.account("w2", external_id=OTHER)
    journal(app, *(large_entry(PAGE, f"90{number}") for number in range(4)))
    journal(app, meta.entry(OTHER, meta.message(OTHER, PERSON, "small")))

    with system_scope("test"):
        for _ in range(2):
            drain_batch(state_of(app).db.session, limit=100)

    assert "small" in stored_texts(app)


def test_more_events_than_a_transaction_should_hold_are_applied_in_several(
    app: Flask, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(careful, "MAX_EVENTS", 5)
    factory.account(external_id=PAGE)
    for first in range(0, 12, 3):
        messages = [meta.message(PAGE, PERSON, f"{number}") for number in range(first, first + 3)]
        journal(app, meta.entry(PAGE, *messages))

    with system_scope("test"):
        session = state_of(app).db.session
        outcome = drain_batch(session, limit=100)
        assert outcome is not None
        assert (outcome.entries, may_find_more(session)) == (1, True)
    assert journal_states(app) == ["done", "pending", "pending", "pending"]
    drain(app)

    assert journal_states(app) == ["done"] * 4
    assert len(rows(app, Message)) == 12
