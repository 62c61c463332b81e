"""The one client that talks to Graph: signs, times out, reads the answer, tells errors apart."""

import hashlib
import hmac
import json as json_codec
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import IO, Any, Final
from urllib.parse import parse_qs, quote, urlsplit

import requests

from flask_messenger.errors import InvalidGraphRequestError
from flask_messenger.graph.error_codes import error_from_answer
from flask_messenger.graph.multipart import MultipartForm
from flask_messenger.graph.request import GRAPH, INSTAGRAM, GraphRequest
from flask_messenger.graph.usage import Usage, read_usage
from flask_messenger.graph.wire import (
    error_from_failure,
    keep_out_of_logs,
    log_failure,
    new_session,
    parse,
    path_for_log,
    read,
)
from flask_messenger.settings import MetaApp, Settings

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS: Final = 5.0
UPLOAD_TIMEOUT: Final = (CONNECT_TIMEOUT_SECONDS, 75.0)
"""A film is looked at before Meta answers."""
SPARE_CONNECTIONS: Final = 8
"""Beside those of the threads that send: for profiles, health and what people wait for."""
MAX_PAGES: Final = 200
"""Of a listing; a cursor that never ends must not keep a worker forever."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Graph said yes with."""

    body: dict[str, Any] = field(repr=False)
    usage: Usage


class _Bearer(requests.auth.AuthBase):
    """Puts the token into the header, where no log of addresses finds it.

    An `auth` object, and not a header: requests would replace a bare header by what ~/.netrc says.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


@dataclass(frozen=True, slots=True)
class _Host:
    """One of Graph's two hosts: with the version in front of a path, and without."""

    name: str
    base: str
    bare: str

    @classmethod
    def at(cls, url: str, version: str) -> "_Host":
        return cls(str(urlsplit(url).hostname), f"{url}/{version}", url)


