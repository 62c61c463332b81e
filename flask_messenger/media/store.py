"""Where files are kept: a folder, or a bucket, through fsspec.

A key names the workspace and is random: nothing in it is about a person. A file appears whole or
not at all, and is never changed.
"""

import contextlib
import hashlib
import os
import re
import secrets
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import fsspec
from flask import Flask

from flask_messenger.errors import FileUnavailableError, NotFoundError
from flask_messenger.media import words
from flask_messenger.settings import MediaSettings

PIECE_BYTES: Final = 256 * 1024
FOLDER: Final = "messenger-media"
PART: Final = ".part"


class Store:
    """The files of one application."""

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        self._url = url
        self._options = options
        self._lock = threading.Lock()
        self._opened: tuple[int, Any, str] | None = None

    @classmethod
    def of(cls, app: Flask, settings: MediaSettings) -> "Store":
        """Return the store that the settings name; by default a folder of the instance."""
        url = settings.url or (Path(app.instance_path) / FOLDER).as_uri()
        return cls(url, dict(settings.options))

    def put(self, key: str, path: str) -> None:
        """Keep the local file at `path` as `key`.

        Raises:
            FileUnavailableError: the store did not take it.
        """
        try:
            system, place = self._system(), self._place(key)
            if _is_folder(system):
                # What is half written must not be found: it gets its name when it is whole.
                system.makedirs(str(Path(place).parent), exist_ok=True)
                system.put_file(path, place + PART)
                Path(place + PART).replace(place)
            else:
                system.put_file(path, place)  # a bucket shows an object when it is whole
        except Exception as error:
            raise _unavailable(error) from error

    def read(self, key: str, *, start: int = 0, end: int | None = None) -> "Pieces":
        """Return a file, or its bytes from `start` up to `end`, piece by piece.

        Raises:
            NotFoundError: there is none.
            FileUnavailableError: the store did not answer.
        """
        return Pieces(self._open(key), start, end)

    def copy(self, key: str, sink: IO[bytes]) -> None:
        """Write a file to `sink`. Raises as `read`."""
        with contextlib.closing(self.read(key)) as pieces:
            for piece in pieces:
                sink.write(piece)

    def delete(self, key: str) -> None:
        """Remove a file; one that is gone is gone.

        Raises:
            FileUnavailableError: the store did not answer.
        """
        system = self._system()
        for place in (self._place(key), self._place(key) + PART):
            try:
                if _is_folder(system) or not place.endswith(PART):
                    system.rm_file(place)
            except FileNotFoundError:
                continue
            except Exception as error:
                raise _unavailable(error) from error

    def has(self, key: str) -> bool:
        """Say whether there is a file."""
        return bool(self._system().exists(self._place(key)))

    def _open(self, key: str) -> Any:
        try:
            return self._system().open(self._place(key), "rb", block_size=PIECE_BYTES)
        except FileNotFoundError as error:
            raise NotFoundError("The file is gone.") from error
        except Exception as error:
            raise _unavailable(error) from error

    def _system(self) -> Any:
        """Return this process's file system: its connections must not be shared by a fork."""
        with self._lock:
            if self._opened is None or self._opened[0] != os.getpid():
                system, root = fsspec.core.url_to_fs(
                    self._url, skip_instance_cache=True, use_listings_cache=False, **self._options
                )
                self._opened = (os.getpid(), system, root)
            return self._opened[1]

    def _place(self, key: str) -> str:
        self._system()
        return f"{self._opened[2]}/{key}" if self._opened else key


def new_key(workspace_id: str, now: datetime) -> str:
    """Return the key of a new file of a workspace."""
    return f"{workspace_folder(workspace_id)}/{now:%Y/%m}/{secrets.token_hex(16)}"


def workspace_folder(workspace_id: str) -> str:
    """Return a workspace's part of a key: its id where that is a plain name, else its hash."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", workspace_id):
        return f"w-{workspace_id}"
    return f"h-{hashlib.sha256(workspace_id.encode()).hexdigest()}"


class Pieces:
    """A file's bytes, piece by piece. Whoever reads closes it, also where nothing was read."""

    def __init__(self, stream: Any, start: int, end: int | None) -> None:
        self._stream = stream
        self._left = None if end is None else end - start
        stream.seek(start)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        wanted = PIECE_BYTES if self._left is None else min(PIECE_BYTES, self._left)
        piece: bytes = self._stream.read(wanted) if wanted > 0 else b""
        if not piece:
            raise StopIteration
        if self._left is not None:
            self._left -= len(piece)
        return piece

    def close(self) -> None:
        """Give the file back."""
        self._stream.close()


def _is_folder(system: Any) -> bool:
    names = system.protocol if isinstance(system.protocol, tuple) else (system.protocol,)
    return "file" in names


def _unavailable(error: Exception) -> FileUnavailableError:
    """Return our error for one of the store's, which may be of any kind and quote secrets."""
    name = type(error).__name__
    return FileUnavailableError(f"The store failed ({name}).", reason=words.NOT_STORED)
