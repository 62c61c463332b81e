"""The stream of changes."""

import json
import threading
from collections.abc import Callable, Iterator

import pytest
import redis
from flask import Flask

from flask_messenger import Tenant
from flask_messenger.api.events import visible_events
from flask_messenger.realtime import Change, publish
from flask_messenger.state import state_of
from tests.api.conftest import Api, Threads
from tests.support.app import Host


def read_until(stream: Iterator[bytes], name: str) -> dict[str, str]:
    """Return the data of the next event called `name`."""
    for chunk in stream:
        for event in chunk.decode().split("\n\n"):
            if event.startswith(f"event: {name}\n"):
                data: dict[str, str] = json.loads(event.partition("data: ")[2])
                return data
    pytest.fail(f"The stream ended without {name}.")


def test_stream_brings_what_changes(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in()
    thread = threads.make()
    answer = api.get("/events")
    stream = answer.iter_encoded()

    assert answer.mimetype == "text/event-stream"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.headers["Cache-Control"] == "no-store"
    read_until(stream, "live")
    changing = threading.Thread(
        target=api.patch,
        args=(f"/conversations/{thread.id}",),
        kwargs={"json": {"status": "closed"}},
    )
    changing.start()
    event = read_until(stream, "conversation")
    changing.join()
    answer.close()

    assert event["conversation_id"] == str(thread.id)
    assert "hello" not in str(event)


def test_stream_is_of_one_workspace_and_its_visible_locations(
    app: Flask, api: Api, host: Host
) -> None:
    host.sign_in(location_ids={"l1"})
    answer = api.get("/events")
    stream = answer.iter_encoded()
    read_until(stream, "live")
    client = state_of(app).get(redis.Redis)

    for workspace_id, location_id, message_id in (
        ("w2", "l1", "other workspace"),
        ("w1", "l2", "other location"),
        ("w1", None, "no location"),
        ("w1", "l1", "mine"),
    ):
        ids = {"message_id": message_id, "location_id": location_id}
        publish(client, [Change(workspace_id, "message", ids)])
    event = read_until(stream, "message")
    answer.close()

    assert event["message_id"] == "mine"


def test_stream_without_redis_says_so_and_ends(new_app: Callable[..., Flask]) -> None:
    app = new_app(MESSENGER_REDIS_URL="redis://127.0.0.1:1/0")
    app.extensions["host"].sign_in()

    answer = app.test_client().get("/api/messenger/events")

    assert answer.status_code == 200
    assert answer.text.endswith("event: away\ndata: {}\n\n")


def test_stream_needs_a_tenant(api: Api) -> None:
    assert api.get("/events").status_code == 401


def test_heartbeats_and_news_of_the_stream_always_pass() -> None:
    nothing_seen = Tenant(workspace_id="w1", user_id="u1", location_ids=frozenset())
    about_the_stream = [
        "retry: 3000\n\n",
        "event: live\ndata: {}\n\n",
        ": still here\n\n",
        "event: away\ndata: {}\n\n",
        "event: again\ndata: {}\n\n",
    ]
    foreign = 'event: message\ndata: {"type":"message","location_id":"l1"}\n\n'
    unlocated = 'event: account\ndata: {"type":"account"}\n\n'

    events = (each for each in [*about_the_stream, foreign, unlocated])

    assert list(visible_events(events, nothing_seen)) == about_the_stream


def test_leaving_closes_the_stream_behind() -> None:
    closed: list[bool] = []

    def events() -> Iterator[str]:
        try:
            yield "event: live\ndata: {}\n\n"
            yield "never asked for"
        finally:
            closed.append(True)

    stream = visible_events(events(), Tenant(workspace_id="w1", user_id="u1"))
    next(stream)
    stream.close()

    assert closed == [True]


def test_stream_ends_after_its_time_and_asks_anew_who_listens(
    new_app: Callable[..., Flask],
) -> None:
    app = new_app(MESSENGER_STREAM_SECONDS="1")
    host = app.extensions["host"]
    host.sign_in()
    client = app.test_client()

    answer = client.get("/api/messenger/events")
    host.tenant = None

    assert answer.text.endswith("event: again\ndata: {}\n\n")
    assert client.get("/api/messenger/events").status_code == 401
