"""Captured-style bodies of `tests/payloads`, received as Meta sends them, and what they became."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask

from flask_messenger.models import Attachment, Message
from tests.support import meta
from tests.support.ingest import drain, rows

PAYLOADS = Path(__file__).resolve().parents[1] / "payloads"
PAGE, INSTAGRAM = "100100200300", "17841400000000001"


@dataclass(frozen=True)
class Row:
    """What is kept of a body: one message, or one notice."""

    kind: str
    text: str | None = None
    direction: str = "inbound"
    content: dict[str, Any] = field(default_factory=dict)
    attachments: tuple[tuple[str, str], ...] = ()
    sent_by: str = "customer"
    reply_to: str | None = None


def notice(kind: str, content: dict[str, Any], **more: Any) -> Row:
    return Row(kind, direction="notice", content=content, **more)


def body(channel: str, name: str) -> dict[str, Any]:
    return dict(json.loads((PAYLOADS / channel / f"{name}.json").read_text()))


def receive(app: Flask, channel: str, *names: str) -> None:
    """Deliver bodies, and drain once."""
    client = app.test_client()
    for name in names:
        assert meta.post(client, body(channel, name)).status_code == 200
    drain(app)


def kept(app: Flask, channel: str, names: Any) -> dict[str, list[Row]]:
    """Return what was kept of each body, by its time: no two have the same."""
    name_at = {_moment(body(channel, name)): name for name in names}
    files: dict[Any, list[tuple[str, str]]] = {}
    for each in rows(app, Attachment):
        files.setdefault(each.message_id, []).append((each.type, each.state))
    found: dict[str, list[Row]] = {name: [] for name in names}
    for each in rows(app, Message):
        found[name_at[each.sent_at]].append(
            Row(
                kind=each.kind,
                text=each.text,
                direction=each.direction,
                content=each.content,
                attachments=tuple(files.get(each.id, ())),
                sent_by=each.sent_by,
                reply_to=each.reply_to_external_id,
            )
        )
    return found


def _moment(delivery: dict[str, Any]) -> datetime:
    (entry,) = delivery["entry"]
    changes = [each["value"] for each in entry.get("changes", [])] or [entry.get("value", {})]
    event = (entry.get("messaging") or entry.get("standby") or changes)[0]
    given = int(event.get("timestamp") or event.get("created_time") or entry["time"])
    return datetime.fromtimestamp(given / 1000 if given > 10**11 else given, tz=UTC)
