"""How files are fetched, kept and served."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flask_messenger.settings.reader import Reader, optional

MEBIBYTE: Final = 1024 * 1024
META_MEDIA_HOSTS: Final = (
    "*.fbcdn.net",
    "*.cdninstagram.com",
    "lookaside.fbsbx.com",
    "*.fbsbx.com",
)
"""Where Meta serves the files of messages."""
FETCHED_BYTES: Final[Mapping[str, int]] = {
    "audio": 25 * MEBIBYTE,
    "file": 100 * MEBIBYTE,
    "image": 25 * MEBIBYTE,
    "video": 100 * MEBIBYTE,
}
"""The largest files of people that are kept, by type."""
UPLOADED_BYTES: Final[Mapping[str, int]] = {
    "audio": 25 * MEBIBYTE,
    "file": 25 * MEBIBYTE,
    "image": 8 * MEBIBYTE,
    "video": 25 * MEBIBYTE,
}
"""The largest files Meta takes from us, by type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSettings:
    """How files are fetched, kept and served. Sizes are in bytes.

    Attributes:
        url: where they are kept, for fsspec, such as `s3://bucket/prefix`; None for a folder
            beside the application's other files.
        options: for fsspec, such as `endpoint_url` of another S3.
        hosts: where files may be fetched from; `*.` stands for any number of names.
        fetched_bytes: the largest file that is fetched, by type.
        uploaded_bytes: the largest file that is taken from agents, by type.
        quota_bytes: what the uploads of one workspace may take up together; 0 for no limit.
        fetch_seconds: how long a file may take from the first look-up to the last byte.
        max_attempts: how often a file is tried before it counts as failed.
        max_pixels: of a picture of which a thumbnail is made.
        link_seconds: how long a link to a file opens it, at least.
        upload_hours: how long an upload that was not sent is kept.
        reusable_days: how long an id of Meta's for an uploaded file is used; Meta says 90.
    """

    url: str | None = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    hosts: tuple[str, ...]
    fetched_bytes: Mapping[str, int]
    uploaded_bytes: Mapping[str, int]
    quota_bytes: int
    fetch_seconds: float
    max_attempts: int
    max_pixels: int
    link_seconds: int
    upload_hours: float
    reusable_days: float


def read_media(reader: Reader) -> MediaSettings:
    """Read the keys `MESSENGER_MEDIA_*`, `MESSENGER_UPLOAD_*` and `MESSENGER_REUSABLE_DAYS`."""
    return MediaSettings(
        url=_read_store(reader),
        options=reader.mapping("MESSENGER_MEDIA_OPTIONS"),
        hosts=tuple(
            host.lower() for host in reader.names("MESSENGER_MEDIA_HOSTS", META_MEDIA_HOSTS)
        ),
        fetched_bytes=_read_sizes(reader, "MESSENGER_MEDIA_MAX_BYTES", FETCHED_BYTES),
        uploaded_bytes=_read_sizes(reader, "MESSENGER_UPLOAD_MAX_BYTES", UPLOADED_BYTES),
        quota_bytes=int(reader.number("MESSENGER_UPLOAD_QUOTA_BYTES", 0, minimum=0)),
        fetch_seconds=reader.number("MESSENGER_MEDIA_FETCH_SECONDS", 60.0, minimum=0.1),
        max_attempts=int(reader.number("MESSENGER_MEDIA_MAX_ATTEMPTS", 8)),
        max_pixels=int(reader.number("MESSENGER_MEDIA_MAX_PIXELS", 50_000_000)),
        link_seconds=int(reader.number("MESSENGER_MEDIA_LINK_SECONDS", 3600)),
        upload_hours=reader.number("MESSENGER_UPLOAD_HOURS", 24.0, minimum=0.1),
        reusable_days=reader.number("MESSENGER_REUSABLE_DAYS", 80.0, minimum=0),
    )


def _read_store(reader: Reader) -> str | None:
    """Read where files are kept; a value without a protocol could be meant for another folder."""
    value = optional(reader.raw("MESSENGER_MEDIA_URL"))
    if value is not None and not re.fullmatch(r"[a-z0-9+]+://.+", value):
        reader.problem("MESSENGER_MEDIA_URL", "must look like file:///folder or s3://bucket/prefix")
    return value.rstrip("/") if value else None


def _read_sizes(reader: Reader, key: str, defaults: Mapping[str, int]) -> dict[str, int]:
    given = reader.mapping(key)
    for name, size in given.items():
        if name not in defaults or not isinstance(size, int) or size < 1:
            reader.problem(key, f"gives bytes for {', '.join(sorted(defaults))}, and nothing else")
            return dict(defaults)
    return {**defaults, **given}
