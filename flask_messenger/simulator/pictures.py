"""Pictures made here, so that nothing comes from a third party: profile pictures and photos."""

# ruff: noqa: PLR2004  (coordinates of drawings mean nothing by another name)

from __future__ import annotations

import colorsys
import hashlib
import math
import re
import struct
import zlib
from functools import lru_cache

from flask import Blueprint, abort
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from flask_messenger.simulator.state import simulator

bp = Blueprint("simulator_pictures", __name__)

PHOTOS = {"hills": "Hills at dusk", "sea": "The sea", "dunes": "Dunes", "meadow": "A meadow"}
PHOTO_SIZE = (480, 320)
AVATAR_WIDTH = 128
STICKER_WIDTH = 96
KEEP_SECONDS = 3600

Colour = tuple[int, int, int]
HEART, PAPER = (230, 60, 100), (255, 255, 255)
PALETTES: dict[str, tuple[Colour, Colour, list[Colour]]] = {
    # sky above, sky below, then the layers from far to near
    "hills": ((94, 96, 160), (244, 170, 136), [(124, 98, 140), (86, 72, 122), (50, 46, 90)]),
    "sea": ((126, 178, 222), (226, 238, 244), [(70, 140, 178), (44, 110, 156), (28, 80, 124)]),
    "dunes": ((150, 190, 220), (250, 230, 200), [(226, 180, 130), (206, 148, 96), (172, 112, 70)]),
    "meadow": ((140, 200, 240), (236, 248, 240), [(150, 196, 120), (104, 164, 88), (66, 124, 66)]),
}


def photo_url(base_url: str, name: str) -> str:
    """Return the absolute address of a photo."""
    return f"{base_url}/pictures/photos/{name}.png"


def avatar_url(base_url: str, owner: str) -> str:
    """Return the absolute address of the profile picture of a Page or a person."""
    return f"{base_url}/pictures/avatars/{owner}.png"


@bp.get("/pictures/photos/<name>.png")
def show_photo(name: str) -> ResponseReturnValue:
    """Serve one of the photos a customer can send."""
    if name not in PALETTES:
        abort(404)
    return _png(draw_photo(name))


@bp.get("/pictures/avatars/<owner>.png")
def show_avatar(owner: str) -> ResponseReturnValue:
    """Serve a profile picture."""
    if not re.fullmatch(r"[a-z0-9-]{1,80}", owner):
        abort(404)
    return _png(draw_avatar(owner))


@bp.get("/media/<media_id>/<name>")
def show_media(media_id: str, name: str) -> ResponseReturnValue:  # noqa: ARG001  (only for show)
    """Serve a copy of an attachment, as Meta's own file servers do."""
    with simulator().storage.reading() as db:
        row = db.execute("SELECT mime_type, bytes FROM media WHERE id = ?", [media_id]).fetchone()
    if row is None:
        abort(404)
    response = Response(row["bytes"], content_type=row["mime_type"])
    response.headers["Content-Security-Policy"] = "sandbox"  # the bytes are somebody else's
    return response


def _png(content: bytes) -> Response:
    response = Response(content, content_type="image/png")
    response.cache_control.max_age = KEEP_SECONDS
    return response


@lru_cache(maxsize=16)
def draw_photo(name: str) -> bytes:
    """Return a quiet landscape: a sky, and hills one behind the other."""
    width, height = PHOTO_SIZE
    above, below, layers = PALETTES[name]
    edges = [_skyline(name, layer, width, height) for layer in range(len(layers))]
    rows = []
    for y in range(height):
        sky = _mix(above, below, min(1.0, y / (height * 0.7)))
        row = [sky] * width
        for edge, colour in zip(edges, layers, strict=True):
            row = [colour if y > edge[x] else row[x] for x in range(width)]
        rows.append(row)
    return _encode(rows)


def _skyline(name: str, layer: int, width: int, height: int) -> list[float]:
    turn = hashlib.sha256(f"{name}{layer}".encode()).digest()[0] / 40
    base, swing = height * (0.46 + 0.17 * layer), height * (0.11 - 0.02 * layer)
    return [
        base
        + swing * math.sin(x / width * math.tau * (0.8 + 0.4 * layer) + turn)
        + swing * 0.4 * math.sin(x / width * math.tau * 2.3 + turn * 2)
        for x in range(width)
    ]


@lru_cache(maxsize=64)
def draw_avatar(owner: str) -> bytes:
    """Return a profile picture: a shop front for a Page, head and shoulders for a person."""
    ground, figure = _colours(owner)
    is_inside = _is_in_shop if owner.isdigit() else _is_in_person
    size = range(AVATAR_WIDTH)
    return _encode([[figure if is_inside(x, y) else ground for x in size] for y in size])


@lru_cache(maxsize=1)
def draw_sticker() -> bytes:
    """Return a sticker: a heart on nothing."""
    size = range(STICKER_WIDTH)
    return _encode([[HEART if _is_in_heart(x, y) else PAPER for x in size] for y in size])


def _is_in_heart(x: int, y: int) -> bool:
    across, up = (x - 48) / 34, (44 - y) / 34
    return (across**2 + up**2 - 1) ** 3 - across**2 * up**3 < 0


def _colours(owner: str) -> tuple[Colour, Colour]:
    hue = hashlib.sha256(owner.encode()).digest()[0] / 256
    return _colour(hue, 0.52, 0.66), _colour(hue, 0.28, 0.94)


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _is_in_person(x: int, y: int) -> bool:
    in_head = math.hypot(x - 64, y - 50) < 24
    in_shoulders = math.hypot((x - 64) / 1.1, y - 122) < 42
    return in_head or in_shoulders


def _is_in_shop(x: int, y: int) -> bool:
    scallop = 54 + 8 * abs(math.sin((x - 28) / 72 * math.pi * 4))
    in_awning = 28 <= x < 100 and 34 <= y < scallop
    in_house = 34 <= x < 94 and 66 <= y < 96
    in_door = 66 <= x < 82 and 74 <= y < 96
    in_window = 42 <= x < 60 and 74 <= y < 88
    return in_awning or (in_house and not in_door and not in_window)


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _encode(rows: list[list[Colour]]) -> bytes:
    """Return `rows` of pixels as a PNG."""
    raw = b"".join(b"\x00" + bytes(value for pixel in row for value in pixel) for row in rows)
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(raw, 6)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
