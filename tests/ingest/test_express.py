"""The webhook's own connections: few, shared by threads, and never by processes."""

import os
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from flask_messenger.errors import JournalUnavailableError
from flask_messenger.ingest.journal import Journal, make_rows
from flask_messenger.ingest.receive import Delivery, JournalRows
from flask_messenger.models import WebhookEntry
from flask_messenger.state import state_of
from tests.support.ingest import rows

NewApp = Callable[..., Flask]

pytestmark = pytest.mark.databases("postgresql")


def make(*raws: bytes) -> JournalRows:
    return make_rows(Delivery("page", raws), app_name="default")


def write(app: Flask, *raws: bytes) -> None:
    state_of(app).get(Journal).write(make(*raws))


def count_connections(app: Flask) -> list[Any]:
    made: list[Any] = []
    event.listen(state_of(app).db.engine, "connect", lambda connection, _: made.append(connection))
    return made


def test_threads_share_a_few_connections(new_app: NewApp) -> None:
    app = new_app(MESSENGER_WEBHOOK_CONNECTIONS=2)
    with app.app_context():
        made = count_connections(app)
        threads = [
            threading.Thread(target=write, args=(app, b'{"id":"%d"}' % number))
            for number in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(rows(app, WebhookEntry)) == 12
        assert len([each for each in made if each.autocommit]) <= 2


def test_a_forked_process_has_connections_of_its_own(app: Flask) -> None:
    write(app, b'{"id":"1"}')
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads run: that is the point
        pid = os.fork()
    if pid == 0:
        try:
            write(app, b'{"id":"2"}')
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    write(app, b'{"id":"3"}')

    assert [each.raw for each in rows(app, WebhookEntry)] == [b'{"id":"%d"}' % n for n in (1, 2, 3)]


@pytest.mark.parametrize("count", [1, 3])
def test_behind_a_pooler_nothing_is_left_on_the_connection(new_app: NewApp, count: int) -> None:
    options = {"connect_args": {"prepare_threshold": None}}
    app = new_app(SQLALCHEMY_ENGINE_OPTIONS=options)
    with app.app_context():
        made = count_connections(app)
        write(app, *[b'{"id":"%d"}' % number for number in range(count)])
        (ours,) = [each for each in made if each.autocommit]

        prepared = ours.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
        limit = ours.execute("SELECT setting FROM pg_settings WHERE name = 'statement_timeout'")
        assert prepared == (0,)
        assert limit.fetchone() == ("0",)
        assert len(rows(app, WebhookEntry)) == count


def test_commits_wait_for_the_disk_whatever_the_host_set(new_app: NewApp) -> None:
    options = {"connect_args": {"options": "-c synchronous_commit=off"}}
    app = new_app(SQLALCHEMY_ENGINE_OPTIONS=options)
    with app.app_context():
        made = count_connections(app)
        write(app, b"{}")
        (ours,) = [each for each in made if each.autocommit]

        assert ours.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_large_entries_go_through(app: Flask) -> None:
    large = b'{"id":"' + b"x" * (3 * 1024 * 1024) + b'"}'

    write(app, large)
    write(app, large, b"{}")

    assert [len(each.raw) for each in rows(app, WebhookEntry)] == [len(large), len(large), 2]


def test_a_refusal_says_its_code_and_no_value(app: Flask) -> None:
    private = JournalRows(
        ids=make(b"{}").ids,
        app_name="default",
        object="private" * 20,  # longer than its column
        received_at=make(b"{}").received_at,
        raws=(b"{}",),
    )

    with pytest.raises(JournalUnavailableError) as caught:
        state_of(app).get(Journal).write(private)

    assert caught.value.state == "22001"
    assert "private" not in repr(caught.value) + str(caught.value)
    assert caught.value.__cause__ is None
