"""What the host hears of comments, notices and changed messages, through the real queues."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_messenger import (
    comment_received,
    message_changed,
    message_received,
    notice_received,
)
from tests.support import meta
from tests.support.app import Factory
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
