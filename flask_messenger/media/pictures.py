"""Pictures: how large they are, and a small one of each, with nothing in it but what is seen."""

import threading
import warnings
from dataclasses import dataclass
from typing import IO, Final

from PIL import Image, ImageOps

WIDEST: Final = 480
"""Of a thumbnail, to either side."""
FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP")
"""Nothing else is opened: each decoder is one more that a file could attack."""
SHRINKING: Final = frozenset({"JPEG", "MPO"})
"""Formats that are unpacked no larger than is asked for; the others are unpacked whole."""
MAX_UNPACKED: Final = 16_000_000
"""Pixels of what is unpacked whole, four bytes each: of larger ones there is no thumbnail."""
QUALITY: Final = 80
ORIENTATION: Final = 0x0112
TURNED: Final = frozenset({5, 6, 7, 8})
"""Of the file's word for which side is up: those by which width becomes height."""
THUMBNAIL: Final = "image/webp"


@dataclass(frozen=True, slots=True)
class Size:
    """Of a picture, in pixels, as it is shown."""

    width: int
    height: int


BOMB: Final = Size(2**31, 2**31)
"""A picture so large that the library does not say how large."""

_one_at_a_time: Final = threading.Lock()
"""What a picture takes unpacked, a process has to have once, however many files come at once."""


def measure(source: IO[bytes]) -> Size | None:
    """Return how large a picture says it is, without unpacking it; None where it is none."""
    try:
        source.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(source, formats=FORMATS) as picture:
                width, height = picture.size
                turned = _is_turned(picture)
    except Image.DecompressionBombError:
        return BOMB
    except Exception:  # noqa: BLE001 - whatever a decoder says of bytes that anybody may send
        return None
    return Size(height, width) if turned else Size(width, height)


def _is_turned(picture: Image.Image) -> bool:
    """Say whether width and height change places, as far as the file's head tells.

    Of a PNG whose head has no such word, asking for it would unpack the picture.
    """
    try:
        return "exif" in picture.info and picture.getexif().get(ORIENTATION, 1) in TURNED
    except Exception:  # noqa: BLE001 - a word nobody can read turns nothing
        return False


def draw_thumbnail(source: IO[bytes], sink: IO[bytes]) -> bool:
    """Write a small WebP of a picture to `sink`; say whether there is one.

    Of a picture with several, the first. It is unpacked: whoever asks has looked how large it is.
    """
    try:
        source.seek(0)
        with _one_at_a_time, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(source, formats=FORMATS) as picture:
                if picture.format not in SHRINKING and _pixels_of(picture) > MAX_UNPACKED:
                    return False
                picture.draft("RGB", (WIDEST * 2, WIDEST * 2))
                _shrink(picture, sink)
    except Exception:  # noqa: BLE001 - as above; the picture itself is kept
        return False
    return True


def _pixels_of(picture: Image.Image) -> int:
    return picture.width * picture.height


def _shrink(picture: Image.Image, sink: IO[bytes]) -> None:
    is_clear = picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info
    mode = "RGBA" if is_clear else "RGB"
    # Turned and copied only when it is small: each copy of the whole would take as much again.
    small = picture if picture.mode == mode else picture.convert(mode)
    small.thumbnail((WIDEST, WIDEST))
    small = ImageOps.exif_transpose(small)
    # A picture of the pixels alone: no place, no camera, no comment of the file comes along.
    bare = Image.new(small.mode, small.size)
    bare.paste(small)
    bare.save(sink, "WEBP", quality=QUALITY)
