"""Attachments: fetched from the sender's address and kept, as Meta does."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import requests

from flask_messenger.simulator import errors, ids, pictures
from flask_messenger.simulator.settings import SimulatorSettings

FETCH_SECONDS = {"video": 75}
DEFAULT_FETCH_SECONDS = 10
IMAGE_BYTES, OTHER_BYTES = 8 * 1024 * 1024, 25 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
FETCH_FAILED, WRONG_TYPE, NOT_OWNED, TOO_BIG = 2018008, 2018047, 2018074, 2018109


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address served."""

    kind: str
    name: str
    mime_type: str
    content: bytes = field(repr=False)


def fetch(settings: SimulatorSettings, kind: str, url: str) -> Fetched | None:
    """Return what `url` serves; `None` where this simulator was told not to fetch.

    Raises:
        GraphError: it cannot be had, is not what `kind` says, or is too big.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise errors.invalid("Param message[attachment][payload][url] should represent a valid URL")
    name = PurePosixPath(parts.path).name or kind
    own = _own_photo(settings, url)
    if own is not None:
        fetched = Fetched(kind, name, "image/png", own)
    elif not settings.fetches_attachments:
        return None
    else:
        fetched = _download(kind, name, url)
    if kind != "file" and not fetched.mime_type.startswith(kind + "/"):
        raise errors.invalid("Upload attachment failure: the media type does not match", WRONG_TYPE)
    return fetched


def keep(db: sqlite3.Connection, page_id: str, fetched: Fetched, *, is_reusable: bool) -> str:
    """Store a copy; return its attachment id."""
    media_id = ids.numeric_id(ids.new_mid(), prefix="9", length=15)
    db.execute(
        "INSERT INTO media (id, page_id, kind, name, mime_type, is_reusable, bytes)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            media_id,
            page_id,
            fetched.kind,
            fetched.name,
            fetched.mime_type,
            int(is_reusable),
            fetched.content,
        ],
    )
    return media_id


def find_reusable(db: sqlite3.Connection, page_id: str, media_id: str) -> sqlite3.Row:
    """Return the kept file of an attachment id.

    Raises:
        GraphError: this Page has none by that id that may be used again.
    """
    row: sqlite3.Row | None = db.execute(
        "SELECT id, kind, name FROM media WHERE id = ? AND page_id = ? AND is_reusable = 1",
        [media_id, page_id],
    ).fetchone()
    if row is None:
        raise errors.invalid("Invalid attachment ID, or the caller does not own it", NOT_OWNED)
    return row


def attachment(base_url: str, media_id: str, kind: str, name: str) -> dict[str, Any]:
    """Return the attachment of a webhook that points at a kept file."""
    return {"type": kind, "payload": {"url": f"{base_url}/media/{media_id}/{name}"}}


def _own_photo(settings: SimulatorSettings, url: str) -> bytes | None:
    """Return one of our own pictures without asking ourselves over HTTP."""
    for name in pictures.PHOTOS:
        if url == pictures.photo_url(settings.base_url, name):
            return pictures.draw_photo(name)
    return None


def _download(kind: str, name: str, url: str) -> Fetched:
    seconds = FETCH_SECONDS.get(kind, DEFAULT_FETCH_SECONDS)
    limit = IMAGE_BYTES if kind == "image" else OTHER_BYTES
    try:
        with requests.get(url, timeout=seconds, stream=True) as answer:
            answer.raise_for_status()
            content = b""
            for chunk in answer.iter_content(CHUNK_BYTES):
                content += chunk
                if len(content) > limit:
                    raise errors.invalid("The attachment is too big", TOO_BIG)
            mime_type = answer.headers.get("Content-Type", "application/octet-stream")
    except requests.RequestException as error:
        raise errors.invalid("Failed to fetch the file from the url.", FETCH_FAILED) from error
    return Fetched(kind, name, mime_type.partition(";")[0].strip().lower(), content)
