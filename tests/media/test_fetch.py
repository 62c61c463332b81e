"""Fetching: what people send is kept, whole and once, and what cannot be had is tried again."""

import hashlib
import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
import responses
from flask import Flask
from PIL import Image

from flask_messenger import jobs
from flask_messenger.media import fetch
from flask_messenger.media.claim import claim_files, find_waiting
from flask_messenger.media.store import Store
from flask_messenger.media.tidy import tidy
from flask_messenger.models import Attachment, DiscardedFile
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.media.conftest import FileServer, Received, picture
from tests.support.app import GRAPH_URL, PAGE_TOKEN
from tests.support.ingest import rows

pytestmark = pytest.mark.databases("postgresql")

FILM = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + b"\0" * 200_000
SOUND = b"ID3\x03\0\0\0\0\0\0" + b"\0" * 5_000


@pytest.mark.databases("postgresql", "sqlite")
@pytest.mark.covers("facebook", "receive:image")
def test_picture_is_kept_with_what_it_is(
    received: Received, files: FileServer, store: Store
) -> None:
    content = picture()
    row = received.attach(files.serve("/media/1/beach%20day.jpg", content))

    found = received.fetch(row)

    assert (found.state, found.mime_type, found.error_slug) == ("stored", "image/jpeg", None)
    assert (found.width, found.height, found.size_bytes) == (900, 600, len(content))
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert found.filename == "beach day.jpg"
    assert b"".join(store.read(str(found.storage_key))) == content


def test_thumbnail_is_small_upright_and_bare(
    received: Received, files: FileServer, store: Store
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010F] = "A camera with a name"
    row = received.attach(files.serve("/photo.jpg", picture(exif=exif.tobytes())))

    found = received.fetch(row)

    assert (found.width, found.height) == (600, 900)
    small = Image.open(io.BytesIO(b"".join(store.read(str(found.thumbnail_key)))))
    assert small.format == "WEBP"
    assert small.size == (320, 480)
    assert not small.getexif()


KINDS = [
    ("video", FILM, "video/mp4"),
    ("audio", FILM, "audio/mp4"),  # a voice message comes in the container of a film
    ("audio", SOUND, "audio/mpeg"),
    ("file", b"%PDF-1.7\n" + b"1" * 100, "application/pdf"),
    ("file", b"some words", "application/octet-stream"),
    ("sticker", picture(kind="PNG"), "image/png"),
    ("animated_image", picture((20, 20), "GIF"), "image/gif"),
]


@pytest.mark.covers("facebook", "receive:video", "receive:audio", "receive:file")
def test_every_type_is_told_by_its_bytes(received: Received, files: FileServer) -> None:
    message = received.message()

    for position, (type_, content, mime_type) in enumerate(KINDS):
        url = files.serve(f"/{position}", content, Content_Type="text/html")
        found = received.fetch(received.attach(url, message, type=type_, position=position))
        assert (found.state, found.mime_type) == ("stored", mime_type)


def test_files_of_a_message_are_fetched_together(received: Received, files: FileServer) -> None:
    message = received.message()
    ids = [
        received.attach(
            files.serve(f"/{number}.png", picture((9, 9), "PNG")), message, position=number
        ).id
        for number in range(6)
    ]

    received.fetch(received.reload(ids[0]))

    assert {received.reload(each).state for each in ids} == {"stored"}
    assert len({received.reload(each).storage_key for each in ids}) == 6


def test_no_token_and_no_cookie_goes_along(received: Received, files: FileServer) -> None:
    received.fetch(received.attach(files.serve("/photo.png", picture((9, 9), "PNG"))))

    [(_, headers)] = files.asked
    assert {name.lower() for name in headers} == {
        "host", "accept", "accept-encoding", "user-agent", "connection",
    }  # fmt: skip
    assert headers["Accept-Encoding"] == "identity"


def test_what_is_not_to_be_kept_is_never_asked_for(received: Received, files: FileServer) -> None:
    url = files.serve("/story.jpg", picture())
    refused = received.attach(url, state="refused")
    remote = received.attach(url, state="remote")

    assert received.fetch(refused).state == "refused"
    assert received.fetch(remote).state == "remote"
    assert files.asked == []


def test_failure_is_tried_again_later_and_then_given_up(
    received: Received, files: FileServer
) -> None:
    row = received.attach(files.serve("/photo.jpg", b"sorry", status=503))

    found = received.fetch(row)

    assert (found.state, found.attempts, found.error_slug) == ("pending", 1, "media_not_served")
    assert found.next_attempt_at is not None
    assert found.next_attempt_at > utc_now()
    with system_scope("test"):
        assert find_waiting(received.factory.session, now=utc_now()) == []
        later = utc_now() + timedelta(hours=3)
        assert find_waiting(received.factory.session, now=later) == ["w1"]
    received.update(found, attempts=7, next_attempt_at=None)
    given_up = received.fetch(found)
    assert (given_up.state, given_up.attempts) == ("failed", 8)
    assert given_up.next_attempt_at is None


def test_file_that_breaks_off_is_not_kept(received: Received, files: FileServer) -> None:
    content = picture()
    url = files.serve("/photo.jpg", content[:500], Content_Length=str(len(content)))

    found = received.fetch(received.attach(url))

    assert (found.state, found.storage_key) == ("pending", None)
    assert found.error_slug == "media_not_served"


