"""Files a customer can send beside pictures: a voice message, a clip, a document. Made here."""

from __future__ import annotations

import io
import math
import struct
import wave
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, abort
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from flask_messenger.simulator.ids import now_ms
from flask_messenger.simulator.pictures import PALETTES, draw_photo, draw_sticker
from flask_messenger.simulator.state import simulator

bp = Blueprint("simulator_samples", __name__)

VOICE, CLIP, DOCUMENT = "voice.wav", "clip.mp4", "price-list.pdf"
EXPIRED_ANSWER = "URL signature expired"  # what Meta's file servers say of an old address
VOICE_RATE, VOICE_SECONDS = 8000, 2
CLIP_FILE = Path(__file__).parent / "static" / CLIP


def sample_url(base_url: str, name: str) -> str:
    """Return the absolute address of a sample."""
    return f"{base_url}/samples/{name}"


def sticker_url(base_url: str, sticker_id: str) -> str:
    """Return the absolute address of a sticker."""
    return f"{base_url}/samples/stickers/{sticker_id}.png"


def story_url(base_url: str, story_id: str) -> str:
    """Return the absolute address of a story, which answers until the story ends."""
    return f"{base_url}/samples/stories/{story_id}.png"


def expired_url(base_url: str) -> str:
    """Return an address as Meta's are after some days: it is refused."""
    return f"{base_url}/samples/expired/photo.png"


@bp.get("/samples/<name>")
def show_sample(name: str) -> ResponseReturnValue:
    """Serve a voice message, a clip or a document."""
    if name == VOICE:
        return Response(make_voice(), content_type="audio/wav")
    if name == CLIP:
        return Response(CLIP_FILE.read_bytes(), content_type="video/mp4")
    if name == DOCUMENT:
        return Response(make_document(), content_type="application/pdf")
    return abort(404)


@bp.get("/samples/stickers/<sticker_id>.png")
def show_sticker(sticker_id: str) -> ResponseReturnValue:
    """Serve a sticker."""
    if not sticker_id.isdigit():
        abort(404)
    return Response(draw_sticker(), content_type="image/png")


@bp.get("/samples/stories/<story_id>.png")
def show_story(story_id: str) -> ResponseReturnValue:
    """Serve a story while it lasts."""
    with simulator().storage.reading() as db:
        row = db.execute(
            "SELECT picture, ended_at, deleted_at FROM posts WHERE id = ? AND kind = 'story'",
            [story_id],
        ).fetchone()
    if row is None:
        abort(404)
    if row["deleted_at"] or (row["ended_at"] and row["ended_at"] <= now_ms()):
        return _refuse()
    picture = row["picture"] if row["picture"] in PALETTES else "hills"
    return Response(draw_photo(picture), content_type="image/png")


@bp.get("/samples/expired/<name>")
def show_expired(name: str) -> ResponseReturnValue:  # noqa: ARG001  (only for show)
    """Refuse, as Meta's file servers do when an address is too old."""
    return _refuse()


def _refuse() -> Response:
    return Response(EXPIRED_ANSWER, status=403, content_type="text/plain")


@lru_cache(maxsize=1)
def make_voice() -> bytes:
    """Return two quiet notes, as a WAV file."""
    frames = bytearray()
    for number in range(VOICE_RATE * VOICE_SECONDS):
        seconds = number / VOICE_RATE
        pitch = 440 if seconds < VOICE_SECONDS / 2 else 554
        fade = 1 - seconds % (VOICE_SECONDS / 2)
        frames += struct.pack("<h", round(6000 * fade * math.sin(math.tau * pitch * seconds)))
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(VOICE_RATE)
        sound.writeframes(bytes(frames))
    return file.getvalue()


@lru_cache(maxsize=1)
def make_document() -> bytes:
    """Return a price list of one page, as a PDF."""
    words = b"BT /F1 24 Tf 72 740 Td (Price list) Tj 0 -36 Td /F1 14 Tf (Day pass: 12) Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(words), words),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Font << /F1 5 0 R >> >>",
    ]
    body, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count, table_place = len(objects) + 1, len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, table)
    end = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, table_place)
    return bytes(body) + end
