"""Serving: to whom it belongs, for a while, and so that nothing in a file can run."""

import contextvars
import json
from base64 import urlsafe_b64decode
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from flask_messenger.media.links import media_link, thumbnail_link
from flask_messenger.media.store import Store
from flask_messenger.models import Attachment
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from tests.media.conftest import FileServer, Received, picture
from tests.support.app import Host

CONTENT = picture()

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def stored(received: Received, files: FileServer) -> Attachment:
    url = files.serve("/v/beach%22%0d%0aX-Evil:%201.jpg", CONTENT)
    return received.fetch(received.attach(url))


def call(app: Flask, method: str, path: str | None, **values: Any) -> TestResponse:
    """Send a request in a context of its own, as a server would."""
    assert path is not None
    return contextvars.Context().run(app.test_client().open, path, method=method, **values)


def get(app: Flask, path: str | None, **values: Any) -> TestResponse:
    return call(app, "GET", path, **values)


def retry(app: Flask, row: Attachment) -> TestResponse:
    return call(app, "POST", f"/api/messenger/attachments/{row.id}/retry")


def link_of(row: Attachment) -> str:
    link = media_link(row, now=utc_now())
    assert link is not None
    return link


def test_picture_is_shown_with_safe_headers(app: Flask, host: Host, stored: Attachment) -> None:
    host.sign_in()

    answer = get(app, link_of(stored))

    assert (answer.status_code, answer.data) == (200, CONTENT)
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Disposition"].startswith("inline; filename=")
    assert "X-Evil" not in answer.headers
    assert answer.cache_control.private
    assert 3600 <= int(answer.cache_control.max_age or 0) <= 7200
    assert not answer.cache_control.public


def test_small_picture_is_served(app: Flask, host: Host, stored: Attachment) -> None:
    host.sign_in()

    answer = get(app, thumbnail_link(stored, now=utc_now()))

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/webp")
    assert answer.data[8:12] == b"WEBP"
    assert len(answer.data) < len(CONTENT)


def test_part_of_a_file_is_served(app: Flask, host: Host, stored: Attachment) -> None:
    host.sign_in()
    link, size = link_of(stored), len(CONTENT)
    parts = {"bytes=0-9": (0, 10), "bytes=100-": (100, size), "bytes=-7": (size - 7, size)}

    for wanted, (start, end) in parts.items():
        answer = get(app, link, headers={"Range": wanted})
        assert (answer.status_code, answer.data) == (206, CONTENT[start:end])
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
        assert answer.headers["Content-Length"] == str(end - start)
        assert answer.headers["Accept-Ranges"] == "bytes"


def test_part_beyond_the_end_is_refused(app: Flask, host: Host, stored: Attachment) -> None:
    host.sign_in()

    assert get(app, link_of(stored), headers={"Range": "bytes=999999-"}).status_code == 416


def test_range_that_is_not_understood_means_the_whole(
    app: Flask, host: Host, stored: Attachment
) -> None:
    host.sign_in()

    for wanted in ("bytes=0-1,4-5", "lines=1-2", "bytes=a-b"):
        answer = get(app, link_of(stored), headers={"Range": wanted})
        assert (answer.status_code, answer.data) == (200, CONTENT)


def test_browser_that_has_it_is_told_so(app: Flask, host: Host, stored: Attachment) -> None:
    host.sign_in()
    tag = get(app, link_of(stored)).headers["ETag"]

    answer = get(app, link_of(stored), headers={"If-None-Match": tag})
    changed = get(app, link_of(stored), headers={"Range": "bytes=0-9", "If-Range": '"another"'})

    assert (answer.status_code, answer.data) == (304, b"")
    assert changed.status_code == 200


def test_head_says_how_large_it_is(app: Flask, host: Host, stored: Attachment) -> None:
    host.sign_in()

    answer = call(app, "HEAD", link_of(stored))

    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(CONTENT))


RUNNABLE = {
    "page.html": (b"<!DOCTYPE html><script>alert(1)</script>", "application/octet-stream"),
    "drawing.svg": (
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="x"/>',
        "application/octet-stream",
    ),
    "bill.pdf": (b"%PDF-1.7\n" + b"1" * 100, "application/pdf"),
    "setup.exe": (b"MZ\x90\0" + b"\0" * 200, "application/octet-stream"),
}


def test_what_could_run_is_saved_and_not_shown(
    app: Flask, host: Host, received: Received, files: FileServer
) -> None:
    host.sign_in()

    for name, (content, content_type) in RUNNABLE.items():
        row = received.fetch(received.attach(files.serve(f"/{name}", content), type="file"))
        answer = get(app, link_of(row))
        assert answer.headers["Content-Type"] == content_type
        assert answer.headers["Content-Disposition"] == f"attachment; filename={name}"


