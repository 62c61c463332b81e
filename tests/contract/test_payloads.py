"""Webhook bodies of another project: what a right reader finds in each.

They are read where they are at hand, beside the checkout (or where WEBHOOK_PAYLOADS says), and are
not copied into the project.
"""

import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_messenger.channels._messaging import parse_entry
from flask_messenger.events import Event
from flask_messenger.models import (
    Attachment,
    Conversation,
    Identity,
    Message,
    Receipt,
    WebhookEntry,
)
from tests.support import meta
from tests.support.app import Factory
from tests.support.ingest import drain, rows

BESIDE = Path(__file__).resolve().parents[2].parent / "shared" / "payloads"
PAYLOADS = Path(os.environ.get("WEBHOOK_PAYLOADS", BESIDE))
INDEX = PAYLOADS / "index.json"

if not INDEX.exists():
    pytest.skip(f"There are no payloads in {PAYLOADS}", allow_module_level=True)

CASES: list[dict[str, Any]] = json.loads(INDEX.read_text())
PAGE_CASES = [case for case in CASES if case["file"].startswith("page/")]
INSTAGRAM_CASES = [case for case in CASES if case["file"].startswith("instagram/")]


def _body(case: dict[str, Any]) -> bytes:
    return (PAYLOADS / case["file"]).read_bytes()


def _id(case: dict[str, Any]) -> str:
    return str(case["file"])


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_no_body_is_lost_from_the_journal(
    app: Flask, client: FlaskClient, case: dict[str, Any]
) -> None:
    body = _body(case)

    answer = meta.post(client, body)
    drain(app)

    expected = [entry["id"] for entry in json.loads(body)["entry"]]
    assert answer.status_code == 200
    assert [json.loads(each.raw)["id"] for each in rows(app, WebhookEntry)] == expected


@pytest.mark.parametrize("case", PAGE_CASES, ids=_id)
def test_every_messenger_body_gives_the_expected_rows(
    app: Flask, client: FlaskClient, factory: Factory, case: dict[str, Any]
) -> None:
    body, expected = _body(case), case["expected"]
    for entry in json.loads(body)["entry"]:
        factory.account(external_id=str(entry["id"]))

    meta.post(client, body)
    drain(app)

    messages = rows(app, Message)
    inbound = [each for each in messages if each.direction == "inbound"]
    assert {
        "inbound_messages": len([each for each in inbound if each.kind != "postback"]),
        "postbacks": len([each for each in inbound if each.kind == "postback"]),
        "outbound_echoes": len([each for each in messages if each.direction == "outbound"]),
        "attachments": len(rows(app, Attachment)),
    } == {
        "inbound_messages": expected.get("inbound_messages", 0),
        "postbacks": expected.get("postbacks", 0),
        "outbound_echoes": expected.get("outbound_echoes", 0),
        "attachments": sum(expected.get("by", {}).get("attachments", {}).values()),
    }
    kept = dict.fromkeys(("delivered", "read", "reacted"), 0)
    for receipt in rows(app, Receipt):
        kept[receipt.kind] += receipt.kind == "reacted" or receipt.reference.startswith("watermark")
    assert kept == {
        "delivered": expected.get("deliveries", 0),
        "read": expected.get("reads", 0),
        "reacted": expected.get("reactions", 0),
    }
    (entry,) = rows(app, WebhookEntry)
    assert (entry.state, entry.unhandled) == ("done", None)
    assert all(each.unread_count == len(inbound) for each in rows(app, Conversation))


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("case", INSTAGRAM_CASES, ids=_id)
def test_every_instagram_body_gives_the_expected_rows(
    app: Flask, client: FlaskClient, factory: Factory, case: dict[str, Any]
) -> None:
    body, expected = _body(case), case["expected"]
    (entry,) = json.loads(body)["entry"]
    (event,) = entry["messaging"]
    account_id = factory.account(channel="instagram", external_id=str(entry["id"])).id

    meta.post(client, body)
    drain(app)

    attachments = [(each.type, each.url) for each in rows(app, Attachment)]
    found = [_as_told(each, attachments) for each in rows(app, Message)]
    assert found == _told_of(event, case, account_id)
    (journalled,) = rows(app, WebhookEntry)
    assert (journalled.state, journalled.unhandled) == ("done", None)
    person = event["recipient" if expected.get("outbound_echoes") else "sender"]["id"]
    (identity,) = rows(app, Identity)
    assert (identity.external_id, identity.kind) == (person, "person")
    (conversation,) = rows(app, Conversation)
    assert (conversation.channel, conversation.kind) == ("instagram", "direct")
    inbound = expected.get("inbound_messages", 0) + expected.get("postbacks", 0)
    assert conversation.unread_count == inbound
    opened = inbound or expected.get("reactions", 0)
    assert (conversation.last_inbound_at is not None) == bool(opened)
    waiting = [(each.kind, each.reference) for each in rows(app, Receipt)]
    assert waiting == [("reacted", event["reaction"]["mid"]) for _ in _reactions(expected)]


def _reactions(expected: dict[str, Any]) -> range:
    return range(expected.get("reactions", 0))


def _told_of(
    event: dict[str, Any], case: dict[str, Any], account_id: uuid.UUID
) -> list[dict[str, Any]]:
    """Return what a right reader keeps of an event, from its own words."""
    said = event.get("message") or event.get("postback")
    if said is None:
        return []
    story = said.get("reply_to", {}).get("story")
    kinds = {"quick_reply": "quick_reply", "postback": "postback", "story_mention": "story_mention"}
    kind = next((kinds[each] for each in case["kinds"] if each in kinds), None)
    given = said.get("attachments", [])
    payload = said.get("quick_reply", said).get("payload")
    return [
        {
            "account_id": account_id,
            "external_id": said["mid"],
            "direction": "outbound" if said.get("is_echo") else "inbound",
            "kind": kind or ("story_reply" if story else "media" if given else "text"),
            "text": said.get("text") or said.get("title"),
            "content": {
                **({"story": story} if story else {}),
                **({"payload": payload} if payload else {}),
            },
            "attachments": [(each["type"], each["payload"]["url"]) for each in given],
            "milliseconds": event["timestamp"],
        }
    ]


def _as_told(message: Message, attachments: list[tuple[str, str | None]]) -> dict[str, Any]:
    return {
        "account_id": message.account_id,
        "external_id": message.external_id,
        "direction": message.direction,
        "kind": message.kind,
        "text": message.text,
        "content": message.content,
        "attachments": attachments,
        "milliseconds": round(message.sent_at.timestamp() * 1000),
    }


@pytest.mark.parametrize("case", PAGE_CASES, ids=_id)
def test_the_parser_reads_every_messenger_event(case: dict[str, Any]) -> None:
    entries = json.loads(_body(case))["entry"]

    events = [event for entry in entries for event in parse_entry(entry)]

    given = sum(len(entry.get("messaging", [])) for entry in entries)
    assert len(events) == given
    assert all(isinstance(each, Event) for each in events)