@pytest.fixture
def graph() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def graph_answers(graph: responses.RequestsMock, message_id: str, *urls: str) -> None:
    data = [{"id": "1", "mime_type": "image/jpeg", "image_data": {"url": url}} for url in urls]
    graph.get(f"{GRAPH_URL}/v25.0/{message_id}", json={"attachments": {"data": data}, "id": "1"})


def test_address_that_ended_is_asked_for_anew(
    received: Received, files: FileServer, graph: responses.RequestsMock
) -> None:
    message = received.message()
    fresh = files.serve("/fresh.jpg", picture())
    graph_answers(graph, str(message.external_id), "https://elsewhere.example.test/0", fresh)
    row = received.attach(files.serve("/old.jpg", b"", status=403), message, position=1)

    found = received.fetch(row)

    assert (found.state, found.url) == ("stored", fresh)
    assert graph.calls[0].request.headers["Authorization"] == f"Bearer {PAGE_TOKEN}"
    assert all("Authorization" not in headers for _, headers in files.asked)


def test_file_without_an_address_is_asked_for(
    received: Received, files: FileServer, graph: responses.RequestsMock
) -> None:
    message = received.message()
    graph_answers(graph, str(message.external_id), files.serve("/found.jpg", picture()))

    assert received.fetch(received.attach(None, message)).state == "stored"


def test_fresh_address_is_no_more_trusted_than_the_first(
    received: Received, graph: responses.RequestsMock, neighbour: FileServer
) -> None:
    message = received.message()
    graph_answers(graph, str(message.external_id), neighbour.serve("/x.jpg", picture()))

    found = received.fetch(received.attach(None, message))

    assert (found.state, found.error_slug) == ("refused", "media_host_refused")
    assert neighbour.asked == []


def test_file_that_meta_has_no_more_is_given_up_soon(
    received: Received, files: FileServer, graph: responses.RequestsMock
) -> None:
    message = received.message()
    graph_answers(graph, str(message.external_id))
    row = received.attach(files.serve("/old.jpg", b"", status=404), message, attempts=2)

    found = received.fetch(row)

    assert (found.state, found.error_slug) == ("failed", "media_gone")


def test_message_that_is_taken_back_meanwhile_leaves_no_file(
    received: Received, files: FileServer, app: Flask, store: Store
) -> None:
    row = received.attach("")
    session = received.factory.session

    def take_back(request: object) -> None:
        with app.app_context(), system_scope("test"):
            inner = state_of(app).db.session
            inner.delete(inner.get_one(Attachment, row.id))
            inner.commit()
        files.answers["/now.jpg"](request)  # type: ignore[arg-type]

    files.serve("/now.jpg", picture())
    received.update(row, url=files.answer("/first.jpg", take_back))
    with system_scope("test"):
        fetch.fetch_files(app, "w1")
        session.rollback()

    assert rows(app, Attachment) == []
    noted = [each.storage_key for each in rows(app, DiscardedFile)]
    assert any(store.has(key) for key in noted)
    with system_scope("test"):
        for each in rows(app, DiscardedFile):
            received.update(each, due_at=utc_now())
        tidy(app, now=utc_now())
    assert not any(store.has(key) for key in noted)
    assert rows(app, DiscardedFile) == []


def test_two_workers_do_not_take_the_same(received: Received, files: FileServer) -> None:
    received.attach(files.url + "/photo.jpg")
    session = received.factory.session
    with system_scope("test"):
        first = claim_files(session, "w1", now=utc_now(), limit=4)
        second = claim_files(session, "w1", now=utc_now(), limit=4)
        later = claim_files(session, "w1", now=utc_now() + timedelta(minutes=11), limit=4)

    assert (len(first), len(second)) == (1, 0)
    assert [each.attempts for each in later] == [2]  # the first one died


def test_job_fetches_what_was_woken_for(received: Received, files: FileServer) -> None:
    row_id = received.attach(files.serve("/photo.jpg", picture())).id

    jobs.wake_fetching(["w1"])
    jobs.take_turns("bulk")

    assert received.reload(row_id).state == "stored"


def test_sweep_finds_what_nobody_was_woken_for(received: Received, files: FileServer) -> None:
    row_id = received.attach(files.serve("/photo.jpg", picture())).id
    parts = [part for part in jobs.SCHEDULE if part.name == "sweep_media"]

    jobs.sweep(parts)
    jobs.take_turns("bulk")

    assert received.reload(row_id).state == "stored"


def test_without_redis_the_tables_are_looked_at(received: Received, files: FileServer) -> None:
    row_id = received.attach(files.serve("/photo.jpg", picture())).id

    jobs.poll("bulk")

    assert received.reload(row_id).state == "stored"


def test_key_says_nothing_of_a_person(received: Received, files: FileServer) -> None:
    message = received.message(workspace_id="../Ada & Sons")
    row = received.attach(files.serve("/photo.jpg", picture()), message)

    found = received.fetch(row)

    folder, _, _, name = str(found.storage_key).split("/")
    assert folder.startswith("h-")
    assert ".." not in str(found.storage_key)
    assert len(name) == 32
