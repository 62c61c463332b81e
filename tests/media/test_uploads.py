"""Uploads: taken within limits, given to Meta once, removed when nothing has them."""

import contextvars
import io
import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import responses
from flask import Flask
from werkzeug.test import TestResponse
from werkzeug.wrappers import Request

from flask_messenger.channels.sending import Endpoint
from flask_messenger.content import Images, Media, Picture, Text
from flask_messenger.errors import ContentError, GraphUnavailableError, InvalidRequestError
from flask_messenger.media.discard import discard_files_of_messages
from flask_messenger.media.resolve import forget_reusable, needs_upload, resolve_media
from flask_messenger.media.store import Store
from flask_messenger.media.tidy import tidy
from flask_messenger.media.uploads import attach_uploads
from flask_messenger.models import (
    Account,
    Attachment,
    DiscardedFile,
    Message,
    ReusableAttachment,
    Upload,
)
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.media.conftest import Received, picture
from tests.support.app import GRAPH_URL, INSTAGRAM_GRAPH_URL, PAGE_TOKEN, Host
from tests.support.ingest import rows

UPLOADS = "/api/messenger/uploads"
CONTENT = picture((60, 40))

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def media_settings() -> dict[str, Any]:
    return {
        "META_GRAPH_URL": GRAPH_URL,
        "MESSENGER_UPLOAD_MAX_BYTES": {"image": 100_000, "file": 3_000_000},
        "MESSENGER_UPLOAD_QUOTA_BYTES": 4_000_000,
        "MESSENGER_MEDIA_MAX_PIXELS": 1_000_000,
    }


def call(app: Flask, method: str, path: str, **values: Any) -> TestResponse:
    return contextvars.Context().run(app.test_client().open, path, method=method, **values)


