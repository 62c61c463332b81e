"""Something between an application and its PostgreSQL that can fall silent, as a firewall does."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

CHUNK = 65536
NAME = ".s.PGSQL.5432"


class Relay:
    """Passes on what comes over a socket in `folder`, until it is told to forget a connection."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.folder = folder
        self.accepted = 0
        self._server = server
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / NAME))
        self._listener.listen()
        self._open: list[socket.socket] = []
        self._forgotten: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def forget(self) -> None:
        """Pass on nothing more over the connections that are open; say nothing of it."""
        self._forgotten.update(self._open)

    def close(self) -> None:
        """Cut everything."""
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                theirs = socket.socket(socket.AF_UNIX)
                theirs.connect(str(self._server))
                self._open += [ours, theirs]
                self.accepted += 1
                for pair in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while received := source.recv(CHUNK):
                if source not in self._forgotten:
                    to.sendall(received)
            if source not in self._forgotten:
                to.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def run_relay(folder: Path, server: Path) -> Iterator[Relay]:
    relay = Relay(folder, server)
    try:
        yield relay
    finally:
        relay.close()
