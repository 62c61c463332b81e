"""A form with a file in it, read from the disk as it is sent: never whole in memory."""

import io
import os
import secrets
from collections.abc import Iterator, Mapping
from typing import IO, Final

PIECE_BYTES: Final = 64 * 1024


class MultipartForm:
    """The body of a `multipart/form-data` request; requests streams what it can read from."""

    def __init__(
        self, fields: Mapping[str, str], *, name: str, file: IO[bytes], filename: str, type_: str
    ) -> None:
        self._boundary = secrets.token_hex(16)
        self._file = file
        file.seek(0, os.SEEK_END)
        file_bytes = file.tell()
        file.seek(0)
        disposition = f'name="{name}"; filename="{_quoted(filename)}"'
        head = "".join(
            f'--{self._boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
            for key, value in fields.items()
        ) + (
            f"--{self._boundary}\r\nContent-Disposition: form-data; {disposition}\r\n"
            f"Content-Type: {type_}\r\n\r\n"
        )
        self._head = io.BytesIO(head.encode())
        self._tail = io.BytesIO(f"\r\n--{self._boundary}--\r\n".encode())
        self._bytes = len(self._head.getvalue()) + file_bytes + len(self._tail.getvalue())

    @property
    def content_type(self) -> str:
        """The header that goes with it."""
        return f"multipart/form-data; boundary={self._boundary}"

    def __len__(self) -> int:
        return self._bytes

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(PIECE_BYTES):
            yield piece

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes of the body, `size` at most; all that is left where it is less."""
        if size < 0:
            return b"".join(self)
        for part in (self._head, self._file, self._tail):
            if piece := part.read(size):
                return piece
        return b""


def _quoted(name: str) -> str:
    return name.replace("\\", "_").replace('"', "_").replace("\r", "_").replace("\n", "_")