def upload(app: Flask, content: bytes = CONTENT, name: str = "a.jpg", **form: str) -> TestResponse:
    """Send a form; its body is made here, since werkzeug's client leaves large ones open."""
    boundary = "a-boundary"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in form.items()
    ]
    disposition = f'form-data; name="file"; filename="{name}"'
    parts.append(f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n")
    body = "".join(parts).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    kind = f"multipart/form-data; boundary={boundary}"
    return call(
        app,
        "POST",
        UPLOADS,
        input_stream=io.BytesIO(body),
        content_length=len(body),
        content_type=kind,
    )


def test_picture_is_taken_and_shown(app: Flask, host: Host) -> None:
    host.sign_in()

    answer = upload(app, name="../up/Our house.jpg")

    assert answer.status_code == 201
    shown = answer.json
    assert (shown["type"], shown["mime_type"]) == ("image", "image/jpeg")
    assert (shown["width"], shown["height"], shown["size_bytes"]) == (60, 40, len(CONTENT))
    assert shown["filename"] == "Our house.jpg"
    assert call(app, "GET", shown["media_url"]).data == CONTENT
    assert call(app, "GET", shown["thumbnail_url"]).headers["Content-Type"] == "image/webp"
    assert call(app, "GET", f"{UPLOADS}/{shown['id']}").json["id"] == shown["id"]
    assert rows(app, DiscardedFile) == []


SAID = [
    (b"%PDF-1.7\n", None, ("file", "application/pdf")),
    (b"just words", None, ("file", "application/octet-stream")),
    (CONTENT, "file", ("file", "image/jpeg")),
    (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "audio", ("audio", "audio/mp4")),
    (b"<!DOCTYPE html><html>", None, ("file", "application/octet-stream")),
]


def test_bytes_say_what_it_is(app: Flask, host: Host) -> None:
    host.sign_in()

    for content, type_, expected in SAID:
        shown = upload(app, content, **({"type": type_} if type_ else {})).json
        assert (shown["type"], shown["mime_type"]) == expected


UNSENDABLE: list[tuple[bytes, dict[str, str], str]] = [
    (b"", {}, "file"),
    (b"<!DOCTYPE html>", {"type": "image"}, "file"),
    (CONTENT, {"type": "picture"}, "type"),
    (CONTENT + bytes(100_000), {}, "file"),
    (picture((1_200, 1_000), "PNG"), {}, "file"),  # few bytes, many pixels
]


def test_what_cannot_be_sent_is_refused(app: Flask, host: Host) -> None:
    host.sign_in()

    for content, form, field in UNSENDABLE:
        answer = upload(app, content, **form)
        assert (answer.status_code, answer.json["field"]) == (422, field)
    assert rows(app, Upload) == []


def test_file_that_is_no_picture_is_told_how_it_can_be_sent(app: Flask, host: Host) -> None:
    host.sign_in()

    answer = upload(app, b"<!DOCTYPE html>", type="image")

    says = "The file is no image. Leave `type` out, or send it as a `file`."
    assert answer.json["detail"] == says


def test_form_without_a_file_and_no_form_are_refused(app: Flask, host: Host) -> None:
    host.sign_in()

    assert call(app, "POST", UPLOADS, data={"file": "x"}, content_type="multipart/form-data"
                ).status_code == 422  # fmt: skip
    assert call(app, "POST", UPLOADS, json={}).status_code == 415


def test_body_beyond_every_limit_is_not_read(app: Flask, host: Host) -> None:
    host.sign_in()

    assert upload(app, bytes(27_000_000)).status_code == 413


def test_workspace_has_its_share_of_room_and_no_more(app: Flask, host: Host) -> None:
    host.sign_in()
    large = b"%PDF-1.7\n" + bytes(2_500_000)
    assert upload(app, large).status_code == 201

    assert upload(app, large).status_code == 409
    host.sign_in("w2")
    assert upload(app, large).status_code == 201


def test_uploads_are_for_those_who_may_and_their_workspace(app: Flask, host: Host) -> None:
    assert upload(app).status_code == 401
    host.sign_in(permissions=frozenset())
    assert upload(app).status_code == 403
    host.sign_in()
    shown = upload(app).json

    host.sign_in("w2")
    assert call(app, "GET", f"{UPLOADS}/{shown['id']}").status_code == 404
    assert call(app, "DELETE", f"{UPLOADS}/{shown['id']}").status_code == 404
    assert call(app, "GET", shown["media_url"]).status_code == 404
    assert len(rows(app, Upload)) == 1


def test_upload_that_was_not_sent_can_be_removed_and_ends_by_itself(
    app: Flask, host: Host, store: Store
) -> None:
    host.sign_in()
    first, second = upload(app).json["id"], upload(app).json["id"]
    keys = [each.storage_key for each in rows(app, Upload)]

    assert call(app, "DELETE", f"{UPLOADS}/{first}").status_code == 204
    with system_scope("test"):
        tidy(app, now=utc_now())
    assert [str(each.id) for each in rows(app, Upload)] == [second]
    with system_scope("test"):
        tidy(app, now=utc_now() + timedelta(hours=25))
    assert rows(app, Upload) == []
    assert not any(store.has(key) for key in keys)


# Sending them.


@pytest.fixture
def graph() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def message(received: Received) -> Message:
    account = received.factory.account(external_id="100")
    conversation = received.factory.conversation(account)
    return received.factory.message(
        conversation, direction="outbound", status="queued", external_id=None, kind="media"
    )


@pytest.fixture
def upload_id(app: Flask, host: Host) -> str:
    host.sign_in()
    return str(upload(app, name="house.jpg").json["id"])


def resolve(app: Flask, message: Message, content: Any, **values: Any) -> Any:
    values = {"channel": "facebook", "endpoint": Endpoint(external_id="100"), **values}
    return resolve_media(
        app,
        workspace_id="w1",
        account_id=message.account_id,
        meta_app=state_of(app).settings.default_app,
        token=PAGE_TOKEN,
        content=content,
        **values,
    )


def takes(graph: responses.RequestsMock, *ids: str, path: str = "100") -> None:
    for each in ids:
        graph.post(f"{GRAPH_URL}/v25.0/{path}/message_attachments", json={"attachment_id": each})


@pytest.mark.covers("facebook", "do:upload")
def test_file_is_given_to_meta_once(
    app: Flask, graph: responses.RequestsMock, message: Message, upload_id: str
) -> None:
    takes(graph, "9001", "9002")
    content = Media(type="image", upload_id=upload_id)

    first = resolve(app, message, content)
    again = resolve(app, message, content)
    as_file = resolve(app, message, Media(type="file", upload_id=upload_id))

    assert first == again == Media(type="image", attachment_id="9001")
    assert as_file == Media(type="file", attachment_id="9002")
    assert len(graph.calls) == 2
    sent = graph.calls[0].request
    assert sent.headers["Authorization"] == f"Bearer {PAGE_TOKEN}"
    assert int(sent.headers["Content-Length"]) > len(CONTENT)


def test_body_is_a_form_that_meta_reads(
    app: Flask, graph: responses.RequestsMock, message: Message, upload_id: str
) -> None:
    read: dict[str, Any] = {}

    def take(request: Any) -> tuple[int, dict[str, str], str]:
        environ = {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": request.headers["Content-Type"],
            "CONTENT_LENGTH": request.headers["Content-Length"],
            "wsgi.input": io.BytesIO(request.body),
        }
        with Request(environ) as form:
            file = form.files["filedata"]
            said = {"name": file.filename, "type": file.mimetype, "file": file.read()}
            read.update(form.form.to_dict(), **said)
        return 200, {}, json.dumps({"attachment_id": "9001"})

    graph.add_callback("POST", f"{GRAPH_URL}/v25.0/100/message_attachments", callback=take)

    resolve(app, message, Media(type="image", upload_id=upload_id))

    wanted = {"attachment": {"type": "image", "payload": {"is_reusable": True}}}
    assert json.loads(read.pop("message")) == wanted
    assert read == {
        "platform": "messenger", "name": "house.jpg", "type": "image/jpeg", "file": CONTENT
    }  # fmt: skip


@pytest.mark.covers("instagram", "do:upload")
@pytest.mark.parametrize("login", ["facebook", "instagram"])
def test_file_of_instagram_goes_where_the_account_came_from(
    app: Flask, graph: responses.RequestsMock, message: Message, upload_id: str, login: str
) -> None:
    endpoint = Endpoint(external_id="178", page_external_id="100", login=login)
    takes(graph, "1")
    graph.post(f"{INSTAGRAM_GRAPH_URL}/v25.0/178/message_attachments", json={"attachment_id": "2"})

    found = resolve(
        app,
        message,
        Media(type="image", upload_id=upload_id),
        channel="instagram",
        endpoint=endpoint,
    )

    assert found.attachment_id == {"facebook": "1", "instagram": "2"}[login]


def test_id_is_renewed_before_meta_forgets_it(
    app: Flask, graph: responses.RequestsMock, message: Message, upload_id: str, received: Received
) -> None:
    takes(graph, "9001", "9002")
    content = Media(type="image", upload_id=upload_id)
    resolve(app, message, content)
    [kept] = rows(app, ReusableAttachment)
    assert timedelta(days=70) < kept.expires_at - utc_now() < timedelta(days=90)
    received.update(kept, expires_at=utc_now())

    assert resolve(app, message, content).attachment_id == "9002"
    [renewed] = rows(app, ReusableAttachment)
    assert renewed.external_id == "9002"
    assert renewed.expires_at > utc_now()


def test_id_that_meta_does_not_know_is_made_anew(
    app: Flask, graph: responses.RequestsMock, message: Message, upload_id: str
) -> None:
    takes(graph, "9001", "9002")
    content = Media(type="image", upload_id=upload_id)
    resolve(app, message, content)

    forget_reusable(app, workspace_id="w1", account_id=message.account_id, content=content)

    assert resolve(app, message, content).attachment_id == "9002"


def test_other_account_has_files_of_its_own(
    app: Flask,
    graph: responses.RequestsMock,
    message: Message,
    upload_id: str,
    received: Received,
) -> None:
    other: Account = received.factory.account(external_id="101")
    takes(graph, "9001")
    takes(graph, "9002", path="101")
    content = Media(type="image", upload_id=upload_id)
    resolve(app, message, content)

    found = resolve_media(
        app,
        workspace_id="w1",
        account_id=other.id,
        channel="facebook",
        endpoint=Endpoint(external_id="101"),
        meta_app=state_of(app).settings.default_app,
        token=PAGE_TOKEN,
        content=content,
    )

    assert found == Media(type="image", attachment_id="9002")


def test_several_pictures_and_none(
    app: Flask, graph: responses.RequestsMock, message: Message, upload_id: str
) -> None:
    second = str(upload(app, picture((5, 5))).json["id"])
    takes(graph, "9001", "9002")
    pictures = Images(images=(Picture(upload_id=upload_id), Picture(upload_id=second)))

    found = resolve(app, message, pictures)

    assert [each.attachment_id for each in found.images] == ["9001", "9002"]
    assert needs_upload(pictures)
    assert not needs_upload(found)
    assert resolve(app, message, Text(text="hello")) == Text(text="hello")


def test_file_that_is_gone_fails_for_good(
    app: Flask, message: Message, upload_id: str, store: Store
) -> None:
    [row] = rows(app, Upload)
    store.delete(row.storage_key)

    with pytest.raises(ContentError, match="Upload it again"):
        resolve(app, message, Media(type="image", upload_id=upload_id))
    for foreign in (str(uuid.uuid4()), "no id at all"):
        with pytest.raises(ContentError, match="Upload it again"):
            resolve(app, message, Media(type="image", upload_id=foreign))


def test_meta_that_fails_may_be_asked_again(
    app: Flask, graph: responses.RequestsMock, message: Message, upload_id: str
) -> None:
    graph.post(f"{GRAPH_URL}/v25.0/100/message_attachments", status=500, json={})

    with pytest.raises(GraphUnavailableError) as caught:
        resolve(app, message, Media(type="image", upload_id=upload_id))

    assert caught.value.retryable
    assert rows(app, ReusableAttachment) == []


def test_upload_is_shown_with_its_message_and_lives_as_long(
    app: Flask, message: Message, upload_id: str, received: Received, store: Store
) -> None:
    session = received.factory.session
    content = Media(type="image", upload_id=upload_id)
    with system_scope("test"):
        attach_uploads(session, session.merge(message), content, now=utc_now())
        session.commit()
        tidy(app, now=utc_now() + timedelta(days=365))

    [shown] = call(app, "GET", f"/api/messenger/messages/{message.id}").json["attachments"]
    assert (shown["type"], shown["state"], shown["filename"]) == ("image", "stored", "house.jpg")
    assert call(app, "GET", shown["media_url"]).data == CONTENT
    assert call(app, "GET", shown["thumbnail_url"]).headers["Content-Type"] == "image/webp"
    assert call(app, "DELETE", f"{UPLOADS}/{upload_id}").status_code == 409

    [key] = [each.storage_key for each in rows(app, Upload)]
    [attachment] = rows(app, Attachment)
    with system_scope("test"):
        discard_files_of_messages(session, [message.id])
        session.delete(attachment)
        session.commit()
        tidy(app, now=utc_now() + timedelta(minutes=1))
    assert rows(app, Upload) == []
    assert not store.has(key)


def test_foreign_upload_is_refused_before_anything_is_stored(
    app: Flask, message: Message, received: Received, upload_id: str
) -> None:
    session = received.factory.session
    other = received.message("w2")
    with system_scope("test"):
        for who, which in ((other, upload_id), (message, str(uuid.uuid4())), (message, "x")):
            content = Media(type="image", upload_id=which)
            with pytest.raises(InvalidRequestError, match="no such upload"):
                attach_uploads(session, session.merge(who), content, now=utc_now())
    assert rows(app, Attachment) == []
