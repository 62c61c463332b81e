"""Erasing one person: everywhere, for good, and nobody else."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, delete, select, text, update

from flask_messenger import jobs
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import InvalidRequestError
from flask_messenger.ingest.replay import Selection, replay
from flask_messenger.models import (
    Account,
    Attachment,
    AuditEntry,
    Base,
    Conversation,
    DataRequest,
    Erasure,
    ExportPart,
    Identity,
    Message,
    Reaction,
    Receipt,
    WebhookEntry,
)
from flask_messenger.models.base import utc_now
from flask_messenger.models.journal import first_id
from flask_messenger.privacy import bodies
from flask_messenger.privacy.requests import ask_for_erasure, ask_for_export
from flask_messenger.privacy.work import work_on
from flask_messenger.signals import person_erased
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.privacy.conftest import JO, MAYA, PAGE, person, work
from tests.support import meta
from tests.support.app import Factory, Host
from tests.support.ingest import drain, journal_states, rows

on_postgresql = pytest.mark.databases("postgresql")


def ask(app: Flask, host: Host, confirmation: str = "erase") -> Any:
    held = state_of(app)
    identity_id = person(app).id
    with workspace_scope("w1"):
        return ask_for_erasure(
            held.db.session,
            held.get(KeyRing),
            tenant=host.tenant,
            identity_id=identity_id,
            confirmation=confirmation,
        ).id


def erase(app: Flask, host: Host) -> None:
    ask(app, host)
    work(app)


def everything(app: Flask) -> str:
    """Return all that the database holds, bodies as text."""
    session = state_of(app).db.session
    session.rollback()
    with system_scope("test"):
        return "\n".join(
            " ".join(
                each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each)
                for each in row
            )
            for table in Base.metadata.sorted_tables
            for row in session.execute(select(table))
        )


def test_nothing_of_the_person_is_left_and_all_of_the_other(
    app: Flask, told: Any, host: Host
) -> None:
    assert MAYA in everything(app)

    erase(app, host)

    left = everything(app)
    for word in (MAYA, "my secret", "our answer", "maya.jpg", "m_maya", "m_echo"):
        assert word not in left
    assert [each.external_id for each in rows(app, Identity)] == [JO]
    assert [each.text for each in rows(app, Message)] == ["hello from Jo"]
    assert rows(app, Attachment) == rows(app, Reaction) == rows(app, Receipt) == []
    assert len(rows(app, Conversation)) == 1
    (entry,) = rows(app, WebhookEntry)
    assert json.loads(entry.raw)["messaging"] == [told["entry"][0]["messaging"][1]]


@on_postgresql
def test_the_request_says_what_was_done_and_forgets_whom(app: Flask, told: Any, host: Host) -> None:
    del told
    erase(app, host)

    (request,) = rows(app, DataRequest)
    assert request.state == "done"
    assert request.person_sealed is None
    assert request.result["messenger_messages"] == 2
    assert request.result["messenger_attachments"] == 1
    assert request.result["journal_bodies"] == 1
    assert [each.action for each in rows(app, AuditEntry)] == [
        "person_erase_requested",
        "person_erased",
    ]


def test_what_meta_sends_again_does_not_bring_them_back(
    app: Flask, client: FlaskClient, told: Any, host: Host
) -> None:
    erase(app, host)

    assert meta.post(client, told).status_code == 200
    late = meta.receipt(PAGE, MAYA, "read", watermark=meta.T0 + 50)
    assert meta.post(client, meta.delivery(meta.entry(PAGE, late))).status_code == 200
    drain(app)

    assert journal_states(app) == ["done", "done", "done"]
    assert [each.external_id for each in rows(app, Identity)] == [JO]
    assert rows(app, Receipt) == []
    assert MAYA not in everything(app)


@on_postgresql
def test_a_replay_does_not_bring_them_back(app: Flask, told: Any, host: Host) -> None:
    del told
    erase(app, host)

    with system_scope("test"):
        session = state_of(app).db.session
        assert replay(session, Selection(workspace_id="w1", state="done"), actor="u1") == 1
    drain(app)

    assert journal_states(app) == ["done"]
    assert [each.external_id for each in rows(app, Identity)] == [JO]


@on_postgresql
def test_who_writes_again_later_is_a_new_contact(
    app: Flask, client: FlaskClient, told: Any, host: Host
) -> None:
    del told
    erase(app, host)
    now = int(utc_now().timestamp() * 1000) + 60_000

    body = meta.delivery(meta.entry(PAGE, meta.message(PAGE, MAYA, "me again", at=now)))
    assert meta.post(client, body).status_code == 200
    drain(app)

    assert [each.external_id for each in rows(app, Identity)] == [JO, MAYA]
    assert rows(app, Message)[-1].text == "me again"


def test_an_entry_that_waits_while_somebody_is_erased_does_not_bring_them_back(
    app: Flask, client: FlaskClient, told: Any, host: Host
) -> None:
    del told
    ask(app, host)
    body = meta.delivery(meta.entry(PAGE, meta.message(PAGE, MAYA, "one more secret")))
    assert meta.post(client, body).status_code == 200

    work(app)
    drain(app)

    assert "one more secret" not in everything(app)
    assert [each.external_id for each in rows(app, Identity)] == [JO]


def test_entries_without_a_workspace_are_cleaned_too(app: Flask, told: Any, host: Host) -> None:
    del told
    with system_scope("test"):
        session = state_of(app).db.session
        entry = {"id": PAGE, "messaging": [meta.message(PAGE, MAYA, "stray")]}
        for state, raw in (
            ("unrouted", json.dumps(entry).encode()),
            ("done", json.dumps(entry).encode()),
            ("failed", b"\xff not json " + MAYA.encode()),
        ):
            session.add(
                WebhookEntry(
                    app_name="default",
                    object="page",
                    raw=raw,
                    state=state,
                    external_id=None if state == "failed" else PAGE,
                )
            )
        session.commit()

    erase(app, host)

    assert MAYA not in everything(app)
    assert json.loads(rows(app, WebhookEntry, state="failed")[0].raw) == {"erased": True}


@on_postgresql
def test_a_large_journal_is_cleaned_piece_by_piece(
    app: Flask, client: FlaskClient, told: Any, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    del told
    monkeypatch.setattr(bodies, "PIECE", 3)
    for number in range(8):
        who = MAYA if number % 2 else JO
        body = meta.delivery(meta.entry(PAGE, meta.message(PAGE, who, f"word {number}")))
        assert meta.post(client, body).status_code == 200
    drain(app)

    erase(app, host)

    assert MAYA not in everything(app)
    assert rows(app, DataRequest)[0].result["journal_bodies"] == 5


def test_a_worker_that_dies_in_between_is_followed_by_another(
    app: Flask, told: Any, host: Host
) -> None:
    del told
    request_id = ask(app, host)
    with system_scope("test"):
        # The messages are gone, the person is not; then the rows are, the journal is as it was.
        assert work_on(app, request_id, turn_seconds=-1)
        assert work_on(app, request_id, turn_seconds=-1)
    assert rows(app, Message, external_id="m_maya") == []
    assert MAYA in everything(app)

    work(app)

    assert MAYA not in everything(app)


@on_postgresql
def test_a_message_on_its_way_is_waited_for(
    app: Flask, told: Any, host: Host, factory: Factory
) -> None:
    del told
    (thread, _) = rows(app, Conversation)
    message = factory.message(thread, direction="outbound", status="sending", text="on its way")
    message_id = message.id
    (maya_thread,) = rows(app, Conversation, identity_id=person(app).id)
    with system_scope("test"):
        factory.session.execute(
            update(Message).where(Message.id == message_id).values(conversation_id=maya_thread.id)
        )
        factory.session.commit()
    request_id = ask(app, host)

    with system_scope("test"):
        assert not work_on(app, request_id)
        assert len(rows(app, Message)) == 4
        factory.session.execute(
            update(Message).where(Message.id == message_id).values(status="sent")
        )
        factory.session.commit()
        work(app)

    assert [each.text for each in rows(app, Message)] == ["hello from Jo"]


@on_postgresql
@pytest.mark.parametrize("typed", ["", "maya", "Maya Okafor!"])
def test_the_name_has_to_be_typed(app: Flask, host: Host, factory: Factory, typed: str) -> None:
    host.sign_in()
    account = factory.account(external_id=PAGE)
    factory.identity(account, external_id=MAYA, name="Maya Okafor")

    with pytest.raises(InvalidRequestError) as caught:
        ask(app, host, typed)

    assert caught.value.field == "confirmation"
    assert rows(app, DataRequest) == []


@on_postgresql
def test_the_name_is_enough_in_any_case(app: Flask, host: Host, factory: Factory) -> None:
    host.sign_in()
    factory.identity(factory.account(external_id=PAGE), external_id=MAYA, name="Maya Okafor")

    ask(app, host, " maya OKAFOR ")

    assert [each.kind for each in rows(app, DataRequest)] == ["erase"]


@on_postgresql
def test_the_same_id_at_another_account_is_another_person(
    app: Flask, client: FlaskClient, told: Any, host: Host, factory: Factory
) -> None:
    del told
    with system_scope("test"):
        factory.session.execute(delete(Erasure))
    other: Account = factory.account("w2", external_id="1002")
    assert other.external_id == "1002"
    erase(app, host)

    body = meta.delivery(meta.entry("1002", meta.message("1002", MAYA, "to the other Page")))
    assert meta.post(client, body).status_code == 200
    drain(app)

    assert [each.workspace_id for each in rows(app, Identity)] == ["w1", "w2"]


@on_postgresql
def test_the_host_hears_of_it_after_the_commit(app: Flask, told: Any, host: Host) -> None:
    del told
    heard: list[dict[str, Any]] = []
    identity_id = person(app).id

    def receive(sender: Flask, **arguments: Any) -> None:
        heard.append({**arguments, "left": len(rows(sender, Identity))})

    person_erased.connect(receive, app)
    erase(app, host)

    assert [(each["workspace_id"], each["identity_id"]) for each in heard] == [("w1", identity_id)]
    assert heard[0]["left"] == 1


@on_postgresql
def test_a_drain_that_has_not_heard_is_waited_for(
    app: Flask, told: Any, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    del told
    monkeypatch.setattr("flask_messenger.privacy.erase.LOCK_MILLISECONDS", 50)
    request_id = ask(app, host)

    with system_scope("test"), state_of(app).db.engine.connect() as drain_under_way:
        drain_under_way.execute(select(Erasure.__table__))
        assert not work_on(app, request_id)
    assert len(rows(app, Identity)) == 2

    work(app)

    assert [each.external_id for each in rows(app, Identity)] == [JO]


@on_postgresql
def test_the_schedule_finds_what_a_worker_left_and_the_command_does_it(
    app: Flask, told: Any, host: Host
) -> None:
    del told
    request_id = ask(app, host)
    runner = app.test_cli_runner()

    listed = runner.invoke(args=["messenger", "privacy", "list"])
    worked = runner.invoke(args=["messenger", "privacy", "work"])

    assert f"{request_id} w1 erase queued" in listed.output
    assert worked.output == f"{request_id} worked on\n"
    assert runner.invoke(args=["messenger", "privacy", "list"]).output == ""
    assert "erase done" in runner.invoke(args=["messenger", "privacy", "list", "--all"]).output
    assert [each.external_id for each in rows(app, Identity)] == [JO]


@on_postgresql
def test_a_worker_does_what_waits_in_redis(app: Flask, told: Any, host: Host) -> None:
    del told
    request_id = ask(app, host)

    jobs.wake_data_request("w1", request_id)
    jobs.take_turns("bulk")

    assert [each.state for each in rows(app, DataRequest)] == ["done"]


@pytest.mark.usefixtures("told")
def test_an_export_that_was_made_before_goes_with_the_person(app: Flask, host: Host) -> None:
    held = state_of(app)
    identity_id = person(app).id
    with workspace_scope("w1"):
        ask_for_export(held.db.session, tenant=host.tenant, identity_id=identity_id)
        held.db.session.commit()
    work(app)
    [export] = [each for each in rows(app, DataRequest) if each.kind == "export"]
    assert len(rows(app, ExportPart)) == 1

    erase_id = ask(app, host)
    work(app)

    by_id = {each.id: each for each in rows(app, DataRequest)}
    assert by_id[export.id].state == "expired"
    assert rows(app, ExportPart) == []
    assert by_id[erase_id].result["exports"] == 1


@on_postgresql
def test_drains_go_on_while_messages_are_removed(
    app: Flask, client: FlaskClient, told: Any, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the length of a conversation: batches first, the table at the end."""
    del told
    monkeypatch.setattr("flask_messenger.privacy.erase.BATCH", 1)
    request_id = ask(app, host)
    body = meta.delivery(meta.entry(PAGE, meta.message(PAGE, MAYA, "meanwhile", mid="m_new")))

    with system_scope("test"):
        assert work_on(app, request_id, turn_seconds=-1)
        assert rows(app, Erasure) == []
        left = {each.text for each in rows(app, Message)}
        assert left == {"hello from Jo", "our answer"}
        assert meta.post(client, body).status_code == 200
        drain(app)
        assert len(rows(app, Message)) == 3
        work(app)

    assert [each.text for each in rows(app, Message)] == ["hello from Jo"]
    assert rows(app, DataRequest)[0].result["messenger_messages"] == 3


