"""Fetching a file over HTTP: bounded in time and size, and only from where it may come.

No token is ever sent along: whoever has the address has the file.
"""

import contextlib
import hashlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import IO, Final

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from flask_messenger.errors import FileError, FileRefusedError, FileUnavailableError
from flask_messenger.media import words
from flask_messenger.media.addresses import PORTS, Hosts, Target, find_target, follow

CONNECT_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 10.0
"""How long a server may say nothing."""
PIECE_BYTES: Final = 64 * 1024
HEAD_BYTES: Final = 8 * 1024
MAX_REDIRECTS: Final = 3
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
GONE: Final = frozenset({401, 403, 404, 410})
"""What Meta's file servers answer when the time of an address is over."""
HEADERS: Final = {
    # Packed, a small body could unpack to any size: pictures and films are packed by themselves.
    "Accept-Encoding": "identity",
    "Accept": "*/*",
    "User-Agent": "flask-messenger",
    "Connection": "close",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may take."""

    max_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What came.

    Attributes:
        head: the first bytes, which tell what it is.
    """

    size_bytes: int
    sha256: str
    head: bytes = field(repr=False)


def download(
    url: str,
    sink: IO[bytes],
    *,
    hosts: Hosts,
    limits: Limits,
    check_head: Callable[[bytes], None] = lambda _: None,
) -> Downloaded:
    """Write the file at `url` to `sink`, piece by piece.

    Args:
        url: as Meta sent it.
        sink: where it goes; what was written before an error is nothing.
        hosts: which may be asked.
        limits: of size and time, redirects included.
        check_head: gets the first bytes before more is read, and may raise.

    Raises:
        FileRefusedError: it may not be fetched, or is too large.
        FileUnavailableError: the server did not serve it, or not in time.
    """
    ends_at = time.monotonic() + limits.seconds
    for _ in range(MAX_REDIRECTS + 1):
        target = find_target(url, hosts)
        with _asked(target, ends_at) as answer:
            location = answer.headers.get("Location")
            if answer.status in REDIRECTS and location:
                url = follow(target, location)
                continue
            _check_answer(answer, limits)
            return _copy(answer, sink, limits, check_head)
    raise FileRefusedError("There are too many redirects.", reason=words.TOO_MANY_REDIRECTS)


class _Line:
    """A connection that is cut when its time is over, whatever it is doing then.

    A socket's own timeout begins anew with every byte: headers that drip would drip forever.
    """

    def __init__(self, ends_at: float) -> None:
        self._ends_at = ends_at
        self._socket: socket.socket | None = None
        self._alarm = threading.Timer(max(0.0, ends_at - time.monotonic()), self._cut)
        self._alarm.daemon = True
        self._alarm.start()

    @property
    def is_late(self) -> bool:
        """Say whether its time is over."""
        return time.monotonic() >= self._ends_at

    def open(self, target: Target) -> socket.socket:
        """Connect, and make it safe where the address says so."""
        self._socket = connection = _connect(target, self._ends_at)
        if target.scheme == "https":
            # First ours to cut, and only then the handshake, which may drip as well.
            connection = self._socket = _tls().wrap_socket(
                connection, server_hostname=target.host, do_handshake_on_connect=False
            )
            connection.do_handshake()
        return connection

    def close(self) -> None:
        """End it."""
        self._alarm.cancel()
        if self._socket is not None:
            self._socket.close()

    def _cut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # The socket's own: that of TLS would let the reader go on unprotected.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


@contextlib.contextmanager
def _asked(target: Target, ends_at: float) -> Iterator[http.client.HTTPResponse]:
    """Ask for a file, and give its answer; all of it ends at `ends_at` (monotonic)."""
    line = _Line(ends_at)
    try:
        client = http.client.HTTPConnection(target.host, target.port)
        client.sock = line.open(target)
        client.request("GET", target.path, headers={**HEADERS, "Host": _host_header(target)})
        with contextlib.closing(client.getresponse()) as answer:
            yield answer
        if line.is_late:  # a body without a length looks whole when its line is cut
            raise TimeoutError
    except FileError as error:
        if line.is_late:  # what came may be wrong because it was cut
            raise _unavailable(error, is_late=True) from None
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _unavailable(error, is_late=line.is_late) from None
    finally:
        line.close()


def _connect(target: Target, ends_at: float) -> socket.socket:
    """Connect to the first of the addresses that answers."""
    failure: OSError = OSError("no address")
    for family, address in target.addresses:
        seconds = min(CONNECT_SECONDS, ends_at - time.monotonic())
        if seconds <= 0:
            raise TimeoutError
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(seconds)
            connection.connect(address)
            connection.settimeout(min(SILENT_SECONDS, max(0.01, ends_at - time.monotonic())))
        except OSError as error:
            connection.close()
            failure = error
            continue
        return connection
    raise failure


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


def _host_header(target: Target) -> str:
    name = f"[{target.host}]" if ":" in target.host else target.host
    is_default = target.port == PORTS[target.scheme]
    return name if is_default else f"{name}:{target.port}"


def _check_answer(answer: http.client.HTTPResponse, limits: Limits) -> None:
    if answer.status in GONE:
        raise FileUnavailableError("The file is not served any more.", reason=words.GONE)
    if answer.status != HTTPStatus.OK:
        message = f"The file's server answered {answer.status}."
        raise FileUnavailableError(message, reason=words.NOT_SERVED)
    if answer.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise FileRefusedError("The file came packed.", reason=words.ENCODED)
    if answer.length is not None and answer.length > limits.max_bytes:
        raise _too_large(limits)


def _copy(
    answer: http.client.HTTPResponse,
    sink: IO[bytes],
    limits: Limits,
    check_head: Callable[[bytes], None],
) -> Downloaded:
    """Copy the body. Where its length was said, an end before it is an error."""
    wanted, digest, size, head = answer.length, hashlib.sha256(), 0, b""
    is_checked = False
    while piece := answer.read1(PIECE_BYTES):
        size += len(piece)
        if size > limits.max_bytes:
            raise _too_large(limits)
        digest.update(piece)
        sink.write(piece)
        if not is_checked:
            head += piece[: HEAD_BYTES - len(head)]
            if is_checked := len(head) >= HEAD_BYTES:
                check_head(head)
    if wanted is not None and size != wanted:
        raise FileUnavailableError("The file broke off.", reason=words.NOT_SERVED)
    if size == 0:
        raise FileRefusedError("The file is empty.", reason=words.EMPTY)
    if not is_checked:
        check_head(head)
    return Downloaded(size, digest.hexdigest(), head)


def _too_large(limits: Limits) -> FileRefusedError:
    message = f"The file has more than {limits.max_bytes} bytes."
    return FileRefusedError(message, reason=words.TOO_LARGE)


def _unavailable(error: Exception, *, is_late: bool) -> FileUnavailableError:
    """Return our error for one of the network's, whose text may hold the address."""
    name = type(error).__name__
    if is_late or isinstance(error, TimeoutError):
        return FileUnavailableError(f"It took too long ({name}).", reason=words.TIMED_OUT)
    return FileUnavailableError(f"It could not be read ({name}).", reason=words.UNREACHABLE)
