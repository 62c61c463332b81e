"""What the host hears of comments, notices and changed messages, through the real queues."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import null

from flask_messenger import (
    comment_received,
    message_changed,
    message_received,
    notice_received,
)
from flask_messenger.ingest.announce import find_unannounced
from flask_messenger.models import Message
from flask_messenger.models.base import utc_now
from flask_messenger.tenancy import system_scope
from tests.support import meta
from tests.support.app import Factory
from tests.support.ingest import drain, rows
from tests.test_jobs import work

pytestmark = pytest.mark.databases("postgresql")
PAGE, PERSON = "1001", "9001"
SIGNALS = {
    "message": message_received,
    "comment": comment_received,
    "notice": notice_received,
    "change": message_changed,
}


def test_the_host_hears_each_by_its_own_signal(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account(external_id=PAGE, token=None)
    comment = {
        "item": "comment",
        "verb": "add",
        "comment_id": "c1",
        "post_id": "p1",
        "from": {"id": "c9001", "name": "Maya"},
        "message": "How much?",
    }
    linked = {**meta.message(PAGE, PERSON), "account_linking": {"status": "linked"}}
    del linked["message"]
    gone = meta.message(PAGE, PERSON, None, mid="m_1", is_deleted=True)
    entry = meta.entry(PAGE, meta.message(PAGE, PERSON, mid="m_1"), linked)
    standby = {"id": PAGE, "time": meta.T0, "standby": [meta.message(PAGE, PERSON)]}
    change = {"id": PAGE, "time": meta.T0, "changes": [{"field": "feed", "value": comment}]}
    heard: list[tuple[str, Any, Any]] = []
    listeners = {name: _listener(name, heard) for name in SIGNALS}

    for name, signal in SIGNALS.items():
        signal.connect(listeners[name])
    meta.post(client, meta.delivery(entry, standby, change))
    work(app)
    meta.post(client, meta.delivery(meta.entry(PAGE, gone)))
    work(app)
    for name, signal in SIGNALS.items():
        signal.disconnect(listeners[name])

    assert sorted(heard) == [
        ("change", "text", True),
        ("comment", "comment", False),
        ("message", "text", False),
        ("message", "text", True),
        ("notice", "account_linked", False),
    ]


def _listener(name: str, heard: list[tuple[str, Any, Any]]) -> Any:
    def listen(_: Flask, **said: Any) -> None:
        flag = said["is_deleted"] if name == "change" else said["is_standby"]
        heard.append((name, said["kind"], flag))

    return listen


def test_what_will_never_be_in_a_thread_is_not_looked_for(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account(external_id=PAGE)
    own = {"item": "comment", "verb": "add", "post_id": "p1", "from": {"id": PAGE}}
    values = [{**own, "comment_id": "c1"}, {**own, "comment_id": "c2", "parent_id": "c0"}]
    changes = [{"field": "feed", "value": each} for each in values]

    meta.post(client, meta.delivery({"id": PAGE, "time": meta.T0, "changes": changes}))
    drain(app)

    waiting = {each.external_id: each.announced_at is None for each in rows(app, Message)}
    assert waiting == {"c1": False, "c2": True}


@pytest.mark.parametrize(("days", "is_found"), [(1, True), (31, False)])
def test_what_was_told_nobody_for_a_month_is_left(
    factory: Factory, days: int, *, is_found: bool
) -> None:
    thread = factory.conversation(factory.account())
    old = utc_now() - timedelta(days=days)
    factory.message(thread, announced_at=null(), created_at=old)

    with system_scope("test"):
        found = find_unannounced(factory.session, limit=10)

    assert bool(found) is is_found
