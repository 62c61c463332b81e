"""Messages with files of ours: given to Meta first, in a thread beside, and once."""

import io
import json
import re

import pytest
import responses
from PIL import Image

from flask_messenger.content import (
    Images,
    Media,
    MediaTemplate,
    Picture,
    QuickReplies,
    quick_reply,
)
from flask_messenger.errors import InvalidRequestError
from flask_messenger.hooks import Tenant
from flask_messenger.media.uploads import GivenFile, store_upload
from flask_messenger.models import Attachment
from flask_messenger.models.base import utc_now
from flask_messenger.outbox.runner import run_outbox
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.outbox.conftest import READ_TIMEOUT, Talk
from tests.support.app import GRAPH_URL
from tests.support.ingest import rows
from tests.support.leaks import watch_leaks

pytestmark = pytest.mark.databases("postgresql")

UPLOADS_URL = re.compile(re.escape(GRAPH_URL) + r"/v25\.0/\d+/message_attachments")


@pytest.fixture
def app(new_app, tmp_path):
    app = new_app(MESSENGER_MEDIA_URL=(tmp_path / "media").as_uri())
    with watch_leaks(app), app.app_context():
        yield app


@pytest.fixture
def talk(app, factory, meta):
    return Talk(app, factory, meta)


@pytest.fixture
def given(meta):
    """How often Meta was given a file; it answers each time with another id."""
    given = []

    def answer(request):
        given.append(request.path_url)
        return (200, {}, json.dumps({"attachment_id": f"18{len(given)}"}))

    meta.mock.add_callback(responses.POST, UPLOADS_URL, callback=answer)
    return given


def vase(kind="PNG"):
    sink = io.BytesIO()
    Image.new("RGB", (40, 30), (9, 90, 30)).save(sink, kind)
    return sink.getvalue()


def upload(talk, content=None):
    sink = io.BytesIO(content or vase())
    tenant = Tenant(workspace_id="w1", user_id="u1", user_name="Sam")
    with workspace_scope("w1"):
        file = GivenFile(stream=sink, filename="vase.png")
        row = store_upload(talk.session, state_of(talk.app), file, tenant=tenant, now=utc_now())
        return str(row.id)


def queue(talk):
    return talk.compose(Media(type="image", upload_id=upload(talk))).message.id


@pytest.mark.covers("facebook", "do:upload")
def test_file_is_given_to_meta_and_then_named(talk, meta, given):
    message_id = queue(talk)

    talk.run()

    assert talk.states(message_id) == ["sent"]
    assert len(given) == 1
    payload = meta.asked[0]["message"]["attachment"]["payload"]
    assert payload["attachment_id"] == "181"
    [kept] = rows(talk.app, Attachment)
    assert (kept.state, kept.filename) == ("stored", "vase.png")


def test_file_that_meta_has_is_not_given_again(talk, given):
    content = Media(type="image", upload_id=upload(talk))
    ids = [talk.compose(content).message.id for _ in range(2)]

    talk.run()

    assert talk.states(*ids) == ["sent", "sent"]
    assert len(given) == 1


def test_file_that_meta_has_forgotten_is_given_once_more(talk, meta, given):
    talk.queue("before")
    message_id = queue(talk)
    meta.accept("m_before")
    meta.refuse(100, 2018074)

    talk.run()

    assert talk.states(message_id) == ["sent"]
    assert len(given) == 2


def test_file_that_meta_does_not_take_leaves_the_message_queued(talk, meta):
    meta.mock.post(UPLOADS_URL, status=500, json={"error": {"code": 2}})
    message_id = queue(talk)

    talk.run()

    message = talk.message(message_id)
    assert (message.status, message.attempts) == ("queued", 1)
    assert meta.asked == []


def test_answer_to_an_upload_that_never_came_does_not_leave_the_message_unknown(talk, meta):
    meta.mock.post(UPLOADS_URL, body=READ_TIMEOUT)
    message_id = queue(talk)

    talk.run()

    assert talk.states(message_id) == ["queued"]


def test_threads_give_files_beside_those_that_send(talk, given):
    ids = [queue(talk), *talk.queue("behind it")]

    with system_scope("test"):
        run_outbox(talk.app, until_idle=True, threads=2)
    talk.session.rollback()

    assert talk.states(*ids) == ["sent", "sent"]
    assert len(given) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda upload_id: Media(type="image", upload_id=upload_id),
        lambda upload_id: Images((Picture(upload_id=upload_id),)),
        lambda upload_id: MediaTemplate("video", upload_id=upload_id),
        lambda upload_id: QuickReplies(
            (quick_reply("Yes"),), attachment=Media(type="audio", upload_id=upload_id)
        ),
    ],
)
def test_file_that_is_something_else_is_refused_before_anything_is_stored(talk, make):
    content = make(upload(talk, b"%PDF-1.7\n"))

    with pytest.raises(InvalidRequestError, match="of the type file") as caught:
        talk.compose(content)
    talk.session.rollback()

    assert caught.value.field == "attachment.type"
    assert talk.outbound == []


def test_file_is_given_to_meta_as_what_it_is_sent_as(talk, meta):
    asked = []

    def answer(request):
        asked.append(request.body.read() if hasattr(request.body, "read") else request.body)
        return (200, {}, json.dumps({"attachment_id": "181"}))

    meta.mock.add_callback(responses.POST, UPLOADS_URL, callback=answer)
    attachment = Media(type="file", upload_id=upload(talk))
    talk.compose(QuickReplies((quick_reply("Yes"),), attachment=attachment))

    talk.run()

    assert meta.asked[0]["message"]["attachment"]["type"] == "file"
    assert b'"type": "file"' in asked[0]


@pytest.mark.parametrize(
    ("type_", "content", "fits"),
    [
        ("image", vase(), True),
        ("image", vase("WEBP"), False),
        ("file", b"%PDF-1.7\n", True),
        ("file", b"just words", False),
    ],
)
def test_instagram_takes_fewer_kinds_of_files(app, factory, meta, type_, content, fits):
    talk = Talk(app, factory, meta, channel="instagram", page_external_id="1001")
    media = Media(type=type_, upload_id=upload(talk, content))

    if fits:
        talk.compose(media)
        return
    with pytest.raises(InvalidRequestError, match="channel takes") as caught:
        talk.compose(media)
    assert caught.value.field == "attachment.upload_id"
