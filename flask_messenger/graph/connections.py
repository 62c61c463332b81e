"""Connections to Meta that are not used when somebody on the way may have forgotten them.

A NAT or a firewall forgets a quiet connection and tells nobody. What is posted on it then gets no
answer, although Meta never saw it, and nobody knows: a good message would become `unknown`.
"""

import socket
import time
import weakref
from typing import Any, Final
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection

IDLE_SECONDS: Final = 50.0
"""After so long without a call a connection is not used again; most are kept for a minute."""
KEEPALIVE_AFTER_SECONDS: Final = 30
KEEPALIVE_EVERY_SECONDS: Final = 10
KEEPALIVE_TRIES: Final = 3


class _IdleLimit(HTTPConnectionPool):
    """Closes a connection that was idle for too long when it is asked for; it connects anew."""

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        self._returned_at: weakref.WeakKeyDictionary[Any, float] = weakref.WeakKeyDictionary()

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)
        returned_at = self._returned_at.pop(connection, None)
        if returned_at is not None and time.monotonic() - returned_at >= IDLE_SECONDS:
            connection.close()
        return connection

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            self._returned_at[conn] = time.monotonic()
        super()._put_conn(conn)


class _IdleLimitTls(_IdleLimit, HTTPSConnectionPool):
    """The same over TLS."""


_POOLS: Final = {"http": _IdleLimit, "https": _IdleLimitTls}


class LivelyAdapter(HTTPAdapter):
    """An adapter whose connections are asked now and then whether they still are there."""

    def init_poolmanager(self, *args: Any, **values: Any) -> None:
        """Make the pools ours."""
        super().init_poolmanager(*args, **values, socket_options=_socket_options())
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **values: Any) -> Any:
        """Make the pools of a proxy ours, too; those of a SOCKS proxy connect in their own way."""
        if urlsplit(proxy).scheme.lower().startswith("socks"):
            return super().proxy_manager_for(proxy, **values)
        manager = super().proxy_manager_for(proxy, **values, socket_options=_socket_options())
        manager.pool_classes_by_scheme = _POOLS
        return manager


def _socket_options() -> list[tuple[int, int, int]]:
    options = [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    wanted = {
        "TCP_KEEPIDLE": KEEPALIVE_AFTER_SECONDS,
        "TCP_KEEPINTVL": KEEPALIVE_EVERY_SECONDS,
        "TCP_KEEPCNT": KEEPALIVE_TRIES,
    }
    # Not every system knows all of them.
    known = {name: getattr(socket, name, None) for name in wanted}
    return options + [
        (socket.IPPROTO_TCP, option, wanted[name])
        for name, option in known.items()
        if option is not None
    ]
