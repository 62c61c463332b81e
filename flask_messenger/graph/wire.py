"""What lies under the client: a session, the bytes of an answer, and what went wrong on the way."""

import json
import logging
import re
import ssl
import time
from collections.abc import Iterable
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import requests
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from flask_messenger.errors import GraphError, GraphTimeoutError, GraphUnavailableError
from flask_messenger.graph.connections import LivelyAdapter

logger = logging.getLogger(__name__)

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
PIECE_BYTES: Final = 64 * 1024


class _AddressFilter(logging.Filter):
    """Drops urllib3's debug lines about Graph: they print whole addresses, with people's ids."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep everything but lines that name a host of Graph."""
        return not any(host in record.getMessage() for host in self.hosts)


_addresses = _AddressFilter()


def keep_out_of_logs(hosts: Iterable[str]) -> None:
    """Have addresses at these hosts left out of urllib3's log."""
    _addresses.hosts.update(hosts)
    logging.getLogger("urllib3.connectionpool").addFilter(_addresses)


def new_session(url: str, connections: int) -> requests.Session:
    """Return a session for calls to `url`.

    What the environment says of proxies and certificates is read here, once: read for every call,
    as requests would, it is a good part of what a call costs.
    """
    session = requests.Session()
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies, session.verify = found["proxies"], found["verify"]
    session.trust_env = False
    adapter = LivelyAdapter(pool_connections=4, pool_maxsize=connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers.update({"Accept": "application/json", "User-Agent": "flask-messenger"})
    # One session serves all tenants: nothing of one call may travel along with the next.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def read(response: requests.Response, *, until: float) -> bytes:
    """Return the answer's body; no more than is refused anyway, and no longer than `until`.

    A timeout of a socket starts anew with every byte: an answer that trickles would otherwise
    keep a worker for as long as it likes.
    """
    content = bytearray()
    try:
        while piece := response.raw.read1(PIECE_BYTES, decode_content=True):
            content += piece
            if len(content) > MAX_ANSWER_BYTES:
                break
            if time.monotonic() > until:
                raise requests.ReadTimeout
    except HTTPError as error:
        raise requests.ConnectionError(error) from None
    finally:
        # A connection that was read to its end went back to the pool before; another is closed.
        response.close()
    return bytes(content)


def parse(content: bytes) -> dict[str, Any] | None:
    """Return the answer as an object; None where it is not JSON.

    Some old edges answer with a bare `true` or a list.
    """
    if len(content) > MAX_ANSWER_BYTES:
        return None
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if isinstance(body, dict):
        return body
    return {"data": body} if isinstance(body, list) else {"success": body}


def error_from_failure(error: requests.RequestException, *, repeatable: bool) -> GraphError:
    """Return the error for a call without an answer: never went out, or went out and who knows."""
    name = type(error).__name__
    if _was_never_sent(error):
        failure = GraphUnavailableError(f"Graph could not be reached ({name}).")
        failure.is_unreachable = True
        return failure
    if repeatable:
        return GraphUnavailableError(f"Graph did not answer ({name}).")
    return GraphTimeoutError(f"The call went out and no answer came back ({name}).")


def _was_never_sent(error: requests.RequestException) -> bool:
    if isinstance(
        error,
        requests.ConnectTimeout | requests.exceptions.ProxyError | requests.exceptions.InvalidURL,
    ):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    if isinstance(error, requests.exceptions.SSLError):
        return _is_refused_certificate(reason)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _is_refused_certificate(reason: Any) -> bool:
    """Say whether TLS ended in the handshake; any other failure may come after the request."""
    inner = reason.args[0] if isinstance(reason, HTTPError) and reason.args else reason
    return isinstance(inner, ssl.SSLCertVerificationError)


def log_failure(method: str, path: str, failure: GraphError) -> None:
    """Log a call that came to nothing, without anybody's id and without Graph's own words."""
    logger.info(
        "graph_call_failed method=%s path=%s error=%s code=%s subcode=%s trace_id=%s",
        method,
        path_for_log(path),
        failure.slug,
        failure.code,
        failure.subcode,
        failure.trace_id,
    )


def path_for_log(path: str) -> str:
    """Return `path` with every id replaced: a PSID in a log is a person in a log."""
    parts = path.split("/")
    return "/".join(part if re.fullmatch(r"[a-z_]{2,32}", part) else "*" for part in parts)
