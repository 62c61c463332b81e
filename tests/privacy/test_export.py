"""Everything that is kept of one person, in one document."""

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from flask_messenger.crypto import KeyRing
from flask_messenger.errors import ConflictError, NotFoundError
from flask_messenger.models import AuditEntry, DataRequest, ExportPart, Message
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.privacy.parts import read_part
from flask_messenger.privacy.requests import (
    ask_for_erasure,
    ask_for_export,
    get_person,
    list_requests,
    open_document,
    retry_request,
)
from flask_messenger.privacy.work import find_open, forget_exports, work_on
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.privacy.conftest import JO, MAYA, person, work
from tests.support.app import Host
from tests.support.ingest import rows

pytestmark = pytest.mark.usefixtures("told")
on_postgresql = pytest.mark.databases("postgresql")


def ask(app: Flask, host: Host, external_id: str = MAYA) -> Any:
    identity_id = person(app, external_id).id
    with workspace_scope("w1"):
        session = state_of(app).db.session
        return ask_for_export(session, tenant=host.tenant, identity_id=identity_id).id


def download(app: Flask, host: Host, request_id: Any) -> dict[str, Any]:
    held = state_of(app)
    with workspace_scope("w1"):
        session, keys = held.db.session, held.get(KeyRing)
        document = open_document(session, keys, tenant=host.tenant, request_id=request_id)
        return json.loads("".join(read_part(session, keys, each) for each in document.part_ids))


def test_an_export_has_all_of_one_person_and_nothing_of_others(app: Flask, host: Host) -> None:
    request_id = ask(app, host)
    work(app)

    document = download(app, host, request_id)

    assert document["person"]["external_id"] == MAYA
    assert [each["text"] for each in document["messages"]] == ["my secret", "our answer"]
    first, answer = document["messages"]
    assert document["media"] == ["https://cdn.example.test/maya.jpg"]
    assert first["attachments"][0]["type"] == "image"
    assert answer["reactions"][0]["name"] == "love"
    assert len(document["conversations"]) == 1
    assert len(document["webhook_events"]) == 4
    text = json.dumps(document)
    assert JO not in text
    assert "hello from Jo" not in text


def test_an_export_lies_sealed_and_is_removed_in_time(app: Flask, host: Host) -> None:
    request_id = ask(app, host)
    work(app)
    (request,) = rows(app, DataRequest)
    (part,) = rows(app, ExportPart)

    assert "secret" not in part.content_sealed
    assert request.result == {
        "messages": 2,
        "attachments": 1,
        "reactions": 1,
        "webhook_events": 4,
    }
    with system_scope("test"):
        session = state_of(app).db.session
        assert forget_exports(session, now=utc_now() + timedelta(days=6)) == 0
        assert forget_exports(session, now=utc_now() + timedelta(days=8)) == 1

    assert [each.state for each in rows(app, DataRequest)] == ["expired"]
    assert rows(app, ExportPart) == []
    with pytest.raises(ConflictError, match="no longer kept"):
        download(app, host, request_id)


@on_postgresql
def test_a_second_click_is_the_same_request(app: Flask, host: Host) -> None:
    first = ask(app, host)

    assert ask(app, host) == first
    work(app)
    assert ask(app, host) != first
    assert len(rows(app, DataRequest)) == 2


@on_postgresql
def test_a_document_is_there_only_when_it_is_ready(app: Flask, host: Host) -> None:
    request_id = ask(app, host)

    with pytest.raises(ConflictError, match="yet"):
        download(app, host, request_id)


@on_postgresql
def test_who_asked_and_who_took_it_is_in_the_audit_log(app: Flask, host: Host) -> None:
    request_id = ask(app, host)
    work(app)
    download(app, host, request_id)

    acts = rows(app, AuditEntry)
    assert [(each.actor, each.action) for each in acts] == [
        ("u1", "person_export_requested"),
        ("u1", "person_exported"),
        ("u1", "person_export_downloaded"),
    ]
    assert {each.subject for each in acts} == {str(person(app).id)}


@on_postgresql
def test_others_see_no_person_and_no_request(app: Flask, host: Host) -> None:
    request_id = ask(app, host)
    work(app)
    identity_id = person(app).id
    session = state_of(app).db.session

    for tenant in (host.sign_in("w2"), host.sign_in("w1", location_ids={"l9"})):
        with workspace_scope(tenant.workspace_id):
            assert list_requests(session, tenant=tenant) == []
            with pytest.raises(NotFoundError):
                get_person(session, tenant=tenant, identity_id=identity_id)
            with pytest.raises(NotFoundError):
                open_document(
                    session, state_of(app).get(KeyRing), tenant=tenant, request_id=request_id
                )


