"""Redis by its address: one server, or whichever of several Sentinel calls the master.

| address | what it is |
| --- | --- |
| `redis://…`, `rediss://…`, `unix://…` | one server, as redis-py reads it |
| `redis+sentinel://user:password@host:port,host:port/name/0` | the master `name`, database 0 |
| `rediss+sentinel://…` | the same, over TLS |

User, password and database may be left out; `?sentinel_username=…&sentinel_password=…` is for
Sentinels that ask for their own. After a failover every new connection leads to the new master.
"""

import socket
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from flask_messenger.errors import ConfigurationError

SENTINEL_SCHEMES: Final = ("redis+sentinel", "rediss+sentinel")
UNIX_SCHEME: Final = "unix"
SENTINEL_PORT: Final = 26379
SENTINEL_OPTIONS: Final = {"sentinel_username": "username", "sentinel_password": "password"}
NAME: Final = "MESSENGER_REDIS_URL"
KEEPALIVE_SECONDS: Final = {"TCP_KEEPIDLE": 2, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 3}
LOST_MILLISECONDS: Final = 5_000
"""How long the other machine may say nothing at all. Its kernel answers however busy Redis is, so
this may be much shorter than the wait for an answer of Redis: who waits for a job for ten seconds
notices a cut cable within five."""


def open_redis(
    url: str, *, connect_seconds: float, answer_seconds: float, retry: Retry, **options: Any
) -> "redis.Redis":
    """Return a client for `url`. It connects when it is first used.

    Args:
        url: one of the addresses above.
        connect_seconds: how long a server, or a Sentinel, may take to be reached.
        answer_seconds: how long it may take to answer.
        retry: what to do about a connection that broke.
        options: more, of `redis.Redis`.

    Raises:
        ConfigurationError: the address cannot be read.
    """
    waits: dict[str, Any] = {
        "socket_connect_timeout": connect_seconds,
        "socket_timeout": answer_seconds,
    }
    scheme = urlsplit(url).scheme
    if scheme != UNIX_SCHEME:
        waits["socket_keepalive_options"] = _keepalive_options()
    if scheme not in SENTINEL_SCHEMES:
        try:
            return redis.Redis.from_url(url, **waits, retry=retry, **options)
        except ValueError:
            raise _unreadable() from None
    # A Sentinel answers at once or is away: its wait is added to that for the master.
    # One that is away is asked once: the others know as well, and redis-py would try it ten times.
    sentinel_waits = {**waits, "socket_timeout": connect_seconds, "retry": Retry(NoBackoff(), 0)}
    address = _read_sentinel_address(url)
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        address["sentinels"],
        sentinel_kwargs={**sentinel_waits, **address["sentinel_options"], "ssl": address["ssl"]},
    )
    client: redis.Redis = sentinel.master_for(  # type: ignore[no-untyped-call]
        address["name"], **address["options"], ssl=address["ssl"], **waits, retry=retry, **options
    )
    return client


def _keepalive_options() -> dict[int, int]:
    """Return the socket options by which a lost connection is noticed; not every system has all."""
    wanted = {**KEEPALIVE_SECONDS, "TCP_USER_TIMEOUT": LOST_MILLISECONDS}
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}


def _read_sentinel_address(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    name, _, database = parts.path.strip("/").partition("/")
    query = dict(parse_qsl(parts.query))
    if not name or not (database or "0").isdecimal() or set(query) - set(SENTINEL_OPTIONS):
        raise _unreadable()
    return {
        "sentinels": [_read_host(host) for host in hosts.split(",")],
        "name": unquote(name),
        "ssl": parts.scheme.startswith("rediss"),
        "options": {
            "db": int(database or 0),
            "username": unquote(user) or None,
            "password": unquote(password) or None,
        },
        "sentinel_options": {SENTINEL_OPTIONS[key]: value for key, value in query.items()},
    }


def _read_host(text: str) -> tuple[str, int]:
    """Return host and port; an IPv6 address stands in brackets."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _unreadable() from None
    if not host:
        raise _unreadable()
    return host, port or SENTINEL_PORT


def _unreadable() -> ConfigurationError:
    # Without the address itself: it may hold a password.
    return ConfigurationError(
        f"flask_messenger: {NAME} must look like redis://host:port/0"
        " or redis+sentinel://host:port,host:port/name/0"
    )
