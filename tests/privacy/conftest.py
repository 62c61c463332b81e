"""A person with everything there is of one, and the work that exports or erases them."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_messenger.models import Account, DataRequest, Identity
from flask_messenger.privacy.work import work_on
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support import meta
from tests.support.app import Factory, Host
from tests.support.ingest import drain, rows

PAGE, MAYA, JO = "1001", "200100001", "200100002"
PICTURE = {"type": "image", "payload": {"url": "https://cdn.example.test/maya.jpg"}}


@pytest.fixture
def account(factory: Factory) -> Account:
    return factory.account(external_id=PAGE)


@pytest.fixture
def told(client: FlaskClient, app: Flask, account: Account, host: Host) -> dict[str, Any]:
    """Two people have written, in one delivery; Maya reacted and read as well."""
    del account
    host.sign_in()
    body = meta.delivery(
        meta.entry(
            PAGE,
            meta.message(PAGE, MAYA, "my secret", mid="m_maya", attachments=[PICTURE]),
            meta.message(PAGE, JO, "hello from Jo", mid="m_jo"),
            meta.echo(PAGE, MAYA, "our answer", at=meta.T0 + 3, mid="m_echo"),
            {
                "sender": {"id": MAYA},
                "recipient": {"id": PAGE},
                "timestamp": meta.T0 + 5,
                "reaction": {"mid": "m_echo", "action": "react", "emoji": "x", "reaction": "love"},
            },
            meta.receipt(PAGE, MAYA, "read", watermark=meta.T0 + 9),
        )
    )
    assert meta.post(client, body).status_code == 200
    drain(app)
    return body


def person(app: Flask, external_id: str = MAYA) -> Identity:
    (found,) = rows(app, Identity, external_id=external_id)
    return found


def work(app: Flask) -> None:
    """Do all that was asked, as the worker does."""
    with system_scope("test"):
        for request in rows(app, DataRequest):
            request_id = request.id
            while work_on(app, request_id):
                pass
    state_of(app).db.session.rollback()
