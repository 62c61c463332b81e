"""Looking into a body without seeing the person, and taking one person out of it."""

import json
from typing import Any

import pytest

from flask_messenger.errors import PayloadError
from flask_messenger.ingest.bodies import (
    MASK,
    find_events,
    hide_tokens,
    mask_body,
    remove_person,
)

MAYA = "2001".__eq__
FACEBOOK = {
    "id": "1001",
    "time": 1763000000000,
    "messaging": [
        {
            "sender": {"id": "2001"},
            "recipient": {"id": "1001"},
            "timestamp": 1763000000000,
            "message": {
                "mid": "m_1",
                "text": "my number is 555",
                "attachments": [{"type": "image", "payload": {"url": "https://cdn/x.jpg"}}],
            },
        },
        {"sender": {"id": "2002"}, "recipient": {"id": "1001"}, "message": {"text": "hi"}},
        {"sender": {"id": "1001"}, "recipient": {"id": 2001}, "message": {"is_echo": True}},
    ],
}
WHATSAPP = {
    "id": "WABA",
    "changes": [
        {
            "field": "messages",
            "value": {
                "contacts": [
                    {"wa_id": "2001", "profile": {"name": "Maya"}},
                    {"wa_id": "2002", "profile": {"name": "Jo"}},
                ],
                "messages": [{"from": "2001", "text": {"body": "x"}}, {"from": "2002"}],
                "statuses": [{"recipient_id": "2001", "status": "read"}],
            },
        }
    ],
}


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_a_masked_body_keeps_its_shape_and_none_of_the_words() -> None:
    masked = mask_body(body(FACEBOOK))

    first, _, echo = masked["messaging"]
    assert masked["id"] == "1001"
    assert masked["time"] == first["timestamp"] == 1763000000000
    assert first["sender"] == {"id": MASK}
    assert first["message"]["text"] == MASK
    assert first["message"]["attachments"] == [{"type": "image", "payload": {"url": MASK}}]
    assert echo["recipient"] == {"id": MASK}
    assert echo["message"] == {"is_echo": True}
    for word in ("2001", "2002", "555", "m_1", "cdn"):
        assert word not in json.dumps(masked)


@pytest.mark.parametrize("raw", [b"\xff{", b"[1]", b""])
def test_a_body_that_cannot_be_read_is_not_shown(raw: bytes) -> None:
    assert mask_body(raw) is None


def test_deep_bodies_are_masked_and_searched_without_falling_over() -> None:
    deep = b'{"a":' * 300 + b'"2001"' + b"}" * 300

    masked = json.dumps(mask_body(deep))

    assert "2001" not in masked
    assert find_events(deep, MAYA) == []


def test_one_person_is_taken_out_and_the_others_stay_as_they_were() -> None:
    cleaned = remove_person(body(FACEBOOK), MAYA)

    assert cleaned is not None
    left = json.loads(cleaned)
    assert left == {**FACEBOOK, "messaging": [FACEBOOK["messaging"][1]]}  # type: ignore[index]
    assert find_events(cleaned, MAYA) == []


def test_only_the_innermost_items_go() -> None:
    cleaned = remove_person(body(WHATSAPP), MAYA)

    assert cleaned is not None
    value = json.loads(cleaned)["changes"][0]["value"]
    assert value["contacts"] == [{"wa_id": "2002", "profile": {"name": "Jo"}}]
    assert value["messages"] == [{"from": "2002"}]
    assert value["statuses"] == []


def test_events_of_one_person_are_found_whole() -> None:
    assert find_events(body(FACEBOOK), MAYA) == [
        FACEBOOK["messaging"][0],  # type: ignore[index]
        FACEBOOK["messaging"][2],  # type: ignore[index]
    ]
    assert find_events(b"no json", MAYA) == []


def test_an_id_outside_of_any_list_is_replaced() -> None:
    cleaned = remove_person(b'{"id": "1", "owner": {"id": "2001"}, "2001": true}', MAYA)

    assert json.loads(cleaned or b"") == {"id": "1", "owner": {"id": "erased"}, "erased": True}


def test_a_body_without_the_person_is_left_alone() -> None:
    assert remove_person(body(FACEBOOK), "3".__eq__) is None


def test_a_body_that_cannot_be_read_is_given_up_by_the_caller() -> None:
    with pytest.raises(PayloadError):
        remove_person(b"2001", MAYA)


def test_tokens_are_for_nobodys_eyes() -> None:
    optin = {"notification_messages_token": "t-1", "one_time_notif_token": None, "topic": "offers"}
    linked = {"status": "linked", "authorization_code": "code-1"}
    raw = json.dumps(
        {"messaging": [{"sender": {"id": "maya"}, "optin": optin, "account_linking": linked}]}
    ).encode()

    [event] = find_events(raw, "maya".__eq__)

    assert event["optin"] == {**optin, "notification_messages_token": MASK}
    assert event["account_linking"] == {**linked, "authorization_code": MASK}
    assert hide_tokens([event]) == [event]
    deep: Any = "end"
    for _ in range(200):
        deep = [deep]
    assert "end" not in json.dumps(hide_tokens(deep))
