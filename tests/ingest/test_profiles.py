"""Who writes to an account: asked of Meta once, all in one call, and again after some days."""

from datetime import timedelta

import pytest
import responses
from flask import Flask
from sqlalchemy import null

from flask_messenger.ingest.announce import announce
from flask_messenger.models import Identity, Message
from flask_messenger.models.base import utc_now
from flask_messenger.tenancy import system_scope
from tests.support.app import GRAPH_URL, Factory, Host
from tests.support.ingest import rows

pytestmark = pytest.mark.databases("postgresql")


def tell(app: Flask, **of: object) -> None:
    ids = [each.id for each in rows(app, Message, **of)]
    with system_scope("test"):
        assert announce(app, ids) == []


@responses.activate
def test_profile_is_asked_for_again_after_some_days(app: Flask, factory: Factory) -> None:
    page = factory.account(external_id="1001")
    old = utc_now() - timedelta(days=8)
    known = {"profile_state": "fetched", "name": "Maya", "picture_url": "https://cdn.example/old"}
    maya = factory.identity(page, external_id="2001", profile_checked_at=old, **known)
    tom = factory.identity(page, external_id="2002", profile_checked_at=utc_now(), **known)
    for person in (maya, tom):
        factory.message(factory.conversation(page, person), announced_at=null())
    asked = responses.get(
        f"{GRAPH_URL}/v25.0/2001",
        json={"id": "2001", "profile_pic": "https://cdn.example/new"},
    )

    tell(app)

    assert asked.call_count == 1
    [found] = rows(app, Identity, external_id="2001")
    assert (found.name, found.picture_url) == ("Maya", "https://cdn.example/new")
    assert found.profile_checked_at > old


@responses.activate
def test_batch_that_fails_names_nobody_and_is_tried_later(
    app: Flask, factory: Factory, host: Host
) -> None:
    page = factory.account(external_id="1001")
    for number in (1, 2):
        person = factory.identity(page, external_id=f"200{number}", name=None)
        factory.message(factory.conversation(page, person), announced_at=null())
    asked = responses.post(f"{GRAPH_URL}/v25.0/", status=500, json={"error": {"code": 2}})

    tell(app)

    assert asked.call_count == 1
    assert {each.profile_state for each in rows(app, Identity)} == {"unknown"}
    assert len(host.resolved) == 2