@on_postgresql
def test_what_came_after_the_erasure_is_left_in_the_journal(
    app: Flask, client: FlaskClient, told: Any, host: Host
) -> None:
    del told
    request_id = ask(app, host)
    with system_scope("test"):
        while rows(app, Erasure) == []:
            assert work_on(app, request_id, turn_seconds=-1)
    entry = meta.message(PAGE, MAYA, "me again", at=int(utc_now().timestamp() * 1000) + 60_000)
    assert meta.post(client, meta.delivery(meta.entry(PAGE, entry))).status_code == 200

    work(app)

    assert rows(app, DataRequest)[0].state == "done"
    assert "me again" in rows(app, WebhookEntry)[-1].raw.decode()


@on_postgresql
def test_an_entry_that_waits_is_cleaned_whatever_its_events_are(
    app: Flask, client: FlaskClient, told: Any, host: Host
) -> None:
    """Of kinds that nobody applies a drain does not know the person; of others' it must not."""
    del told
    ask(app, host)
    strange = {"sender": {"id": MAYA}, "recipient": {"id": PAGE}, "new_kind": {"text": "a secret"}}
    for page in (PAGE, "9999"):
        assert meta.post(client, meta.delivery(meta.entry(page, strange))).status_code == 200

    work(app)

    own, others = (each.raw.decode() for each in rows(app, WebhookEntry)[-2:])
    assert MAYA not in own
    assert MAYA in others


