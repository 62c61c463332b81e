"""An entry without any time of Meta's happened when it was received."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_messenger.models import Message, WebhookEntry
from flask_messenger.models.base import utc_now
from tests.support import meta
from tests.support.app import Factory
from tests.support.ingest import drain, rows

PAGE, PERSON = "1001", "9001"
COMMENT = {
    "item": "comment",
    "verb": "add",
    "comment_id": "c1",
    "post_id": "p1",
    "from": {"id": "c9001", "name": "Maya"},
    "message": "How much?",
}


def timeless(event: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in event.items() if name != "timestamp"}


@pytest.mark.parametrize("time", [None, 0, "soon", []])
def test_what_has_no_time_is_not_lost(
    app: Flask, client: FlaskClient, factory: Factory, time: Any
) -> None:
    factory.account(external_id=PAGE)
    entry = {
        "id": PAGE,
        "time": time,
        "messaging": [timeless(meta.message(PAGE, PERSON, mid="m_1"))],
        "changes": [{"field": "feed", "value": COMMENT}],
    }

    meta.post(client, meta.delivery(entry))
    drain(app)

    found = {each.external_id: each.sent_at for each in rows(app, Message)}
    assert set(found) == {"m_1", "c1"}
    assert all(utc_now() - at < timedelta(minutes=10) for at in found.values())
    (journalled,) = rows(app, WebhookEntry)
    assert (journalled.state, journalled.unhandled) == ("done", None)
