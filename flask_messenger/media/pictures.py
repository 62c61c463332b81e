"""Pictures: how large they are, and a small one of each, with nothing in it but what is seen."""

import warnings
from dataclasses import dataclass
from typing import IO, Final

from PIL import Image, ImageOps

WIDEST: Final = 480
"""Of a thumbnail, to either side."""
FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP")
"""Nothing else is opened: each decoder is one more that a file could attack."""
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


def measure(source: IO[bytes]) -> Size | None:
    """Return how large a picture says it is, without unpacking it; None where it is none."""
    try:
        source.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(source, formats=FORMATS) as picture:
                width, height = picture.size
                turned = picture.getexif().get(ORIENTATION, 1) in TURNED
    except Image.DecompressionBombError:
        return BOMB
    except Exception:  # noqa: BLE001 - whatever a decoder says of bytes that anybody may send
        return None
    return Size(height, width) if turned else Size(width, height)


def draw_thumbnail(source: IO[bytes], sink: IO[bytes]) -> bool:
    """Write a small WebP of a picture to `sink`; say whether there is one.

    Of a picture with several, the first. It is unpacked: whoever asks has looked how large it is.
    """
    try:
        source.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(source, formats=FORMATS) as picture:
                picture.draft("RGB", (WIDEST * 2, WIDEST * 2))
                _shrink(picture, sink)
    except Exception:  # noqa: BLE001 - as above; the picture itself is kept
        return False
    return True


def _shrink(picture: Image.Image, sink: IO[bytes]) -> None:
    upright = ImageOps.exif_transpose(picture)
    is_clear = upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info
    small = upright.convert("RGBA" if is_clear else "RGB")
    small.thumbnail((WIDEST, WIDEST))
    # A picture of the pixels alone: no place, no camera, no comment of the file comes along.
    bare = Image.new(small.mode, small.size)
    bare.paste(small)
    bare.save(sink, "WEBP", quality=QUALITY)