@on_postgresql
def test_an_erasure_is_not_done_while_an_older_entry_waits(
    app: Flask, told: Any, host: Host
) -> None:
    del told
    with system_scope("test"):
        session = state_of(app).db.session
        raw = b"\xff not json " + MAYA.encode()
        session.add(WebhookEntry(app_name="default", object="page", raw=raw))
        session.commit()
    ask(app, host)

    work(app)
    assert [each.state for each in rows(app, DataRequest)] == ["running"]
    drain(app)
    work(app)

    assert [each.state for each in rows(app, DataRequest)] == ["done"]
    assert MAYA not in everything(app)


@on_postgresql
def test_what_was_received_before_and_comes_late_is_cleaned_by_the_drain(
    app: Flask, told: Any, host: Host, tables_owner: Engine
) -> None:
    """From the spool, say: of a kind nobody handles, and beside what makes the entry fail."""
    del told
    erase(app, host)
    strange = {"sender": {"id": MAYA}, "recipient": {"id": PAGE}, "new_kind": {"text": "a secret"}}
    broken = meta.message(PAGE, JO, "no such word", mid="m_broken")
    with system_scope("test"):
        session = state_of(app).db.session
        for number, events in enumerate(([strange], [strange, broken])):
            old = UUID(int=first_id(utc_now() - timedelta(hours=1)).int + number)
            raw = json.dumps({"id": PAGE, "time": meta.T0, "messaging": events}).encode()
            session.add(WebhookEntry(id=old, app_name="default", object="page", raw=raw))
        session.commit()

    with refused(tables_owner, "no such word"):
        drain(app)

    assert journal_states(app)[:2] == ["done", "failed"]
    assert MAYA not in everything(app)


@contextmanager
def refused(owner: Engine, word: str) -> Iterator[None]:
    """Have the database refuse messages of one text."""
    table = "ALTER TABLE messenger_messages"
    with owner.begin() as connection:
        connection.execute(
            text(f"{table} ADD CONSTRAINT refused CHECK (text <> '{word}') NOT VALID")
        )
    try:
        yield
    finally:
        with owner.begin() as connection:
            connection.execute(text(f"{table} DROP CONSTRAINT refused"))
