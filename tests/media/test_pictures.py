"""Pictures are measured without being unpacked, and drawn without taking much."""

import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageFile

from flask_messenger.media import pictures
from flask_messenger.media.pictures import MAX_UNPACKED, Size, draw_thumbnail, measure
from tests.media.conftest import FileServer, Received, picture

ORIENTATION = 0x0112


def huge_png(width: int, height: int) -> bytes:
    """Return a PNG of few bytes that says it is large, and breaks off where it is unpacked."""
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(10_000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Note every picture that is unpacked."""
    found: list[tuple[int, int]] = []
    load = ImageFile.ImageFile.load

    def note(self: ImageFile.ImageFile) -> Any:
        found.append(self.size)
        return load(self)

    monkeypatch.setattr(ImageFile.ImageFile, "load", note)
    return found


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_picture_is_measured_by_its_head(kind: str, unpacked: list[tuple[int, int]]) -> None:
    source = BytesIO(picture((90, 60), kind))
    unpacked.clear()  # making it took one

    assert measure(source) == Size(90, 60)
    assert unpacked == []


@pytest.mark.databases("sqlite")
def test_bomb_below_the_librarys_own_limit_is_refused(
    received: Received, files: FileServer, unpacked: list[tuple[int, int]]
) -> None:
    url = files.serve("/bomb.png", huge_png(13_000, 13_000))

    found = received.fetch(received.attach(url))

    assert (found.state, found.error_slug) == ("refused", "media_too_large")
    assert unpacked == []


@pytest.mark.parametrize(("word", "size"), [(1, (90, 60)), (6, (60, 90)), (8, (60, 90))])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_turned_picture_is_shown_upright(kind: str, word: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = word
    source, small = BytesIO(picture((90, 60), kind, exif=exif)), BytesIO()

    assert measure(source) == Size(*size)
    assert draw_thumbnail(source, small)
    assert Image.open(small).size == size


def test_head_that_cannot_be_read_turns_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> None:
        raise SyntaxError

    monkeypatch.setattr(Image.Image, "getexif", fail)
    source = BytesIO(picture((90, 60), "JPEG", exif=b"Exif\0\0what?"))

    assert measure(source) == Size(90, 60)


def test_picture_that_is_unpacked_whole_is_not_drawn_where_it_is_large(
    unpacked: list[tuple[int, int]],
) -> None:
    side = int(MAX_UNPACKED**0.5) + 1

    assert not draw_thumbnail(BytesIO(huge_png(side, side)), BytesIO())
    assert unpacked == []


def test_photo_may_be_larger_than_what_is_unpacked_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_UNPACKED", 5_000)

    assert draw_thumbnail(BytesIO(picture((900, 600), "JPEG")), BytesIO())
    assert not draw_thumbnail(BytesIO(picture((900, 600), "PNG")), BytesIO())
