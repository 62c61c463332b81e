"""What changes, as server-sent events."""

import contextlib
import json
from collections.abc import Generator, Iterator
from typing import Final, cast

from flask import Response

from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.hooks import Tenant
from flask_messenger.realtime import Hub, stream
from flask_messenger.state import state
from flask_messenger.tenancy import current_tenant

ABOUT_THE_STREAM: Final = ("event: live\n", "event: away\n", "event: again\n")
DATA: Final = "data: "
STREAM_TEXT: Final = """\
`text/event-stream`. The first event is `live`, or `away` where nothing can be streamed now. Then
`message`, `status`, `conversation` and `account`, each with the ids of what changed. A stream lasts
some minutes; the last event is `again`, and then it is time to connect anew."""


@bp.get("/events")
@operation(
    "streamEvents",
    tag="events",
    answers={
        200: (
            None,
            STREAM_TEXT,
        )
    },
)
def stream_events() -> Response:
    """Stream what changes in the workspace, ids only."""
    tenant = current_tenant()
    seconds = state().settings.stream_seconds
    events = stream(state().get(Hub), tenant.workspace_id, seconds=seconds)
    events = visible_events(cast("Generator[str, None, None]", events), tenant)
    answer = Response(events, mimetype="text/event-stream")
    answer.headers["X-Accel-Buffering"] = "no"  # nginx would keep events back until a buffer fills
    return answer


def visible_events(events: Generator[str, None, None], tenant: Tenant) -> Iterator[str]:
    """Pass on what concerns locations the tenant sees, and what concerns the stream itself."""
    with contextlib.closing(events):
        for event in events:
            if _is_about_the_stream(event) or tenant.sees_location(_location_of(event)):
                yield event


def _is_about_the_stream(event: str) -> bool:
    return not event.startswith("event: ") or event.startswith(ABOUT_THE_STREAM)


def _location_of(event: str) -> str | None:
    payload = event.partition(DATA)[2]
    location_id: str | None = json.loads(payload).get("location_id")
    return location_id
