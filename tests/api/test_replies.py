"""Templates, saved replies, profiles and personas by the API."""

from collections.abc import Iterator
from typing import Any

import pytest
import responses

from tests.api.conftest import Api, Threads
from tests.presence.conftest import URL, failure
from tests.support.app import Factory, Host

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture
def meta() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def test_template_lives_from_the_draft_to_the_message(
    api: Api, host: Host, threads: Threads
) -> None:
    host.sign_in()
    thread = threads.make("hello", name="Maya Okafor")
    buttons = [{"type": "postback", "title": "{{ first_name }}", "payload": "P"}]
    draft = {
        "content_kind": "button_template",
        "content": {"text": "Hi {{ first_name }}, {{ order }}", "buttons": buttons},
    }

    missing = api.post(f"/conversations/{thread.id}/preview", json=draft)
    made = api.post("/templates", json={"name": "Choice", **draft})
    path = f"/templates/{made.json['id']}"
    filled = api.post(
        f"{path}/preview",
        json={"conversation_id": str(thread.id), "variables": {"order": "A-7"}},
    )
    sent = api.post(
        "/send", json={"conversation_id": str(thread.id), "content": filled.json["content"]}
    )

    assert (missing.status_code, missing.json["field"]) == (422, "text")
    assert missing.json["type"].endswith("#problem-missing_variable")
    assert "'order'" in missing.json["detail"]
    assert "default" in missing.json["remedy"]
    assert (made.status_code, made.json["variables"]) == (201, ["first_name", "order"])
    assert filled.json["content"]["buttons"][0]["title"] == "Maya"
    assert (sent.status_code, sent.json["message"]["text"]) == (202, "Hi Maya, A-7")
    changed = api.patch(path, json={"name": "Other"})
    assert changed.json["name"] == api.get(path).json["name"] == "Other"
    assert [each["id"] for each in api.get("/templates").json["items"]] == [made.json["id"]]
    assert api.call("DELETE", path).status_code == 204
    assert api.get(path).status_code == 404
    assert "first_name" in str(api.get("/templates/variables").json)


def test_saved_reply_is_found_and_filled_in(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in()
    thread = threads.make("hello", name="Maya Okafor")
    made = api.post("/saved-replies", json={"shortcut": "hi", "text": "Hi {{ first_name }}"})
    path = f"/saved-replies/{made.json['id']}"

    filled = api.post(f"{path}/preview", json={"conversation_id": str(thread.id)})
    api.patch(path, json={"title": "Greeting"})

    assert filled.json == {"text": "Hi Maya"}
    found = api.get(f"/saved-replies?account_id={thread.account.id}").json["items"]
    assert [each["title"] for each in found] == ["Greeting"]
    assert api.call("DELETE", path).status_code == 204


def test_editing_needs_settings_and_filling_in_needs_reply(api: Api, host: Host) -> None:
    host.sign_in(permissions=("reply",))
    assert api.post("/templates", json={"name": "x", "text": "Hi"}).status_code == 403
    assert api.post("/saved-replies", json={"shortcut": "x", "text": "Hi"}).status_code == 403
    assert api.get("/templates").status_code == 200

    host.sign_in(permissions=("settings",), location_ids={"l1"})
    assert api.post("/templates", json={"name": "x", "text": "Hi"}).status_code == 403
    made = api.post("/templates", json={"name": "x", "text": "Hi", "location_id": "l1"})
    assert made.status_code == 201
    body = {"conversation_id": made.json["id"]}
    assert api.post(f"/templates/{made.json['id']}/preview", json=body).status_code == 403


def test_profile_is_shown_compared_and_set(
    api: Api, host: Host, factory: Factory, meta: responses.RequestsMock
) -> None:
    host.sign_in()
    account = factory.account(external_id="1001")
    edge, path = f"{URL}/1001/messenger_profile", f"/accounts/{account.id}/profile"
    greeting: list[dict[str, Any]] = [{"locale": "default", "text": "Hi"}]
    meta.get(edge, json={"data": []})
    meta.post(edge, json={"result": "success"})

    assert api.get(path).json["live"] is None
    assert api.post(f"{path}/refresh").json["live"] == {}
    document = {"properties": {"greeting": greeting}}
    assert api.post(f"{path}/diff", json=document).json["changes"] == {"greeting": greeting}
    assert api.patch(path, json=document).status_code == 200
    assert api.get(path).json["wanted"] == {"greeting": greeting}
    wrong = api.patch(path, json={"properties": {"greeting": [], "get_started": {"payload": 7}}})
    assert wrong.json["errors"] == [
        {"field": "get_started.payload", "message": "This is missing: write something."}
    ]
    for _ in range(8):
        answer = api.post(f"{path}/refresh")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 600


def test_personas_and_utility_templates_come_from_meta(
    api: Api, host: Host, factory: Factory, meta: responses.RequestsMock
) -> None:
    host.sign_in()
    account = factory.account(external_id="1001")
    base = f"/accounts/{account.id}"
    meta.post(f"{URL}/1001/personas", json={"id": "38"})
    meta.post(f"{URL}/1001/message_templates", json={"id": "64", "status": "PENDING"})
    meta.get(f"{URL}/1001/message_templates", **failure(200))
    face = {"name": "Sam", "picture_url": "https://cdn.example/sam.jpg", "user_id": "u1"}
    words = [{"type": "BODY", "text": "Hi {{name}}"}]

    persona = api.post(f"{base}/personas", json=face)
    proposed = api.post(
        f"{base}/utility-templates", json={"name": "hi", "language": "en", "components": words}
    )
    refused = api.post(f"{base}/utility-templates/sync")

    assert (persona.status_code, persona.json["user_id"]) == (201, "u1")
    given = api.patch(f"/personas/{persona.json['id']}", json={"user_id": None})
    assert given.json["user_id"] is None
    assert len(api.get(f"{base}/personas").json["items"]) == 1
    assert (proposed.status_code, proposed.json["status"]) == (201, "pending")
    assert proposed.json["variables"] == ["name"]
    assert refused.status_code == 502
    assert refused.json["type"].endswith("#problem-graph_permission")
