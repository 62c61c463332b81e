"""Thread control, bot pauses, comments, reactions and every content, by the API."""

import json
import re

import pytest
import responses

from flask_messenger.models.base import utc_now
from tests.support.app import GRAPH_URL

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture
def thread(host, threads):
    host.sign_in()
    return threads.make("hello")


@pytest.fixture
def graph():
    """Graph says yes to everything; returns what it was asked."""
    asked = []

    def answer(request):
        asked.append((request.method, request.path_url.partition("?")[0]))
        return (200, {}, json.dumps({"success": True}))

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in (responses.POST, responses.DELETE, responses.GET):
            mock.add_callback(method, re.compile(re.escape(GRAPH_URL)), callback=answer)
        mock.asked = asked
        yield mock


def test_control_is_taken_and_passed(api, thread, graph):
    path = f"/conversations/{thread.id}/thread-control"
    assert api.get(path).json["owner"] == "free"

    taken = api.post(path, json={"action": "take"})
    passed = api.post(path, json={"action": "pass", "app_id": "263902037430900"})

    assert (taken.status_code, taken.json["owner"]) == (200, "ours")
    assert passed.json["owner"] == "theirs"
    assert passed.json["owner_name"] == "the Page's inbox at Meta"
    assert api.get(path).json["owner"] == "theirs"
    [edge, _] = [path.rpartition("/")[2] for _, path in graph.asked]
    assert edge == "take_thread_control"
    window = api.get(f"/conversations/{thread.id}").json["reply_window"]
    assert (window["allowed"], window["reason"]) == (False, "thread_taken")
    refused = api.post("/send", json={"conversation_id": str(thread.id), "text": "hello"})
    assert (refused.status_code, refused.json["reason"]) == (409, "thread_taken")
    assert "Take control" in refused.json["remedy"]


@pytest.mark.parametrize("body", [{"action": "pass"}, {"action": "extend"}, {"action": "steal"}])
def test_action_without_what_it_needs_is_refused(api, thread, body):
    answer = api.post(f"/conversations/{thread.id}/thread-control", json=body)

    assert answer.status_code == 422


def test_refusal_of_meta_says_what_to_do(api, thread):
    error = {"error": {"code": 10, "message": "(#10) You may not"}}
    with responses.RequestsMock() as mock:
        mock.post(re.compile(re.escape(GRAPH_URL)), status=400, json=error)
        answer = api.post(f"/conversations/{thread.id}/thread-control", json={"action": "take"})

    assert answer.status_code == 502
    assert "permission" in answer.json["remedy"]


def test_acting_needs_the_permission_to_reply(api, thread, host):
    host.sign_in(permissions=frozenset())
    message_id = thread.messages[0].id
    calls = [
        api.post(f"/conversations/{thread.id}/thread-control", json={"action": "take"}),
        api.post(f"/conversations/{thread.id}/bot-pause", json={"paused_until": None}),
        api.post(f"/messages/{message_id}/visibility", json={"hidden": True}),
        api.post(f"/messages/{message_id}/reaction", json={"emoji": None}),
        api.call("DELETE", f"/messages/{message_id}"),
    ]

    assert {each.status_code for each in calls} == {403}


def test_bots_are_told_to_be_quiet(api, thread):
    path = f"/conversations/{thread.id}/bot-pause"

    paused = api.post(path, json={"paused_until": "2099-01-01T00:00:00Z"})
    assert paused.status_code == 422
    answer = api.post("/send", json={"conversation_id": str(thread.id), "text": "I am here"})
    assert answer.status_code == 202
    body = {"conversation_id": str(thread.id), "text": "automatic", "sender": "bot"}
    assert api.post("/send", json=body).json["reason"] == "bot_paused"
    assert api.post(path, json={"paused_until": None}).json["bot_paused_until"] is None
    assert api.post("/send", json=body).status_code == 202


def test_reaction_shows_on_the_message(api, thread, graph):
    path = f"/messages/{thread.messages[0].id}/reaction"

    reacted = api.post(path, json={"emoji": "\N{GRINNING FACE}"})
    assert reacted.json["reactions"][0]["by"] == "account"
    assert reacted.json["reactions"][0]["emoji"] == "\N{GRINNING FACE}"
    assert api.post(path, json={"emoji": None}).json["reactions"] == []
    assert len(graph.asked) == 2


@pytest.fixture
def comment(host, factory):
    host.sign_in()
    account = factory.account()
    conversation = factory.conversation(account, kind="comments", subject="post_1")
    return factory.message(
        conversation, external_id="c_1", kind="comment", text="Nice", sent_at=utc_now()
    )


def test_comment_is_hidden_answered_in_private_and_deleted(api, comment, graph):
    hidden = api.post(f"/messages/{comment.id}/visibility", json={"hidden": True})
    assert hidden.json["hidden_at"] is not None
    body = {"conversation_id": str(comment.conversation_id), "private_reply_to": "c_1"}

    first = api.post("/send", json={**body, "text": "Thank you"})
    second = api.post("/send", json={**body, "text": "Again"})

    assert (first.status_code, first.json["message"]["private_reply_to"]) == (202, "c_1")
    assert second.status_code == 409
    assert "once" in second.json["detail"]
    deleted = api.call("DELETE", f"/messages/{comment.id}")
    assert (deleted.json["text"], deleted.json["deleted_at"] is not None) == (None, True)
    assert graph.asked[-1] == ("DELETE", "/v25.0/c_1")


def test_content_of_any_kind_is_sent_and_wrong_ones_name_the_field(api, thread):
    content = {
        "kind": "button_template",
        "text": "Look",
        "buttons": [{"type": "web_url", "title": "Shop", "url": "https://shop.example/"}],
    }
    body = {"conversation_id": str(thread.id), "content": content}

    sent = api.post("/send", json=body)
    content["buttons"][0]["title"] = "x" * 21
    wrong = api.post("/send", json=body)

    assert (sent.status_code, sent.json["message"]["kind"]) == (202, "button_template")
    assert (wrong.status_code, wrong.json["field"]) == (422, "buttons[0].title")
    unknown = api.post("/send", json={**body, "content": {"kind": "balloon"}})
    assert (unknown.status_code, unknown.json["field"]) == (422, "kind")


def test_degraded_content_says_what_was_changed(api, host, threads, factory):
    host.sign_in()
    account = factory.account(channel="instagram", page_external_id="1001")
    thread = threads.make("hello", account=account)
    content = {"kind": "coupon_template", "title": "10 % off", "coupon_code": "TEN"}
    body = {"conversation_id": str(thread.id), "content": content}

    refused = api.post("/send", json=body)
    sent = api.post("/send", json={**body, "on_unsupported": "degrade"})

    assert refused.status_code == 422
    assert sent.status_code == 202
    assert sent.json["notes"]


def test_waiting_message_says_why(api, thread, factory):
    message = factory.message(
        thread.conversation,
        direction="outbound",
        external_id=None,
        status="queued",
        error_slug="graph_thread_taken",
    )

    error = api.get(f"/messages/{message.id}").json["error"]

    assert error["is_waiting"]
    assert "Another app" in error["text"]
