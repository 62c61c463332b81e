"""A test that needs the network fails: the guard sees every address a test turns to."""

import ipaddress
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class NetworkUsedError(RuntimeError):
    """A test wanted to reach another machine."""


class NetworkGuard:
    """Refuses connections and look-ups that leave this machine while it is closed.

    An audit hook sees all of Python, whichever library asks; it cannot be removed, so there is
    one for the whole run, and it only acts while a test says so.
    """

    def __init__(self) -> None:
        self.attempts: list[str] = []
        self._is_closed = False
        sys.addaudithook(self._watch)

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Refuse the network inside the block.

        Raises:
            NetworkUsedError: at its end too, for code that caught the first one.
        """
        self.attempts.clear()
        self._is_closed = True
        try:
            yield
        finally:
            self._is_closed = False
        if self.attempts:
            raise NetworkUsedError(f"The test turned to {', '.join(self.attempts)}.")

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_closed:
            return
        if event == "socket.connect":
            self._refuse_unless_local(host_of(arguments[1]))
        elif event == "socket.getaddrinfo":
            self._refuse_unless_local(arguments[0])

    def _refuse_unless_local(self, host: object) -> None:
        if is_local(host):
            return
        self.attempts.append(str(host))
        raise NetworkUsedError(f"A test may not reach {host}.")


def host_of(address: object) -> object:
    """Return the host of a socket address, None for a UNIX socket's path."""
    return address[0] if isinstance(address, tuple) else None


def is_local(host: object) -> bool:
    """Say whether `host` is this machine."""
    if isinstance(host, bytes):
        host = host.decode()
    if host in {None, "", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return str(host).endswith(".localhost")
