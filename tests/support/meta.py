"""What Meta sends: bodies, signed as Meta signs them."""

import hashlib
import hmac
import itertools
import json
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.app import APP_SECRET

_numbers = itertools.count(1)
T0 = 1_763_000_000_000
"""A time in milliseconds: 2025-11-13T02:13:20Z."""


def sign(body: bytes, secret: str = APP_SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def post(client: FlaskClient, body: bytes | dict[str, Any], **headers: str) -> TestResponse:
    """Send a delivery, signed unless a header says otherwise."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"X-Hub-Signature-256": sign(raw), **headers}
    return client.post("/webhooks/meta", data=raw, headers=sent, content_type="application/json")


def delivery(*entries: Any, object_: str = "page") -> dict[str, Any]:
    return {"object": object_, "entry": list(entries)}


def entry(page_id: str, *events: Any) -> dict[str, Any]:
    return {"id": page_id, "time": T0, "messaging": list(events)}


def message(
    page_id: str, person: str, text: str | None = "hello", *, at: int = T0, **fields: Any
) -> dict[str, Any]:
    content: dict[str, Any] = {"mid": f"m_{next(_numbers)}", **fields}
    if text is not None:
        content["text"] = text
    return {
        "sender": {"id": person},
        "recipient": {"id": page_id},
        "timestamp": at,
        "message": content,
    }


def echo(
    page_id: str, person: str, text: str = "from us", *, at: int = T0, **fields: Any
) -> dict[str, Any]:
    event = message(page_id, person, text, at=at, is_echo=True, **fields)
    event["sender"], event["recipient"] = event["recipient"], event["sender"]
    return event


def receipt(page_id: str, person: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "sender": {"id": person},
        "recipient": {"id": page_id},
        "timestamp": fields.get("watermark", T0),
        kind: fields,
    }
