"""Comments, opt-ins and touches of a person: in the export, and gone with them."""

import json
from typing import Any

import pytest
from flask import Flask

from flask_messenger.crypto import KeyRing
from flask_messenger.models import (
    Account,
    Conversation,
    DataRequest,
    Identity,
    Message,
    OptIn,
    WebhookEntry,
)
from flask_messenger.privacy.parts import read_part
from flask_messenger.privacy.requests import (
    NAMELESS,
    ask_for_erasure,
    ask_for_export,
    open_document,
)
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.privacy.conftest import MAYA, PAGE, person, work
from tests.support import meta
from tests.support.app import Factory, Host
from tests.support.ingest import drain, rows

pytestmark = [pytest.mark.databases("postgresql"), pytest.mark.usefixtures("account", "host")]

COMMENTER = "300100001"


def comment(comment_id: str, **fields: Any) -> dict[str, Any]:
    value = {
        "item": "comment",
        "verb": "add",
        "comment_id": comment_id,
        "post_id": "p1",
        "message": "my public secret",
        "created_time": meta.T0 // 1000,
        **fields,
    }
    return {"id": PAGE, "time": meta.T0, "changes": [{"field": "feed", "value": value}]}


def event(**body: Any) -> dict[str, Any]:
    sides = {"sender": {"id": MAYA}, "recipient": {"id": PAGE}, "timestamp": meta.T0}
    return meta.entry(PAGE, {**sides, **body})


TOLD = (
    comment("c1", **{"from": {"id": COMMENTER, "name": "Maya O."}}),
    comment("c2"),
    event(optin={"type": "notification_messages", "notification_messages_token": "secret-token"}),
    event(referral={"ref": "spring", "source": "ADS"}),
)


@pytest.fixture
def told(app: Flask, account: Account, host: Host) -> None:
    del account
    host.sign_in()
    meta.post(app.test_client(), meta.delivery(*TOLD))
    drain(app)
    maya, commenter = person(app).id, person(app, COMMENTER).id
    session = state_of(app).db.session
    with system_scope("test"):
        session.get(Identity, maya).linked_identity_id = commenter
        session.get(Identity, commenter).linked_identity_id = maya
        session.commit()


def erase(app: Flask, host: Host, external_id: str) -> None:
    identity = person(app, external_id)
    identity_id, confirmation = identity.id, (identity.name or "").strip() or NAMELESS
    held = state_of(app)
    with workspace_scope("w1"):
        ask_for_erasure(
            held.db.session,
            held.get(KeyRing),
            tenant=host.tenant,
            identity_id=identity_id,
            confirmation=confirmation,
        )
    work(app)


@pytest.mark.usefixtures("told")
def test_an_export_has_the_comments_too_and_no_token(app: Flask, host: Host) -> None:
    held = state_of(app)
    identity_id = person(app).id
    with workspace_scope("w1"):
        ask_for_export(held.db.session, tenant=host.tenant, identity_id=identity_id)
    work(app)

    documents = []
    for request_id in [each.id for each in rows(app, DataRequest)]:
        with workspace_scope("w1"):
            session, keys = held.db.session, held.get(KeyRing)
            found = open_document(session, keys, tenant=host.tenant, request_id=request_id)
            parts = [read_part(session, keys, each) for each in found.part_ids]
        documents.append(json.loads("".join(parts)))

    by_person = {each["person"]["external_id"]: each for each in documents}
    assert set(by_person) == {MAYA, COMMENTER}
    assert [each["text"] for each in by_person[COMMENTER]["messages"]] == ["my public secret"]
    mine = by_person[MAYA]
    assert [each["type"] for each in mine["opt_ins"]] == ["notification_messages"]
    assert "token_sealed" not in mine["opt_ins"][0]
    assert "secret-token" not in json.dumps(documents)
    assert mine["conversations"][0]["first_touch"]["ref"] == "spring"


@pytest.mark.usefixtures("told")
def test_an_erased_person_is_gone_with_their_comments_and_stays_so(app: Flask, host: Host) -> None:
    erase(app, host, MAYA)

    left = [each.external_id for each in rows(app, Identity)]
    assert left == ["comment:c2"]
    assert rows(app, OptIn) == []
    assert [each.external_id for each in rows(app, Message)] == ["c2"]
    bodies = b"".join(each.raw for each in rows(app, WebhookEntry))
    assert MAYA.encode() not in bodies
    assert COMMENTER.encode() not in bodies

    meta.post(app.test_client(), meta.delivery(*TOLD))
    drain(app)

    assert [each.external_id for each in rows(app, Identity)] == left


@pytest.mark.usefixtures("told")
def test_somebody_meta_does_not_name_can_be_erased(app: Flask, host: Host) -> None:
    erase(app, host, "comment:c2")

    assert "c2" not in [each.external_id for each in rows(app, Message)]
    assert not any(b'"c2"' in each.raw for each in rows(app, WebhookEntry))
    meta.post(app.test_client(), meta.delivery(TOLD[1]))
    drain(app)
    assert "c2" not in [each.external_id for each in rows(app, Message)]


def test_nothing_leads_to_a_thread_that_is_gone(app: Flask, factory: Factory, host: Host) -> None:
    (account,) = rows(app, Account)
    threads = [
        factory.conversation(account, factory.identity(account, external_id=each, name=None)).id
        for each in (MAYA, "another")
    ]
    session = state_of(app).db.session
    with system_scope("test"):
        session.get(Conversation, threads[1]).linked_conversation_id = threads[0]
        session.commit()
    host.sign_in()

    erase(app, host, MAYA)

    (left,) = rows(app, Conversation)
    assert (left.id, left.linked_conversation_id) == (threads[1], None)


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("first", [MAYA, COMMENTER, "comment:c2"])
def test_every_side_of_a_person_goes_whichever_is_named(app: Flask, host: Host, first: str) -> None:
    maya, unnamed = person(app).id, person(app, "comment:c2").id
    session = state_of(app).db.session
    with system_scope("test"):
        # Each private reply that they answer leads to the same person; they lead to the newest.
        session.get(Identity, unnamed).linked_identity_id = maya
        session.get(Identity, maya).linked_identity_id = unnamed
        session.commit()

    erase(app, host, first)

    assert rows(app, Identity) == []
    assert rows(app, Message) == []
