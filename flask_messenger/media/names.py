"""The name a file goes by when it is saved: harmless on every system."""

import re
import unicodedata
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from flask_messenger.media.kinds import ending_of

LONGEST: Final = 120
RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
FORBIDDEN: Final = re.compile(r'[\\/:*?"<>|]')


def safe_name(name: str, *, fallback: str) -> str:
    """Return the last part of a name without what a system or a header could misread."""
    text = unicodedata.normalize("NFC", name.replace("\\", "/")).rpartition("/")[2]
    shown = "".join(each for each in text if unicodedata.category(each)[0] != "C")
    plain = FORBIDDEN.sub("_", shown).strip(" .")
    if not plain or RESERVED.fullmatch(plain):
        return fallback
    if len(plain) <= LONGEST:
        return plain
    stem, dot, ending = plain.rpartition(".")
    is_ending = bool(dot) and len(ending) <= 10  # noqa: PLR2004 - longer is no ending
    return f"{stem[: LONGEST - len(ending) - 1]}.{ending}" if is_ending else plain[:LONGEST]


def name_from_url(url: str | None, *, type_: str, mime_type: str) -> str:
    """Return the name of a received file: Meta tells it in the address only."""
    fallback = f"{re.sub('[^a-z]', '', type_.lower()) or 'file'}{ending_of(mime_type)}"
    try:
        path = unquote(urlsplit(url or "").path)
    except ValueError:
        return fallback
    name = PurePosixPath(path).name
    return safe_name(name, fallback=fallback) if "." in name else fallback
