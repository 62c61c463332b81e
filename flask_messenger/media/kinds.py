"""What a file is, by its bytes; never by what anybody declared."""

from collections.abc import Mapping
from typing import Final

import puremagic

from flask_messenger.errors import FileRefusedError
from flask_messenger.media import words

IMAGE, VIDEO, AUDIO, FILE = "image", "video", "audio", "file"
TYPES: Final = (IMAGE, VIDEO, AUDIO, FILE)

OTHER: Final = "application/octet-stream"

KIND_OF: Final[Mapping[str, str]] = {
    "sticker": IMAGE,
    "animated_image": IMAGE,
    "reel": VIDEO,
    "ig_reel": VIDEO,
}
"""Types of Meta's that are one of ours by another name."""

SHOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
    "video/mp4": (".mp4", ".m4v"),
    "video/quicktime": (".mov", ".qt"),
    "video/webm": (".webm",),
    "video/ogg": (".ogv",),
    "audio/mpeg": (".mp3", ".mpga"),
    "audio/mp4": (".m4a", ".f4a"),
    "audio/aac": (".aac",),
    "audio/ogg": (".ogg", ".oga", ".opus"),
    "audio/wav": (".wav",),
    "audio/webm": (".weba",),
}
"""What a browser may be shown, with its endings; nothing of it can run."""
KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "image/heic": (".heic",),
    "image/heif": (".heif",),
    "image/tiff": (".tiff", ".tif"),
    "image/bmp": (".bmp", ".dib"),
    "video/3gpp": (".3gp",),
    "video/x-msvideo": (".avi",),
    "video/x-matroska": (".mkv",),
    "audio/amr": (".amr",),
    "application/pdf": (".pdf",),
    "application/zip": (".zip",),
}
"""What is called by its name, and handed over as a file to be saved."""
BY_ENDING: Final = {
    ending: mime_type
    for table in (SHOWN, KEPT)
    for mime_type, ends in table.items()
    for ending in ends
}
SYNONYMS: Final = {
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "application/ogg": "audio/ogg",
    "image/x-ms-bmp": "image/bmp",
    "audio/x-aac": "audio/aac",
}
BOTH: Final[Mapping[str, str]] = {
    "video/mp4": "audio/mp4",
    "video/webm": "audio/webm",
    "video/ogg": "audio/ogg",
}
"""Containers of films that as often hold sound alone: how that is called."""


def kind_of(type_: str) -> str:
    """Return which of `TYPES` a type of Meta's is; what is none of them is a file."""
    kind = KIND_OF.get(type_, type_)
    return kind if kind in TYPES else FILE


def sniff(head: bytes, kind: str) -> str:
    """Return the MIME type of a file by its first bytes, `OTHER` where they say nothing known.

    Args:
        head: some thousand bytes.
        kind: what it was said to be; of two containers alike, the one that fits is meant.
    """
    found = [each for each in _candidates(head) if each in SHOWN or each in KEPT]
    if kind == AUDIO:
        found = [BOTH.get(each, each) for each in found]
    if kind == VIDEO:
        films = {sound: film for film, sound in BOTH.items()}
        found = [films.get(each, each) for each in found]
    fitting = [each for each in found if each.startswith(f"{kind}/")]
    return next(iter([*fitting, *found]), OTHER)


def _candidates(head: bytes) -> list[str]:
    """Return what the bytes may be, the surest first."""
    try:
        matches = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return []
    names = [
        SYNONYMS.get(each.mime_type, each.mime_type) or BY_ENDING.get(each.extension, "")
        for each in sorted(matches, key=lambda match: -match.confidence)
    ]
    return [name for name in names if name]


def check_kind(head: bytes, type_: str) -> str:
    """Return the MIME type of a file whose first bytes fit what it was said to be.

    Raises:
        FileRefusedError: a picture, film or sound is none.
    """
    kind = kind_of(type_)
    mime_type = sniff(head, kind)
    if kind != FILE and not mime_type.startswith(f"{kind}/"):
        raise FileRefusedError(f"The file is no {kind}.", reason=words.WRONG_TYPE)
    return mime_type


def kind_of_mime_type(mime_type: str) -> str:
    """Return as what a file of ours is sent, where nobody says."""
    kind = mime_type.partition("/")[0]
    return kind if mime_type in SHOWN else FILE


def ending_of(mime_type: str) -> str:
    """Return the ending of a file's name, with its dot; empty where there is no usual one."""
    return next(iter((*SHOWN.get(mime_type, ()), *KEPT.get(mime_type, ()))), "")
