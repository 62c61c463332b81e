"""A drain that meets a backlog takes a second thread."""

import json
import threading
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from flask_messenger.ingest import drain as draining
from flask_messenger.ingest.journal import insert_rows, make_rows
from flask_messenger.ingest.receive import Delivery
from flask_messenger.models import Message
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support import meta
from tests.support.app import Factory
from tests.support.ingest import journal_states, rows

PAGE = "551"
COUNT = 400


class Heard:
    """Notes which threads told of what, and holds the first up until another has worked."""

    def __init__(self, *, waits: bool = False) -> None:
        self.threads: set[str] = set()
        self.message_ids: list[uuid.UUID] = []
        self._other = threading.Event()
        self._waits = waits

    def stored(self, message_ids: Mapping[uuid.UUID, str]) -> None:
        name = threading.current_thread().name
        self.threads.add(name)
        self.message_ids += message_ids
        if len(self.threads) > 1:
            self._other.set()
        elif self._waits and len(self.message_ids) > COUNT // 4:
            assert self._other.wait(60)

    def attached(self, workspace_ids: Iterable[str]) -> None: ...

    def changed(self, message_ids: Iterable[uuid.UUID]) -> None: ...

    def lifted(self, message_ids: Iterable[uuid.UUID]) -> None:
        """Hear nothing of receipts: there are none."""


def fill(app: Flask) -> None:
    Factory(app).account(external_id=PAGE)
    state_of(app).db.session.remove()
    entries = [
        json.dumps(
            meta.entry(PAGE, meta.message(PAGE, f"9{number % 7}", f"text {number}"))
        ).encode()
        for number in range(COUNT)
    ]
    with state_of(app).db.engine.begin() as connection:
        insert_rows(connection, [make_rows(Delivery("page", tuple(entries)), app_name="default")])


def drain(app: Flask, heard: Heard) -> bool:
    with system_scope("test"):
        return draining.drain_all(app, news=heard)


@pytest.mark.databases("postgresql")
def test_a_backlog_is_drained_by_two_threads_each_message_once(new_app: Any) -> None:
    app = new_app(MESSENGER_DRAIN_BATCH_SIZE=20)
    with app.app_context():
        fill(app)
        heard = Heard(waits=True)

        assert drain(app, heard) is False

        assert len(heard.threads) == 2
        assert len(set(heard.message_ids)) == len(heard.message_ids) == COUNT
        assert len(rows(app, Message)) == COUNT
        assert set(journal_states(app)) == {"done"}


@pytest.mark.databases("postgresql")
def test_one_thread_does_it_all_where_the_host_wants_it(new_app: Any) -> None:
    app = new_app(MESSENGER_DRAIN_BATCH_SIZE=20, MESSENGER_DRAIN_THREADS=1)
    with app.app_context():
        fill(app)
        heard = Heard()

        assert drain(app, heard) is False

        assert heard.threads == {threading.current_thread().name}
        assert len(rows(app, Message)) == COUNT


@pytest.mark.databases("postgresql")
def test_two_threads_take_turns_where_there_is_one_connection(new_app: Any) -> None:
    options = {"pool_size": 1, "max_overflow": 0}
    app = new_app(MESSENGER_DRAIN_BATCH_SIZE=20, SQLALCHEMY_ENGINE_OPTIONS=options)
    with app.app_context():
        fill(app)

        assert drain(app, Heard()) is False

        assert len(rows(app, Message)) == COUNT


@pytest.mark.databases("postgresql")
def test_an_error_of_the_second_thread_is_the_drains(new_app: Any) -> None:
    app = new_app(MESSENGER_DRAIN_BATCH_SIZE=20)
    with app.app_context():
        fill(app)
        engine, first = state_of(app).db.engine, threading.current_thread()

        def break_down(*_: Any) -> None:
            if threading.current_thread() is not first:
                message = "the second thread"
                raise RuntimeError(message)

        event.listen(engine, "before_cursor_execute", break_down)
        try:
            with pytest.raises(RuntimeError, match="the second thread"):
                drain(app, Heard())
        finally:
            event.remove(engine, "before_cursor_execute", break_down)

        # What the first thread did is done, and the rest is taken up by the next drain.
        assert drain(app, Heard()) is False
        assert len(rows(app, Message)) == COUNT
