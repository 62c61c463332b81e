"""From a file on this machine's disk to one in the store, with its small picture."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask_messenger.errors import FileRefusedError
from flask_messenger.media import words
from flask_messenger.media.pictures import draw_thumbnail, measure
from flask_messenger.media.store import Store, new_key

PREFIX: Final = "messenger-media-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Where a file and its thumbnail go; noted before they are written."""

    file: str
    thumbnail: str

    @classmethod
    def new(cls, workspace_id: str, now: datetime) -> "Keys":
        """Return two fresh ones."""
        return cls(file=new_key(workspace_id, now), thumbnail=new_key(workspace_id, now))

    @property
    def both(self) -> tuple[str, str]:
        """The two of them."""
        return self.file, self.thumbnail


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of a file.

    Attributes:
        thumbnail_key: None where there is no small picture of it.
        width: of a picture, in pixels.
        height: of a picture, in pixels.
    """

    storage_key: str
    thumbnail_key: str | None = None
    width: int | None = None
    height: int | None = None


@contextmanager
def scratch_file() -> Iterator[Any]:
    """Give a file on the disk that is gone afterwards; files of any size pass through it."""
    with tempfile.NamedTemporaryFile(prefix=PREFIX) as file:
        yield file


def keep(store: Store, file: Any, keys: Keys, *, is_picture: bool, max_pixels: int) -> Kept:
    """Put a scratch file into the store, and its small picture beside it.

    Raises:
        FileRefusedError: a picture has more pixels than `max_pixels`, which whoever looks at it
            would have to unpack.
        FileUnavailableError: the store did not take it.
    """
    file.flush()
    size = measure(file) if is_picture else None
    if size is not None and size.width * size.height > max_pixels:
        message = f"The picture has more than {max_pixels} pixels."
        raise FileRefusedError(message, reason=words.TOO_LARGE)
    store.put(keys.file, file.name)
    if size is None:
        return Kept(storage_key=keys.file)
    with scratch_file() as small:
        is_drawn = draw_thumbnail(file, small)
        if is_drawn:
            small.flush()
            store.put(keys.thumbnail, small.name)
    return Kept(
        storage_key=keys.file,
        thumbnail_key=keys.thumbnail if is_drawn else None,
        width=size.width,
        height=size.height,
    )