def test_link_opens_nothing_for_another_workspace(
    app: Flask, host: Host, stored: Attachment
) -> None:
    link = link_of(stored)
    assert get(app, link).status_code == 401

    host.sign_in("w2")
    assert get(app, link).status_code == 404
    host.sign_in("w1", location_ids=frozenset({"l2"}))
    assert get(app, link).status_code == 404
    host.sign_in("w1", location_ids=frozenset({"l1"}))
    assert get(app, link).status_code == 200


def test_link_that_was_changed_opens_nothing(app: Flask, host: Host, stored: Attachment) -> None:
    host.sign_in()
    link = link_of(stored)
    payload, _, signature = link.rpartition("/")[2].partition(".")

    for forged in (f"{payload}A.{signature}", f"{payload}.{signature[:-2]}AA", payload, "a.b", "."):
        assert get(app, f"/api/messenger/media/{forged}").status_code == 404


def test_link_ends(app: Flask, host: Host, stored: Attachment) -> None:
    host.sign_in()
    now = utc_now()
    link = link_of(stored)

    with time_machine.travel(now + timedelta(seconds=3590)):
        assert get(app, link).status_code == 200
    with time_machine.travel(now + timedelta(seconds=7200)):
        assert get(app, link).status_code == 404


def test_link_is_the_same_for_a_while_and_says_nothing_of_a_person(stored: Attachment) -> None:
    now = utc_now().replace(minute=10)

    link = media_link(stored, now=now)

    assert link == media_link(stored, now=now + timedelta(minutes=40))
    assert link != media_link(stored, now=now + timedelta(minutes=60))
    payload = str(link).rpartition("/")[2].partition(".")[0]
    said = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert said[:4] == ["w1", "a", stored.id.hex, "w"]


def test_file_that_is_gone_is_not_found(
    app: Flask, host: Host, received: Received, stored: Attachment
) -> None:
    host.sign_in()
    link = link_of(stored)
    state_of(app).get(Store).delete(str(stored.storage_key))
    assert get(app, link).status_code == 404

    received.update(received.reload(stored.id), state="expired", storage_key=None)
    assert get(app, link).status_code == 404


def test_message_tells_of_its_files(
    app: Flask, host: Host, received: Received, stored: Attachment
) -> None:
    host.sign_in()
    message_id = stored.message_id
    failed = received.attach(
        "http://x.example.test/1", received.message(), state="failed", error_slug="media_gone"
    )

    [shown] = get(app, f"/api/messenger/messages/{message_id}").json["attachments"]
    [lost] = get(app, f"/api/messenger/messages/{failed.message_id}").json["attachments"]

    assert (shown["state"], shown["error"], shown["mime_type"]) == ("stored", None, "image/jpeg")
    assert get(app, shown["media_url"]).data == CONTENT
    assert get(app, shown["thumbnail_url"]).status_code == 200
    assert (lost["state"], lost["media_url"], lost["thumbnail_url"]) == ("failed", None, None)
    assert lost["error"]["slug"] == "media_gone"
    assert "Meta" in lost["error"]["detail"]


def test_try_again_really_tries_again(
    app: Flask, host: Host, received: Received, files: FileServer
) -> None:
    host.sign_in()
    url = files.serve("/photo.jpg", b"", status=500)
    row = received.attach(url, attempts=7)
    assert received.fetch(row).state == "failed"
    files.serve("/photo.jpg", CONTENT)

    answer = retry(app, row)
    found = received.fetch(row)

    assert (answer.status_code, answer.json["state"]) == (202, "pending")
    assert (found.state, found.error_slug, found.attempts) == ("stored", None, 1)


STATES = [
    ("failed", "media_gone", 202),
    ("pending", "media_timed_out", 202),
    ("refused", "media_too_large", 202),
    ("refused", None, 409),
    ("refused", "media_policy", 409),
    ("remote", None, 409),
    ("stored", None, 409),
    ("expired", None, 409),
]


def test_only_what_may_be_fetched_is_tried_again(
    app: Flask, host: Host, received: Received
) -> None:
    host.sign_in()
    message = received.message()

    for position, (state, slug, status) in enumerate(STATES):
        row = received.attach(
            "http://x.example.test/1", message, position=position, state=state, error_slug=slug
        )
        assert retry(app, row).status_code == status, (state, slug)


def test_trying_again_is_for_those_who_may(app: Flask, host: Host, received: Received) -> None:
    row = received.attach("http://x.example.test/1", state="failed", error_slug="media_gone")

    host.sign_in("w2")
    assert retry(app, row).status_code == 404
    host.sign_in("w1", permissions=frozenset())
    assert retry(app, row).status_code == 403
    assert received.reload(row.id).state == "failed"
