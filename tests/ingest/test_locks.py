"""Drains that meet in one conversation see each other's work, whoever an event names."""

import json
import threading
import time
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from flask_messenger.ingest.drain import drain_all
from flask_messenger.ingest.journal import insert_rows, make_rows
from flask_messenger.ingest.receive import Delivery
from flask_messenger.models import Conversation, Message
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support import meta
from tests.support.app import Factory
from tests.support.ingest import Heard, drain, rows

PAGE, PERSON = "555", "9001"
WAIT_SECONDS = 60
WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)

pytestmark = pytest.mark.databases("postgresql")


def journal(app: Flask, *events: Any) -> None:
    raw = (json.dumps(meta.entry(PAGE, *events)).encode(),)
    with state_of(app).db.engine.begin() as connection:
        insert_rows(connection, [make_rows(Delivery("page", raw), app_name="default")])


def wait_until_locked_out(connection: Any) -> None:
    ends_at = time.monotonic() + WAIT_SECONDS
    while not connection.execute(WAITING).scalar_one():
        assert time.monotonic() < ends_at, "Nobody waits for a lock."
        connection.rollback()  # a transaction sees the backends of its first look, for ever
        time.sleep(0.02)


@pytest.mark.parametrize("sender", [None, "9999"], ids=["nobody", "somebody else"])
def test_a_deletion_that_names_another_waits_for_who_writes_to_the_thread(
    app: Flask, factory: Factory, sender: str | None
) -> None:
    factory.account(external_id=PAGE)
    journal(app, meta.message(PAGE, PERSON, "first", mid="m1"))
    drain(app)
    (thread,) = rows(app, Conversation)
    (first,) = rows(app, Message)
    deletion = meta.message(PAGE, PERSON, mid="m1", is_deleted=True)
    deletion["sender"] = {"id": sender} if sender else {}
    journal(app, deletion)
    failures: list[BaseException] = []

    def delete() -> None:
        try:
            with app.app_context(), system_scope("test"):
                drain_all(app, news=Heard())
                state_of(app).db.session.remove()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    deleting = threading.Thread(target=delete)
    with system_scope("test"), state_of(app).db.engine.connect() as writer:
        # What a drain does with a second message, up to its commit.
        lock = text("SELECT FROM messenger_conversations WHERE id = :id FOR UPDATE")
        writer.execute(lock, {"id": thread.id})
        columns = ", ".join(
            each.name for each in Message.__table__.c if each.name not in {"id", "external_id"}
        )
        writer.execute(
            text(
                f"INSERT INTO messenger_messages (id, external_id, {columns})"  # noqa: S608
                f" SELECT gen_random_uuid(), 'm2', {columns} FROM messenger_messages WHERE id = :id"
            ),
            {"id": first.id},
        )
        writer.execute(
            text("UPDATE messenger_conversations SET unread_count = 2 WHERE id = :id"),
            {"id": thread.id},
        )
        deleting.start()
        with state_of(app).db.engine.connect() as looking:
            wait_until_locked_out(looking)
        writer.commit()
    deleting.join(WAIT_SECONDS)

    assert not deleting.is_alive()
    assert failures == []
    (after,) = rows(app, Conversation)
    assert after.unread_count == 1
    assert [each.external_id for each in rows(app, Message) if each.deleted_at is None] == ["m2"]
