"""POST /send with a content: every kind is queued as it is, and each wrong field is answered."""

import json
import re
import uuid
from pathlib import Path

import pytest
from flask import Flask

from flask_messenger.api.schemas.sending import SendRequest
from flask_messenger.content import CONTENTS, content_of
from flask_messenger.models import Message
from tests.api.conftest import Api, Thread, Threads
from tests.support.app import Host
from tests.support.contents import EXAMPLES
from tests.support.ingest import rows

MESSENGERS = (
    "text",
    "images",
    "quick_replies",
    "sticker",
    "button_template",
    "generic_template",
    "media_template",
    "product_template",
    "image_grid",
    "receipt_template",
    "coupon_template",
    "customer_information_template",
    "instant_form_template",
)

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture
def thread(host: Host, threads: Threads) -> Thread:
    host.sign_in()
    return threads.make("hello")


def asked(kind: str) -> dict[str, object]:
    example = EXAMPLES[kind]
    words = {"text": example.words} if kind in {"text", "button_template"} else {}
    return json.loads(json.dumps({"kind": kind, **words, **example.as_dict()}))


def test_every_content_is_queued_as_it_was_asked_for(app: Flask, api: Api, thread: Thread) -> None:
    for kind in MESSENGERS:
        body = {"conversation_id": str(thread.id), "content": asked(kind)}
        answer = api.post("/send", json=body)
        assert answer.status_code == 202, (kind, answer.json)

    found = {each.kind: each for each in rows(app, Message, direction="outbound")}
    assert found.keys() == set(MESSENGERS)
    for kind, message in found.items():
        assert isinstance(message, Message)
        assert content_of(kind, message.text, message.content) == EXAMPLES[kind]
        assert message.text == EXAMPLES[kind].words
    assert set(MESSENGERS) <= CONTENTS.keys()


def test_every_wrong_field_is_answered(app: Flask, api: Api, thread: Thread) -> None:
    content = {
        "kind": "button_template",
        "text": "a" * 641,
        "buttons": [{"type": "postback", "title": "a" * 21, "payload": "P"}],
    }

    answer = api.post("/send", json={"conversation_id": str(thread.id), "content": content})

    assert answer.status_code == 422
    assert answer.json["type"].endswith("#problem-invalid_content")
    assert answer.json["field"] == "text"
    assert [each["field"] for each in answer.json["errors"]] == ["text", "buttons[0].title"]
    assert "640 characters; this one has 641" in answer.json["errors"][0]["message"]
    assert rows(app, Message, direction="outbound") == []


def test_requests_of_the_documents_can_be_sent() -> None:
    documents = (Path(__file__).parents[2] / "docs").glob("*.md")
    blocks = [
        block
        for each in documents
        for block in re.findall(r"```json\n(.*?)```", each.read_text("utf-8"), re.DOTALL)
    ]
    requests = [each for each in blocks if '"conversation_id"' in each]

    assert requests
    for each in requests:
        SendRequest.model_validate_json(each.replace("…", str(uuid.uuid4()))).what()
