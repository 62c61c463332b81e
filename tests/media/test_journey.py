"""With the simulator: a photo of a customer is kept and shown, a file of an agent reaches them."""

import contextvars
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_messenger.channels.registry import channel_named
from flask_messenger.channels.sending import Endpoint, Recipient, SendOptions
from flask_messenger.content import Media
from flask_messenger.graph.client import Graph
from flask_messenger.graph.messages import send_message
from flask_messenger.media.fetch import fetch_files
from flask_messenger.media.resolve import forget_reusable, resolve_media
from flask_messenger.models import Attachment
from flask_messenger.simulator.pictures import draw_photo
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.media.conftest import picture
from tests.simulator.conftest import Running, callback, graph, page_id, start
from tests.simulator.driver import Callback
from tests.support.app import Factory, Host
from tests.support.ingest import drain, rows
from tests.support.leaks import watch_leaks

__all__ = ["callback", "graph", "page_id", "start"]

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture
def app(new_app: Callable[..., Flask], graph: Running, tmp_path: Path) -> Iterator[Flask]:
    app = new_app(
        META_APP_ID=None,
        META_APP_SECRET=None,
        META_VERIFY_TOKEN=None,
        META_GRAPH_URL=graph.base_url,
        MESSENGER_SIMULATOR_URL=graph.base_url,
        MESSENGER_MEDIA_URL=(tmp_path / "media").as_uri(),
    )
    with watch_leaks(app), app.app_context():
        yield app


def call(app: Flask, method: str, path: str, **values: Any) -> Any:
    return contextvars.Context().run(app.test_client().open, path, method=method, **values)


def receive(app: Flask, callback: Callback) -> None:
    """Hand what the simulator sent to the application's own webhook."""
    for headers, body in callback.received:
        signed = {"X-Hub-Signature-256": headers["X-Hub-Signature-256"]}
        answer = call(app, "POST", "/webhooks/meta", data=body, headers=signed)
        assert answer.status_code == 200
    callback.received.clear()
    drain(app)


def test_photo_of_a_customer_is_kept_and_shown_to_agents(
    app: Flask, host: Host, factory: Factory, graph: Running, callback: Callback, page_id: str
) -> None:
    host.sign_in()
    factory.account(external_id=page_id, token=graph.connect(page_id))
    graph.chat(f"{page_id}/maya-okafor/messages", photo="sea")
    callback.wait_for_kinds("message")

    receive(app, callback)
    [pending] = rows(app, Attachment)
    assert pending.state == "pending"
    with system_scope("test"):
        fetch_files(app, "w1")

    [stored] = rows(app, Attachment)
    assert (stored.state, stored.mime_type, stored.width) == ("stored", "image/png", 480)
    message = call(app, "GET", f"/api/messenger/messages/{stored.message_id}").json
    shown = call(app, "GET", message["attachments"][0]["media_url"])
    assert shown.data == draw_photo("sea")


def test_file_of_an_agent_reaches_the_customer_by_its_id(
    app: Flask, host: Host, factory: Factory, graph: Running, callback: Callback, page_id: str
) -> None:
    host.sign_in()
    token = graph.connect(page_id)
    account = factory.account(external_id=page_id, token=token)
    psid = graph.chat(f"{page_id}/maya-okafor/messages", text="A photo?")["psid"]
    file = (io.BytesIO(picture((60, 40))), "house.jpg")
    upload_id = call(app, "POST", "/api/messenger/uploads", data={"file": file}).json["id"]
    content = Media(type="image", upload_id=upload_id)
    meta_app, endpoint = state_of(app).settings.default_app, Endpoint(external_id=page_id)

    def resolve() -> Any:
        return resolve_media(
            app,
            workspace_id="w1",
            account_id=account.id,
            channel="facebook",
            endpoint=endpoint,
            meta_app=meta_app,
            token=token,
            content=content,
        )

    request = channel_named("facebook").build_message(
        resolve(), endpoint=endpoint, recipient=Recipient(id=psid), options=SendOptions()
    )
    send_message(state_of(app).get(Graph), app=meta_app, token=token, request=request)
    callback.wait_for_kinds("echo")

    echoes = [each for each in callback.events() if each.get("message", {}).get("is_echo")]
    [attachment] = echoes[0]["message"]["attachments"]
    assert attachment["type"] == "image"
    first = resolve()
    forget_reusable(app, workspace_id="w1", account_id=account.id, content=content)
    assert resolve() != first