@on_postgresql
def test_an_export_of_somebody_who_was_erased_meanwhile_fails_in_the_open(
    app: Flask, host: Host
) -> None:
    keys, session = state_of(app).get(KeyRing), state_of(app).db.session
    identity_id = person(app).id
    with workspace_scope("w1"):
        ask_for_erasure(
            session, keys, tenant=host.tenant, identity_id=identity_id, confirmation="erase"
        )
        ask_for_export(session, tenant=host.tenant, identity_id=identity_id)

    work(app)

    found = rows(app, DataRequest)
    assert [(each.kind, each.state, each.error) for each in found] == [
        ("erase", "done", None),
        ("export", "failed", "person_gone"),
    ]


@on_postgresql
def test_what_a_worker_left_is_found_again(app: Flask, host: Host) -> None:
    request_id = ask(app, host)
    session = state_of(app).db.session

    with system_scope("test"):
        assert find_open(session) == [("w1", request_id)]
        work(app)
        assert find_open(session) == []
        assert not work_on(app, new_id())  # one that is not there


def test_a_document_is_written_over_many_turns(
    app: Flask, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each turn reads a bounded number of rows, and the parts make the same document."""
    first_id = ask(app, host)
    work_all(app, first_id)
    at_once = download(app, host, first_id)
    monkeypatch.setattr("flask_messenger.privacy.export.ROWS", 1)
    monkeypatch.setattr("flask_messenger.privacy.bodies.MOST", 1)
    request_id = ask(app, host)

    turns = work_all(app, request_id, turn_seconds=-1)
    in_pieces = download(app, host, request_id)

    assert turns > 8
    del at_once["exported_at"], in_pieces["exported_at"]
    assert in_pieces == at_once


def work_all(app: Flask, request_id: Any, **values: float) -> int:
    turns = 1
    with system_scope("test"):
        while work_on(app, request_id, **values):
            turns += 1
    return turns


@on_postgresql
def test_a_request_that_keeps_failing_ends_and_can_be_tried_again(app: Flask, host: Host) -> None:
    request_id = ask(app, host)
    keys, session = state_of(app).get(KeyRing), state_of(app).db.session
    with system_scope("test"):
        message = rows(app, Message, external_id="m_maya")[0]
        message.content = {"too large for any number": 2**70}
        session.commit()

        for _ in range(5):
            assert find_open(session) == [("w1", request_id)]
            assert not work_on(app, request_id)
        (request,) = rows(app, DataRequest)
        assert (request.state, request.error) == ("failed", "TypeError")
        assert rows(app, ExportPart) == []
        assert find_open(session) == []
        rows(app, Message, external_id="m_maya")[0].content = {}
        session.commit()
    with workspace_scope("w1"), pytest.raises(ConflictError, match="no longer kept"):
        open_document(session, keys, tenant=host.tenant, request_id=request_id)

    with workspace_scope("w1"):
        retry_request(session, tenant=host.tenant, request_id=request_id)
        with pytest.raises(ConflictError, match="Only what failed"):
            retry_request(session, tenant=host.tenant, request_id=request_id)
    work(app)

    assert len(download(app, host, request_id)["messages"]) == 2


@on_postgresql
def test_a_request_that_kills_its_workers_ends_too(app: Flask, host: Host) -> None:
    request_id = ask(app, host)
    with system_scope("test"):
        rows(app, DataRequest)[0].progress = {"tries": 5}  # each try was counted, none came back
        state_of(app).db.session.commit()
        assert not work_on(app, request_id)

    assert [(each.state, each.error) for each in rows(app, DataRequest)] == [
        ("failed", "worker_lost")
    ]


@on_postgresql
def test_a_failed_request_asked_for_anew_is_not_tried_beside_it(app: Flask, host: Host) -> None:
    request_id = ask(app, host)
    with system_scope("test"):
        rows(app, DataRequest)[0].state = "failed"
        state_of(app).db.session.commit()
    ask(app, host)

    with workspace_scope("w1"), pytest.raises(ConflictError, match="asked for anew"):
        retry_request(state_of(app).db.session, tenant=host.tenant, request_id=request_id)
