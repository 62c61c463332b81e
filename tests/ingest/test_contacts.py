"""The host's contact of somebody who comments first and writes then: one contact."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_messenger.ingest.announce import announce
from flask_messenger.models import Conversation, Identity
from flask_messenger.tenancy import system_scope
from tests.support import meta
from tests.support.app import Factory, Host
from tests.support.ingest import drain, rows

pytestmark = pytest.mark.databases("postgresql")
PAGE, PERSON = "1001", "9001"
COMMENT = {
    "item": "comment",
    "verb": "add",
    "comment_id": "c1",
    "post_id": "p1",
    "from": {"id": "c9001", "name": "Maya"},
    "message": "How much?",
}


def tell(app: Flask, client: FlaskClient, entry: dict[str, Any]) -> None:
    meta.post(client, meta.delivery(entry))
    ids = drain(app)
    with system_scope("test"):
        announce(app, ids)


def test_who_answers_in_private_is_the_contact_they_were_as_a_commenter(
    app: Flask, client: FlaskClient, factory: Factory, host: Host
) -> None:
    factory.account(external_id=PAGE, token=None)
    comment = {"id": PAGE, "time": 1, "changes": [{"field": "feed", "value": COMMENT}]}
    tell(app, client, comment)
    (commenter,) = rows(app, Identity)
    (comments,) = rows(app, Conversation)
    reply = {"direction": "outbound", "status": "sending", "private_reply_to": "c1"}
    said = factory.message(comments, external_id=None, **reply)
    echo = meta.echo(PAGE, PERSON, mid="m_1", metadata=f"fm:{said.id}")

    tell(app, client, meta.entry(PAGE, echo))
    tell(app, client, meta.entry(PAGE, meta.message(PAGE, PERSON, "Thank you!")))

    refs = {each.external_id: each.contact_ref for each in rows(app, Identity)}
    assert refs == {"c9001": "lead-1", PERSON: "lead-1"}
    assert [(each.external_id, each.kind) for each in host.resolved] == [("c9001", "commenter")]
    assert commenter.name == "Maya"
