"""Public comments: hidden, shown again, deleted."""

import json
import re

import pytest
import responses
from sqlalchemy import update

from flask_messenger.errors import (
    ConflictError,
    InvalidRequestError,
    MissingPermissionError,
    NotFoundError,
)
from flask_messenger.hooks import Tenant
from flask_messenger.inbox.comments import delete_comment, set_hidden
from flask_messenger.models import Account, Attachment, AuditEntry, DiscardedFile, Message
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import workspace_scope
from tests.support.app import GRAPH_URL
from tests.support.ingest import rows

pytestmark = pytest.mark.databases("postgresql")

SAM = Tenant(workspace_id="w1", user_id="u1", user_name="Sam")


class Graph:
    """Graph's side of comments."""

    def __init__(self, mock):
        self.asked, self.refusal = [], None
        url = re.compile(re.escape(GRAPH_URL) + r"/v25\.0/c_\w+(\?|$)")
        for method in (responses.POST, responses.DELETE):
            mock.add_callback(method, url, callback=self.answer)

    def answer(self, request):
        body = json.loads(request.body) if request.body else None
        self.asked.append((request.method, request.path_url.partition("?")[0], body))
        if self.refusal:
            return (400, {}, json.dumps({"error": self.refusal}))
        return (200, {}, json.dumps({"success": True}))


@pytest.fixture
def graph():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Graph(mock)


@pytest.fixture
def new_comment(factory):
    def make(channel="facebook", **values):
        account = factory.account("w1", channel=channel, page_external_id="1001")
        conversation = factory.conversation(account, kind="comments", subject="post_1")
        values = {"external_id": "c_1", "kind": "comment", "text": "Awful!"} | values
        return factory.message(conversation, **values).id

    return make


def do(app, act, message_id, tenant=SAM, **values):
    with workspace_scope(tenant.workspace_id):
        return act(app, tenant=tenant, message_id=message_id, now=utc_now(), **values)


def one(app):
    [message] = rows(app, Message)
    return message


@pytest.mark.covers("facebook", "do:hide_comment")
@pytest.mark.covers("instagram", "do:hide_comment")
@pytest.mark.parametrize(("channel", "key"), [("facebook", "is_hidden"), ("instagram", "hide")])
def test_comment_is_hidden_and_shown_again(app, graph, new_comment, channel, key):
    message_id = new_comment(channel)

    do(app, set_hidden, message_id, hidden=True)
    assert one(app).hidden_at is not None
    do(app, set_hidden, message_id, hidden=False)

    assert graph.asked == [
        ("POST", "/v25.0/c_1", {key: True}),
        ("POST", "/v25.0/c_1", {key: False}),
    ]
    assert one(app).hidden_at is None
    assert [each.action for each in rows(app, AuditEntry)] == ["comment_hidden", "comment_shown"]


@pytest.mark.covers("facebook", "do:delete_comment")
@pytest.mark.covers("instagram", "do:delete_comment")
@pytest.mark.parametrize("channel", ["facebook", "instagram"])
@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_comment_is_deleted_with_its_words_and_who_did_it_is_kept(
    app, graph, new_comment, channel, direction
):
    message_id = new_comment(channel, direction=direction)

    changed = do(app, delete_comment, message_id)

    assert graph.asked == [("DELETE", "/v25.0/c_1", None)]
    message = one(app)
    assert (message.text, message.content) == (None, {})
    assert message.deleted_at is not None
    [entry] = rows(app, AuditEntry)
    assert (entry.action, entry.actor, entry.subject) == ("comment_deleted", "u1", str(message_id))
    assert "Awful" not in str(entry.details)
    assert changed.change.ids["message_id"] == str(message_id)


def test_comment_is_hidden_though_meta_keeps_the_account_from_writing(app, graph, new_comment):
    message_id = new_comment()
    with workspace_scope("w1"):
        session = state_of(app).db.session
        session.execute(update(Account).values(status="error", status_reason="policy_block"))
        session.commit()

    do(app, set_hidden, message_id, hidden=True)

    assert len(graph.asked) == 1


@pytest.mark.usefixtures("graph")
def test_picture_of_a_deleted_comment_goes_from_the_store(app, factory, new_comment):
    message_id = new_comment(edited_at=utc_now(), edit_number=1)
    kept = {"state": "stored", "storage_key": "w1/photo", "thumbnail_key": "w1/small"}
    photo = {"id": new_id(), "message_id": message_id, "position": 0, "type": "image", **kept}
    with workspace_scope("w1"):
        factory.session.add(Attachment(workspace_id="w1", **photo))
        factory.session.commit()

    do(app, delete_comment, message_id)

    assert rows(app, Attachment) == []
    assert {each.storage_key for each in rows(app, DiscardedFile)} == {"w1/photo", "w1/small"}
    assert (one(app).edited_at, one(app).edit_number) == (None, 0)


def test_what_meta_refuses_stays_as_it_was(app, graph, new_comment):
    message_id = new_comment()
    graph.refusal = {"code": 200}

    with pytest.raises(MissingPermissionError):
        do(app, delete_comment, message_id)

    assert one(app).text == "Awful!"
    assert rows(app, AuditEntry) == []


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"kind": "text"}, InvalidRequestError),
        ({"external_id": None}, InvalidRequestError),
        ({"direction": "outbound"}, InvalidRequestError),
        ({"deleted_at": utc_now()}, ConflictError),
    ],
)
def test_what_cannot_be_hidden_is_refused_in_words(app, graph, new_comment, values, error):
    message_id = new_comment(**values)

    with pytest.raises(error):
        do(app, set_hidden, message_id, hidden=True)
    assert graph.asked == []


@pytest.mark.parametrize("values", [{"workspace_id": "w2"}, {"location_ids": frozenset({"other"})}])
def test_comment_of_others_does_not_exist(app, graph, new_comment, values):
    stranger = Tenant(**{"workspace_id": "w1", "user_id": "u9", "user_name": "Eve"} | values)
    message_id = new_comment()

    with pytest.raises(NotFoundError, match="no such message"):
        do(app, delete_comment, message_id, stranger)
    assert graph.asked == []