class Graph:
    """Calls Graph for one application; safe to share between threads.

    Every call names the Meta app and the token it is made with: a process serves many accounts.
    """

    def __init__(self, settings: Settings) -> None:
        self._hosts = {
            GRAPH: _Host.at(settings.graph_url, settings.graph_version),
            INSTAGRAM: _Host.at(settings.instagram_graph_url, settings.graph_version),
        }
        self._connections = settings.outbox_threads + SPARE_CONNECTIONS
        self._timeout = (CONNECT_TIMEOUT_SECONDS, settings.graph_timeout_seconds)
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._session_pid = 0
        keep_out_of_logs(each.name for each in self._hosts.values())

    def get(
        self,
        path: str,
        *,
        app: MetaApp,
        token: str,
        params: Mapping[str, Any] | None = None,
        host: str = GRAPH,
    ) -> dict[str, Any]:
        """Read from Graph. Raises `GraphError` or one of its kinds."""
        return self.call("GET", path, app=app, token=token, params=params, host=host).body

    def post(
        self,
        path: str,
        *,
        app: MetaApp,
        token: str,
        params: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        host: str = GRAPH,
    ) -> dict[str, Any]:
        """Write to Graph. Raises `GraphError` or one of its kinds."""
        return self.call(
            "POST", path, app=app, token=token, params=params, json=json, host=host
        ).body

    def delete(
        self,
        path: str,
        *,
        app: MetaApp,
        token: str,
        params: Mapping[str, Any] | None = None,
        host: str = GRAPH,
    ) -> dict[str, Any]:
        """Remove from Graph. Raises `GraphError` or one of its kinds."""
        return self.call("DELETE", path, app=app, token=token, params=params, host=host).body

    def pages(
        self,
        path: str,
        *,
        app: MetaApp,
        token: str,
        params: Mapping[str, Any] | None = None,
        host: str = GRAPH,
    ) -> Iterator[dict[str, Any]]:
        """Yield the items of a listing, over all its pages.

        `paging.next` is only taken as "there is more": its address would carry the token, and
        could name any host. What is followed is its `after` cursor, on our own host.
        """
        params = dict(params or {})
        for _ in range(MAX_PAGES):
            body = self.get(path, app=app, token=token, params=params, host=host)
            items = body.get("data")
            yield from (item for item in (items or []) if isinstance(item, dict))
            after = _next_cursor(body.get("paging"), host=self._hosts[host].name)
            if after is None or after == params.get("after"):
                return
            params["after"] = after

    def call(
        self,
        method: str,
        path: str,
        *,
        app: MetaApp,
        token: str,
        params: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        host: str = GRAPH,
    ) -> Answer:
        """Make one call and return what Graph answered, usage included.

        Args:
            method: `GET`, `POST` or `DELETE`.
            path: without version and leading slash; ids in it went through `node`.
            app: the Meta app whose secret proves that the call is ours.
            token: of the account or person; travels in a header.
            params: of the address; `appsecret_proof` is added, where the host knows of it.
            json: the body.
            form: the body of the few calls that Meta documents as a form.
            host: `GRAPH`, or `INSTAGRAM` for what came by Instagram's own login.

        Raises:
            GraphTimeoutError: a POST went out and no answer came back.
            GraphUnavailableError: Graph was not reached, or did not answer a call that may be
                repeated.
            GraphError: or a kind of it that the answer's code stands for.
        """
        return self._send(
            method,
            path,
            host=host,
            auth=_Bearer(token),
            params={**(params or {}), **_proof(app, token, host)},
            json=json,
            form=form,
        )

    def carry(self, request: GraphRequest, *, app: MetaApp, token: str) -> Answer:
        """Make the call that a channel built. Raises as `call` does."""
        is_post = request.method == "POST"
        return self.call(
            request.method,
            request.path,
            app=app,
            token=token,
            params=None if is_post else request.body,
            json=request.body if is_post else None,
            host=request.host,
        )

    def upload(
        self,
        request: GraphRequest,
        *,
        app: MetaApp,
        token: str,
        file: IO[bytes],
        filename: str,
        mime_type: str,
    ) -> dict[str, Any]:
        """Make a call that a channel built, with a file beside it.

        Meta keeps the file and sends it to nobody: such a call may be repeated. Raises as `call`.
        """
        form = MultipartForm(
            {
                key: value if isinstance(value, str) else json_codec.dumps(value)
                for key, value in request.body.items()
            },
            name="filedata",
            file=file,
            filename=filename,
            type_=mime_type,
        )
        return self._send(
            "POST",
            request.path,
            host=request.host,
            auth=_Bearer(token),
            params=_proof(app, token, request.host),
            file_form=form,
            repeatable=True,
        ).body

    def post_form(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Post a form that carries its own credentials, such as a token exchange.

        In the body, secrets stay out of addresses. Such a call may be repeated.
        """
        return self._send("POST", path, form=form, repeatable=True).body

    def get_token(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Ask Instagram for a token, with what the question itself carries.

        Its two addresses for that have no version, and know no other way than a GET.

        Source: https://developers.facebook.com/docs/instagram-platform/reference/access_token
        """
        return self._send("GET", path, host=INSTAGRAM, params=params, has_version=False).body

    def _send(
        self,
        method: str,
        path: str,
        *,
        host: str = GRAPH,
        has_version: bool = True,
        auth: _Bearer | None = None,
        params: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        file_form: MultipartForm | None = None,
        repeatable: bool = False,
    ) -> Answer:
        repeatable = repeatable or method != "POST"
        found = self._hosts[host]
        timeout = self._timeout if file_form is None else UPLOAD_TIMEOUT
        started = time.monotonic()
        try:
            response = self._pool().request(
                method,
                f"{found.base if has_version else found.bare}/{path}",
                params=params,
                data=_encode(json) if json is not None else (file_form or form),
                headers=_content_type(json, file_form),
                auth=auth,
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            )
            content = read(response, until=started + sum(timeout))
        except requests.RequestException as error:
            failure = error_from_failure(error, repeatable=repeatable)
            log_failure(method, path, failure)
            # `from None`: the other exception's text holds the address, with ids in it.
            raise failure from None
        body = parse(content)
        seconds = time.monotonic() - started
        if response.status_code >= HTTPStatus.MULTIPLE_CHOICES or body is None or "error" in body:
            failure = error_from_answer(
                response.status_code, body, response.headers, repeatable=repeatable
            )
            log_failure(method, path, failure)
            raise failure
        logger.debug(
            "graph_call method=%s path=%s status=%s version=%s seconds=%.3f",
            method,
            path_for_log(path),
            response.status_code,
            response.headers.get("facebook-api-version"),
            seconds,
        )
        return Answer(body, read_usage(response.headers))

    def _pool(self) -> requests.Session:
        """Return this process's session. A fork must not share its parent's connections."""
        with self._lock:
            if self._session is None or self._session_pid != os.getpid():
                self._session = new_session(self._hosts[GRAPH].base, self._connections)
                self._session_pid = os.getpid()
            return self._session


def _proof(app: MetaApp, token: str, host: str) -> dict[str, str]:
    """Return the proof that goes with a token, where the host knows of it."""
    return {"appsecret_proof": appsecret_proof(token, app.app_secret)} if host == GRAPH else {}


def _content_type(
    json: Mapping[str, Any] | None, file_form: MultipartForm | None
) -> dict[str, str] | None:
    if file_form is not None:
        return {"Content-Type": file_form.content_type}
    return {"Content-Type": "application/json"} if json is not None else None


def _next_cursor(paging: Any, *, host: str) -> str | None:
    if not isinstance(paging, dict) or not isinstance(paging.get("next"), str):
        return None
    try:
        address = urlsplit(paging["next"])
    except ValueError:
        return None
    if address.hostname != host:
        logger.warning("graph_paging_refused: the next page is on another host")
        return None
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    return after or next(iter(parse_qs(address.query).get("after", [])), None)


def appsecret_proof(token: str, secret: str) -> str:
    """Return the proof that a call with `token` comes from the app that holds `secret`.

    Source: https://developers.facebook.com/docs/graph-api/guides/secure-requests
    """
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def node(external_id: str) -> str:
    """Return one of Meta's ids as a part of a path.

    Raises:
        InvalidGraphRequestError: it would lead to another path.
    """
    if not external_id.strip("."):
        raise InvalidGraphRequestError("An id of Meta's is empty.")
    return quote(external_id, safe="")


def _encode(json: Mapping[str, Any]) -> bytes:
    return json_codec.dumps(json, separators=(",", ":")).encode()
