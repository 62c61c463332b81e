"""Every route, called with ids of somebody else: the same answer as for ids that do not exist.

The routes are read from the application, so a new one is walked as soon as it is there; one whose
ids or body this file does not know fails until they are told here.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from flask_messenger.connect.login import Login
from flask_messenger.crypto import KeyRing
from flask_messenger.graph.users import Permissions, Person
from flask_messenger.media.links import media_link
from flask_messenger.media.store import Store, new_key
from flask_messenger.models import (
    Attachment,
    Base,
    DataRequest,
    Message,
    PendingConnection,
    Persona,
    SavedReply,
    Template,
    Upload,
    WebhookEntry,
)
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.api.conftest import Api, Threads
from tests.support.app import Factory, Host

OURS = ("messenger_api.", "messenger_integrations.", "messenger_ui.")
BELONGS_TO_NOBODY = {
    "messenger_ui.deletion_status",  # a confirmation code that Meta hands to the person
}
CALLS_META = {
    "messenger_ui.add_persona",
    "messenger_api.apply_profile",
    "messenger_api.clone_utility_template",
    "messenger_api.create_persona",
    "messenger_api.delete_persona",
    "messenger_api.diff_profile",
    "messenger_api.examine_account",
    "messenger_api.list_library",
    "messenger_api.propose_utility_template",
    "messenger_api.refresh_profile",
    "messenger_api.sync_personas",
    "messenger_api.sync_utility_templates",
    "messenger_api.change_thread_control",
    "messenger_api.delete_comment",
    "messenger_api.set_reaction",
    "messenger_api.set_visibility",
    "messenger_integrations.post_connection",
    "messenger_integrations.post_disconnect",
    "messenger_ui.check_account",
    "messenger_ui.connect_chosen",
    "messenger_ui.control",
    "messenger_ui.delete",
    "messenger_ui.disconnect",
    "messenger_ui.drop_persona",
    "messenger_ui.hide",
    "messenger_ui.read_personas",
    "messenger_ui.read_templates",
    "messenger_ui.react_to",
    "messenger_ui.read_profile",
    "messenger_ui.set_profile",
    "messenger_ui.show",
}
# What is there can be deleted once.
DELETED_BY_THE_API = {
    "messenger_ui.drop_upload",
    "messenger_ui.drop_saved_reply",
    "messenger_ui.drop_template",
}
FRESH_EACH_TIME = re.compile(
    r'(?<=name="fm-csrf" content=")[^"]*|(?<=name="csrf_token" value=")[^"]*'
)
UNTIL = (utc_now() + timedelta(hours=2)).isoformat()
THAT_CONVERSATION = "the conversation"
COMPONENTS = [{"type": "BODY", "text": "Hi"}]
BODIES: dict[str, dict[str, Any]] = {
    "messenger_api.change_template": {"json": {"name": "New"}},
    "messenger_api.preview_template": {"json": {"conversation_id": THAT_CONVERSATION}},
    "messenger_api.preview_new_template": {"json": {"text": "Hi"}},
    "messenger_api.change_saved_reply": {"json": {"title": "New"}},
    "messenger_api.preview_saved_reply": {"json": {"conversation_id": THAT_CONVERSATION}},
    "messenger_api.propose_utility_template": {
        "json": {"name": "hi", "language": "en", "components": COMPONENTS}
    },
    "messenger_api.clone_utility_template": {
        "json": {"library_name": "hi", "name": "hi", "language": "en"}
    },
    "messenger_api.diff_profile": {"json": {"properties": {}}},
    "messenger_api.apply_profile": {"json": {"properties": {}}},
    "messenger_api.create_persona": {
        "json": {"name": "Sam", "picture_url": "https://cdn.example/sam.jpg"}
    },
    "messenger_api.change_persona": {"json": {"user_id": None}},
    "messenger_api.change_conversation": {"json": {"status": "closed", "assignee": "me"}},
    "messenger_api.change_history": {"json": {"action": "start"}},
    "messenger_api.mark_seen": {"json": {}},
    "messenger_api.change_thread_control": {"json": {"action": "take"}},
    "messenger_api.pause_bots": {"json": {"paused_until": None}},
    "messenger_api.set_visibility": {"json": {"hidden": True}},
    "messenger_api.set_reaction": {"json": {"emoji": None}},
    "messenger_integrations.post_connection": {"json": {"pages": [{"id": "1"}]}},
    "messenger_integrations.post_location": {"json": {"location_id": "l2"}},
    "messenger_api.erase_person": {"json": {"confirmation": "Their Customer"}},
    "messenger_ui.assign": {"data": {"assignee": "u2"}},
    "messenger_ui.snooze": {"data": {"until": UNTIL}},
    "messenger_ui.send": {"data": {"text": "Hi"}},
    "messenger_ui.erase_person": {"data": {"confirmation": "Their Customer"}},
    "messenger_ui.move": {"data": {"location_id": "l2"}},
    "messenger_ui.control": {"data": {"action": "take"}},
    "messenger_ui.add_persona": {
        "data": {"name": "Sam", "picture_url": "https://cdn.example/sam.jpg"}
    },
    "messenger_ui.edit_template": {"data": {"name": "New", "text": "Hello there"}},
    "messenger_ui.edit_saved_reply": {
        "data": {"shortcut": "hi", "title": "Hello", "text": "Hello there"}
    },
    "messenger_ui.connect_chosen": {"data": {"page": "1"}},
}


@dataclass(frozen=True)
class Foreign:
    """Ids of one workspace, by the name a route gives them."""

    account_id: uuid.UUID
    conversation_id: uuid.UUID
    message_id: uuid.UUID
    attempt_id: uuid.UUID
    identity_id: uuid.UUID
    entry_id: uuid.UUID
    request_id: uuid.UUID
    template_id: uuid.UUID
    saved_reply_id: uuid.UUID
    persona_id: uuid.UUID
    attachment_id: uuid.UUID
    upload_id: uuid.UUID
    token: str
    recipient_id: str

    @classmethod
    def unknown(cls) -> "Foreign":
        names = [each.name for each in fields(cls) if each.name != "recipient_id"]
        return cls(**{name: uuid.uuid4() for name in names}, recipient_id="31337")

    def hide(self, text: str) -> str:
        """Return `text` without the ids, to compare it with the answer about other ids."""
        for value in vars(self).values():
            text = text.replace(str(value), "ID")
        return text


@pytest.fixture
def theirs(app: Flask, factory: Factory, threads: Threads) -> Foreign:
    account = factory.account("w2", location_id="l2", name="Their Page")
    thread = threads.make("their secret", account=account, name="Their Customer")
    failed = factory.message(
        thread.conversation, direction="outbound", status="unknown", text="their answer"
    )
    login = Login(
        person=Person(id="1", name="Their Admin"),
        permissions=Permissions(granted=("pages_messaging",), declined=()),
    )
    pending = PendingConnection(
        id=new_id(),
        workspace_id="w2",
        user_id="u1",
        channel="facebook",
        app_name="default",
        state_hash="0" * 64,
        step="choice",
        expires_at=utc_now() + timedelta(hours=1),
    )
    recipient_id = threads.reload(thread.identity).external_id
    identity_id, page_id = thread.identity.id, account.external_id
    entry = WebhookEntry(
        id=new_id(),
        app_name="default",
        object="page",
        raw=json.dumps({"id": page_id, "messaging": [{"text": "their secret"}]}).encode(),
        state="done",
        external_id=page_id,
        workspace_id="w2",
    )
    request = DataRequest(
        id=new_id(),
        workspace_id="w2",
        kind="export",
        account_id=account.id,
        identity_id=identity_id,
        requested_by="u1",
    )
    with system_scope("test"):
        pending.seal_payload(state_of(app).get(KeyRing), json.dumps(login.as_dict()))
        replies = make_replies(account.id)
        factory.session.add_all([pending, entry, request, *replies.values()])
        factory.session.commit()
        files = make_files(app, failed)
        return Foreign(
            **files,
            account_id=account.id,
            conversation_id=thread.id,
            message_id=failed.id,
            attempt_id=pending.id,
            identity_id=identity_id,
            entry_id=entry.id,
            request_id=request.id,
            **{name: row.id for name, row in replies.items()},
            recipient_id=recipient_id,
        )


def make_files(app: Flask, message: Message) -> dict[str, Any]:
    """Return ids of a file that was not fetched and of an upload, and a link to a stored file."""
    kept = new_key("w2", utc_now())
    state_of(app).get(Store).put(kept, __file__)
    common = {"workspace_id": "w2", "message_id": message.id, "type": "file"}
    lost = Attachment(id=new_id(), position=0, state="failed", error_slug="media_gone", **common)
    stored = Attachment(id=new_id(), position=1, state="stored", storage_key=kept, **common)
    upload = Upload(
        id=new_id(),
        workspace_id="w2",
        type="file",
        filename="theirs.pdf",
        mime_type="application/pdf",
        size_bytes=1,
        sha256="0" * 64,
        storage_key=new_key("w2", utc_now()),
        created_by="u1",
    )
    link = str(media_link(stored, now=utc_now()))
    session = state_of(app).db.session
    session.add_all([lost, stored, upload])
    session.commit()
    token = link.rpartition("/")[2]
    return {"attachment_id": lost.id, "upload_id": upload.id, "token": token}


def make_replies(account_id: uuid.UUID) -> dict[str, Any]:
    """Return rows of an account of `w2` that are not kept yet, by the name of their ids."""
    common = {"workspace_id": "w2", "account_id": account_id}
    return {
        "template_id": Template(
            id=new_id(), name="Their Template", content_kind="text", text="their secret", **common
        ),
        "saved_reply_id": SavedReply(
            id=new_id(), shortcut="theirs", title="", text="their secret", **common
        ),
        "persona_id": Persona(id=new_id(), external_id="38", name="Their Agent", **common),
    }


def body_of(rule: Rule, ids: Foreign) -> dict[str, Any]:
    """Return what a route is sent: what is in BODIES, with these ids in it."""
    body = BODIES.get(rule.endpoint, {})
    if THAT_CONVERSATION not in body.get("json", {}).values():
        return body
    given = {"conversation_id": str(ids.conversation_id)}
    return {"json": {**body["json"], **given}}


def routes_with_ids(app: Flask) -> Iterator[tuple[str, Rule]]:
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith(OURS) or rule.endpoint.endswith(".static"):
            continue
        if rule.arguments and rule.endpoint not in BELONGS_TO_NOBODY:
            for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
                yield method, rule


def path_of(app: Flask, rule: Rule, ids: Foreign) -> str:
    unknown = set(rule.arguments) - set(vars(ids))
    assert not unknown, f"{rule}: tell this file whose ids {unknown} are"
    with app.test_request_context():
        values = {name: vars(ids)[name] for name in rule.arguments}
        return str(app.url_map.bind("localhost").build(rule.endpoint, values))


def snapshot(app: Flask) -> dict[str, list[Any]]:
    session = state_of(app).db.session
    session.rollback()
    with system_scope("test"):
        return {
            table.name: sorted(map(repr, session.execute(select(table))))
            for table in Base.metadata.sorted_tables
        }


def outcome(answer: TestResponse, ids: Foreign) -> tuple[int, str, str]:
    text = FRESH_EACH_TIME.sub("", ids.hide(answer.text))
    return answer.status_code, answer.mimetype, text


@pytest.mark.parametrize("asker", ["other workspace", "other location"])
def test_ids_of_others_are_like_ids_that_do_not_exist(
    app: Flask, api: Api, host: Host, theirs: Foreign, asker: str
) -> None:
    if asker == "other workspace":
        host.sign_in("w1")
    else:
        host.sign_in("w2", user_id="u9", location_ids={"l1"})
    before = snapshot(app)
    walked = 0

    for method, rule in routes_with_ids(app):
        unknown = Foreign.unknown()
        foreign_answer = api.call(method, path_of(app, rule, theirs), **body_of(rule, theirs))
        unknown_answer = api.call(method, path_of(app, rule, unknown), **body_of(rule, unknown))

        place = f"{method} {rule}"
        assert foreign_answer.status_code == 404, place
        assert outcome(foreign_answer, theirs) == outcome(unknown_answer, unknown), place
        walked += 1

    assert walked >= 10
    assert snapshot(app) == before


def test_the_same_requests_reach_ones_own_rows(
    app: Flask, api: Api, host: Host, theirs: Foreign
) -> None:
    host.sign_in("w2")

    # What is deleted is asked about before.
    for method, rule in sorted(routes_with_ids(app), key=lambda each: each[0] == "DELETE"):
        if rule.endpoint not in CALLS_META | DELETED_BY_THE_API:
            answer = api.call(method, path_of(app, rule, theirs), **body_of(rule, theirs))
            assert answer.status_code not in {404, 422, 500}, f"{method} {rule}: {answer.text}"


IN_REQUESTS: dict[str, Callable[[Api, Foreign], TestResponse]] = {
    "send to a conversation": lambda api, ids: api.post(
        "/send", json={"conversation_id": str(ids.conversation_id), "text": "Hi"}
    ),
    "send to a person": lambda api, ids: api.post(
        "/send",
        json={
            "account_id": str(ids.account_id),
            "recipient_id": ids.recipient_id,
            "text": "Hi",
        },
    ),
    "templates of an account": lambda api, ids: api.get(f"/templates?account_id={ids.account_id}"),
    "saved replies of an account": lambda api, ids: api.get(
        f"/saved-replies?account_id={ids.account_id}"
    ),
    "template for an account": lambda api, ids: api.post(
        "/templates", json={"name": "x", "text": "Hi", "account_id": str(ids.account_id)}
    ),
    "saved reply for an account": lambda api, ids: api.post(
        "/saved-replies", json={"shortcut": "x", "text": "Hi", "account_id": str(ids.account_id)}
    ),
    "filter by account": lambda api, ids: api.get(f"/conversations?account_id={ids.account_id}"),
    "journal by account": lambda api, ids: api.get(f"/journal?account_id={ids.account_id}"),
    "replay by id": lambda api, ids: api.post("/journal/replay", json={"ids": [str(ids.entry_id)]}),
    "replay by account": lambda api, ids: api.post(
        "/journal/replay", json={"account_id": str(ids.account_id)}
    ),
    "journal page by id": lambda api, ids: api.get(f"/messenger/journal?id={ids.entry_id}"),
    "filter by location and text": lambda api, _: api.get(
        "/conversations?location_id=l2&text=their"
    ),
}


@pytest.mark.parametrize("name", IN_REQUESTS)
def test_ids_inside_requests_are_no_way_in(
    app: Flask, api: Api, host: Host, theirs: Foreign, name: str
) -> None:
    host.sign_in("w1")
    before = snapshot(app)
    unknown = Foreign.unknown()

    foreign_answer = IN_REQUESTS[name](api, theirs)
    unknown_answer = IN_REQUESTS[name](api, unknown)

    assert outcome(foreign_answer, theirs) == outcome(unknown_answer, unknown)
    assert "their" not in foreign_answer.text.lower()
    assert snapshot(app) == before


def test_seen_until_a_message_of_theirs_is_like_until_none(
    api: Api, host: Host, theirs: Foreign, threads: Threads
) -> None:
    own = threads.make("mine")
    host.sign_in("w1")
    path = f"/conversations/{own.id}/seen"
    unknown = Foreign.unknown()

    answers = [
        outcome(api.post(path, json={"message_id": str(ids.message_id)}), ids)
        for ids in (theirs, unknown)
    ]

    assert answers[0] == answers[1]
    assert answers[0][0] == 404


def test_idempotency_keys_of_workspaces_are_apart(
    api: Api, host: Host, theirs: Foreign, threads: Threads
) -> None:
    own = threads.make("mine")
    body = {"text": "x", "idempotency_key": "k"}
    host.sign_in("w2")
    their_send = api.post("/send", json={**body, "conversation_id": str(theirs.conversation_id)})
    host.sign_in("w1")

    own_send = api.post("/send", json={**body, "conversation_id": str(own.id)})

    assert their_send.status_code == own_send.status_code == 202
    assert own_send.json["id"] != their_send.json["id"]


def test_lists_and_pages_show_nothing_of_others(
    app: Flask, api: Api, host: Host, theirs: Foreign
) -> None:
    host.sign_in("w1")
    endless = "messenger_api.stream_events"

    for rule in app.url_map.iter_rules():
        is_ours = rule.endpoint.startswith(OURS) and rule.endpoint != endless
        if is_ours and "GET" in rule.methods and not rule.arguments:
            answer = api.get(str(rule))
            assert theirs.hide(answer.text) == answer.text, str(rule)
            assert "Their Page" not in answer.text, str(rule)
            assert "their secret" not in answer.text, str(rule)
